"""The configuration while the sidecar runs: its file watched, read again, applied or refused.

`watch` says when to look, `reloader` decides, `outward` follows with whom the sidecar dials.
"""
