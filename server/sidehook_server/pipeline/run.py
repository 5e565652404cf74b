"""One call's state machine: events in, effects out, no clock and no I/O of its own.

The driver calls `start`, feeds what happens and carries out the effects of each event, in
order. Every call ends with exactly one `Finish`, whose receipt has a line for every hook of
the plan.

Only three things differ between the phases: a serial phase starts one hook at a
time, a parallel phase all at once, and a detached one after the verdict. What an
answer may do is `modes`' to say, what a failure does is `policy`'s, and whether a hook
has its turn at all is `turn`'s. Which hooks may travel in one run is `segments`' to say;
each has its own turn here, its own time and its own line, whoever it travels with.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf

from sidehook._call import CallRequest
from sidehook._digest import digest
from sidehook._run import HookFailure, HookResult
from sidehook._types import CallOutcome, HookOutcome
from sidehook_server.deadline import Budget
from sidehook_server.pipeline import ending, failures, notices
from sidehook_server.pipeline.answers import (
    after_taint,
    breaks_rights,
    failure_in,
    malformed,
    strange,
)
from sidehook_server.pipeline.boarding import Boarding
from sidehook_server.pipeline.closing import Closing, Unheard
from sidehook_server.pipeline.ending import End
from sidehook_server.pipeline.judging import Judge, Judgement
from sidehook_server.pipeline.load import Load
from sidehook_server.pipeline.model import (
    CallSettings,
    CancelRun,
    Detach,
    Effect,
    Finish,
    PlannedHook,
    Shed,
)
from sidehook_server.pipeline.plan import Phase, Plan
from sidehook_server.pipeline.running import Run, Running
from sidehook_server.pipeline.runs import Runs
from sidehook_server.pipeline.share import ObserverShare
from sidehook_server.pipeline.turn import holds, left_out
from sidehook_server.pipeline.walk import Walk


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
        self._lost_handles = lost_handles
        self._load = load
        total = settings.default_budget if request.budget is None else request.budget
        self._budget = Budget(now, total, settings.margin)
        self._observers = ObserverShare(self._budget, settings.observer_share)
        self._judge = Judge(plan, request, max_state_bytes=settings.max_state_bytes)
        self._runs = Runs()
        self._boarding = Boarding(
            plan,
            request,
            self._judge,
            budget=self._budget,
            observers=self._observers,
            load=load,
            runs=self._runs,
        )
        self._closing = Closing(
            plan,
            request,
            self._judge,
            settings=settings,
            load=load,
            unheard=Unheard(scopes=unknown_scopes, handles=lost_handles),
        )
        self._walk = Walk(plan)
        self._sent = False
        self._end: End | None = None
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
        return self._runs.wake_at if self._runs else self._budget.expires

    def awaits(self, run: int) -> bool:
        """Whether an answer to this run is still of interest."""
        return self._runs.get(run) is not None

    # Events. Each returns what the driver has to do, in order. What is said of a run that
    # is over changes nothing. Hooks of a run are told apart by their index in it.

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
        for running in self._runs.of(run):
            running.waits = True

    def shortened(self, run: int, hooks: int, now: float) -> list[Effect]:
        """An instance takes only the first so many hooks of a run, which is about to be sent."""
        it = self._runs.get(run)
        if it is None:
            return []
        behind = self._runs.of(run)[hooks:]
        self._runs.shorten(it, hooks)
        return self._board(behind, now)

    def sent(self, run: int, instance: str, *, tells_begin: bool = False) -> list[Effect]:
        """A run was handed to an instance; from here on the call has been started.

        `tells_begin`: the instance says when it calls a hook (`begun`). Until then the
        hook waits in a queue, and when its time is over there, that is no timeout of it.
        """
        self._sent = True
        if (it := self._runs.get(run)) is not None:
            self._runs.sent(it, instance, tells_begin=tells_begin)
        return []

    def begun(self, run: int, index: int = 0) -> None:
        """The instance calls a hook. Nothing is to be done for it."""
        if (running := self._runs.at(run, index)) is not None:
            running.waits = False
        elif (it := self._runs.get(run)) is not None:
            it.begun_early.add(index)

    def extended(self, run: int, extra: float, now: float, index: int = 0) -> list[Effect]:
        """A hook asks for `extra` seconds more: once, up to the operator's cap and the budget."""
        effects = self.tick(now)
        running = self._runs.at(run, index)
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
        it, running = self._runs.get(run), self._runs.at(run, result.index)
        if it is None or (running is None and self._walk.has_passed(it, result.index)):
            self.late_answers += 1
            return effects
        if running is None:
            return effects + self._broken(it, strange(result.index, it), now)
        self._turn_over(running, now)
        if it.is_tainted(running.index):
            return effects + self._went_on(self._judge.failure(running, after_taint(it), now), now)
        failure = failure_in(result)
        if failure is not None:
            judged = self._judge.failure(running, failure, now)
            # Of its own failures a worker knows what comes of them, and has acted on it.
            is_known = isinstance(result.answer, HookFailure)
            return effects + (self._went_on if is_known else self._failed)(judged, now)
        if it is self._runs.carrier and breaks_rights(running.hook, result, self._plan.writable):
            it.tainted_by = running.index
        judged = self._judge.answer(running, result, now)
        return effects + (self._failed if judged.is_failure else self._went_on)(judged, now)

    def failed(self, run: int, failure: HookFailure, now: float) -> list[Effect]:
        """A run gave no answer and will not. One that was never sent fails by its first hook."""
        return self._run_over(
            run, failure, now, lambda it, each: not it.was_sent and each.index > 0
        )

    def lost(self, run: int, failure: HookFailure, now: float) -> list[Effect]:
        """The connection broke during a run of several hooks.

        What never began is sent again, and what did when it is idempotent and has time left.
        """
        return self._run_over(
            run,
            failure,
            now,
            lambda it, each: (
                _never_began(it, each) or (each.hook.idempotent and now < each.expires)
            ),
        )

    def ran_out(self, run: int, now: float) -> list[Effect]:
        """The worker says that nothing more comes for a run of several hooks.

        What never began is sent again.
        """
        return self._run_over(run, malformed("the run ended without a result"), now, _never_began)

    def spoiled(
        self, run: int, failure: HookFailure, now: float, index: int | None = None
    ) -> list[Effect]:
        """An answer in a run of several hooks could not be read; `index` None: nor whose it is."""
        effects = self.tick(now)
        it = self._runs.get(run)
        if it is None:
            return effects
        running = None if index is None else self._runs.at(run, index)
        if running is None:
            return effects + self._broken(it, failure, now)
        self._turn_over(running, now)
        return effects + self._failed(self._judge.failure(running, failure, now), now)

    def shed(self, run: int, failure: HookFailure, now: float) -> list[Effect]:
        """There is no room for the run of a hook that may be shed; the call goes on without it."""
        effects = self.tick(now)
        it = self._runs.get(run)
        if it is None:
            return effects
        (running,) = self._runs.of(run)
        assert running.hook.may_be_shed, "what may decide the call fails by its policy"
        self._runs.close(it)
        self._turn_over(running, now)
        self._judge.ledger.shed(running.place, failure)
        return [*effects, Shed(running.hook), *self._advance(now)]

    def tick(self, now: float) -> list[Effect]:
        """Time has passed."""
        if self._end is not None:
            return []
        if now >= self._budget.expires:
            return self._close(self._out_of_time(), now)
        effects: list[Effect] = []
        for running in [each for each in self._runs if each.expires <= now]:
            if self._runs.has(running):
                effects += self._expired(running, now)
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
        self._closing.detached(accepted)
        return self._finish(now)

    # Turns that are over.

    def _turn_over(self, running: Running, now: float) -> None:
        """A hook is under way no longer."""
        self._runs.end(running)
        if running.hook.observes:
            self._observers.spend(now - running.started)

    def _expired(self, running: Running, now: float) -> list[Effect]:
        after = running.expires - running.started
        expired = failures.expired_in_queue if running.waits else failures.timed_out
        self._turn_over(running, now)
        effects, again = self._runs.stop(running)
        effects += self._board(again, now)
        return effects + self._failed(self._judge.failure(running, expired(after), now), now)

    def _broken(self, run: Run, failure: HookFailure, now: float) -> list[Effect]:
        """A worker does not do in a run what it must: all that is under way there has failed."""
        # The one answer to a run of one hook has ended it.
        effects: list[Effect] = [CancelRun(run.number)] if run.is_fused else []
        return effects + self._run_over(run.number, failure, now, lambda it, each: False)

    def _run_over(
        self,
        run: int,
        failure: HookFailure,
        now: float,
        goes_again: Callable[[Run, Running], bool],
    ) -> list[Effect]:
        """A run is over: some of its hooks get another one, the others have failed."""
        effects = self.tick(now)
        it = self._runs.get(run)
        if it is None:
            return effects
        members = self._runs.of(run)
        again = [each for each in members if goes_again(it, each)]
        self._runs.close(it)
        for running in members:
            if running in again:
                continue
            self._turn_over(running, now)
            judged = self._judge.failure(running, failure, now)
            effects += judged.effects
            if judged.end is not None:
                return effects + self._close(judged.end, now)
        return effects + self._board(again, now) + self._advance(now)

    def _went_on(self, judged: Judgement, now: float) -> list[Effect]:
        """A hook's turn is over, and its worker has gone on as its answer says."""
        if judged.end is not None:
            return judged.effects + self._close(judged.end, now)
        return judged.effects + self._advance(now)

    def _failed(self, judged: Judgement, now: float) -> list[Effect]:
        """A hook has failed, and its worker does not know: nobody can ride in its run on."""
        if judged.end is None:
            judged.effects.extend(self._runs.leave_riders())
        return self._went_on(judged, now)

    # Walking the plan.

    def _advance(self, now: float) -> list[Effect]:
        """Starts what may start now; the call proceeds when nothing is left to wait for."""
        effects: list[Effect] = []
        while not self._runs and self._end is None:
            if not self._walk.is_phase_over:
                effects += self._start_next(now)
            elif self._judge.has_unsettled:
                settled = self._judge.settle(now)
                effects += settled.effects
                if settled.end is not None:
                    effects += self._close(settled.end, now)
            elif self._walk.enter_next_phase():
                self._judge.enter_phase()
            else:
                effects += self._close(ending.PROCEEDED, now)
        return effects

    def _start_next(self, now: float) -> list[Effect]:
        """Starts the next hook of a serial phase, or all hooks of a parallel one."""
        effects: list[Effect] = []
        members: list[Running] = []
        while not self._walk.is_phase_over:
            effects += self._give_turn(self._walk.step(), members, now)
            if self._end is not None or (self._runs and not self._walk.is_at_once):
                break
        return effects if self._end is not None else effects + self._board(members, now)

    def _give_turn(self, place: int, members: list[Running], now: float) -> list[Effect]:
        """Begins the turn of a hook, if it has one; it joins the members that need a run."""
        phase, hook = self._plan.places[place]
        carrier = self._runs.carrier
        rides = carrier is not None and place in carrier.places
        skipped = None if rides else left_out(hook, self._request)
        if skipped is not None:
            self._judge.ledger.note(place, skipped)
            return []
        running = self._turn(place, phase, hook, now)
        if not isinstance(running, Running):
            return running if self._end is not None else [*running, *self._runs.leave_riders()]
        if phase.row.final_payload:
            running.digest = digest(self._judge.fields)
        if carrier is not None and rides:
            self._runs.ride(carrier, running)
        else:
            self._runs.begin(running)
            members.append(running)
        return []

    def _turn(
        self, place: int, phase: Phase, hook: PlannedHook, now: float
    ) -> Running | list[Effect]:
        """The turn of a hook, or what becomes of the call because it has none."""
        if self._budget.left(now) <= 0:
            return self._close(self._out_of_time(), now)
        latest = self._observers.until(now) if hook.observes else self._budget.expires
        running = Running(place, hook, phase, now, min(now + hook.timeout, latest), latest)
        if hook.condition is not None:
            turn = holds(hook, self._boarding.sight(running, now))
            if turn is False:
                self._judge.ledger.note(place, HookOutcome.SKIPPED_CONDITION)
                return []
            if turn is not True:
                return self._no_turn(running, turn, now)
        if hook.is_shed_at(self._load):
            self._judge.ledger.shed(place, failures.saturated())
            return [Shed(hook)]
        if running.expires <= now:
            return self._no_turn(running, failures.no_time_left(), now)
        return running

    def _no_turn(self, running: Running, failure: HookFailure, now: float) -> list[Effect]:
        judged = self._judge.failure(running, failure, now)
        return judged.effects + ([] if judged.end is None else self._close(judged.end, now))

    def _board(self, members: Sequence[Running], now: float) -> list[Effect]:
        """Sends hooks whose turn it is, in as few runs as can be."""
        if not members:
            return []
        return [self._boarding.board(group, now) for group in self._boarding.groups(members)]

    # The end.

    def _out_of_time(self) -> End:
        running = next(iter(self._runs), None)
        return ending.out_of_time(self._budget, running.hook if running else None)

    def _close(self, end: End, now: float) -> list[Effect]:
        """The verdict stands: what runs is cancelled, what observes it is detached."""
        self._end = end
        effects = self._runs.cancel_all()
        for running in self._runs:
            late = end.outcome is CallOutcome.DEADLINE
            self._judge.ledger.cancelled(running, now, out_of_time=late)
        self._runs.clear()
        effects += self._closing.leave(self._walk.rest, end, now)
        if self._closing.work:
            return [*effects, Detach(tuple(self._closing.work))]
        return effects + self._finish(now)

    def _finish(self, now: float) -> list[Effect]:
        assert self._end is not None, "a call finishes after it was closed"
        self.finished = True
        seconds = now - self._budget.arrival
        return [Finish(self._closing.answer(self._end, sent=self._sent, seconds=seconds))]


def _never_began(run: Run, running: Running) -> bool:
    """Whether a rider was never called, as far as its worker says; those sent first may have."""
    return running.waits and running.index >= run.at_once
