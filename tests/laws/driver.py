"""Runs a chain through the real pipeline on a clock of its own."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

from sidehook._call import CallAnswer, CallContext, CallRequest, StateChange, Violation
from sidehook._manifest import ErrorPolicy
from sidehook._run import HookAnswer, HookFailure, HookResult, NothingToSay, Patch
from sidehook._types import Value, ValueKind
from sidehook_server.pipeline.model import (
    CallSettings,
    CancelRun,
    Detach,
    Effect,
    Finish,
    PlannedHook,
    StartRun,
)
from sidehook_server.pipeline.plan import compile_plan
from sidehook_server.pipeline.run import Call
from sidehook_server.policy import complete_policy
from tests.laws.chains import WRITABLE, Blocks, Chain, Fails, HookCase, Nothing, Patches, Silent
from tests.laws.reference import delay_of, name_of


@dataclass
class Outcome:
    """What the pipeline did: the verdict, what telemetry hooks got, what was cancelled."""

    answer: CallAnswer | None = None
    telemetry: dict[int, dict[str, str] | None] = field(default_factory=dict)
    open_runs: set[int] = field(default_factory=set)
    finishes: int = 0


def _value(text: str) -> Value:
    return Value(ValueKind.JSON, text.encode())


def _planned(place: int, hook: HookCase) -> PlannedHook:
    return PlannedHook(
        worker="w",
        name=name_of(place),
        hook_type="t",
        mode=hook.mode,
        priority=hook.priority,
        timeout=hook.timeout / 1000,
        on_error=complete_policy(
            hook.mode, ErrorPolicy(default=hook.on_error), required=hook.required
        ),
        on_rejected=hook.on_rejected,
        scope=hook.scope,
        required=hook.required,
    )


def _answer(hook: HookCase) -> HookAnswer:
    match hook.says:
        case Patches(texts):
            return Patch({name: _value(text) for name, text in texts})
        case Blocks(code):
            return Violation(reason="no", code=code)
        case Fails(kind):
            return HookFailure(failure_class=kind)
        case Nothing() | Silent():
            return NothingToSay()


class Driver:
    """One chain, from its arrival to its verdict."""

    def __init__(self, chain: Chain, payload: dict[str, str]) -> None:
        self.chain = chain
        self.outcome = Outcome()
        self._now = 0.0
        self._room = chain.queue_room
        self._events: list[tuple[float, int, int]] = []
        plan = compile_plan(
            "t",
            [_planned(place, hook) for place, hook in enumerate(chain.hooks)],
            writable=WRITABLE,
        )
        request = CallRequest(
            hook_type="t",
            fields={name: _value(text) for name, text in payload.items()},
            call_id="c",
            budget=chain.budget / 1000,
            context=CallContext(scopes=chain.scopes),
        )
        settings = CallSettings(payload_on_block=chain.payload_on_block)
        self.call = Call(plan, request, settings=settings, now=0.0)

    def run(self) -> Outcome:
        """Let everything happen in the order of time until nothing is left to happen."""
        self._carry_out(self.call.start(0.0))
        cancel = self.chain.cancel_at
        cancel_at = float("inf") if cancel is None else (cancel + 0.005) / 1000
        while not self.call.finished:
            answer_at = self._events[0][0] if self._events else float("inf")
            self._now = min(answer_at, self.call.wake_at, cancel_at)
            if self._now == cancel_at:
                cancel_at = float("inf")
                self._carry_out(self.call.cancel(self._now))
            elif self._now == self.call.wake_at:
                self._carry_out(self.call.tick(self._now))
            else:
                _, run, place = heapq.heappop(self._events)
                self._carry_out(self.call.answered(run, self._result(place), self._now))
        return self.outcome

    def _result(self, place: int) -> HookResult:
        hook = self.chain.hooks[place]
        state = StateChange({key: text.encode() for key, text in hook.sets_state})
        return HookResult(answer=_answer(hook), state=state)

    def _carry_out(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case StartRun(run, hook, _, _):
                    self._send(run, int(hook.name[1:]))
                case CancelRun(run):
                    self.outcome.open_runs.discard(run)
                case Detach():
                    self._detach(effect)
                case Finish(answer):
                    self.outcome.answer = answer
                    self.outcome.finishes += 1

    def _send(self, run: int, place: int) -> None:
        hook = self.chain.hooks[place]
        self.outcome.open_runs.add(run)
        self._carry_out(self.call.sent(run, "i"))
        if not isinstance(hook.says, Silent):
            heapq.heappush(self._events, (self._now + delay_of(place, hook) / 1000, run, place))

    def _detach(self, effect: Detach) -> None:
        accepted = []
        for work in effect.work:
            accepted.append(self._room > 0)
            self._room -= 1
            end = work.request.call_end
            assert end is not None, "a detached hook learns how its call ended"
            texts = {name: it.octets.decode() for name, it in work.request.fields.items()}
            self.outcome.telemetry[int(work.hook.name[1:])] = (
                None if end.payload_withheld else texts
            )
        self._carry_out(self.call.detached(accepted, self._now))
