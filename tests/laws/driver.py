"""Runs a chain through the real pipeline on a clock of its own."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from math import inf
from types import MappingProxyType
from typing import Final

from sidehook._call import (
    CallAnswer,
    CallContext,
    CallRequest,
)
from sidehook._run import HookFailure, HookResult, RunRequest
from sidehook._types import FailureClass
from sidehook_server.pipeline.answers import malformed
from sidehook_server.pipeline.model import (
    CallSettings,
    CancelRun,
    Detach,
    Effect,
    Finish,
    PlannedHook,
    RunFailed,
    StartRun,
    Tell,
)
from sidehook_server.pipeline.plan import Plan, compile_plan, overlay
from sidehook_server.pipeline.requests import shortened
from sidehook_server.pipeline.run import Call
from tests.laws.cases import Looks, planned, result_of, value_of
from tests.laws.chains import (
    MARGIN,
    MAX_EXTENSION,
    OBSERVERS_SHARE,
    WRITABLE,
    Breaks,
    Chain,
    Garbled,
    HookCase,
    Silent,
)
from tests.laws.fused import FusedRun, taken
from tests.laws.story import ASKS_AFTER, ASKS_AGAIN_AFTER

NOBODY: Final[Mapping[str, PlannedHook]] = MappingProxyType({})

Event = Callable[[], list[Effect] | None]
"""Something that happens to a call, and what it asks for then."""

_ENOUGH: Final = 1000
"""More than can happen in one call."""


@dataclass(frozen=True, slots=True)
class Start:
    """A run that the pipeline asked for: when, and how long it was to be waited for."""

    at: float
    expires: float
    request: RunRequest


@dataclass
class Trace:
    """What the pipeline did, by the names of hooks.

    `looked_at` are the fields that conditions were shown. `open_runs` were started and
    neither ended nor cancelled. `after_finish` must stay empty; `late` counts the answers
    to runs that were over, `fused` the hooks that had their turn in the run of another.
    `carried` are the fields of runs of several hooks, by the first one.
    """

    plan: Plan
    answers: list[CallAnswer] = field(default_factory=list)
    starts: dict[str, Start] = field(default_factory=dict)
    detached: dict[str, RunRequest] = field(default_factory=dict)
    looked_at: Looks = field(default_factory=list)
    told: list[tuple[str, str]] = field(default_factory=list)
    blamed: list[tuple[FailureClass, bool]] = field(default_factory=list)
    open_runs: set[int] = field(default_factory=set)
    after_finish: list[Effect] = field(default_factory=list)
    fused: int = 0
    carried: Looks = field(default_factory=list)
    late: int = 0
    counted_late: int = 0

    @property
    def answer(self) -> CallAnswer:
        """The verdict and its receipt."""
        return self.answers[0]


class Driver:
    """One chain, from its arrival to its verdict and until the last late answer.

    `arrivals` are moments at which hooks answer instead of their own. `latest_first` turns
    the order of what happens at one moment around. `known` are hooks that were planned
    before, by name. `fused`: the workers take several hooks in one run.
    """

    def __init__(
        self,
        chain: Chain,
        payload: Mapping[str, str],
        *,
        arrivals: Mapping[str, float] | None = None,
        latest_first: bool = False,
        known: Mapping[str, PlannedHook] = NOBODY,
        fused: bool = False,
    ) -> None:
        self._chain = chain
        self._hooks = {hook.name: hook for hook in chain.hooks}
        self._arrivals = arrivals or {}
        self._step = -1 if latest_first else 1
        self._now = 0.0
        self._room = chain.queue_room
        self._effects: deque[Effect] = deque()
        self._events: list[tuple[float, int, Event]] = []
        self._numbers = count()
        self._names: dict[int, str] = {}
        self._fused: dict[int, FusedRun] = {}
        looked_at: Looks = []
        hooks = [known.get(hook.name) or planned(hook, looked_at) for hook in chain.hooks]
        plan = compile_plan(
            "t",
            [hook for hook in hooks if hook.handle is None],
            writable=WRITABLE,
            missing=("w/guard",) if chain.missing else (),
            max_payload_bytes=chain.max_payload,
            fuses=frozenset({"v", "w"}) if fused else frozenset(),
            generation=7,
        )
        plan = overlay(plan, tuple(hook for hook in hooks if hook.handle is not None))
        self.trace = Trace(plan, looked_at=looked_at)
        request = CallRequest(
            hook_type="t",
            fields={name: value_of(text) for name, text in payload.items()},
            call_id="call",
            budget=float(chain.budget),
            context=CallContext(
                scopes=chain.scopes,
                tenant=chain.tenant,
                session_id=chain.session,
                state={key: text.encode() for key, text in chain.state},
            ),
        )
        settings = CallSettings(
            margin=float(MARGIN),
            observer_share=OBSERVERS_SHARE,
            payload_on_block=chain.payload_on_block,
            max_state_bytes=chain.max_state,
            max_extension=float(MAX_EXTENSION),
        )
        lost = ("lost",) if chain.lost_handle else ()
        self._call = Call(plan, request, settings=settings, now=0.0, lost_handles=lost)

    def run(self) -> Trace:
        """Let everything happen in the order of time until nothing is left to happen."""
        call, cancels = self._call, self._chain.cancel_at
        cancel_at = inf if cancels is None else float(cancels)
        self._carry_out(call.start(0.0))
        for _ in range(_ENOUGH):
            if call.finished:
                break
            next_event = self._events[0][0] if self._events else inf
            wakes = call.wake_at
            self._now = min(next_event, wakes, cancel_at)
            if self._now == cancel_at:
                cancel_at = inf
                self._carry_out(call.cancel(self._now))
            elif self._now == wakes:
                self._carry_out(call.tick(self._now))
            else:
                self._carry_out(heapq.heappop(self._events)[2]() or [])
        assert call.finished, "the call never ends"
        self._outlast()
        return self.trace

    def _outlast(self) -> None:
        """What comes after the verdict comes to nothing."""
        while self._events:
            self._now, _, event = heapq.heappop(self._events)
            self._carry_out(event() or [])
        self._carry_out(self._call.tick(self._now))
        self._carry_out(self._call.cancel(self._now))
        self.trace.counted_late = self._call.late_answers
        self.trace.open_runs.update(run for run in self._names if self._call.awaits(run))

    def _carry_out(self, effects: list[Effect]) -> None:
        """In order, each one whole before the next, as the dispatcher does."""
        if self.trace.answers:
            self.trace.after_finish += effects
            return
        self._effects += effects
        while self._effects:
            self._carry(self._effects.popleft())

    def _carry(self, effect: Effect) -> None:
        trace = self.trace
        if trace.answers:
            trace.after_finish.append(effect)
        match effect:
            case StartRun():
                self._start(effect)
            case CancelRun(run, index):
                trace.open_runs.discard(run)
                if run in self._fused:
                    self._fused[run].cancel(index)
            case RunFailed(_, kind, opens):
                trace.blamed.append((kind, opens))
            case Tell(hook, _, notice):
                trace.told.append((hook.name, notice.code))
            case Detach():
                self._detach(effect)
            case Finish(answer):
                trace.answers.append(answer)

    def _start(self, start: StartRun) -> None:
        run, name = start.run, start.hook.name
        if not self._call.awaits(run):
            return  # Another run ended the call before this one's turn to be sent had come.
        if start.riders:
            self._start_fused(start)
            return
        self.trace.starts[name] = Start(self._now, start.expires, start.request)
        self.trace.open_runs.add(run)
        self._names[run] = name
        hook = self._hooks[name]
        trip = hook.trip
        if trip.refused is not None:
            self._effects += self._fails(run, trip.refused, "REFUSED")
        elif trip.sent == 0:
            self._sent(run, hook)
        elif trip.sent is not None:
            self._at(self._now + trip.sent, partial(self._sent, run, hook))

    def _start_fused(self, start: StartRun) -> None:
        """A run of several hooks, of which the instance takes as many as it can."""
        planned = (start.hook, *start.riders)
        hooks = [self._hooks[hook.name] for hook in planned]
        count = taken(hooks, start.request.steps)
        request = shortened(start.request, planned, count)
        if count < len(hooks):
            self._effects += self._call.shortened(start.run, count, self._now)
        if count == 1:
            self._start(replace(start, request=request, riders=()))
            return
        if len(request.steps) > 1:
            self.trace.carried.append((start.hook.name, frozenset(request.fields)))
        run = FusedRun(self, start.run, request, hooks[:count])
        self._fused[start.run] = run
        self._names[start.run] = start.hook.name
        self._call.sent(start.run, "i", tells_begin=True)
        run.next_step()

    def called(self, hook: HookCase, view: RunRequest, run: FusedRun, index: int) -> None:
        """A hook of a run of several is called."""
        self.trace.fused += index > 0
        self.trace.starts[hook.name] = Start(self._now, inf, view)
        if not hook.trip.tells:
            self._call.begun(run.run, index)
        if hook.trip.begins is None:
            return
        begun = self._now + hook.trip.begins
        if hook.trip.tells:
            self._at(begun, partial(self._call.begun, run.run, index))
        for number, extra in enumerate(hook.asks):
            asks = begun + ASKS_AFTER + number * ASKS_AGAIN_AFTER
            self._at(asks, partial(self._call.extended, run.run, float(extra), asks, index))
        if not isinstance(hook.says, Silent):
            self._at(begun + hook.delay, partial(run.answers, index))

    def told(self, hook: HookCase, result: HookResult, run: FusedRun, index: int) -> list[Effect]:
        """A hook of a run of several answers, or what it would have answered on breaks."""
        call, now = self._call, self._now
        if isinstance(hook.says, Garbled):
            if run.is_at_once:
                return call.spoiled(run.run, malformed("of nobody"), now, index)
            return call.answered(run.run, replace(result, index=99), now)
        if isinstance(hook.says, Breaks):
            broke = HookFailure(failure_class=hook.says.kind, code="BROKE")
            if run.is_at_once:
                return call.spoiled(run.run, broke, now, index)
            return (call.lost if hook.says.kind is FailureClass.UNREACHABLE else call.failed)(
                run.run, broke, now
            )
        return call.answered(run.run, result, now)

    def ended(self, run: FusedRun) -> list[Effect]:
        """The worker says that nothing more comes."""
        return self._call.ran_out(run.run, self._now)

    def _sent(self, run: int, hook: HookCase) -> None:
        self._call.sent(run, "i", tells_begin=hook.trip.tells)
        if hook.trip.begins is None:
            return
        begun = self._now + hook.trip.begins
        if hook.trip.tells:
            self._at(begun, partial(self._call.begun, run))
        for number, extra in enumerate(hook.asks):
            asks = begun + ASKS_AFTER + number * ASKS_AGAIN_AFTER
            self._at(asks, partial(self._call.extended, run, float(extra), asks))
        if not isinstance(hook.says, Silent):
            at = self._arrivals.get(hook.name, begun + hook.delay)
            self._at(at, partial(self._answers, run, hook))

    def _at(self, moment: float, event: Event) -> None:
        heapq.heappush(self._events, (moment, self._step * next(self._numbers), event))

    def _answers(self, run: int, hook: HookCase) -> list[Effect]:
        if isinstance(hook.says, Breaks):
            return self._fails(run, hook.says.kind, "BROKE")
        if run not in self.trace.open_runs:
            self.trace.late += 1
        self.trace.open_runs.discard(run)
        return self._call.answered(run, result_of(hook), self._now)

    def _fails(self, run: int, kind: FailureClass, code: str) -> list[Effect]:
        self.trace.open_runs.discard(run)
        return self._call.failed(run, HookFailure(failure_class=kind, code=code), self._now)

    def _detach(self, effect: Detach) -> None:
        accepted = []
        for work in effect.work:
            accepted.append(self._room > 0)
            self._room -= 1
            self.trace.detached[work.hook.name] = work.request
        self._effects += self._call.detached(accepted, self._now)
