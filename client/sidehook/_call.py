"""What travels with a call and what comes back from it. Pure, immutable data.

Times are seconds as floats. `Fields` maps each field's name to its opaque value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from sidehook._types import CallOutcome, FailureClass, HookOutcome, Mode, Value

Fields: TypeAlias = Mapping[str, Value]
"""A payload or patch as it travels: field name to opaque value, each name once."""


class WireFields(dict[str, Value]):
    """Fields as they were read, with the octets that they were read from and their size.

    The octets hold these fields and nothing else, so they may travel on as they are. The
    size is what `size_of` gives. Whoever changes a field makes another dict of it.
    """

    __slots__ = ("octets", "size")

    octets: bytes
    size: int


def size_of(fields: Fields) -> int:
    """The bytes of a payload or patch that limits are about: its names and its octets."""
    if isinstance(fields, WireFields):
        return fields.size
    return sum(len(name.encode()) + len(value.octets) for name, value in fields.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class CallContext:
    """Who a call is for, as the application says it; nothing here is verified.

    `state` maps keys to JSON texts: `worker/key` or `shared.key` between client and
    sidecar; in a run the worker's own keys come without its name. `octets` are these
    fields serialized, kept by `sidehook._wire` once it has made them.
    """

    request_id: str = ""
    session_id: str = ""
    tenant: str = ""
    user: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    state: Mapping[str, bytes] = field(default_factory=dict)
    scopes: tuple[str, ...] = ()
    octets: bytes | None = field(default=None, init=False, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class StateChange:
    """Keys to set, with their JSON texts, and keys to remove."""

    set: Mapping[str, bytes] = field(default_factory=dict)
    removed: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        """Whether anything changes."""
        return bool(self.set or self.removed)


NO_CHANGE = StateChange()
"""The state stays as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """Why a hook said no. `details` is a JSON object as text, empty for none."""

    reason: str
    code: str = ""
    description: str = ""
    details: bytes = b""
    hook: str = ""
    worker: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnd:
    """How a call ended, told to its detached hooks. `hook` is `worker/hook`."""

    outcome: CallOutcome
    hook: str = ""
    code: str = ""
    payload_withheld: bool = False
    field_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptLine:
    """What happened to one hook in one call; `duration` in seconds, None when not sent.

    `shadowed`: the operator lets the hook observe only. `payload_digest` is set for
    final-payload gates: of the payload when their turn came (`sidehook._digest`).
    `annotations` are the hook's own words for the decision log; they stay in the sidecar.
    `mode` and `outcome` are plain text `unknown(n)` when a newer sidecar sent a value
    that this library does not know.
    """

    hook: str
    worker: str
    mode: Mode | str
    outcome: HookOutcome | str
    instance: str = ""
    duration: float | None = None
    changed_fields: tuple[str, ...] = ()
    rejected_fields: tuple[str, ...] = ()
    failure_class: FailureClass | str | None = None
    code: str = ""
    message: str = ""
    shadowed: bool = False
    payload_digest: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What happened to every hook registered for one call, run or not, in plan order.

    `duration` is the sidecar's time for the call in seconds. `payload_digest` is of the
    payload at the verdict, in calls with final-payload gates.
    """

    call_id: str
    generation: int = 0
    lines: tuple[ReceiptLine, ...] = ()
    duration: float = 0.0
    unknown_scopes: tuple[str, ...] = ()
    development: bool = False
    lines_omitted: int = 0
    payload_digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFailure:
    """Why a call could not be decided. Never a policy's no.

    `reason` is a stable upper-snake-case name (see the CallFailure message of the
    contract); `started` tells that a hook ran, so that a retry may run it twice.
    """

    reason: str
    message: str
    failure_class: FailureClass | None = None
    hook: str = ""
    worker: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    started: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRequest:
    """One call as the sidecar receives it; `budget` in seconds, None for the default."""

    hook_type: str
    fields: Fields
    call_id: str = ""
    budget: float | None = None
    context: CallContext = field(default_factory=CallContext)
    scope_handles: tuple[str, ...] = ()
    unguarded_calls: int = 0


@dataclass(frozen=True, slots=True)
class Proceed:
    """The application goes on; `patch` holds the fields that hooks changed or added."""

    patch: Fields


@dataclass(frozen=True, slots=True)
class CallAnswer:
    """The answer to one call."""

    outcome: Proceed | Violation | CallFailure
    receipt: Receipt
    state: StateChange = NO_CHANGE


class Verdict(NamedTuple):
    """The answer to one call as a client takes it: `receipt` may be read later, by calling it."""

    outcome: Proceed | Violation | CallFailure
    receipt: Receipt | Callable[[], Receipt]
    state: StateChange
