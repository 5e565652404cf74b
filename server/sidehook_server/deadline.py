"""The budget of a call, spent over its chain. Pure: the clock is an argument.

All times are seconds on the monotonic clock of the sidecar.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Budget:
    """The time one call has, counted from its arrival.

    The sidecar answers `margin` before the caller gives up, so that running out is
    an answer with a receipt and not a silence. A budget shorter than two margins
    gives half of itself.
    """

    arrival: float
    total: float
    margin: float

    @property
    def expires(self) -> float:
        """When the call must be answered."""
        return self.arrival + self.total - min(self.margin, self.total / 2)

    def left(self, now: float) -> float:
        """Seconds left until the call must be answered; never negative."""
        return max(0.0, self.expires - now)
