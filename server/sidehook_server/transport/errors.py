"""What ends a connection with a worker.

::

    TransportError
    ├── RefusedError           the sidecar does not accept the worker, or what it says
    └── WorkerUnreachableError the worker cannot be reached, or the connection broke
        └── WorkerSilentError  it is there and did not answer in time
"""

from __future__ import annotations


class TransportError(Exception):
    """A connection with a worker cannot go on."""


class RefusedError(TransportError):
    """The sidecar does not accept the worker. `problems` are sentences, every one there is.

    `reason` is a stable name in upper snake case: INVALID_MANIFEST, WORKER_IDENTITY,
    UNKNOWN_PROTOCOL_VERSION, MALFORMED_REQUEST, DEADLINE_EXCEEDED, DRAINING or
    REGISTRATION_FORBIDDEN.
    """

    def __init__(self, reason: str, problems: tuple[str, ...]) -> None:
        super().__init__(f"{reason}: {'; '.join(problems)}")
        self.reason = reason
        self.problems = problems


class WorkerUnreachableError(TransportError):
    """The worker cannot be reached, or the connection with it broke."""


class WorkerSilentError(WorkerUnreachableError):
    """The worker is there, as far as one can see, and did not answer in time."""
