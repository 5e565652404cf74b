"""Random data of every kind that crosses the wire."""

from enum import StrEnum
from typing import TypeVar

from hypothesis import strategies as st

from sidehook._call import (
    CallAnswer,
    CallContext,
    CallEnd,
    CallFailure,
    CallRequest,
    Proceed,
    Receipt,
    ReceiptLine,
    StateChange,
    Violation,
)
from sidehook._hello import ClientHello, DescribeRequest, RetireRequest, SidecarHello, WorkerHello
from sidehook._hook_list import HookList, HookTypeStatus, ScopeName, WatchRequest, WatchResponse
from sidehook._manifest import ErrorPolicy, HookSpec, Limits, WorkerManifest
from sidehook._run import (
    HookFailure,
    HookResult,
    HookRun,
    NothingToSay,
    Notice,
    Patch,
    RunRequest,
)
from sidehook._types import (
    CallOutcome,
    FailureClass,
    HookOutcome,
    Mode,
    OnError,
    OnRejected,
    Value,
    ValueKind,
)

E = TypeVar("E", bound=StrEnum)
T = TypeVar("T")

TEXT = st.text(max_size=12)
NAMES = st.text(min_size=1, max_size=12)
OCTETS = st.binary(max_size=20)
TEXTS = st.lists(TEXT, max_size=3).map(tuple)
TEXT_SETS = st.frozensets(TEXT, max_size=3)
TEXT_MAPS = st.dictionaries(TEXT, TEXT, max_size=3)
UINT32 = st.integers(0, 2**32 - 1)
UINT64 = st.integers(0, 2**64 - 1)
POSITIVE32 = st.integers(1, 2**32 - 1)
POSITIVE64 = st.integers(1, 2**64 - 1)
# Whole nanoseconds, as a duration has them.
SECONDS = st.integers(0, 315_576_000_000 * 10**9).map(lambda nanos: nanos / 10**9)
TIMES = st.integers(1, 315_576_000_000 * 10**9).map(lambda nanos: nanos / 10**9)

VALUES = st.builds(Value, st.sampled_from(ValueKind), OCTETS)
FIELDS = st.dictionaries(NAMES, VALUES, max_size=4)


def optional(strategy: st.SearchStrategy[T]) -> st.SearchStrategy[T | None]:
    return st.none() | strategy


def shown(members: type[E]) -> st.SearchStrategy[E | str]:
    """A member, or the text of a number that only a newer peer knows."""
    unknown = st.integers(1000, 2**31 - 1).map("unknown({})".format)
    return st.sampled_from(members) | unknown


STATE_CHANGES = st.builds(
    lambda changed, removed: StateChange(changed, removed.difference(changed)),
    st.dictionaries(TEXT, OCTETS, max_size=3),
    TEXT_SETS,
)
CONTEXTS = st.builds(
    CallContext,
    request_id=TEXT,
    session_id=TEXT,
    tenant=TEXT,
    user=TEXT,
    labels=TEXT_MAPS,
    state=st.dictionaries(TEXT, OCTETS, max_size=3),
    scopes=TEXTS,
)
CALL_ENDS = st.builds(
    CallEnd,
    outcome=st.sampled_from(CallOutcome),
    hook=TEXT,
    code=TEXT,
    payload_withheld=st.booleans(),
    field_names=TEXTS,
)
LINES = st.builds(
    ReceiptLine,
    hook=TEXT,
    worker=TEXT,
    mode=shown(Mode),
    outcome=shown(HookOutcome),
    instance=TEXT,
    duration=optional(SECONDS),
    changed_fields=TEXTS,
    rejected_fields=TEXTS,
    failure_class=optional(shown(FailureClass)),
    code=TEXT,
    message=TEXT,
)
RECEIPTS = st.builds(
    Receipt,
    call_id=TEXT,
    generation=UINT64,
    lines=st.lists(LINES, max_size=4).map(tuple),
    duration=SECONDS,
    unknown_scopes=TEXTS,
    development=st.booleans(),
    lines_omitted=UINT32,
)
VIOLATIONS = st.builds(
    Violation,
    reason=TEXT,
    code=TEXT,
    description=TEXT,
    details=OCTETS,
    hook=TEXT,
    worker=TEXT,
)
FAILURES = st.builds(
    CallFailure,
    reason=TEXT,
    message=TEXT,
    failure_class=optional(st.sampled_from(FailureClass)),
    hook=TEXT,
    worker=TEXT,
    metadata=TEXT_MAPS,
    started=st.booleans(),
)
CALLS = st.builds(
    CallRequest,
    hook_type=TEXT,
    fields=FIELDS,
    call_id=TEXT,
    budget=optional(TIMES),
    context=CONTEXTS,
    scope_handles=TEXTS,
    unguarded_calls=UINT64,
)
ANSWERS = st.builds(
    CallAnswer,
    outcome=st.builds(Proceed, FIELDS) | VIOLATIONS | FAILURES,
    receipt=RECEIPTS,
    state=STATE_CHANGES,
)

