"""A clock that moves only when told to, links that do as they are told, a registry of one plan."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import count

from sidehook._call import CallAnswer, CallRequest, Proceed, Receipt, Violation
from sidehook._run import HookFailure, HookResult, NothingToSay, Notice, Patch, RunRequest
from sidehook._types import FailureClass, HookOutcome, Mode, OnError, Value, ValueKind
from sidehook_server.dispatch.detached_limits import DetachedLimits
from sidehook_server.dispatch.dispatcher import CallHandle, Dispatcher
from sidehook_server.dispatch.fair_share import Refusal
from sidehook_server.dispatch.journal import Done, Journal
from sidehook_server.dispatch.link import RunSink
from sidehook_server.dispatch.links import LinkTable
from sidehook_server.dispatch.observer import DetachedLoss, FrameDrop, GuardMissed
from sidehook_server.pipeline.breaker import BreakerState
from sidehook_server.pipeline.load import LoadLimits
from sidehook_server.pipeline.model import CallSettings, DetachedWork, PlannedHook
from sidehook_server.pipeline.plan import Plan, compile_plan

PROCEED = HookResult(answer=NothingToSay())
BLOCK = HookResult(answer=Violation(reason="no", code="NO"))


def json_value(text: str) -> Value:
    return Value(ValueKind.JSON, text.encode())


def fields_of(**texts: str) -> dict[str, Value]:
    return {name: json_value(text) for name, text in texts.items()}


def patch(**texts: str) -> HookResult:
    return HookResult(answer=Patch(fields_of(**texts)))


def a_failure(kind: FailureClass) -> HookFailure:
    return HookFailure(failure_class=kind, code="TEST", message="as the test wants it")


LOST = a_failure(FailureClass.UNREACHABLE)
BUSY = a_failure(FailureClass.OVERLOADED)


def a_hook(
    name: str,
    mode: Mode = Mode.SEQUENTIAL,
    *,
    worker: str = "w",
    on_error: OnError = OnError.FAIL,
    timeout: float = 5.0,
    priority: int = 50,
    idempotent: bool = False,
    scope: str | None = None,
    handle: str | None = None,
) -> PlannedHook:
    return PlannedHook(
        worker=worker,
        name=name,
        hook_type="t",
        mode=mode,
        priority=priority,
        timeout=timeout,
        on_error=dict.fromkeys(FailureClass, on_error),
        idempotent=idempotent,
        scope=scope,
        handle=handle,
    )


class FakeClock:
    """Time stands still until `advance`."""

    def __init__(self) -> None:
        self._now = 1000.0
        self._numbers = count()
        self._timers: list[tuple[float, int, FakeTimer]] = []

    def time(self) -> float:
        return self._now

    def call_at(self, when: float, callback: Callable[[], None], /) -> FakeTimer:
        timer = FakeTimer(callback)
        heapq.heappush(self._timers, (when, next(self._numbers), timer))
        return timer

    @property
    def timers(self) -> int:
        """Timers that are set and not cancelled."""
        return sum(timer.callback is not None for _, _, timer in self._timers)

    def jump(self, seconds: float) -> None:
        """Moves on, and no timer has its turn: the loop was busy."""
        self._now += seconds

    def advance(self, seconds: float) -> None:
        """Moves on, and calls every timer at its time."""
        until = self._now + seconds
        while self._timers and self._timers[0][0] <= until:
            when, _, timer = heapq.heappop(self._timers)
            self._now = max(self._now, when)
            if timer.callback is not None:
                timer.callback()
        self._now = until


class FakeTimer:
    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None


class FakeRun:
    """One run that a fake link was given."""

    def __init__(self, link: FakeLink, request: RunRequest, sink: RunSink) -> None:
        self.link = link
        self.request = request
        self.hooks = [hook.hook for step in request.steps for hook in step]
        self.hook = self.hooks[0]
        self.cancelled = False
        self.stopped: list[int] = []
        self._open = set(range(len(self.hooks)))
        self._sink = sink

    def answer(self, result: HookResult = PROCEED) -> None:
        """The worker answers; a link drops what comes after a cancel."""
        self._end()
        if not self.cancelled:
            self._sink.answered(result)

    def fail(self, failure: HookFailure = LOST, *, sent: bool = True) -> None:
        self._end()
        if not self.cancelled:
            self._sink.failed(failure, sent=sent)

    def cancel(self, index: int | None = None) -> None:
        if index is not None:
            self.stopped.append(index)
            return
        self._end()
        self.cancelled = True

    def begin(self, index: int = 0) -> None:
        """The worker calls a hook."""
        self._sink.begun(index)

    def ask_for(self, seconds: float) -> None:
        """The hook asks for more time."""
        self._sink.extended(seconds)

    def answer_one(self, index: int, answer: HookResult = PROCEED) -> None:
        """One of several hooks answers; the run goes on until its last one has."""
        self._open.discard(index)
        if not self._open:
            self._end()
        if not self.cancelled:
            self._sink.answered(replace(answer, index=index))

    def spoil(self, index: int | None = None) -> None:
        """The answer of one of several hooks cannot be read."""
        if not self.cancelled:
            self._sink.spoiled(a_failure(FailureClass.MALFORMED), index)

    def end(self) -> None:
        """The worker says that nothing more comes for a run of several hooks."""
        self._end()
        if not self.cancelled:
            self._sink.ended()

    def _end(self) -> None:
        if self in self.link.under_way:
            self.link.under_way.remove(self)
            self.link.released()


class FakeLink:
    """A link under the control of a test. `refuses` is what it says instead of sending."""

    def __init__(self, link_id: str, *, worker: str = "w") -> None:
        self.link_id = link_id
        self.worker = worker
        self.instance = f"{worker}@{link_id}"
        self.healthy = True
        self.draining = False
        self.tells_begin = False
        self.fuses = False
        self.max_in_flight = 1024
        self.released: Callable[[], None] = lambda: None
        self.refuses: HookFailure | None = None
        self.raises: Exception | None = None
        self.runs: list[FakeRun] = []
        self.under_way: list[FakeRun] = []
        self.notices: list[Notice] = []

    @property
    def in_flight(self) -> int:
        return len(self.under_way)

    def send(self, run: RunRequest, sink: RunSink) -> FakeRun | HookFailure:
        if self.raises is not None:
            raise self.raises
        if self.refuses is not None:
            return self.refuses
        sent = FakeRun(self, run, sink)
        self.runs.append(sent)
        self.under_way.append(sent)
        return sent

    def on_release(self, callback: Callable[[], None]) -> None:
        self.released = callback

    def notify(self, notice: Notice) -> None:
        self.notices.append(notice)

    @property
    def last(self) -> FakeRun:
        return self.runs[-1]


@dataclass
class FakeRegistry:
    """One plan for the type `t`. Every hook runs on the links of its worker in `serving`."""

    hooks: tuple[PlannedHook, ...] = ()
    writable: frozenset[str] = frozenset("abc")
    serving: dict[str, tuple[str, ...]] = field(default_factory=dict)
    settings: CallSettings = field(default_factory=CallSettings)
    strict_scopes: bool = False
    undeclared_allowed: bool = False
    handles: dict[str, tuple[PlannedHook, ...]] = field(default_factory=dict)
    scopes: frozenset[str] = frozenset()
    max_payload_bytes: int = 1000
    generation: int = 7
    fuses: frozenset[str] = frozenset()
    caps: dict[str, int] = field(default_factory=dict)

    def max_in_flight(self, worker: str) -> int | None:
        return self.caps.get(worker)

    def is_declared(self, hook_type: str) -> bool:
        return hook_type == "t"

    def plan(self, hook_type: str) -> Plan:
        hooks = self.hooks if hook_type == "t" else ()
        plan = compile_plan(
            hook_type,
            hooks,
            writable=self.writable,
            generation=self.generation,
            fuses=self.fuses,
        )
        return replace(plan, max_payload_bytes=self.max_payload_bytes)

    def scope_hooks(self, handle: str, hook_type: str) -> tuple[PlannedHook, ...] | None:
        return self.handles.get(handle)

    def unknown_scopes(self, tenant: str, scopes: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(scope for scope in scopes if scope not in self.scopes)

    def candidates(self, hook: PlannedHook) -> tuple[str, ...]:
        return self.serving.get(hook.handle or hook.worker, ())

    def is_in_force(self, hook: PlannedHook) -> bool:
        return hook in self.hooks


@dataclass
class Recorder:
    """An observer that writes everything down."""

    finished: list[CallAnswer] = field(default_factory=list)
    guards_missed: dict[GuardMissed, int] = field(default_factory=dict)
    suppressed: list[str] = field(default_factory=list)
    discarded: list[str] = field(default_factory=list)
    rejected: dict[str, int] = field(default_factory=dict)
    unknown_scopes: int = 0
    late: list[str] = field(default_factory=list)
    dropped: list[FrameDrop] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)
    restored: list[str] = field(default_factory=list)
    refused: list[tuple[str, DetachedLoss]] = field(default_factory=list)
    retried: list[FailureClass] = field(default_factory=list)
    delivered: list[str] = field(default_factory=list)
    lost: list[tuple[str, DetachedLoss]] = field(default_factory=list)
    circuits: list[tuple[str, BreakerState]] = field(default_factory=list)
    calls_refused: list[Refusal] = field(default_factory=list)
    waited: list[tuple[str, float]] = field(default_factory=list)
    turned_away: list[str] = field(default_factory=list)

    def call_finished(self, request: CallRequest, answer: CallAnswer, seconds: float) -> None:
        self.finished.append(answer)

    def call_refused(self, hook_type: str, cause: Refusal) -> None:
        self.calls_refused.append(cause)

    def run_waited(self, hook: PlannedHook, seconds: float) -> None:
        self.waited.append((hook.name, seconds))

    def run_turned_away(self, hook: PlannedHook) -> None:
        self.turned_away.append(hook.name)

    def guard_missed(self, hook_type: str, cause: GuardMissed, *, count: int = 1) -> None:
        self.guards_missed[cause] = self.guards_missed.get(cause, 0) + count

    def block_suppressed(self, hook_type: str, worker: str, hook: str) -> None:
        self.suppressed.append(f"{worker}/{hook}")

    def patch_discarded(self, hook_type: str, worker: str, hook: str) -> None:
        self.discarded.append(f"{worker}/{hook}")

    def fields_rejected(self, hook_type: str, worker: str, hook: str, *, count: int) -> None:
        self.rejected[f"{worker}/{hook}"] = count

    def scopes_unknown(self, hook_type: str, *, count: int) -> None:
        self.unknown_scopes += count

    def late_answer(self, worker: str) -> None:
        self.late.append(worker)

    def frame_dropped(self, worker: str, cause: FrameDrop) -> None:
        self.dropped.append(cause)

    def circuit_changed(self, hook: PlannedHook, state: BreakerState) -> None:
        self.circuits.append((hook.name, state))

    def detached_accepted(self, hook: PlannedHook) -> None:
        self.accepted.append(hook.name)

    def detached_restored(self, hook: PlannedHook) -> None:
        self.restored.append(hook.name)

    def detached_refused(self, hook: PlannedHook, cause: DetachedLoss) -> None:
        self.refused.append((hook.name, cause))

    def detached_retried(self, hook: PlannedHook, failure_class: FailureClass) -> None:
        self.retried.append(failure_class)

    def detached_delivered(self, hook: PlannedHook, seconds: float) -> None:
        self.delivered.append(hook.name)

    def detached_lost(self, hook: PlannedHook, cause: DetachedLoss) -> None:
        self.lost.append((hook.name, cause))


class FakeJournal:
    """A journal that is written when the test says so. `rows` is what a crash would leave."""

    def __init__(self) -> None:
        self.rows: dict[int, DetachedWork] = {}
        self.sent: set[int] = set()
        self.works = True
        self.asked: list[Callable[[bool], None]] = []

    def write(self) -> None:
        """Everything that was asked for is on the disk, or on none when it does not work."""
        asked, self.asked = self.asked, []
        for do in asked:
            do(self.works)

    def keep(self, number: int, work: DetachedWork, done: Done) -> None:
        def do(works: bool) -> None:  # noqa: FBT001 - what a Done is told
            if works:
                self.rows[number] = work
            done(works)

        self.asked.append(do)

    def mark_sent(self, number: int, done: Done) -> None:
        def do(works: bool) -> None:  # noqa: FBT001 - what a Done is told
            if works:
                self.sent.add(number)
            done(works)

        self.asked.append(do)

    def mark_unsent(self, number: int) -> None:
        self.asked.append(lambda _: self.sent.discard(number))

    def remove(self, number: int) -> None:
        def do(_works: bool) -> None:  # noqa: FBT001 - what a Done is told
            self.rows.pop(number, None)
            self.sent.discard(number)

        self.asked.append(do)


class Bench:
    """A dispatcher on fakes. Each name in `links` is a link of the worker `w`."""

    def __init__(
        self,
        *hooks: PlannedHook,
        links: tuple[str, ...] = ("one",),
        detached: DetachedLimits | None = None,
        journal: Journal | None = None,
        load: LoadLimits | None = None,
    ) -> None:
        self.clock = FakeClock()
        self.table = LinkTable()
        self.links = {name: FakeLink(name) for name in links}
        self.registry = FakeRegistry(hooks=hooks, serving={"w": links})
        for link in self.links.values():
            self.table.add(link)
        self.seen = Recorder()
        self.registry.settings = CallSettings(load=load or LoadLimits())
        self.dispatcher = Dispatcher(
            registry=lambda: self.registry,
            links=self.table,
            clock=self.clock,
            observer=self.seen,
            detached=detached,
            journal=journal,
        )

    @property
    def link(self) -> FakeLink:
        return next(iter(self.links.values()))

    def call(self, request: CallRequest | None = None, **texts: str) -> FakeCall:
        fields = fields_of(**texts)
        return FakeCall(
            self, request or CallRequest(hook_type="t", call_id="call-1", fields=fields)
        )


class FakeCall:
    """One call, and the answers that it got."""

    def __init__(self, bench: Bench, request: CallRequest) -> None:
        self.answers: list[CallAnswer] = []
        self.handle: CallHandle = bench.dispatcher.start(request, self.answers.append)

    @property
    def answered(self) -> bool:
        return bool(self.answers)

    @property
    def answer(self) -> CallAnswer:
        assert len(self.answers) == 1, "a call is answered exactly once"
        return self.answers[0]

    @property
    def receipt(self) -> Receipt:
        return self.answer.receipt

    @property
    def outcomes(self) -> Mapping[str, HookOutcome | str]:
        return {line.hook: line.outcome for line in self.receipt.lines}

    @property
    def reason(self) -> str:
        return getattr(self.answer.outcome, "reason", "")

    @property
    def proceeded(self) -> bool:
        return isinstance(self.answer.outcome, Proceed)
