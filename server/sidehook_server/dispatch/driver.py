"""Carries out what one call asks for, and tells it what happens."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, ParamSpec

from sidehook._call import CallAnswer, CallRequest, Receipt, ReceiptLine
from sidehook._run import HookFailure, HookResult
from sidehook._types import HookOutcome
from sidehook_server.deadline import Budget
from sidehook_server.dispatch.account import account_for
from sidehook_server.dispatch.admission import internal
from sidehook_server.dispatch.attempt import Attempt
from sidehook_server.dispatch.detached import DetachedQueue
from sidehook_server.dispatch.link import WorkerLink
from sidehook_server.dispatch.services import Services
from sidehook_server.dispatch.snapshot import Snapshot
from sidehook_server.modes import Schedule
from sidehook_server.pipeline.model import (
    CancelRun,
    Detach,
    Effect,
    Finish,
    PlannedHook,
    RunFailed,
    Shed,
    StartRun,
    Tell,
)
from sidehook_server.pipeline.plan import Plan
from sidehook_server.pipeline.run import Call

_log: Final = logging.getLogger("sidehook.dispatch")

OnAnswer = Callable[[CallAnswer], None]
"""Takes the answer of one call, once. Called on the event loop; must not raise."""

_Event = ParamSpec("_Event")


class CallDriver:
    """One call under way, from `begin` to its answer.

    Whatever goes wrong in here, the call is answered: a fault of the sidecar's own ends
    it as INTERNAL.
    """

    __slots__ = (
        "_attempts",
        "_call",
        "_carrying",
        "_detached",
        "_effects",
        "_finished",
        "_on_answer",
        "_on_finish",
        "_plan",
        "_request",
        "_services",
        "_snapshot",
        "_started_at",
    )

    def __init__(
        self,
        call: Call,
        *,
        plan: Plan,
        request: CallRequest,
        snapshot: Snapshot,
        services: Services,
        detached: DetachedQueue,
        on_answer: OnAnswer,
        on_finish: Callable[[CallDriver], None],
    ) -> None:
        self._call = call
        self._plan = plan
        self._request = request
        self._snapshot = snapshot
        self._services = services
        self._detached = detached
        self._on_answer = on_answer
        self._on_finish = on_finish
        self._attempts: dict[int, Attempt] = {}
        self._effects: deque[Effect] = deque()
        self._carrying = False
        self._finished = False
        self._started_at = services.clock.time()

    def begin(self) -> None:
        """Starts the call. It may be answered before this returns."""
        self._feed(self._call.start, self._started_at)

    def cancel(self) -> None:
        """The caller is gone: what runs is cancelled. Nothing happens after the answer."""
        self._feed(self._call.cancel, self._services.clock.time())

    def tick(self, now: float) -> None:
        """Time has passed."""
        self._feed(self._call.tick, now)

    def run_shortened(self, attempt: Attempt, hooks: int) -> None:
        """An instance takes only the first so many hooks of a run of this call."""
        self._feed(self._call.shortened, attempt.run, hooks, self._services.clock.time())

    def run_sent(self, attempt: Attempt, link: WorkerLink) -> None:
        """A run of this call was handed to a link."""
        self._feed(self._call.sent, attempt.run, link.instance, tells_begin=link.tells_begin)

    def run_waits(self, attempt: Attempt) -> None:
        """A run of this call waits until an instance has room."""
        if not self._finished:
            self._call.waiting(attempt.run)

    def run_has_turn(self, attempt: Attempt) -> None:
        """An instance may have room for a run of this call that waits."""
        self._feed(self._resume, attempt)

    def run_shed(self, attempt: Attempt, failure: HookFailure) -> None:
        """There is no room for a run of this call, which goes on without it."""
        self._feed(self._call.shed, attempt.run, failure, self._services.clock.time())

    def run_begun(self, attempt: Attempt, index: int) -> None:
        """The hook of this call is called now."""
        if not self._finished:
            self._call.begun(attempt.run, index)

    def run_extended(self, attempt: Attempt, extra: float, index: int) -> None:
        """A hook of this call asks for more time."""
        self._feed(self._call.extended, attempt.run, extra, self._services.clock.time(), index)

    def run_answered(self, attempt: Attempt, result: HookResult) -> None:
        """A hook of this call answered."""
        late = self._call.late_answers
        self._feed(self._call.answered, attempt.run, result, self._services.clock.time())
        if self._call.late_answers != late:
            self._services.observer.late_answer(attempt.hook.worker)
        attempt.settle(result.index)

    @property
    def answer_by(self) -> float:
        """When the budget of this call is over, on the monotonic clock."""
        settings, budget = self._snapshot.settings, self._request.budget
        total = settings.default_budget if budget is None else budget
        return Budget(self._started_at, total, settings.margin).expires

    def detached(self, accepted: Sequence[bool]) -> None:
        """The queue has decided about the detached works of this call."""
        if self._finished:
            # A fault of ours answered the call meanwhile; its events are sent all the same.
            self._detached.send_waiting()
        self._feed(self._call.detached, accepted, self._services.clock.time())

    def run_failed(self, attempt: Attempt, failure: HookFailure) -> None:
        """A hook of this call gave no answer and will not."""
        self._feed(self._call.failed, attempt.run, failure, self._services.clock.time())

    def run_lost(self, attempt: Attempt, failure: HookFailure) -> None:
        """The connection broke during a run of several hooks of this call."""
        self._feed(self._call.lost, attempt.run, failure, self._services.clock.time())

    def run_spoiled(self, attempt: Attempt, failure: HookFailure, index: int | None) -> None:
        """An answer in a run of several hooks of this call cannot be read."""
        self._feed(self._call.spoiled, attempt.run, failure, self._services.clock.time(), index)

    def run_ended(self, attempt: Attempt) -> None:
        """Nothing more comes for a run of several hooks of this call."""
        self._feed(self._call.ran_out, attempt.run, self._services.clock.time())

    def _feed(
        self,
        event: Callable[_Event, list[Effect]],
        *args: _Event.args,
        **kwargs: _Event.kwargs,
    ) -> None:
        """Tells the call what happened, and carries out all that comes of it, in order."""
        if self._finished:
            return
        try:
            self._effects.extend(event(*args, **kwargs))
            if self._carrying:
                return
            self._carrying = True
            while self._effects:
                self._carry(self._effects.popleft())
            self._carrying = False
            if not self._finished:
                self._services.sweeper.wake(self, self._call.wake_at)
        except Exception:
            _log.exception("call_broken call_id=%s", self._request.call_id)
            self._break_off()

    def _carry(self, effect: Effect) -> None:
        match effect:
            case StartRun():
                self._start_run(effect)
            case CancelRun():
                self._cancel_run(effect)
            case Shed():
                self._shed(effect.hook)
            case RunFailed():
                self._blame(effect)
            case Tell():
                self._tell(effect)
            case Detach():
                self._detached.offer(effect.work, self._snapshot, self)
            case Finish():
                self._finish(effect.answer)

    def _start_run(self, start: StartRun) -> None:
        if not self._call.awaits(start.run):
            # A run of the same phase could not be sent, and that ended the call.
            return
        attempt = Attempt(
            start.run,
            start.hook,
            start.request,
            expires=start.expires,
            snapshot=self._snapshot,
            owner=self,
            services=self._services,
            call=self,
            riders=start.riders,
        )
        self._attempts[start.run] = attempt
        failure = attempt.begin()
        if failure is not None:
            self.run_failed(attempt, failure)

    def _cancel_run(self, cancel: CancelRun) -> None:
        attempt = self._attempts.get(cancel.run)
        if attempt is not None:
            attempt.cancel(cancel.index)

    def _resume(self, attempt: Attempt) -> list[Effect]:
        """Sends a run whose turn has come, unless its time is over already."""
        now = self._services.clock.time()
        effects = self._call.tick(now)
        if not self._call.awaits(attempt.run):
            return effects
        failure = attempt.resume()
        if failure is None:
            return effects
        return effects + self._call.failed(attempt.run, failure, now)

    def _shed(self, hook: PlannedHook) -> None:
        self._services.shedding.shed(hook)
        if hook.row.schedule is Schedule.DETACHED:
            self._detached.turn_away(hook)

    def _blame(self, failed: RunFailed) -> None:
        attempt = self._attempts.get(failed.run)
        if attempt is not None:
            attempt.blame(
                failed.failure_class, opens_circuit=failed.opens_circuit, index=failed.index
            )

    def _tell(self, tell: Tell) -> None:
        attempt = self._attempts.get(tell.run)
        link = attempt.link if attempt is not None else None
        if link is not None and link.instance == tell.instance:
            link.notify(tell.notice)

    def _finish(self, answer: CallAnswer) -> None:
        if self._finished:
            return
        self._finished = True
        self._services.sweeper.forget(self)
        for attempt in self._attempts.values():
            attempt.settle()
        self._attempts.clear()
        self._effects.clear()
        try:
            self._on_answer(answer)
        except Exception:
            _log.exception("answer_not_delivered call_id=%s", self._request.call_id)
        self._on_finish(self)
        seconds = self._services.clock.time() - self._started_at
        account_for(self._services.observer, self._request, answer, seconds)
        self._detached.send_waiting()

    def _break_off(self) -> None:
        """Answers a call that a fault of ours ended, and stops what it runs."""
        attempts = list(self._attempts.values())
        try:
            for attempt in attempts:
                attempt.cancel()
            self._finish(CallAnswer(internal(self._request.call_id), self._broken_receipt()))
        except Exception:
            _log.exception("call_not_broken_off call_id=%s", self._request.call_id)

    def _broken_receipt(self) -> Receipt:
        """A line for every hook; what the call knew of them is not to be relied on."""
        begun = {
            hook.path
            for attempt in self._attempts.values()
            if attempt.link
            for hook in attempt.hooks
        }
        lines = tuple(
            ReceiptLine(
                hook=hook.name,
                worker=hook.worker,
                mode=hook.mode,
                outcome=(
                    HookOutcome.CANCELLED if hook.path in begun else HookOutcome.SKIPPED_HALTED
                ),
            )
            for hook in self._plan.hooks
        )
        return Receipt(call_id=self._request.call_id, generation=self._plan.generation, lines=lines)
