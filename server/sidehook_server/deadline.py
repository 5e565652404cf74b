"""The budget of a call, spent over its chain. Pure: the clock is an argument.

All times are seconds on the monotonic clock of the sidecar.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Budget:
    """The time one call has, counted from its arrival.

    The sidecar answers `margin` before the caller gives up, so that running out is
    an answer with a receipt and not a silence. A budget shorter than two margins
    gives half of itself. `expires` is when the call must be answered.
    """

    arrival: float
    total: float
    margin: float
    expires: float = field(init=False)

    def __post_init__(self) -> None:
        # Once, since every hook asks for it several times.
        expires = self.arrival + self.total - min(self.margin, self.total / 2)
        object.__setattr__(self, "expires", expires)

    def left(self, now: float) -> float:
        """Seconds left until the call must be answered; never negative."""
        return max(0.0, self.expires - now)
