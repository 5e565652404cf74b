"""What answers and failures do: to the payload, to the state, to the receipt and to the call.

The judge knows nothing of runs, turns and time: it is told of one hook after another, and
says what comes of each.
"""

from __future__ import annotations

from dataclasses import dataclass

from sidehook._call import CallRequest, Fields
from sidehook._errors import MalformedError
from sidehook._run import HookFailure, HookResult
from sidehook._types import FailureClass, HookOutcome
from sidehook_server.modes import Ruling, Schedule, in_shadow, rule_on
from sidehook_server.pipeline import ending, failures, notices
from sidehook_server.pipeline.answers import failure_of, malformed
from sidehook_server.pipeline.ending import End
from sidehook_server.pipeline.ledger import Ledger
from sidehook_server.pipeline.model import Effect, PlannedHook, RunFailed
from sidehook_server.pipeline.plan import Plan
from sidehook_server.pipeline.running import Running
from sidehook_server.pipeline.state import CallState
from sidehook_server.policy import Consequence, consequence


@dataclass(slots=True)
class Judgement:
    """What comes of a hook's turn. `end`: it ends the call.

    `is_failure`: the answer was none that counts, as only the sidecar knows.
    """

    effects: list[Effect]
    end: End | None = None
    is_failure: bool = False


@dataclass(slots=True)
class _Kept:
    """A parallel hook's answer, whose state waits for the end of its phase."""

    running: Running
    ruling: Ruling


class Judge:
    """The payload and the state of one call, as its hooks leave them.

    `fields` is the payload as it stands, `seen` as it stood when the phase began.
    """

    __slots__ = ("_call_id", "_kept", "_plan", "fields", "ledger", "seen", "state")

    def __init__(self, plan: Plan, call: CallRequest, *, max_state_bytes: int) -> None:
        self._plan = plan
        self._call_id = call.call_id
        self._kept: list[_Kept] = []
        self.fields: Fields = call.fields
        self.seen: Fields = call.fields
        self.state = CallState(call.context.state, max_bytes=max_state_bytes)
        self.ledger = Ledger(plan.hooks)

    @property
    def has_unsettled(self) -> bool:
        """Whether answers of a parallel phase wait for its end."""
        return bool(self._kept)

    def enter_phase(self) -> None:
        """From here on hooks see the payload as it stands now."""
        self.seen = self.fields

    def answer(self, running: Running, result: HookResult, now: float) -> Judgement:
        """A hook answered, and its answer is no failure by itself."""
        row, hook = running.phase.row, running.hook
        ruling = rule_on(hook.rights, result, fields=self.seen, writable=self._plan.writable)
        failure = failure_of(ruling, hook, self.seen, self._plan.max_payload_bytes)
        if hook.in_shadow:
            ruling = in_shadow(ruling)
        blocked = ruling.outcome is HookOutcome.BLOCKED
        if failure is None and (blocked or row.schedule is Schedule.SERIAL):
            failure = self._keep_state(hook, ruling)
        effects: list[Effect] = [*notices.about(running, self._call_id, ruling)]
        if failure is not None:
            failed = self.failure(running, failure, now, rejected=ruling.rejected)
            return Judgement(effects + failed.effects, failed.end, is_failure=True)
        if row.schedule is Schedule.PARALLEL:
            self._kept.append(_Kept(running, ruling))
        self.ledger.answered(running, ruling, now, annotations=result.annotations)
        if blocked:
            return Judgement(effects, ending.blocked(hook, ruling))
        if ruling.patch:
            self.fields = {**self.fields, **ruling.patch}
            self.seen = self.fields
        return Judgement(effects)

    def failure(
        self, running: Running, failure: HookFailure, now: float, *, rejected: tuple[str, ...] = ()
    ) -> Judgement:
        """A hook failed."""
        hook = running.hook
        follows = _consequence(hook, failure)
        self.ledger.failed(running, failure, now, outcome=follows.outcome, rejected=rejected)
        kind = failure.failure_class
        effects: list[Effect] = [RunFailed(running.run, kind, follows.opens_circuit, running.index)]
        if kind is FailureClass.MALFORMED and running.instance:
            effects.append(notices.malformed(running, self._call_id, failure.message))
        if not follows.ends_call:
            return Judgement(effects)
        return Judgement(effects, ending.failed(failures.hook_failed(hook, failure), hook))

    def settle(self, now: float) -> Judgement:
        """Keeps what a parallel phase staged, in plan order, so that arrival never matters."""
        kept, self._kept = sorted(self._kept, key=lambda it: it.running.place), []
        effects: list[Effect] = []
        mark = self.state.mark()
        for it in kept:
            failure = self._keep_state(it.running.hook, it.ruling)
            if failure is None:
                continue
            failed = self.failure(it.running, failure, now, rejected=it.ruling.rejected)
            effects += failed.effects
            if failed.end is not None:
                self.state.restore(mark)
                return Judgement(effects, failed.end)
        return Judgement(effects)

    def _keep_state(self, hook: PlannedHook, ruling: Ruling) -> HookFailure | None:
        try:
            self.state.keep(hook.worker, ruling.state)
        except MalformedError as error:
            return malformed(str(error))
        return None


def _consequence(hook: PlannedHook, failure: HookFailure) -> Consequence:
    kind = failure.failure_class
    return consequence(kind, hook.on_error[kind], may_end_call=hook.may_end_call)
