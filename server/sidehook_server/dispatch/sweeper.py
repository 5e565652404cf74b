"""One clock for everything that waits, so that no hook needs a timer or a task of its own.

Wake-up times are rounded up to a grain and kept in buckets; one timer of the event
loop stands for the earliest bucket. Nothing is ever woken before its time, and at
most one grain after it, as far as the loop is free.
"""

from __future__ import annotations

import heapq
import logging
from collections.abc import Callable
from math import ceil, inf
from typing import Final, Protocol

_log: Final = logging.getLogger("sidehook.dispatch")


class Timer(Protocol):
    """A call that the clock will make."""

    def cancel(self) -> None:
        """It will not be made."""


class Clock(Protocol):
    """Monotonic seconds and one-shot timers, as an event loop of asyncio has them."""

    def time(self) -> float:
        """Seconds on a monotonic clock."""

    def call_at(self, when: float, callback: Callable[[], None], /) -> Timer:
        """Calls back once, at or after `when`."""


class Sleeper(Protocol):
    """Something that may be woken. It is compared by identity."""

    def tick(self, now: float) -> None:
        """Its time has come. It may ask to be woken again. It must not raise."""


class Sweeper:
    """Wakes sleepers. `grain` is the coarseness in seconds, over 0; default 2 ms."""

    def __init__(self, clock: Clock, *, grain: float = 0.002) -> None:
        self._clock = clock
        self._grain = grain
        self._buckets: dict[int, dict[Sleeper, None]] = {}
        self._order: list[int] = []
        # When each is to be woken, and the bucket that it is in: that one or an earlier one.
        self._places: dict[Sleeper, int] = {}
        self._stands: dict[Sleeper, int] = {}
        self._timer: Timer | None = None
        self._armed: int | None = None

    def __len__(self) -> int:
        """How many sleepers wait."""
        return len(self._places)

    def time(self) -> float:
        """The time on the clock."""
        return self._clock.time()

    def wake(self, sleeper: Sleeper, at: float) -> None:
        """Wakes this sleeper at a time, instead of any time given before; inf is never."""
        if at == inf:
            self.forget(sleeper)
            return
        place = ceil(at / self._grain)
        stands = self._stands.get(sleeper)
        if stands is None or stands > place:
            self.forget(sleeper)
            self._put(sleeper, place)
            self._arm()
        # Most put it off, again and again: it moves on once, when its bucket's time comes.
        self._places[sleeper] = place

    def forget(self, sleeper: Sleeper) -> None:
        """Never wakes this sleeper. Safe for one that does not wait."""
        stands = self._stands.pop(sleeper, None)
        if stands is None:
            return
        del self._places[sleeper]
        bucket = self._buckets.get(stands)
        if bucket is not None:
            # Even an empty bucket stays: the timer may stand for it, and it goes with its time.
            del bucket[sleeper]

    def close(self) -> None:
        """Wakes nobody any more."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._armed = None
        self._places.clear()
        self._stands.clear()
        self._buckets.clear()
        self._order.clear()

    def _put(self, sleeper: Sleeper, place: int) -> None:
        bucket = self._buckets.get(place)
        if bucket is None:
            bucket = self._buckets[place] = {}
            heapq.heappush(self._order, place)
        bucket[sleeper] = None
        self._stands[sleeper] = place

    def _arm(self) -> None:
        """Sets the one timer to the earliest bucket, when that is earlier than it stands."""
        if not self._order:
            return
        first = self._order[0]
        if self._armed is not None and self._armed <= first:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._armed = first
        # A loop whose timers are rounded to milliseconds would call back a little early,
        # and then again and again until the time has come.
        self._timer = self._clock.call_at((first + 0.25) * self._grain, self._sweep)

    def _sweep(self) -> None:
        self._timer = self._armed = None
        now = self._clock.time()
        while self._order and self._order[0] * self._grain <= now:
            self._tick(heapq.heappop(self._order), now)
        self._arm()

    def _tick(self, place: int, now: float) -> None:
        for sleeper in self._buckets.pop(place):
            # One that was woken just now may have put off or forgotten another.
            if self._stands.get(sleeper) != place:
                continue
            wanted = self._places[sleeper]
            if wanted > place:
                self._put(sleeper, wanted)
            else:
                del self._places[sleeper], self._stands[sleeper]
                self._wake_now(sleeper, now)

    def _wake_now(self, sleeper: Sleeper, now: float) -> None:
        try:
            sleeper.tick(now)
        except Exception:
            # One that is broken must not take the clock of all others with it.
            _log.exception("sleeper_broken")
