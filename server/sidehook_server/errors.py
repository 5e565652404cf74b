"""What keeps the sidecar from starting.

::

    StartError            the sidecar cannot start
    ├── ListenError       it cannot listen where it was told to
    ├── JournalError      it cannot use the journal of detached events
    └── UnusableError     what a key of the configuration names cannot be used

Errors of a call are no exceptions here: they are answers (`sidehook._call.CallFailure`).
Problems of the configuration are `sidehook_server.config.ConfigError`.
"""

from __future__ import annotations


class StartError(Exception):
    """The sidecar cannot start. The message says what is in the way and what to do."""


class UnusableError(StartError):
    """What the configuration names cannot be used: a file, a library. `key` is where it says so."""

    def __init__(self, key: str, problem: str, advice: str) -> None:
        super().__init__(f"{key}: {problem}; {advice}")
        self.key = key


class ListenError(StartError):
    """An address cannot be listened on; `address` is what was asked for."""

    def __init__(self, address: str, problem: str, advice: str) -> None:
        super().__init__(f"cannot listen on {address}: {problem}; {advice}")
        self.address = address
        self.problem = problem
        self.advice = advice


class JournalError(StartError):
    """A file of the journal cannot be used; `path` names it."""

    def __init__(self, path: str, problem: str, advice: str) -> None:
        super().__init__(f"cannot use the journal {path}: {problem}; {advice}")
        self.path = path
        self.problem = problem
        self.advice = advice
