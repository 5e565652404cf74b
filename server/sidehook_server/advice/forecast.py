"""What one call would do: who would run, in which order, how long at most, and if it fails.

It walks the plan with the parts that a real call uses, on a clock that every hook
pushes on by its whole timeout.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from sidehook._call import CallRequest
from sidehook._run import RunRequest
from sidehook._types import FailureClass, OnError
from sidehook_server.deadline import Budget
from sidehook_server.modes import Schedule
from sidehook_server.pipeline.model import CallSettings, PlannedHook
from sidehook_server.pipeline.plan import Phase, Plan
from sidehook_server.pipeline.requests import alone, run_request
from sidehook_server.pipeline.share import ObserverShare
from sidehook_server.pipeline.state import CallState
from sidehook_server.pipeline.turn import holds, left_out
from sidehook_server.policy import Consequence, consequence


class Turn(StrEnum):
    """Whether a hook would run."""

    RUNS = "runs"
    """It would."""
    SKIPPED = "skipped"
    """It would not; the reason says why."""
    DEPENDS = "depends"
    """Its condition looks at the payload, and none was given, or a hook before may change it."""
    FAILS = "fails"
    """Its condition cannot be evaluated, or there is nobody to run it."""
    NO_TIME = "no_time"
    """In the worst case the time is over before its turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One hook. `timeout` is what it would get; `ends_at` when it is over at the latest.

    Both in seconds, `ends_at` from the start of the call, None for what runs detached.
    `failures` says what a failure of each class would do.
    """

    hook: PlannedHook
    turn: Turn
    reason: str
    instances: int
    timeout: float
    ends_at: float | None
    failures: Mapping[FailureClass, Consequence]

    @property
    def fails_the_call(self) -> bool:
        """Whether the call would fail for this hook, as things stand."""
        kind = FailureClass.RAISED if self.instances else FailureClass.UNREACHABLE
        return self.turn is Turn.FAILS and self.failures[kind].ends_call


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """One call. `worst_case` is when it is answered at the latest, in seconds from its start."""

    rows: tuple[Row, ...]
    missing: tuple[str, ...]
    budget: float
    worst_case: float

    @property
    def fails(self) -> bool:
        """Whether the call would certainly fail, as things stand."""
        return bool(self.missing) or any(row.fails_the_call for row in self.rows)


def forecast(
    plan: Plan,
    request: CallRequest,
    settings: CallSettings,
    *,
    instances: Callable[[PlannedHook], int],
    has_payload: bool,
) -> Forecast:
    """What the call would do. `instances` says how many serve a hook now."""
    total = settings.default_budget if request.budget is None else request.budget
    walk = _Walk(
        plan,
        request,
        settings,
        Budget(0.0, total, settings.margin),
        instances,
        has_payload=has_payload,
    )
    rows = tuple(row for phase in plan.phases for row in walk.phase(phase))
    return Forecast(rows=rows, missing=plan.missing, budget=total, worst_case=walk.now)


class _Walk:
    """Through the plan, at the pace of the slowest call there can be."""

    def __init__(
        self,
        plan: Plan,
        request: CallRequest,
        settings: CallSettings,
        budget: Budget,
        instances: Callable[[PlannedHook], int],
        *,
        has_payload: bool,
    ) -> None:
        self._plan = plan
        self._request = request
        self._budget = budget
        self._observers = ObserverShare(budget, settings.observer_share)
        self._state = CallState(request.context.state, max_bytes=settings.max_state_bytes)
        self._instances = instances
        self._has_payload = has_payload
        self._changed = False
        self.now = 0.0

    def phase(self, phase: Phase) -> list[Row]:
        """The rows of one phase, after which the clock stands where it ends."""
        began = self.now
        rows: list[Row] = []
        ends: list[float] = []
        for hook in phase.hooks:
            if phase.row.schedule is Schedule.PARALLEL:
                self.now = began
            rows.append(self._row(hook, phase))
            ends.append(self.now)
        self.now = max(ends, default=began)
        return rows

    def _row(self, hook: PlannedHook, phase: Phase) -> Row:
        detached = phase.row.schedule is Schedule.DETACHED
        until = self.now + hook.timeout
        if not detached:
            until = min(until, self._budget.expires)
            if hook.observes:
                until = min(until, self._observers.until(self.now))
        timeout = until - self.now
        turn, reason = self._turn(hook, timeout)
        if turn in (Turn.SKIPPED, Turn.FAILS):
            timeout = 0.0
        if not detached:
            if hook.observes:
                self._observers.spend(timeout)
            self.now += timeout
        if turn in (Turn.RUNS, Turn.DEPENDS) and hook.rights.may_modify and not hook.in_shadow:
            self._changed = True
        return Row(
            hook=hook,
            turn=turn,
            reason=reason,
            instances=self._instances(hook),
            timeout=timeout,
            ends_at=None if detached else self.now,
            failures=_failures(hook),
        )

    def _turn(self, hook: PlannedHook, timeout: float) -> tuple[Turn, str]:
        skipped = left_out(hook, self._request)
        if skipped is not None:
            return Turn.SKIPPED, skipped
        if hook.condition is not None:
            unknown, reason = self._undecided(hook)
            if unknown:
                return Turn.DEPENDS, reason
            held = holds(hook, self._run(hook, timeout))
            if held is False:
                return Turn.SKIPPED, "skipped_condition"
            if held is not True:
                return Turn.FAILS, held.message
        if not self._instances(hook):
            return Turn.FAILS, "no instance of its worker serves it"
        return (Turn.RUNS, "") if timeout > 0 else (Turn.NO_TIME, "in the worst case")

    def _undecided(self, hook: PlannedHook) -> tuple[bool, str]:
        assert hook.condition is not None, "only a condition can be undecided"
        looks_at_payload = hook.condition.fields is None or bool(hook.condition.fields)
        if hook.row.schedule is Schedule.DETACHED:
            return True, "its condition is evaluated at the verdict"
        if looks_at_payload and not self._has_payload:
            return True, "its condition looks at the payload, and none was given"
        if looks_at_payload and self._changed:
            return True, "its condition looks at the payload, which a hook before it may change"
        return False, ""

    def _run(self, hook: PlannedHook, timeout: float) -> RunRequest:
        return run_request(
            hook,
            call=self._request,
            fields=self._request.fields,
            state=self._state.seen_by(hook.worker),
            steps=alone(self._plan.segments[self._plan.hooks.index(hook)], timeout),
            time_left=self._budget.left(self.now),
        )


def _failures(hook: PlannedHook) -> Mapping[FailureClass, Consequence]:
    return {
        kind: consequence(kind, hook.on_error[kind], may_end_call=hook.may_end_call)
        for kind in FailureClass
    }


def lets_go_on(hook: PlannedHook) -> tuple[FailureClass, ...]:
    """The classes of failure for which the call goes on without the hook."""
    return tuple(kind for kind in FailureClass if hook.on_error[kind] is not OnError.FAIL)
