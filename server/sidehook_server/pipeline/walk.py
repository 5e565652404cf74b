"""Where a call is in its plan."""

from __future__ import annotations

from collections.abc import Sequence

from sidehook_server.modes import Schedule
from sidehook_server.pipeline.plan import Phase, Plan
from sidehook_server.pipeline.running import Run


class Walk:
    """The way through a plan, hook after hook and phase after phase."""

    __slots__ = ("_next", "_phase", "_places")

    def __init__(self, plan: Plan) -> None:
        self._places = plan.places
        self._next = 0
        self._phase: Phase | None = None

    @property
    def is_phase_over(self) -> bool:
        """Whether every hook of the phase had its turn."""
        return self._next == len(self._places) or self._places[self._next][0] is not self._phase

    @property
    def is_at_once(self) -> bool:
        """Whether the hooks of the phase run at once."""
        return self._phase is not None and self._phase.row.schedule is Schedule.PARALLEL

    @property
    def rest(self) -> Sequence[int]:
        """The places of the hooks whose turn has not come."""
        return range(self._next, len(self._places))

    def enter_next_phase(self) -> bool:
        """Goes on to the next phase; False when none is left but what is detached."""
        if self._next == len(self._places):
            return False
        phase = self._places[self._next][0]
        if phase.row.schedule is Schedule.DETACHED:
            return False
        self._phase = phase
        return True

    def step(self) -> int:
        """The place of the next hook, whose turn has come."""
        self._next += 1
        return self._next - 1

    def has_passed(self, run: Run, index: int) -> bool:
        """Whether the hook at an index of a run had its turn."""
        return index < len(run.places) and run.places[index] < self._next
