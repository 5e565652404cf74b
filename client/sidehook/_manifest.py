"""What a worker says about itself and its hooks. Pure, immutable data.

A term of a hook that is None was not given: the default of the hook's mode holds,
unless the operator says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sidehook._types import FailureClass, Mode, OnError, OnRejected

PROTOCOL_VERSION = 1
"""The version of the contract that this package speaks."""

MAX_HOOKS = 1000
"""How many hooks one manifest may hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorPolicy:
    """What a call does when a hook fails; `default` None means the mode's default."""

    default: OnError | None = None
    overrides: Mapping[FailureClass, OnError] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class HookSpec:
    """One hook as its worker proposes it. Times in seconds; None means not given."""

    name: str
    hook_type: str
    mode: Mode | None = None
    priority: int | None = None
    timeout: float | None = None
    on_error: ErrorPolicy | None = None
    scope: str | None = None
    condition: str | None = None
    fields: tuple[str, ...] | None = None
    requires_final_payload: bool | None = None
    idempotent: bool | None = None
    on_rejected: OnRejected | None = None
    sample: float | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one end of a stream accepts: bytes, bytes, and runs or calls at once."""

    max_message_bytes: int = 17 * 1024 * 1024
    max_batch_bytes: int = 256 * 1024
    max_in_flight: int = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerManifest:
    """How a worker introduces itself. Connections with one `worker` are replicas."""

    worker: str
    instance: str = ""
    hooks: tuple[HookSpec, ...] = ()
    capabilities: frozenset[str] = frozenset()
    limits: Limits = field(default_factory=Limits)
    sdk: str = ""
    tenant: str = ""
    protocol_version: int = PROTOCOL_VERSION
