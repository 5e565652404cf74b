"""What travels between sidecar and worker for one run. Pure, immutable data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from sidehook._call import NO_CHANGE, CallContext, CallEnd, Fields, StateChange, Violation
from sidehook._manifest import ErrorPolicy
from sidehook._types import FailureClass, Mode, OnRejected


@dataclass(frozen=True, slots=True, kw_only=True)
class HookRun:
    """One hook in a run with the rights the sidecar gives it; `timeout` in seconds."""

    hook: str
    mode: Mode
    may_block: bool
    may_modify: bool
    writable_fields: frozenset[str]
    timeout: float
    on_error: ErrorPolicy
    on_rejected: OnRejected = OnRejected.DROP


class SharedSteps(tuple[tuple[HookRun, ...], ...]):
    """The steps that many runs have in common, as a plan gives them.

    `octets` are the same as they travel, once somebody has encoded them.
    """

    octets: bytes | None = None

    @property
    def hooks(self) -> tuple[HookRun, ...]:
        """The hooks of all steps, in the order of their indexes."""
        return tuple(hook for step in self for hook in step)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """One run. `steps` are serial; the hooks inside one step run at once.

    `time_left` is what the call has left in seconds, counted from arrival; for a
    FIRE_AND_FORGET hook the time it has. `call_end` is set for FIRE_AND_FORGET only.
    The rooms are for runs of several hooks: by how many bytes their patches may make the
    payload larger, and what they stage the state.
    """

    call_id: str
    hook_type: str
    steps: tuple[tuple[HookRun, ...], ...]
    fields: Fields
    context: CallContext
    time_left: float
    call_end: CallEnd | None = None
    idempotency_key: str = ""
    payload_room: int | None = None
    state_room: int | None = None

    @property
    def is_fused(self) -> bool:
        """Whether it is of several hooks."""
        return len(self.steps) > 1 or len(self.steps[0]) > 1


@dataclass(frozen=True, slots=True)
class NothingToSay:
    """The hook has nothing to say."""


@dataclass(frozen=True, slots=True)
class Patch:
    """The fields a hook replaces or adds, each whole."""

    fields: Fields


OWN_FAILURES: Final = frozenset(
    {FailureClass.RAISED, FailureClass.MALFORMED, FailureClass.OVERLOADED}
)
"""The classes that a worker may give its own failure; any other counts as raised."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HookFailure:
    """A hook gave no answer. `code` is a stable name, `message` a sentence for operators."""

    failure_class: FailureClass
    code: str = ""
    message: str = ""


HookAnswer: TypeAlias = NothingToSay | Patch | Violation | HookFailure
"""What a hook answered: exactly one of these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HookResult:
    """What the hook at `index` of a run answered, with the state it staged."""

    answer: HookAnswer
    index: int = 0
    state: StateChange = NO_CHANGE
    annotations: Mapping[str, str] = field(default_factory=dict)
    rejected_fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something for the log of a worker's author."""

    code: str
    message: str
    hook: str = ""
    call_id: str = ""
    fields: tuple[str, ...] = ()
