"""Hooks as planned, the settings of a call, and the effects a call asks for. Pure data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from sidehook._call import CallAnswer
from sidehook._run import Notice, RunRequest
from sidehook._types import FailureClass, Mode, OnError, OnRejected


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedHook:
    """One hook with the terms it runs on, defaults and the operator's word applied.

    `on_error` has an entry for every failure class. `timeout` in seconds. `fields`
    None means all of them. `handle` is set for a hook that an application serves
    itself for the calls that name the handle; such hooks are never in a plan.
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


@dataclass(frozen=True, slots=True)
class StartRun:
    """Send this run to an instance of the hook's worker. `run` names it in the call.

    `expires` is when the call stops waiting for it, on the monotonic clock.
    """

    run: int
    hook: PlannedHook
    request: RunRequest
    expires: float


@dataclass(frozen=True, slots=True)
class CancelRun:
    """Stop this run; its answer is no longer awaited."""

    run: int


@dataclass(frozen=True, slots=True)
class DetachedWork:
    """One FIRE_AND_FORGET run for the queue of detached work."""

    hook: PlannedHook
    request: RunRequest


@dataclass(frozen=True, slots=True)
class Detach:
    """Offer these to the queue, then tell the call which were taken (`Call.detached`)."""

    work: tuple[DetachedWork, ...]


@dataclass(frozen=True, slots=True)
class Tell:
    """Something for the log of the worker that served a run."""

    hook: PlannedHook
    instance: str
    notice: Notice


@dataclass(frozen=True, slots=True)
class Finish:
    """The verdict, with the receipt complete. The last effect of every call.

    It comes also when nobody waits any more, for the log and the metrics.
    """

    answer: CallAnswer


Effect: TypeAlias = StartRun | CancelRun | Detach | Tell | Finish
"""What a call asks its driver to do."""
