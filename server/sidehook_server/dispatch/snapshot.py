"""What dispatch asks of the registry: one immutable snapshot, newest first."""

from __future__ import annotations

from typing import Protocol

from sidehook_server.pipeline.model import CallSettings, PlannedHook
from sidehook_server.pipeline.plan import Plan


class Snapshot(Protocol):
    """The registry as it stood at one moment. A call runs on the one it began with."""

    @property
    def generation(self) -> int:
        """Counts the changes of plans; every receipt carries it."""

    @property
    def settings(self) -> CallSettings:
        """The operator's settings for calls."""

    @property
    def strict_scopes(self) -> bool:
        """Whether a scope that no hook knows is an error."""

    @property
    def undeclared_allowed(self) -> bool:
        """Whether hook types that nobody declared may be invoked."""

    def max_in_flight(self, worker: str) -> int | None:
        """How many runs each instance of a worker gets at once, by the operator's word."""

    def is_declared(self, hook_type: str) -> bool:
        """Whether the catalogue or the configuration declares the hook type."""

    def plan(self, hook_type: str) -> Plan:
        """The plan of a hook type; one without hooks when nobody registered any."""

    def scope_hooks(self, handle: str, hook_type: str) -> tuple[PlannedHook, ...] | None:
        """The hooks of a scope handle, None when the handle is unknown."""

    def unknown_scopes(self, tenant: str, scopes: tuple[str, ...]) -> tuple[str, ...]:
        """Those of the scopes that no hook of the tenant knows."""

    def candidates(self, hook: PlannedHook) -> tuple[str, ...]:
        """Ids of the links that declare the hook on the terms it is planned with."""

    def is_in_force(self, hook: PlannedHook) -> bool:
        """Whether the terms that the hook is planned with hold, served or not."""
