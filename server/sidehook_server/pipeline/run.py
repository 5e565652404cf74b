"""One call's state machine: events in, effects out, no clock and no I/O of its own.

The driver calls `start`, feeds what happens (`waiting`, `sent`, `begun`, `extended`,
`answered`, `failed`, `shed`, `tick`, `cancel`, `detached`) and carries out the effects of
each, in order.
Every call ends with exactly one `Finish`, whose receipt has a line for every hook of
the plan.

Only three things differ between the phases: a serial phase starts one hook at a
time, a parallel phase all at once, and a detached one after the verdict. What an
answer may do is `modes`' to say, what a failure does is `policy`'s, and whether a hook
has its turn at all is `turn`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf

from sidehook._call import (
    CallAnswer,
    CallEnd,
    CallFailure,
    CallRequest,
    Fields,
    Proceed,
    Receipt,
)
from sidehook._digest import digest
from sidehook._errors import MalformedError
from sidehook._run import HookFailure, HookResult, RunRequest
from sidehook._types import CallOutcome, FailureClass, HookOutcome
from sidehook_server.deadline import Budget
from sidehook_server.modes import Ruling, Schedule, in_shadow, rule_on
from sidehook_server.pipeline import ending, failures, notices
from sidehook_server.pipeline.answers import failure_in, failure_of, malformed
from sidehook_server.pipeline.ending import End
from sidehook_server.pipeline.ledger import Ledger
from sidehook_server.pipeline.load import Load
from sidehook_server.pipeline.model import (
    CallSettings,
    CancelRun,
    Detach,
    DetachedWork,
    Effect,
    Finish,
    PlannedHook,
    RunFailed,
    Shed,
    StartRun,
)
from sidehook_server.pipeline.plan import Phase, Plan
from sidehook_server.pipeline.requests import run_request
from sidehook_server.pipeline.running import Running
from sidehook_server.pipeline.share import ObserverShare
from sidehook_server.pipeline.state import CallState
from sidehook_server.pipeline.turn import holds, left_out
from sidehook_server.policy import Consequence, consequence


@dataclass(frozen=True, slots=True)
class _Kept:
    """A parallel hook's answer, whose state waits for the end of its phase."""

    running: Running
    ruling: Ruling


