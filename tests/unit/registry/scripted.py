"""A sidecar's registry that a test drives, and what it is told to do on the way."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from sidehook._manifest import ErrorPolicy, HookSpec, WorkerManifest
from sidehook._types import OnError
from sidehook_server.config.model import (
    Config,
    HookTypeConfig,
    Listen,
    WorkerConfig,
)
from sidehook_server.pipeline.model import PlannedHook
from sidehook_server.registry import transitions
from sidehook_server.registry.effects import Effect, KeptWorker, Log
from sidehook_server.registry.holder import RegistryHolder
from sidehook_server.registry.model import Change, Registry

TYPE = "component_pre_execute"
OTHER_TYPE = "tool_pre_invoke"

EffectT = TypeVar("EffectT", bound=Effect)

FAIL = ErrorPolicy(default=OnError.FAIL)
IGNORE = ErrorPolicy(default=OnError.IGNORE)


def a_config(
    *workers: WorkerConfig, hook_types: Iterable[HookTypeConfig] = (), **more: Any
) -> Config:
    return Config(
        listen=Listen(socket="/run/s.sock", workers_socket="/run/w.sock"),
        state_dir="/run/s.state",
        workers={worker.name: worker for worker in workers},
        hook_types={each.name: each for each in hook_types},
        **more,
    )


def a_hook(name: str = "guard", hook_type: str = TYPE, **terms: Any) -> HookSpec:
    return HookSpec(name=name, hook_type=hook_type, **terms)


def a_manifest(*hooks: HookSpec, worker: str = "w", **more: Any) -> WorkerManifest:
    return WorkerManifest(worker=worker, hooks=hooks, **more)


class Scripted:
    """Applies transitions one after the other, and keeps the effects of the last one."""

    def __init__(self, config: Config | None = None, kept: Iterable[KeptWorker] = ()) -> None:
        self._holder = RegistryHolder(transitions.new_registry(config or a_config()))
        self.last = Change(before=self.registry, registry=self.registry)
        kept = tuple(kept)
        if kept:
            self.apply(transitions.restored(self.registry, kept))

    @property
    def registry(self) -> Registry:
        return self._holder.current

    def apply(self, change: Change) -> Scripted:
        self.last = self._holder.apply(change)
        return self

    def attach(
        self, link: str, *hooks: HookSpec, worker: str = "w", instance: str = "", **more: Any
    ) -> Scripted:
        manifest = a_manifest(*hooks, worker=worker, instance=instance)
        return self.apply(transitions.attached(self.registry, link, manifest, **more))

    def remanifest(self, link: str, *hooks: HookSpec, worker: str = "w") -> Scripted:
        manifest = a_manifest(*hooks, worker=worker)
        return self.apply(transitions.remanifest(self.registry, link, manifest))

    def goodbye(self, link: str) -> Scripted:
        return self.apply(transitions.draining(self.registry, link))

    def detach(self, link: str) -> Scripted:
        return self.apply(transitions.detached(self.registry, link))

    def health(self, link: str, *, is_healthy: bool) -> Scripted:
        return self.apply(transitions.healthy(self.registry, link, is_healthy=is_healthy))

    def retire(self, worker: str = "w", hook: str = "") -> Scripted:
        return self.apply(transitions.retired(self.registry, worker, hook))

    def configure(self, config: Config) -> Scripted:
        return self.apply(transitions.configured(self.registry, config))

    def restarted(self, config: Config | None = None) -> Scripted:
        """The sidecar that comes after this one, with what this one kept."""
        return Scripted(config or self.registry.config, self.registry.kept())

    def planned(self, name: str = "guard", hook_type: str = TYPE, worker: str = "w") -> PlannedHook:
        plan = self.registry.plan(hook_type)
        return next(hook for hook in plan.hooks if (hook.worker, hook.name) == (worker, name))

    def paths(self, hook_type: str = TYPE) -> list[str]:
        return [hook.path for hook in self.registry.plan(hook_type).hooks]

    def candidates(self, name: str = "guard", hook_type: str = TYPE) -> tuple[str, ...]:
        return self.registry.candidates(self.planned(name, hook_type))

    def effects(self, kind: type[EffectT]) -> list[EffectT]:
        return [effect for effect in self.last.effects if isinstance(effect, kind)]

    def events(self) -> list[str]:
        return [log.event for log in self.effects(Log)]

    def problems(self) -> tuple[str, ...]:
        return self.last.refusal.problems if self.last.refusal is not None else ()
