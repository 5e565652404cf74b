"""How often something may happen on a connection before it has to wait."""

from __future__ import annotations


class Pace:
    """So many at once, then one every so many seconds. The clock is an argument, in seconds."""

    __slots__ = ("_at_once", "_due", "_seconds")

    def __init__(self, *, at_once: int, seconds: float) -> None:
        self._at_once = at_once
        self._seconds = seconds
        # When everything that happened so far would be over, each taking its seconds.
        self._due = float("-inf")

    def spend(self, now: float) -> None:
        """It happened."""
        self._due = max(self._due, now) + self._seconds

    def wait(self, now: float) -> float:
        """The seconds to wait before it may happen again, 0 for none."""
        return max(0.0, self._due - now - (self._at_once - 1) * self._seconds)
