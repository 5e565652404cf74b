"""A snapshot of the registry: it answers every question of a call. Immutable.

`transitions` makes the next one. Parts that did not change are the same objects in
both, plans above all: a plan is compiled when something changed for its hook type.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from sidehook._hook_list import HookList, HookTypeStatus
from sidehook._types import JSON
from sidehook_server.config.model import Config, UndeclaredTypes
from sidehook_server.pipeline.model import CallSettings, PlannedHook
from sidehook_server.pipeline.plan import Plan, compile_plan
from sidehook_server.registry.callers import OPEN_BOOK, CallerBook
from sidehook_server.registry.declared import DeclaredType
from sidehook_server.registry.effects import Effect, KeptWorker, Refuse
from sidehook_server.registry.missing import NOTHING_MISSING, Missing
from sidehook_server.registry.scopes import NO_SCOPES, ScopeBook
from sidehook_server.registry.view import registry_view
from sidehook_server.registry.worker import Worker


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """Who serves which hooks, and the plans made of it.

    Attributes:
        config: What the operator says.
        settings: The part of it that bears on one call.
        types: The declared hook types by name.
        callers: Who may call what.
        workers: Everything known of each worker, by name.
        owners: Which worker a link is of, by link id. Links of scopes are not here.
        seen: The workers that registered since the sidecar started.
        plans: One for each declared type and each type with hooks.
        missing: What must be there and is not.
        statuses: What the live list says of each type.
        named_scopes: Tenant and name of every scope that a hook is in.
        scopes: Hooks that applications serve themselves.
        generation: Counts the changes of plans.
        list_version: Counts the changes of the live list, from 1.
        sequence: Counts the manifests.
    """

    config: Config
    settings: CallSettings
    types: Mapping[str, DeclaredType]
    callers: CallerBook = OPEN_BOOK
    workers: Mapping[str, Worker] = field(default_factory=lambda: MappingProxyType({}))
    owners: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    seen: frozenset[str] = frozenset()
    plans: Mapping[str, Plan] = field(default_factory=lambda: MappingProxyType({}))
    missing: Missing = NOTHING_MISSING
    statuses: Mapping[str, HookTypeStatus] = field(default_factory=lambda: MappingProxyType({}))
    named_scopes: frozenset[tuple[str, str]] = frozenset()
    scopes: ScopeBook = NO_SCOPES
    generation: int = 0
    list_version: int = 0
    sequence: int = 0

    # What a call asks.

    def plan(self, hook_type: str) -> Plan:
        """The plan of a hook type; without hooks when nobody registered for it."""
        plan = self.plans.get(hook_type)
        if plan is not None:
            return plan
        return compile_plan(
            hook_type,
            (),
            generation=self.generation,
            missing=self.missing.of(hook_type),
            development=self.development,
            max_payload_bytes=self.max_payload_bytes(hook_type),
        )

    def is_declared(self, hook_type: str) -> bool:
        """Whether catalogue or configuration declares the type."""
        return hook_type in self.types

    @property
    def undeclared_allowed(self) -> bool:
        """Whether types that nobody declared may be invoked and registered for."""
        return self.config.undeclared_types is UndeclaredTypes.ALLOW

    def max_payload_bytes(self, hook_type: str) -> int:
        """The largest payload that calls of the type may have."""
        declared = self.types.get(hook_type)
        return (
            self.config.limits.max_payload_bytes if declared is None else declared.max_payload_bytes
        )

    def candidates(self, hook: PlannedHook) -> tuple[str, ...]:
        """Link ids of the instances that may run the hook; empty when it is unreachable.

        Those that are healthy, do not drain, and declare it on exactly these terms,
        or the one that holds its scope handle.
        """
        if hook.handle is not None:
            attachment = self.scopes.attachment(hook.handle)
            return () if attachment is None else attachment.candidates
        worker = self.workers.get(hook.worker)
        return () if worker is None else worker.candidates(hook)

    def is_in_force(self, hook: PlannedHook) -> bool:
        """Whether the terms that the hook is planned with hold, whoever serves them.

        Those behind a scope handle have no others beside them.
        """
        worker = self.workers.get(hook.worker)
        return hook.handle is not None or (worker is not None and worker.is_in_force(hook))

    def scope_hooks(self, handle: str, hook_type: str) -> tuple[PlannedHook, ...] | None:
        """The hooks of a type behind a scope handle; None when the handle is unknown.

        One whose connection is gone still gives its hooks, which are unreachable.
        """
        attachment = self.scopes.attachment(handle)
        return None if attachment is None else attachment.hooks.get(hook_type, ())

    def max_in_flight(self, worker: str) -> int | None:
        """How many runs each instance of a worker gets at once, by the operator's word."""
        configured = self.config.workers.get(worker)
        return None if configured is None else configured.max_in_flight

    def unknown_scopes(self, tenant: str, scopes: tuple[str, ...]) -> tuple[str, ...]:
        """Those of the named scopes that no hook of the tenant is in."""
        return tuple(scope for scope in scopes if (tenant, scope) not in self.named_scopes)

    @property
    def strict_scopes(self) -> bool:
        """Whether a call that names an unknown scope is refused."""
        return self.config.strict_scopes

    @property
    def development(self) -> bool:
        """Whether hooks leave with their workers; every receipt says so."""
        return self.config.dev

    # What clients, operators and the state folder ask.

    def hook_list(self, *, sidecar: str = "") -> HookList:
        """The live list in force. `sidecar` names this run of the sidecar."""
        return HookList(
            version=self.list_version,
            complete=self.is_complete,
            types=self.statuses,
            undeclared_types_allowed=self.undeclared_allowed,
            sidecar=sidecar,
        )

    @property
    def is_complete(self) -> bool:
        """Whether everything is known that a "nobody listens" depends on."""
        return not self.missing.everywhere

    @property
    def is_ready(self) -> bool:
        """Whether everything that must be there is there."""
        return not self.missing

    def required_hooks(self) -> Mapping[str, bool]:
        """Every required hook as `worker/hook`, and whether an instance serves it now."""
        reachable: dict[str, bool] = {}
        for config in self.config.workers.values():
            worker = self.workers.get(config.name)
            for hook in config.hooks:
                if hook.required:
                    routes = worker.routes.items() if worker is not None else ()
                    links = [bool(links) for key, links in routes if key.name == hook.name]
                    reachable[f"{config.name}/{hook.name}"] = bool(links) and all(links)
        return reachable

    def kept(self) -> tuple[KeptWorker, ...]:
        """What outlives a restart of the sidecar: every worker's hooks."""
        return tuple(worker.kept for worker in self.workers.values() if worker.hooks)

    def view(self) -> dict[str, JSON]:
        """Everything for people, as JSON: workers, hooks in order, what is degraded."""
        return registry_view(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a transition made: the next snapshot, and what to do about it, in order.

    `retired` are the hooks that left the plan because somebody retired them, as
    `worker/hook`.
    """

    before: Registry
    registry: Registry
    effects: tuple[Effect, ...] = ()
    retired: tuple[str, ...] = ()

    @property
    def refusal(self) -> Refuse | None:
        """Why nothing changed; None when it was not refused."""
        return next((effect for effect in self.effects if isinstance(effect, Refuse)), None)
