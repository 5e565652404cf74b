"""The circuit breaker of one hook on one instance of its worker. Pure: the clock is an argument.

Closed, runs go through and failures in a row are counted. Open, none goes through until a
pause is over; then it is half open, and one run is let through as a probe. A probe that
succeeds closes it, one that fails opens it for a longer pause. It always heals by itself.

All times are seconds on the monotonic clock of the sidecar.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerSettings:
    """When a breaker opens, and for how long.

    It opens after `failures` in a row, for `pause` seconds, then after each failed probe
    for twice as long as before, up to `longest_pause`. Every pause is longer or shorter
    by a random part of itself, up to `jitter`, so that sidecars do not probe in step.
    """

    failures: int = 5
    pause: float = 1.0
    longest_pause: float = 30.0
    jitter: float = 0.2


class BreakerState(StrEnum):
    """What a breaker does with a run."""

    CLOSED = "closed"
    """Lets it through."""
    OPEN = "open"
    """Keeps it away."""
    HALF_OPEN = "half_open"
    """Keeps it away while a probe is under way."""


class Breaker:
    """One breaker. `random` gives numbers from 0 up to 1.

    A run that may go gets a ticket, 0 at first; whoever has one gives it back with exactly
    one of `succeeded`, `failed` and `abandoned`. A ticket from before the breaker last
    changed its state changes nothing any more: an old run's success closes nothing.
    """

    __slots__ = (
        "_failures",
        "_pause",
        "_random",
        "_settings",
        "_ticket",
        "probes_at",
        "state",
    )

    def __init__(self, settings: BreakerSettings, random: Callable[[], float]) -> None:
        self._settings = settings
        self._random = random
        self._failures = 0
        self._pause = 0.0
        self._ticket = 0
        self.probes_at = 0.0
        self.state = BreakerState.CLOSED

    @property
    def is_idle(self) -> bool:
        """Whether it has nothing to remember."""
        return self.state is BreakerState.CLOSED and not self._failures

    def enter(self, now: float) -> int | None:
        """A ticket for a run that may go now; None when it may not."""
        if self.state is BreakerState.OPEN and now >= self.probes_at:
            self._become(BreakerState.HALF_OPEN)
            return self._ticket
        return self._ticket if self.state is BreakerState.CLOSED else None

    def keeps_away(self, now: float) -> bool:
        """Whether `enter` would give no ticket now."""
        if self.state is BreakerState.OPEN:
            return now < self.probes_at
        return self.state is BreakerState.HALF_OPEN

    def succeeded(self, ticket: int) -> None:
        """The run was answered."""
        if ticket != self._ticket:
            return
        self._failures = 0
        if self.state is BreakerState.HALF_OPEN:
            self._pause = 0.0
            self._become(BreakerState.CLOSED)

    def failed(self, ticket: int, now: float, *, at_once: bool = False) -> None:
        """The run failed in a way that counts. `at_once`: one failure is enough."""
        if ticket != self._ticket:
            return
        self._failures += 1
        enough = at_once or self._failures >= self._settings.failures
        if self.state is BreakerState.HALF_OPEN or enough:
            self._open(now)

    def abandoned(self, ticket: int) -> None:
        """Nothing is known of the run: it was cancelled, or failed in a way that does not count.

        A probe that ends so leaves the way free for the next one.
        """
        if ticket == self._ticket and self.state is BreakerState.HALF_OPEN:
            self._become(BreakerState.OPEN)

    def _open(self, now: float) -> None:
        settings = self._settings
        self._pause = min(max(settings.pause, 2 * self._pause), settings.longest_pause)
        part = 1 + settings.jitter * (2 * self._random() - 1)
        self.probes_at = now + self._pause * part
        self._failures = 0
        self._become(BreakerState.OPEN)

    def _become(self, state: BreakerState) -> None:
        self.state = state
        self._ticket += 1
