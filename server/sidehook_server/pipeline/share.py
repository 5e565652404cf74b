"""The part of a call's time that its observers may spend, all of them together."""

from __future__ import annotations

from typing import Final

from sidehook_server.deadline import Budget

# What a sum of floats may be off by; no hook could use so little.
_NOTHING: Final = 1e-9


class ObserverShare:
    """AUDIT and shadowed hooks may spend `part` of what the others leave of the budget."""

    __slots__ = ("_budget", "_part", "_spent")

    def __init__(self, budget: Budget, part: float) -> None:
        self._budget = budget
        self._part = part
        self._spent = 0.0

    def until(self, now: float) -> float:
        """When an observer that starts now must be done; `now` when nothing is left."""
        left = self._part * (self._budget.left(now) + self._spent) - self._spent
        return now + left if left > _NOTHING else now

    def spend(self, seconds: float) -> None:
        """An observer held the call for so long."""
        self._spent += seconds
