"""Waiting for something to be over, or for a time, on the sweeper's clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sidehook_server.dispatch.sweeper import Sweeper


class Waiter:
    """Waits until a condition holds. Whoever changes what it looks at calls `look`."""

    def __init__(self, sweeper: Sweeper, is_over: Callable[[], bool]) -> None:
        self._sweeper = sweeper
        self._is_over = is_over
        self._future: asyncio.Future[None] | None = None

    async def wait(self, until: float) -> None:
        """Returns when the condition holds, or when `until` has come. For one waiter."""
        if self._is_over() or until <= self._sweeper.time():
            return
        self._future = asyncio.get_running_loop().create_future()
        self._sweeper.wake(self, until)
        try:
            await self._future
        finally:
            self._sweeper.forget(self)
            self._future = None

    def look(self) -> None:
        """Something has changed."""
        if self._future is not None and self._is_over():
            self._release(self._future)

    def tick(self, now: float) -> None:
        """The time has come."""
        if self._future is not None:
            self._release(self._future)

    def _release(self, future: asyncio.Future[None]) -> None:
        if not future.done():
            future.set_result(None)
