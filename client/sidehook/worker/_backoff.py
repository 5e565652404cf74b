"""How long to wait before the next attempt. Pure but for its source of chance."""

from __future__ import annotations

import random
from collections.abc import Callable


class Backoff:
    """Waits that double from `first` to `longest` seconds, each shortened by chance.

    The jitter takes up to half of a wait away, so that workers which lost one sidecar
    do not come back to it all at once.
    """

    def __init__(
        self,
        *,
        first: float = 0.1,
        longest: float = 5.0,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._first = first
        self._longest = longest
        self._chance = chance
        self._next = first

    def next(self) -> float:
        """Return the next wait in seconds."""
        wait = self._next
        self._next = min(self._longest, wait * 2)
        return wait * (1 - self._chance() / 2)

    def reset(self) -> None:
        """Start over: an attempt succeeded."""
        self._next = self._first
