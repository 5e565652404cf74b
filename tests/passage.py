"""What stands between the two ends of connections in a test, and passes octets on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TypeAlias

End: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def _nobody_looks(_octets: bytes) -> None:
    pass


def _nobody_waits() -> None:
    pass


class Passage:
    """Passes octets both ways between the ends it is given; `saw` is told of all of them."""

    def __init__(self, saw: Callable[[bytes], None] = _nobody_looks) -> None:
        self._saw = saw
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []

    def join(self, near: End, far: End, *, left: Callable[[], None] = _nobody_waits) -> None:
        """Begin to pass on; `left` is called when `near` has hung up."""
        self._writers += [near[1], far[1]]
        outward, inward = self._begin(near[0], far[1]), self._begin(far[0], near[1])
        self._tasks |= {outward, inward}
        outward.add_done_callback(lambda _: left())

    def cut(self) -> None:
        """Break every connection, with what is on its way, as a crash or a firewall would."""
        for writer in self._writers:
            writer.transport.abort()

    async def close(self) -> None:
        """Pass nothing on any more, and hang up."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._writers:
            writer.close()
        await asyncio.gather(*(it.wait_closed() for it in self._writers), return_exceptions=True)

    def _begin(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter
    ) -> asyncio.Task[None]:
        return asyncio.create_task(self._pass(source, sink))

    async def _pass(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            # Whoever hangs up, the other one hears of it.
            with suppress(ConnectionError):
                while octets := await source.read(65536):
                    self._saw(octets)
                    sink.write(octets)
                    await sink.drain()
        finally:
            sink.close()
