"""Tasks that run for as long as the sidecar does, and their owner."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

_log: Final = logging.getLogger("sidehook.app")


class Background:
    """Owns tasks by name. `on_broken` hears of one that ended by itself and should not have."""

    def __init__(self, on_broken: Callable[[str], None]) -> None:
        self._on_broken = on_broken
        self._tasks: set[asyncio.Task[None]] = set()

    def start(
        self, name: str, work: Callable[[], Awaitable[None]], *, may_end: bool = False
    ) -> Callable[[], Awaitable[None]]:
        """Run something until `stop`, or until the function that is returned is awaited.

        `may_end`: it is over when it is over, which breaks nothing.
        """
        task = asyncio.create_task(self._run(name, work, may_end=may_end), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return partial(_end, task)

    async def stop(self) -> None:
        """Cancel everything and wait until it is over. Safe to call twice."""
        tasks = tuple(self._tasks)
        await _end(*tasks)

    async def _run(self, name: str, work: Callable[[], Awaitable[None]], *, may_end: bool) -> None:
        try:
            await work()
        except Exception:
            _log.exception("background_broken task=%s", name)
        else:
            if may_end:
                return
        self._on_broken(name)


async def _end(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
