"""Hooks as planned, the settings of a call, and the effects a call asks for. Pure data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from sidehook._call import CallAnswer
from sidehook._run import Notice, RunRequest
from sidehook._types import FailureClass, Mode, OnError, OnRejected
from sidehook_server.conditions import Condition
from sidehook_server.modes import GATES, MODES, ModeRow, Schedule
from sidehook_server.pipeline.breaker import BreakerSettings
from sidehook_server.pipeline.load import Load, LoadLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedHook:
    """One hook with the terms it runs on, defaults and the operator's word applied.

    `on_error` has an entry for every failure class. `timeout` in seconds. `fields`
    None means all of them. `handle` is set for a hook that an application serves
    itself for the calls that name the handle; such hooks are never in a plan.
    `final_payload` hooks are gates: they run behind all mutators. `sample` is the share
    of sessions whose calls it sees, below 1 only for observers. `shadow_of` is set for
    a hook that the operator lets observe only: the row of the rights that it would have.
    """

    worker: str
    name: str
    hook_type: str
    mode: Mode
    priority: int
    timeout: float
    on_error: Mapping[FailureClass, OnError]
    on_rejected: OnRejected = OnRejected.DROP
    tenant: str = ""
    scope: str | None = None
    fields: frozenset[str] | None = None
    idempotent: bool = False
    required: bool = False
    handle: str | None = None
    condition: Condition | None = None
    sample: float = 1.0
    final_payload: bool = False
    shadow_of: ModeRow | None = None

    @property
    def row(self) -> ModeRow:
        """The row of the phase that it runs in."""
        return GATES if self.final_payload else MODES[self.mode]

    @property
    def rights(self) -> ModeRow:
        """The row that its answer is judged by."""
        return self.shadow_of or self.row

    @property
    def in_shadow(self) -> bool:
        """Whether nothing comes of its answer, by the operator's word."""
        return self.shadow_of is not None

    @property
    def observes(self) -> bool:
        """Whether nothing of its answer can change the call."""
        return self.in_shadow or self.row.observes

    @property
    def may_end_call(self) -> bool:
        """Whether a failure of it can end the call."""
        return not self.in_shadow and self.row.schedule is not Schedule.DETACHED

    @property
    def may_be_shed(self) -> bool:
        """Whether the call goes on the same without it, so that it gives way under load.

        An AUDIT hook whose overload ends the call, by the operator's word or its
        worker's, is no less of a guard than one that may block.
        """
        ends_call = self.on_error[FailureClass.OVERLOADED] is OnError.FAIL
        return self.observes and not (ends_call and self.may_end_call)

    def is_shed_at(self, load: Load) -> bool:
        """Whether it is not started in a call that began at this level of load.

        FIRE_AND_FORGET hooks go first, then the others that may be shed.
        """
        if load is Load.NORMAL or not self.may_be_shed:
            return False
        return load is Load.FULL or self.row.schedule is Schedule.DETACHED

    @property
    def path(self) -> str:
        """`worker/hook`, how people and receipts name it."""
        return f"{self.worker}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSettings:
    """The operator's settings that bear on one call; times in seconds, sizes in bytes."""

    default_budget: float = 10.0
    margin: float = 0.020
    observer_share: float = 0.2
    payload_on_block: bool = False
    max_state_bytes: int = 64 * 1024
    max_extension: float = 5.0
    breaker: BreakerSettings = field(default_factory=BreakerSettings)
    load: LoadLimits = field(default_factory=LoadLimits)


# What every call makes anew is not frozen: that would triple what making it costs.


@dataclass(slots=True)
class StartRun:
    """Send this run to an instance of the hook's worker. `run` names it in the call.

    `expires` is when the call stops waiting for it, on the monotonic clock. `riders` are
    the hooks that go with it, in the order of the request's steps. An instance that does
    not take them all takes the first of them (`Call.shortened`).
    """

    run: int
    hook: PlannedHook
    request: RunRequest
    expires: float
    riders: tuple[PlannedHook, ...] = ()


@dataclass(frozen=True, slots=True)
class CancelRun:
    """Stop this run, or the hook at `index` of it; its answer is no longer awaited."""

    run: int
    index: int | None = None


@dataclass(frozen=True, slots=True)
class RunFailed:
    """The hook at `index` of this run failed.

    `opens_circuit`: the hook's policy wants it left out now.
    """

    run: int
    failure_class: FailureClass
    opens_circuit: bool
    index: int = 0


@dataclass(frozen=True, slots=True)
class Shed:
    """This hook is not started, because the sidecar is near its limit."""

    hook: PlannedHook


@dataclass(slots=True)
class DetachedWork:
    """One FIRE_AND_FORGET run for the queue of detached work."""

    hook: PlannedHook
    request: RunRequest


@dataclass(slots=True)
class Detach:
    """Offer these to the queue, then tell the call which were taken (`Call.detached`)."""

    work: tuple[DetachedWork, ...]


@dataclass(frozen=True, slots=True)
class Tell:
    """Something for the log of the worker that served a hook, in this run."""

    hook: PlannedHook
    instance: str
    notice: Notice
    run: int = field(default=0, compare=False)


@dataclass(slots=True)
class Finish:
    """The verdict, with the receipt complete. The last effect of every call.

    It comes also when nobody waits any more, for the log and the metrics.
    """

    answer: CallAnswer


Effect: TypeAlias = StartRun | CancelRun | RunFailed | Shed | Detach | Tell | Finish
"""What a call asks its driver to do."""
