"""The clock of the sidecar: the system's monotonic one, with the timers of the event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable


class MonotonicClock:
    """Monotonic seconds in full precision (`dispatch.sweeper.Clock`).

    The event loop's own clock stands still while callbacks run, and uvloop's counts
    whole milliseconds only.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def time(self) -> float:
        """Seconds since some moment in the past."""
        return time.monotonic()

    def call_at(self, when: float, callback: Callable[[], None], /) -> asyncio.TimerHandle:
        """Call back once, at or after `when`."""
        return self._loop.call_later(max(0.0, when - time.monotonic()), callback)
