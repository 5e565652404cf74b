"""How runs reach workers: streams that workers open, and workers that the sidecar dials."""