class Call:
    """One call, from its arrival to its verdict. `load` is how busy the sidecar was then."""

    def __init__(
        self,
        plan: Plan,
        request: CallRequest,
        *,
        settings: CallSettings,
        now: float,
        unknown_scopes: tuple[str, ...] = (),
        lost_handles: tuple[str, ...] = (),
        load: Load = Load.NORMAL,
    ) -> None:
        self._plan = plan
        self._request = request
        self._settings = settings
        self._unknown_scopes = unknown_scopes
        self._lost_handles = lost_handles
        self._load = load
        total = settings.default_budget if request.budget is None else request.budget
        self._budget = Budget(now, total, settings.margin)
        self._observers = ObserverShare(self._budget, settings.observer_share)
        self._fields: Fields = request.fields
        self._state = CallState(request.context.state, max_bytes=settings.max_state_bytes)
        self._ledger = Ledger(plan.hooks)
        self._queue = _places(plan)
        self._phase: Phase | None = None
        self._phase_fields: Fields = self._fields
        self._running: dict[int, Running] = {}
        self._kept: list[_Kept] = []
        self._runs = 0
        self._sent = False
        self._end: End | None = None
        self._detached: list[int] = []
        self.finished = False
        self.late_answers = 0

    @property
    def call_id(self) -> str:
        """Names the call everywhere."""
        return self._request.call_id

    @property
    def wake_at(self) -> float:
        """The next moment at which `tick` has something to do; inf when none."""
        if self._end is not None:
            return inf
        return min((run.expires for run in self._running.values()), default=self._budget.expires)

    def awaits(self, run: int) -> bool:
        """Whether an answer to this run is still of interest."""
        return run in self._running

    # Events. Each returns what the driver has to do, in order.

    def start(self, now: float) -> list[Effect]:
        """The call begins."""
        if self._plan.missing:
            return self._close(ending.failed(failures.required_missing(self._plan)), now)
        if self._lost_handles:
            return self._close(ending.failed(failures.handle_unknown(len(self._lost_handles))), now)
        return self._advance(now)

    def waiting(self, run: int) -> None:
        """A run waits in the sidecar, because no instance has room. Nothing is to be done for it.

        Until it is `sent`, its time running out is no timeout of the hook.
        """
        if (running := self._running.get(run)) is not None:
            running.waits = True

    def sent(self, run: int, instance: str, *, tells_begin: bool = False) -> list[Effect]:
        """A run was handed to an instance; from here on the call has been started.

        `tells_begin`: the instance says when it calls the hook (`begun`). Until then the
        run waits in a queue, and when its time is over there, that is no timeout of the hook.
        """
        self._sent = True
        if (running := self._running.get(run)) is not None:
            running.instance, running.waits = instance, tells_begin
        return []

    def begun(self, run: int) -> None:
        """The instance calls the hook. Nothing is to be done for it."""
        if (running := self._running.get(run)) is not None:
            running.waits = False

    def extended(self, run: int, extra: float, now: float) -> list[Effect]:
        """The hook asks for `extra` seconds more: once, up to the operator's cap and the budget."""
        effects = self.tick(now)
        running = self._running.get(run)
        if running is None:
            return effects
        more = 0.0 if running.was_extended else min(extra, self._settings.max_extension)
        expires = max(running.expires, min(running.expires + more, running.latest))
        granted, running.expires = expires - running.expires, expires
        running.was_extended = True
        if granted < extra:
            effects.append(notices.extension_cut(running, self.call_id, extra, granted))
        return effects

    def answered(self, run: int, result: HookResult, now: float) -> list[Effect]:
        """A hook answered. What comes after its time is late, and changes nothing."""
        effects = self.tick(now)
        running = self._ended(run, now)
        if running is None:
            self.late_answers += 1
            return effects
        failure = failure_in(result)
        if failure is not None:
            return effects + self._hook_failed(running, failure, now)
        return effects + self._hook_answered(running, result, now)

    def failed(self, run: int, failure: HookFailure, now: float) -> list[Effect]:
        """A hook gave no answer and will not."""
        effects = self.tick(now)
        running = self._ended(run, now)
        if running is None:
            return effects
        return effects + self._hook_failed(running, failure, now)

    def shed(self, run: int, failure: HookFailure, now: float) -> list[Effect]:
        """There is no room for the run of a hook that may be shed; the call goes on without it."""
        effects = self.tick(now)
        running = self._ended(run, now)
        if running is None:
            return effects
        assert running.hook.may_be_shed, "what may decide the call fails by its policy"
        self._ledger.shed(running.place, failure)
        return [*effects, Shed(running.hook), *self._advance(now)]

    def tick(self, now: float) -> list[Effect]:
        """Time has passed."""
        if self._end is not None:
            return []
        if now >= self._budget.expires:
            return self._close(self._out_of_time(), now)
        effects: list[Effect] = []
        for running in [run for run in self._running.values() if run.expires <= now]:
            if self._ended(running.run, now) is not None:
                after = running.expires - running.started
                expired = failures.expired_in_queue if running.waits else failures.timed_out
                effects.append(CancelRun(running.run))
                effects += self._hook_failed(running, expired(after), now)
        return effects

    def cancel(self, now: float) -> list[Effect]:
        """The caller is gone. Inside the margin that is the deadline, not a cancel."""
        if self._end is not None:
            return []
        if now >= self._budget.expires:
            return self._close(self._out_of_time(), now)
        return self._close(ending.cancelled(), now)

    def detached(self, accepted: Sequence[bool], now: float) -> list[Effect]:
        """The queue took these of the works of `Detach`, and shed the others."""
        for place, taken in zip(self._detached, accepted, strict=True):
            self._ledger.note(place, HookOutcome.DETACHED if taken else HookOutcome.SHED)
        return self._finish(now)

    def _ended(self, run: int, now: float) -> Running | None:
        """A run that is under way no longer; None when it was not."""
        running = self._running.pop(run, None)
        if running is not None and running.hook.observes:
            self._observers.spend(now - running.started)
        return running

    # Walking the plan.

    def _advance(self, now: float) -> list[Effect]:
        """Starts what may start now; the call proceeds when nothing is left to wait for."""
        effects: list[Effect] = []
        while self._is_idle():
            if not self._phase_is_over():
                effects += self._start_next(now)
            elif self._kept:
                effects += self._settle_parallel(now)
            elif not self._enter_next_phase():
                effects += self._close(ending.PROCEEDED, now)
        return effects

    def _is_idle(self) -> bool:
        return not self._running and self._end is None

    def _phase_is_over(self) -> bool:
        return not self._queue or self._queue[0][1] is not self._phase

    def _enter_next_phase(self) -> bool:
        if not self._queue or self._queue[0][1].row.schedule is Schedule.DETACHED:
            return False
        phase = self._queue[0][1]
        self._phase = phase
        self._phase_fields = self._fields
        return True

    def _start_next(self, now: float) -> list[Effect]:
        """Starts the next hook of a serial phase, or all hooks of a parallel one."""
        effects: list[Effect] = []
        at_once = self._queue[0][1].row.schedule is Schedule.PARALLEL
        while not self._phase_is_over():
            place, phase, hook = self._queue.pop(0)
            skipped = left_out(hook, self._request)
            if skipped is None:
                effects += self._start(place, phase, hook, now)
            else:
                self._ledger.note(place, skipped)
            if self._end is not None or (self._running and not at_once):
                break
        return effects

    def _start(self, place: int, phase: Phase, hook: PlannedHook, now: float) -> list[Effect]:
        if self._budget.left(now) <= 0:
            return self._close(self._out_of_time(), now)
        latest = self._observers.until(now) if hook.observes else self._budget.expires
        expires = min(now + hook.timeout, latest)
        self._runs += 1
        running = Running(self._runs, place, hook, phase, now, expires, latest)
        request = run_request(
            hook,
            call=self._request,
            fields=self._phase_fields,
            state=self._state.seen_by(hook.worker),
            writable=self._plan.writable,
            timeout=expires - now,
            time_left=self._budget.left(now),
        )
        turn = holds(hook, request)
        if turn is False:
            self._ledger.note(place, HookOutcome.SKIPPED_CONDITION)
            return []
        if turn is not True:
            return self._judge_failure(running, turn, now)
        if hook.is_shed_at(self._load):
            self._ledger.shed(place, failures.saturated())
            return [Shed(hook)]
        if expires <= now:
            return self._judge_failure(running, failures.no_time_left(), now)
        if phase.row.final_payload:
            running.digest = digest(self._fields)
        self._running[running.run] = running
        return [StartRun(running.run, hook, request, expires)]

    # Answers and failures of hooks.

    def _hook_answered(self, running: Running, result: HookResult, now: float) -> list[Effect]:
        row, hook = running.phase.row, running.hook
        ruling = rule_on(
            hook.rights, result, fields=self._phase_fields, writable=self._plan.writable
        )
        failure = failure_of(ruling, hook, self._phase_fields, self._plan.max_payload_bytes)
        if hook.in_shadow:
            ruling = in_shadow(ruling)
        blocked = ruling.outcome is HookOutcome.BLOCKED
        if failure is None and (blocked or row.schedule is Schedule.SERIAL):
            failure = self._keep_state(hook, ruling)
        effects: list[Effect] = [*notices.about(running, self.call_id, ruling)]
        if failure is not None:
            failed = self._hook_failed(running, failure, now, rejected=ruling.rejected)
            return effects + failed
        if row.schedule is Schedule.PARALLEL:
            self._kept.append(_Kept(running, ruling))
        self._ledger.answered(running, ruling, now, annotations=result.annotations)
        if blocked:
            return effects + self._close(ending.blocked(hook, ruling), now)
        if ruling.patch:
            self._fields = {**self._fields, **ruling.patch}
            self._phase_fields = self._fields
        return effects + self._advance(now)

    def _keep_state(self, hook: PlannedHook, ruling: Ruling) -> HookFailure | None:
        try:
            self._state.keep(hook.worker, ruling.state)
        except MalformedError as error:
            return malformed(str(error))
        return None

    def _settle_parallel(self, now: float) -> list[Effect]:
        """Keeps what a parallel phase staged, in plan order, so that arrival never matters."""
        kept, self._kept = sorted(self._kept, key=lambda it: it.running.place), []
        effects: list[Effect] = []
        mark = self._state.mark()
        for it in kept:
            hook = it.running.hook
            failure = self._keep_state(hook, it.ruling)
            if failure is None:
                continue
            if _consequence(hook, failure).ends_call:
                self._state.restore(mark)
                return effects + self._judge_failure(
                    it.running, failure, now, rejected=it.ruling.rejected
                )
            effects += self._judge_failure(it.running, failure, now, rejected=it.ruling.rejected)
        return effects

    def _hook_failed(
        self, running: Running, failure: HookFailure, now: float, *, rejected: tuple[str, ...] = ()
    ) -> list[Effect]:
        effects = self._judge_failure(running, failure, now, rejected=rejected)
        return effects if self._end is not None else effects + self._advance(now)

    def _judge_failure(
        self, running: Running, failure: HookFailure, now: float, *, rejected: tuple[str, ...] = ()
    ) -> list[Effect]:
        hook = running.hook
        follows = _consequence(hook, failure)
        self._ledger.failed(running, failure, now, outcome=follows.outcome, rejected=rejected)
        kind = failure.failure_class
        effects: list[Effect] = [RunFailed(running.run, kind, follows.opens_circuit)]
        if kind is FailureClass.MALFORMED and running.instance:
            effects.append(notices.malformed(running, self.call_id, failure.message))
        if follows.ends_call:
            effects += self._close(ending.failed(failures.hook_failed(hook, failure), hook), now)
        return effects

    # The end.

    def _out_of_time(self) -> End:
        running = next(iter(self._running.values()), None)
        return ending.out_of_time(self._budget, running.hook if running else None)

    def _close(self, end: End, now: float) -> list[Effect]:
        """The verdict stands: what runs is cancelled, what observes it is detached."""
        self._end = end
        effects: list[Effect] = [CancelRun(run) for run in self._running]
        for running in self._running.values():
            late = end.outcome is CallOutcome.DEADLINE
            self._ledger.cancelled(running, now, out_of_time=late)
        self._running.clear()
        waiting, self._queue = self._queue, []
        work: list[DetachedWork] = []
        for place, phase, hook in waiting:
            skipped = left_out(hook, self._request)
            if skipped is not None:
                self._ledger.note(place, skipped)
            elif phase.row.schedule is Schedule.DETACHED:
                effects += self._detach(Running(0, place, hook, phase, now, now, now), end, work)
        if work:
            return [*effects, Detach(tuple(work))]
        return effects + self._finish(now)

    def _detach(self, running: Running, end: End, work: list[DetachedWork]) -> list[Effect]:
        """Adds a detached hook to the work for the queue, when it has its turn."""
        hook, place = running.hook, running.place
        request = self._detached_request(hook, end)
        turn = holds(hook, request)
        if turn is False:
            self._ledger.note(place, HookOutcome.SKIPPED_CONDITION)
        elif turn is not True:
            return self._judge_failure(running, turn, running.started)
        elif hook.is_shed_at(self._load):
            self._ledger.shed(place, failures.saturated())
            return [Shed(hook)]
        else:
            self._detached.append(place)
            work.append(DetachedWork(hook, request))
        return []

    def _detached_request(self, hook: PlannedHook, end: End) -> RunRequest:
        withheld = end.outcome is CallOutcome.CANCELLED or (
            not self._settings.payload_on_block and self._may_hold_unredacted()
        )
        call_end = CallEnd(
            outcome=end.outcome, hook=end.hook, code=end.code, payload_withheld=withheld
        )
        return run_request(
            hook,
            call=self._request,
            fields=self._fields,
            state=self._state.seen_by(hook.worker),
            writable=frozenset(),
            timeout=hook.timeout,
            time_left=hook.timeout,
            call_end=call_end,
        )

    def _may_hold_unredacted(self) -> bool:
        # A hook that is missing might have been the TRANSFORM that redacts.
        missing = bool(self._plan.missing or self._lost_handles)
        return missing or self._ledger.may_hold_unredacted()

    def _finish(self, now: float) -> list[Effect]:
        assert self._end is not None, "a call finishes after it was closed"
        self.finished = True
        outcome = self._end.answer
        if isinstance(outcome, CallFailure):
            outcome = replace(outcome, started=self._sent)
        receipt = Receipt(
            call_id=self.call_id,
            generation=self._plan.generation,
            lines=self._ledger.close(),
            duration=now - self._budget.arrival,
            unknown_scopes=self._unknown_scopes,
            development=self._plan.development,
            payload_digest=digest(self._fields) if self._plan.has_gates else "",
        )
        answer = CallAnswer(outcome or Proceed(self._patch()), receipt, self._state.change())
        return [Finish(answer)]

    def _patch(self) -> Fields:
        before = self._request.fields
        if self._fields is before:
            return {}
        return {name: value for name, value in self._fields.items() if before.get(name) != value}


def _places(plan: Plan) -> list[tuple[int, Phase, PlannedHook]]:
    hooks = [(phase, hook) for phase in plan.phases for hook in phase.hooks]
    return [(place, phase, hook) for place, (phase, hook) in enumerate(hooks)]


def _consequence(hook: PlannedHook, failure: HookFailure) -> Consequence:
    kind = failure.failure_class
    return consequence(kind, hook.on_error[kind], may_end_call=hook.may_end_call)
