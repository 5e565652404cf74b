"""The sidecar: takes the calls of applications and runs their hooks in worker processes."""
