"""Every error that serving hooks raises.

::

    WorkerError                    the worker cannot serve
    ├── RefusedError                   the sidecar does not accept the manifest
    ├── UnknownProtocolError           the sidecar speaks another version of the contract
    ├── AddressError                   an address that cannot be listened on or attached to
    ├── CredentialsError               a token or certificates that cannot be used
    └── DisconnectedError              the stream is gone; attaching again may help

A hook that is declared wrongly is a `sidehook.DefinitionError`.
"""

from __future__ import annotations

from collections.abc import Mapping


class WorkerError(Exception):
    """The worker cannot serve its hooks; the message says why and what to do."""


class RefusedError(WorkerError):
    """The sidecar does not accept the manifest, and would not accept it again.

    `metadata` names every problem that the sidecar found.
    """

    def __init__(self, message: str, *, reason: str, metadata: Mapping[str, str]) -> None:
        super().__init__(message)
        self.reason = reason
        self.metadata: Mapping[str, str] = dict(metadata)


class UnknownProtocolError(WorkerError):
    """The other side speaks a version of the contract that this library does not know."""

    def __init__(self, message: str, *, version: int) -> None:
        super().__init__(message)
        self.version = version


class AddressError(WorkerError):
    """An address that cannot be used; `address` is the one that was given."""

    def __init__(self, address: str, problem: str) -> None:
        super().__init__(f"{address}: {problem}")
        self.address = address
        self.problem = problem


class CredentialsError(WorkerError):
    """A token, or files of TLS, that cannot be used. The message never has the secret."""


class DisconnectedError(WorkerError):
    """The stream to the sidecar is gone, or never came up."""
