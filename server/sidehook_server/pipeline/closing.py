"""What is left once the verdict stands: what observes it is detached, and the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

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
from sidehook._run import RunRequest
from sidehook._types import CallOutcome, HookOutcome
from sidehook_server.modes import Schedule
from sidehook_server.pipeline import failures
from sidehook_server.pipeline.ending import End
from sidehook_server.pipeline.judging import Judge
from sidehook_server.pipeline.load import Load
from sidehook_server.pipeline.model import (
    CallSettings,
    DetachedWork,
    Effect,
    Shed,
)
from sidehook_server.pipeline.plan import Plan
from sidehook_server.pipeline.requests import run_request
from sidehook_server.pipeline.running import Running
from sidehook_server.pipeline.turn import holds, left_out


@dataclass(frozen=True, slots=True, kw_only=True)
class Unheard:
    """What a call names that the sidecar does not know: scopes, and scope handles."""

    scopes: tuple[str, ...] = ()
    handles: tuple[str, ...] = ()


class Closing:
    """The end of one call. `work` is for the queue of detached events."""

    __slots__ = ("_call", "_judge", "_load", "_places", "_plan", "_settings", "_unheard", "work")

    def __init__(
        self,
        plan: Plan,
        call: CallRequest,
        judge: Judge,
        *,
        settings: CallSettings,
        load: Load,
        unheard: Unheard,
    ) -> None:
        self._plan = plan
        self._call = call
        self._judge = judge
        self._settings = settings
        self._load = load
        self._unheard = unheard
        self._places: list[int] = []
        self.work: list[DetachedWork] = []

    def leave(self, places: Sequence[int], end: End, now: float) -> list[Effect]:
        """Accounts for the hooks whose turn did not come, and detaches those that observe."""
        effects: list[Effect] = []
        for place in places:
            phase, hook = self._plan.places[place]
            skipped = left_out(hook, self._call)
            if skipped is not None:
                self._judge.ledger.note(place, skipped)
            elif phase.row.schedule is Schedule.DETACHED:
                effects += self._detach(Running(place, hook, phase, now, now, now), end)
        return effects

    def detached(self, accepted: Sequence[bool]) -> None:
        """The queue took these works, and shed the others."""
        for place, taken in zip(self._places, accepted, strict=True):
            outcome = HookOutcome.DETACHED if taken else HookOutcome.SHED
            self._judge.ledger.note(place, outcome)

    def answer(self, end: End, *, sent: bool, seconds: float) -> CallAnswer:
        """The verdict with its receipt. `sent`: a run was, after `seconds` it is answered."""
        outcome = end.answer
        if isinstance(outcome, CallFailure):
            outcome = replace(outcome, started=sent)
        receipt = Receipt(
            call_id=self._call.call_id,
            generation=self._plan.generation,
            lines=self._judge.ledger.close(),
            duration=seconds,
            unknown_scopes=self._unheard.scopes,
            development=self._plan.development,
            payload_digest=digest(self._judge.fields) if self._plan.has_gates else "",
        )
        return CallAnswer(outcome or Proceed(self._patch()), receipt, self._judge.state.change())

    def _patch(self) -> Fields:
        before, after = self._call.fields, self._judge.fields
        if after is before:
            return {}
        return {name: value for name, value in after.items() if before.get(name) != value}

    def _detach(self, running: Running, end: End) -> list[Effect]:
        """Adds a detached hook to the work for the queue, when it has its turn."""
        hook, place = running.hook, running.place
        request = self._request(place, end)
        turn = holds(hook, request)
        if turn is False:
            self._judge.ledger.note(place, HookOutcome.SKIPPED_CONDITION)
        elif turn is not True:
            return self._judge.failure(running, turn, running.started).effects
        elif hook.is_shed_at(self._load):
            self._judge.ledger.shed(place, failures.saturated())
            return [Shed(hook)]
        else:
            self._places.append(place)
            self.work.append(DetachedWork(hook, request))
        return []

    def _request(self, place: int, end: End) -> RunRequest:
        hook = self._plan.hooks[place]
        withheld = end.outcome is CallOutcome.CANCELLED or (
            not self._settings.payload_on_block and self._may_hold_unredacted()
        )
        call_end = CallEnd(
            outcome=end.outcome, hook=end.hook, code=end.code, payload_withheld=withheld
        )
        return run_request(
            hook,
            call=self._call,
            fields=self._judge.fields,
            state=self._judge.state.seen_by(hook.worker),
            steps=self._plan.segments[place].alone,
            time_left=hook.timeout,
            call_end=call_end,
        )

    def _may_hold_unredacted(self) -> bool:
        # A hook that is missing might have been the TRANSFORM that redacts.
        missing = bool(self._plan.missing or self._unheard.handles)
        return missing or self._judge.ledger.may_hold_unredacted()
