"""`sidehook health`: asks a running sidecar how it is, for probes.

An orchestrator starts this anew every few seconds in every pod, so it imports next to nothing:
no gRPC, no HTTP library, no parser of command lines.
"""
