"""The closed sets of the contract, and the opaque value.

Pure: nothing here knows protobuf, gRPC or JSON. The numbers and names are pinned
against the proto enums by a test.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import NamedTuple, TypeAlias

JSON: TypeAlias = "None | bool | int | float | str | list[JSON] | dict[str, JSON]"
"""What a JSON text decodes to."""


class Mode(StrEnum):
    """When a hook runs and what its answer may do. Phases run in this order."""

    SEQUENTIAL = "sequential"
    TRANSFORM = "transform"
    AUDIT = "audit"
    CONCURRENT = "concurrent"
    FIRE_AND_FORGET = "fire_and_forget"


class OnError(StrEnum):
    """What a call does when a hook fails."""

    FAIL = "fail"
    IGNORE = "ignore"
    DISABLE = "disable"


class OnRejected(StrEnum):
    """What becomes of fields in a patch that hooks may not write."""

    DROP = "drop"
    ERROR = "error"


class FailureClass(StrEnum):
    """Why a hook gave no answer. A failure is never a block."""

    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    RAISED = "raised"
    MALFORMED = "malformed"
    OVERLOADED = "overloaded"
    CIRCUIT_OPEN = "circuit_open"


class HookOutcome(StrEnum):
    """What became of one hook in one call."""

    PROCEEDED = "proceeded"
    MODIFIED = "modified"
    BLOCKED = "blocked"
    BLOCK_SUPPRESSED = "block_suppressed"
    WOULD_BLOCK = "would_block"
    WOULD_MODIFY = "would_modify"
    PATCH_DISCARDED = "patch_discarded"
    SKIPPED_CONDITION = "skipped_condition"
    SKIPPED_SCOPE = "skipped_scope"
    SKIPPED_SAMPLED = "skipped_sampled"
    SKIPPED_DISABLED = "skipped_disabled"
    SKIPPED_HALTED = "skipped_halted"
    FAILED_OPEN = "failed_open"
    FAILED_CLOSED = "failed_closed"
    CANCELLED = "cancelled"
    DETACHED = "detached"
    SHED = "shed"


class CallOutcome(StrEnum):
    """How a call ended."""

    PROCEEDED = "proceeded"
    BLOCKED = "blocked"
    FAILED = "failed"
    DEADLINE = "deadline"
    CANCELLED = "cancelled"


class ValueKind(IntEnum):
    """What the octets of a value are."""

    JSON = 1
    RAW = 2


class Value(NamedTuple):
    """One opaque value: two values are the same when kind and octets are."""

    kind: ValueKind
    octets: bytes
