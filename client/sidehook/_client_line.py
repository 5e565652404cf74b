"""What a client needs of a connection, wherever that runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import asyncio

    from sidehook._addresses import Place
    from sidehook._call import CallAnswer, CallRequest, Verdict
    from sidehook._live_list import LiveList


class Line(Protocol):
    """A connection for callers on one event loop; `LinkThread` is one for those on any."""

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

    async def home(self) -> Place:
        """Where a scope that this application serves attaches. Raises SidecarError."""
        ...


class OwnLine(Line, Protocol):
    """A connection that belongs to one event loop; `Link` and `Spread` are two."""

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop that it runs on."""
        ...

    async def close(self) -> None:
        """Close it; calls under way end with an error. Safe to call twice."""
        ...
