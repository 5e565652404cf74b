"""Which hook types have hooks, as the sidecar tells its clients (rule 30). Pure data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from sidehook._manifest import PROTOCOL_VERSION


class ScopeName(NamedTuple):
    """A named scope, and the tenant whose calls may name it."""

    tenant: str
    scope: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HookTypeStatus:
    """One hook type. `has_hooks` when unscoped hooks are in its plan, or must be."""

    hook_type: str
    has_hooks: bool = False
    scopes: frozenset[ScopeName] = frozenset()
    writable_fields: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class HookList:
    """Every declared hook type and every type with hooks, by name.

    `complete` False means that something is not known yet; such a list is never taken
    for "nobody listens". `sidecar` names the run of the sidecar that it is from.
    `filtered`: what this client may not call is left out.
    """

    version: int
    complete: bool = False
    types: Mapping[str, HookTypeStatus] = field(default_factory=dict)
    undeclared_types_allowed: bool = False
    sidecar: str = ""
    filtered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchRequest:
    """A client's probe; `applied_version` is the list it acts on, 0 for none."""

    probe: int
    applied_version: int = 0
    protocol_version: int = PROTOCOL_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchResponse:
    """The sidecar's answer: the last probe it saw, and the version in force.

    `lease` is how long after sending that probe the client may act on the list, in
    seconds. `hook_list` is None when the client has the version already.
    """

    probe: int
    version: int
    lease: float
    hook_list: HookList | None = None
