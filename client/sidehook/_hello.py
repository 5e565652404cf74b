"""What the two ends of a stream, or a worker and its sidecar, say about themselves. Pure data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from sidehook._manifest import PROTOCOL_VERSION, Limits, WorkerManifest

SPLIT_FRAMES: Final = "split_frames"
"""The capability of taking a message in several frames."""

CONTINUATIONS: Final = "continuations"
"""The capability of taking a long list without what the stream carried before."""

FUSED_RUNS: Final = "fused_runs"
"""The capability of running several hooks in one run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientHello:
    """The client of a call stream introduces itself; `sdk` is for people."""

    sdk: str = ""
    limits: Limits = field(default_factory=Limits)
    capabilities: frozenset[str] = frozenset()
    protocol_version: int = PROTOCOL_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class SidecarHello:
    """The sidecar introduces itself. `sidecar` names this run of it.

    `scope_handle` is what calls name to run the hooks of an attached scope, else empty.
    """

    sidecar: str = ""
    limits: Limits = field(default_factory=Limits)
    capabilities: frozenset[str] = frozenset()
    scope_handle: str = ""
    protocol_version: int = PROTOCOL_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerHello:
    """A worker introduces itself. With `scope_only` its hooks are for one scope handle."""

    manifest: WorkerManifest
    scope_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeRequest:
    """The sidecar asks a worker that it dials who it is."""

    sidecar: str = ""
    protocol_version: int = PROTOCOL_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class RetireRequest:
    """The hooks that leave the plan: one of the worker's, or with `hook` empty all of them."""

    worker: str
    hook: str = ""
