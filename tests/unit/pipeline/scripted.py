"""A driver for one call: scripted hooks, a clock that only moves when told to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sidehook._call import CallAnswer, CallContext, CallFailure, CallRequest, Proceed, Violation
from sidehook._manifest import ErrorPolicy
from sidehook._run import HookFailure, HookResult, NothingToSay, Patch, RunRequest
from sidehook._types import FailureClass, HookOutcome, Mode, OnError, Value, ValueKind
from sidehook_server.modes import MODES
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
    Tell,
)
from sidehook_server.pipeline.plan import Plan, compile_plan
from sidehook_server.pipeline.requests import shortened
from sidehook_server.pipeline.run import Call
from sidehook_server.policy import complete_policy

NOTHING = HookResult(answer=NothingToSay())


def json(text: str) -> Value:
    return Value(ValueKind.JSON, text.encode())


def patch(**texts: str) -> HookResult:
    return HookResult(answer=Patch({name: json(text) for name, text in texts.items()}))


def block(reason: str = "no", code: str = "NO") -> HookResult:
    return HookResult(answer=Violation(reason=reason, code=code))


def failure(kind: FailureClass = FailureClass.RAISED) -> HookFailure:
    return HookFailure(failure_class=kind, code="BOOM", message="it broke")


def a_hook(
    name: str,
    mode: Mode = Mode.SEQUENTIAL,
    *,
    on_error: OnError | None = None,
    required: bool = False,
    **terms: object,
) -> PlannedHook:
    hook = PlannedHook(
        worker="w",
        name=name,
        hook_type="t",
        mode=mode,
        priority=50,
        timeout=MODES[mode].default_timeout,
        on_error=complete_policy(mode, ErrorPolicy(default=on_error), required=required),
    )
    return replace(hook, **terms)  # type: ignore[arg-type]  # the terms are named by the tests


def a_plan(*hooks: PlannedHook, writable: str = "a b c", fuses: str = "", **rest: object) -> Plan:
    """The workers named by `fuses` take several hooks in a run."""
    plan = compile_plan(
        "t", hooks, writable=frozenset(writable.split()), fuses=frozenset(fuses.split())
    )
    return replace(plan, **rest)  # type: ignore[arg-type]  # the parts are named by the tests


@dataclass
class Scripted:
    """One call under test. `runs` maps a hook's name to the run it was sent.

    `sends` False leaves every run waiting in the sidecar. An instance takes the first
    `takes` hooks of a run. `indexes` are those of the hooks in their runs.
    """

    plan: Plan
    fields: Mapping[str, Value] = field(default_factory=lambda: {"a": json("1"), "b": json("2")})
    settings: CallSettings = field(default_factory=CallSettings)
    context: CallContext = field(default_factory=CallContext)
    budget: float | None = None
    takes_detached: bool = True
    lost_handles: tuple[str, ...] = ()
    now: float = 100.0
    log: list[str] = field(default_factory=list)
    started: dict[str, StartRun] = field(default_factory=dict)
    runs: dict[str, RunRequest] = field(default_factory=dict)
    indexes: dict[str, int] = field(default_factory=dict)
    detached: dict[str, DetachedWork] = field(default_factory=dict)
    told: list[Tell] = field(default_factory=list)
    blamed: list[RunFailed] = field(default_factory=list)
    shed: list[Shed] = field(default_factory=list)
    load: Load = Load.NORMAL
    tells_begin: bool = False
    sends: bool = True
    takes: int = 64
    answer: CallAnswer | None = None

    def __post_init__(self) -> None:
        request = CallRequest(
            hook_type="t",
            fields=self.fields,
            call_id="call-1",
            budget=self.budget,
            context=self.context,
        )
        self.call = Call(
            self.plan,
            request,
            settings=self.settings,
            now=self.now,
            lost_handles=self.lost_handles,
            load=self.load,
        )
        self.carry_out(self.call.start(self.now))

    def carry_out(self, effects: list[Effect]) -> None:
        for effect in effects:
            assert self.answer is None, "nothing comes after Finish"
            match effect:
                case StartRun():
                    self._start(effect)
                case CancelRun(run, index):
                    self.log.append(f"cancel {self._names_of(run, index)}")
                case Detach(work):
                    self.detached.update({it.hook.name: it for it in work})
                    taken = [self.takes_detached] * len(work)
                    self.carry_out(self.call.detached(taken, self.now))
                case Shed():
                    self.shed.append(effect)
                case RunFailed():
                    self.blamed.append(effect)
                case Tell():
                    self.told.append(effect)
                case Finish(answer):
                    self.answer = answer

    def _start(self, start: StartRun) -> None:
        hooks = (start.hook, *start.riders)
        request, count = start.request, min(self.takes, len(hooks)) if self.sends else len(hooks)
        if count < len(hooks):
            request = shortened(request, hooks, count)
        for index, hook in enumerate(hooks[:count]):
            self.started[hook.name], self.runs[hook.name] = start, request
            self.indexes[hook.name] = index
        self.log.append(f"start {self._names_of(start.run)}")
        if self.sends:
            again = self.call.shortened(start.run, count, self.now) if count < len(hooks) else []
            self.carry_out(self.call.sent(start.run, "i1", tells_begin=self.tells_begin))
            self.carry_out(again)

    def _names_of(self, run: int, index: int | None = None) -> str:
        names = [name for name, start in self.started.items() if start.run == run]
        assert names, f"no run {run}"
        return " ".join(name for name in names if index in (None, self.indexes[name]))

    def says(self, name: str, result: HookResult = NOTHING) -> Scripted:
        """The hook answers."""
        run, index = self.started[name].run, self.indexes[name]
        result = replace(result, index=index) if index else result
        self.carry_out(self.call.answered(run, result, self.now))
        return self

    def fails(self, name: str, kind: FailureClass = FailureClass.RAISED) -> Scripted:
        """The run of the hook gives no answer."""
        run = self.started[name].run
        self.carry_out(self.call.failed(run, failure(kind), self.now))
        return self

    def is_lost(self, name: str) -> Scripted:
        """The connection with the run of the hook breaks."""
        run = self.started[name].run
        self.carry_out(self.call.lost(run, failure(FailureClass.UNREACHABLE), self.now))
        return self

    def runs_out(self, name: str) -> Scripted:
        """The worker says that nothing more comes for the run of the hook."""
        self.carry_out(self.call.ran_out(self.started[name].run, self.now))
        return self

    def spoils(self, name: str, *, whole: bool = False) -> Scripted:
        """An answer of the hook, or of nobody in its `whole` run, cannot be read."""
        run, index = self.started[name].run, None if whole else self.indexes[name]
        broken = failure(FailureClass.MALFORMED)
        self.carry_out(self.call.spoiled(run, broken, self.now, index))
        return self

    def is_shed(self, name: str) -> Scripted:
        """There is no room for its run to wait."""
        run = self.started[name].run
        self.carry_out(self.call.shed(run, failure(FailureClass.OVERLOADED), self.now))
        return self

    def begins(self, name: str) -> Scripted:
        """The worker calls the hook."""
        self.call.begun(self.started[name].run, self.indexes[name])
        return self

    def asks_for(self, name: str, seconds: float) -> Scripted:
        """The hook asks for more time."""
        run, index = self.started[name].run, self.indexes[name]
        self.carry_out(self.call.extended(run, seconds, self.now, index))
        return self

    def wait(self, seconds: float) -> Scripted:
        """The clock moves on, with a tick at every moment the call asked for."""
        until = self.now + seconds
        while self.call.wake_at <= until:
            self.now = self.call.wake_at
            self.carry_out(self.call.tick(self.now))
        self.now = until
        return self

    def cancel(self) -> Scripted:
        """The caller is gone."""
        self.carry_out(self.call.cancel(self.now))
        return self

    @property
    def verdict(self) -> CallAnswer:
        assert self.answer is not None, f"no verdict yet: {self.log}"
        return self.answer

    @property
    def patched(self) -> dict[str, str]:
        """What a call that proceeded changed, as texts."""
        assert isinstance(self.verdict.outcome, Proceed), self.verdict.outcome
        return {name: it.octets.decode() for name, it in self.verdict.outcome.patch.items()}

    @property
    def violation(self) -> Violation:
        assert isinstance(self.verdict.outcome, Violation), self.verdict.outcome
        return self.verdict.outcome

    @property
    def failure(self) -> CallFailure:
        assert isinstance(self.verdict.outcome, CallFailure), self.verdict.outcome
        return self.verdict.outcome

    @property
    def outcomes(self) -> dict[str, HookOutcome | str]:
        """The receipt in short: hook name to outcome, in plan order."""
        return {line.hook: line.outcome for line in self.verdict.receipt.lines}

    def seen(self, name: str) -> dict[str, str]:
        """The payload that a hook received, as texts."""
        request = self.detached[name].request if name in self.detached else self.runs[name]
        return {field: value.octets.decode() for field, value in request.fields.items()}
