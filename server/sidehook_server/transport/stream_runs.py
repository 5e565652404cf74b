"""The runs that a worker has on its stream, as the sidecar's end of the stream knows them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from sidehook._run import RunRequest
from sidehook_server.dispatch.link import RunSink

_REMEMBERED: Final = 1024
"""Runs without a further answer due that are remembered, to tell late answers from strange ones."""

_LETS_GO_SECONDS: Final = 1.0
"""How long a cancelled run holds its place when the worker never says that it has ended."""


@dataclass(slots=True)
class StreamRun:
    """One run that the worker has not answered to the end, by the names of its hooks.

    `begun`, `over` and `stopped` hold the indexes of those that the worker called, that it
    answered or was told to stop, and of the latter. `was_whole`: it was sent again whole.
    """

    sink: RunSink
    hooks: tuple[str, ...]
    request: RunRequest
    was_whole: bool = False
    begun: set[int] = field(default_factory=set)
    over: set[int] = field(default_factory=set)
    stopped: set[int] = field(default_factory=set)

    @property
    def is_fused(self) -> bool:
        """Whether it is of several hooks."""
        return len(self.hooks) > 1

    @property
    def has_answers(self) -> bool:
        """Whether the worker said anything of a hook: it called one, or answered."""
        return bool(self.begun or self.over - self.stopped)


class StreamRuns:
    """Which runs are under way on a stream, which hold a place there, and which are over.

    `under_way` are those that somebody waits for, by id. One that was cancelled still takes
    up the worker until that says `end`; if it never does, for a while. `on_release` is called
    whenever a run holds its place no longer.
    """

    def __init__(self) -> None:
        self.under_way: Final[dict[int, StreamRun]] = {}
        self.on_release: Callable[[], None] = _nobody_waits
        # Runs that were cancelled, and None for runs that ended; the oldest go first.
        self._over: dict[int, StreamRun | None] = {}
        # Cancelled runs that may still take up the worker, and when they are taken to be over.
        self._held: dict[int, asyncio.TimerHandle] = {}

    @property
    def places(self) -> int:
        """How many places are taken."""
        return len(self.under_way) + len(self._held)

    def end(self, identity: int) -> StreamRun | None:
        """A run that is over; None when nobody waits for it, as for one that was cancelled."""
        run = self.under_way.pop(identity, None)
        if run is None:
            self.let_go(identity)
            return None
        self._remember(identity, None)
        self.on_release()
        return run

    def cancel(self, identity: int, *, still_runs: bool) -> None:
        """Nobody waits for a run any more, which may still take up the worker."""
        self._remember(identity, self.under_way.pop(identity))
        if still_runs:
            self._hold(identity)
        else:
            self.on_release()

    def answered(self, identity: int) -> None:
        """Everything that is awaited of a run is there, and its other hooks were told to stop."""
        del self.under_way[identity]
        self._remember(identity, None)
        self._hold(identity)

    def let_go(self, identity: int) -> None:
        """A run that nobody waits for takes up the worker no longer."""
        timer = self._held.pop(identity, None)
        if timer is not None:
            timer.cancel()
            self.on_release()

    def is_over(self, identity: int) -> bool:
        """Whether there was a run of this id, not too long ago."""
        return identity in self._over

    def take_late(self, identity: int) -> StreamRun | None:
        """The run of a first answer that comes after it was cancelled; of none that is later."""
        run = self._over[identity]
        self._over[identity] = None
        return run

    def close(self) -> tuple[StreamRun, ...]:
        """Nothing is under way any more; what was, is returned."""
        held, self._held = self._held, {}
        for timer in held.values():
            timer.cancel()
        runs = tuple(self.under_way.values())
        self.under_way.clear()
        return runs

    def _hold(self, identity: int) -> None:
        timer = asyncio.get_running_loop().call_later(_LETS_GO_SECONDS, self.let_go, identity)
        self._held[identity] = timer

    def _remember(self, identity: int, run: StreamRun | None) -> None:
        self._over[identity] = run
        if len(self._over) > _REMEMBERED:
            del self._over[next(iter(self._over))]


def _nobody_waits() -> None:
    """Until dispatch wants to know, there is nobody to tell."""
