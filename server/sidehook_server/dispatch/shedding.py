"""What the log is told of the hooks that are shed: all of it, now and then."""

from __future__ import annotations

import logging
from collections import Counter
from typing import Final

from sidehook_server.dispatch.sweeper import Clock
from sidehook_server.pipeline.model import PlannedHook

_log: Final = logging.getLogger("sidehook.dispatch")

_LINE_EVERY_SECONDS: Final = 1.0


class Shedding:
    """Used from the event loop's thread only."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._unsaid: Counter[str] = Counter()
        self._said_at: float | None = None

    def shed(self, hook: PlannedHook) -> None:
        """A hook was not started, because there is too much to do."""
        self._unsaid[hook.path] += 1
        now = self._clock.time()
        if self._said_at is None or now - self._said_at >= _LINE_EVERY_SECONDS:
            self._said_at = now
            self.say()

    def say(self) -> None:
        """Logs what was shed since the last line, if anything was."""
        if self._unsaid:
            hooks = ",".join(f"{hook}={count}" for hook, count in self._unsaid.most_common(10))
            _log.warning("hooks_shed count=%d hooks=%s", self._unsaid.total(), hooks)
            self._unsaid.clear()