POLICIES = st.builds(
    ErrorPolicy,
    default=optional(st.sampled_from(OnError)),
    overrides=st.dictionaries(st.sampled_from(FailureClass), st.sampled_from(OnError)),
)
HOOK_RUNS = st.builds(
    HookRun,
    hook=TEXT,
    mode=st.sampled_from(Mode),
    may_block=st.booleans(),
    may_modify=st.booleans(),
    writable_fields=TEXT_SETS,
    timeout=TIMES,
    on_error=POLICIES,
    on_rejected=st.sampled_from(OnRejected),
)
RUNS = st.builds(
    RunRequest,
    call_id=TEXT,
    hook_type=TEXT,
    steps=st.lists(
        st.lists(HOOK_RUNS, min_size=1, max_size=2).map(tuple), min_size=1, max_size=2
    ).map(tuple),
    fields=FIELDS,
    context=CONTEXTS,
    time_left=SECONDS,
    call_end=optional(CALL_ENDS),
    idempotency_key=TEXT,
)
HOOK_FAILURES = st.builds(
    HookFailure,
    failure_class=st.sampled_from(
        [FailureClass.RAISED, FailureClass.MALFORMED, FailureClass.OVERLOADED]
    ),
    code=TEXT,
    message=TEXT,
)
RESULTS = st.builds(
    HookResult,
    answer=st.just(NothingToSay()) | st.builds(Patch, FIELDS) | VIOLATIONS | HOOK_FAILURES,
    state=STATE_CHANGES,
    annotations=TEXT_MAPS,
    rejected_fields=TEXTS,
)
NOTICES = st.builds(Notice, code=TEXT, message=TEXT, hook=TEXT, call_id=TEXT, fields=TEXTS)

LIMITS = st.builds(
    Limits,
    max_message_bytes=POSITIVE64,
    max_batch_bytes=st.integers(128, 2**64 - 1),
    max_in_flight=POSITIVE32,
)
HOOK_SPECS = st.builds(
    HookSpec,
    name=TEXT,
    hook_type=TEXT,
    mode=optional(st.sampled_from(Mode)),
    priority=optional(st.integers(-(2**31), 2**31 - 1)),
    timeout=optional(TIMES),
    on_error=optional(POLICIES),
    scope=optional(TEXT),
    condition=optional(TEXT),
    fields=optional(TEXTS),
    requires_final_payload=optional(st.booleans()),
    idempotent=optional(st.booleans()),
    on_rejected=optional(st.sampled_from(OnRejected)),
    sample=optional(st.floats(0, 1)),
    description=optional(TEXT),
)
MANIFESTS = st.builds(
    WorkerManifest,
    worker=TEXT,
    instance=TEXT,
    hooks=st.lists(HOOK_SPECS, max_size=3).map(tuple),
    capabilities=TEXT_SETS,
    limits=LIMITS,
    sdk=TEXT,
    tenant=TEXT,
    protocol_version=UINT32,
)
CLIENT_HELLOS = st.builds(
    ClientHello, sdk=TEXT, limits=LIMITS, capabilities=TEXT_SETS, protocol_version=UINT32
)
SIDECAR_HELLOS = st.builds(
    SidecarHello,
    sidecar=TEXT,
    limits=LIMITS,
    capabilities=TEXT_SETS,
    scope_handle=TEXT,
    protocol_version=UINT32,
)
WORKER_HELLOS = st.builds(WorkerHello, manifest=MANIFESTS, scope_only=st.booleans())
DESCRIBE_REQUESTS = st.builds(DescribeRequest, sidecar=TEXT, protocol_version=UINT32)
RETIRE_REQUESTS = st.builds(RetireRequest, worker=TEXT, hook=TEXT)

STATUSES = st.builds(
    HookTypeStatus,
    hook_type=TEXT,
    has_hooks=st.booleans(),
    scopes=st.frozensets(st.builds(ScopeName, TEXT, TEXT), max_size=3),
    writable_fields=TEXT_SETS,
)


def by_name(statuses: list[HookTypeStatus]) -> dict[str, HookTypeStatus]:
    return {status.hook_type: status for status in statuses}


HOOK_LISTS = st.builds(
    HookList,
    version=UINT64,
    complete=st.booleans(),
    types=st.lists(STATUSES, max_size=4).map(by_name),
    undeclared_types_allowed=st.booleans(),
    filtered=st.booleans(),
    sidecar=TEXT,
)
WATCH_REQUESTS = st.builds(
    WatchRequest, probe=UINT64, applied_version=UINT64, protocol_version=UINT32
)
WATCH_RESPONSES = st.builds(
    WatchResponse, probe=UINT64, version=UINT64, lease=SECONDS, hook_list=optional(HOOK_LISTS)
)
