"""One running thing for each of a set of targets, as the set changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from types import TracebackType
from typing import Protocol, Self


class Runner(Protocol):
    """Something that is kept running by its owner, and ends only by being cancelled."""

    async def run(self) -> None:
        """Runs until it is cancelled."""


class Crew:
    """Owns a task for each target. Leaving the context cancels and awaits all of them."""

    def __init__(self, make: Callable[[str], Runner]) -> None:
        self._make = make
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.follow(())

    async def follow(self, targets: Collection[str]) -> None:
        """Starts what is new in the set, and ends what is no longer in it."""
        for target in targets:
            if target not in self._tasks:
                self._tasks[target] = asyncio.create_task(self._make(target).run())
        gone = [self._tasks.pop(target) for target in set(self._tasks).difference(targets)]
        for task in gone:
            task.cancel()
        await asyncio.gather(*gone, return_exceptions=True)
