"""What a client needs of a connection, wherever that runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from sidehook._call import CallAnswer, CallRequest, Verdict
    from sidehook._live_list import LiveList


class Line(Protocol):
    """A connection for callers on one event loop; `Link` and `LinkThread` are two."""

    @property
    def live(self) -> LiveList:
        """The live list of the connection."""
        ...

    def start(self) -> None:
        """Begin to connect, and to keep connected."""
        ...

    async def connect(self, timeout: float) -> None:  # noqa: ASYNC109 - part of the error
        """Wait for a connection, at most `timeout` seconds. Raises SidecarError."""
        ...

    async def call(self, request: CallRequest, budget: float) -> CallAnswer | Verdict:
        """Ask the sidecar, for at most `budget` seconds. Raises SidecarError."""
        ...
