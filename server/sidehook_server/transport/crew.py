"""One running thing for each of a set of targets, as the set changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Protocol, Self

from sidehook_server.transport.registrar import Registrar
from sidehook_server.transport.session import Local


class Runner(Protocol):
    """Something that is kept running by its owner, and ends only by being cancelled."""

    async def run(self) -> None:
        """Runs until it is cancelled."""


@dataclass(frozen=True, slots=True)
class _Hand:
    """What runs for a target, and the links that came of it."""

    registrar: Registrar
    task: asyncio.Task[None]


class Crew:
    """Owns a task for each target. Leaving the context cancels and awaits all of them.

    A target that is no longer in the set gets no new runs, and what is under way on its
    connections may go on for `leave` seconds before it is ended: the name of a worker that stops
    is gone before the worker is. `on_leaving` is called when a connection begins to end.
    """

    def __init__(
        self,
        local: Local,
        make: Callable[[Local, str], Runner],
        *,
        leave: float,
        on_leaving: Callable[[], None] | None = None,
    ) -> None:
        self._local = local
        self._make = make
        self._leave_within = leave
        self._on_leaving = on_leaving
        self._hands: dict[str, _Hand] = {}
        self._leaving: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        tasks = [*self._leaving, *(hand.task for hand in self._hands.values())]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def follow(self, targets: Collection[str]) -> None:
        """Starts what is new in the set, and takes leave of what is no longer in it."""
        for target in targets:
            if target not in self._hands:
                self._hands[target] = self._hand(target)
        for target in set(self._hands).difference(targets):
            leaving = asyncio.create_task(self._leave(self._hands.pop(target)))
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)

    def _hand(self, target: str) -> _Hand:
        registrar = self._local.registrar.beneath(self._on_leaving)
        runner = self._make(replace(self._local, registrar=registrar), target)
        return _Hand(registrar, asyncio.create_task(runner.run()))

    async def _leave(self, hand: _Hand) -> None:
        try:
            await hand.registrar.take_leave(within=self._leave_within)
        finally:
            hand.task.cancel()
            await asyncio.gather(hand.task, return_exceptions=True)
