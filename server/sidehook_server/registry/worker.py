"""A worker as the registry knows it: the hooks in force under its name, and its links."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from sidehook._manifest import WorkerManifest
from sidehook_server.pipeline.model import PlannedHook
from sidehook_server.registry.effects import KeptHook, KeptWorker
from sidehook_server.registry.identity import STRANGER, Peer


class HookKey(NamedTuple):
    """What tells the hooks of one worker apart.

    The hook type is part of it: a hook that a new manifest moves to another type
    leaves a guard behind in the old one, which must not vanish.
    """

    hook_type: str
    name: str


@dataclass(frozen=True, slots=True)
class DeclaredHook:
    """A hook as declared, and the terms that come of it under the configuration."""

    kept: KeptHook
    terms: PlannedHook


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One connection with one instance of a worker.

    `sequence` orders the manifests by arrival. `hooks` are on the terms that this
    instance declares, which need not be the ones in force.
    """

    link_id: str
    manifest: WorkerManifest
    hooks: Mapping[HookKey, DeclaredHook]
    sequence: int
    peer: Peer = STRANGER
    expected_worker: str | None = None
    is_healthy: bool = True
    is_draining: bool = False

    @property
    def serves(self) -> bool:
        """Whether it may be given a run."""
        return self.is_healthy and not self.is_draining


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """Everything known under one worker's name.

    `hooks` are those it was ever ready with, on the terms in force; they stay until
    they are retired. `routes` are the links that serve each on exactly these terms.
    `fuses`: one of its instances takes several hooks in a run, or did when it was there.
    """

    name: str
    hooks: Mapping[HookKey, DeclaredHook] = field(default_factory=lambda: MappingProxyType({}))
    links: Mapping[str, Link] = field(default_factory=lambda: MappingProxyType({}))
    routes: Mapping[HookKey, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    fuses: bool = False

    @property
    def kept(self) -> KeptWorker:
        """What outlives a restart of the sidecar."""
        ordered = sorted(self.hooks.items())
        return KeptWorker(self.name, tuple(hook.kept for _, hook in ordered))

    def candidates(self, hook: PlannedHook) -> tuple[str, ...]:
        """The links that serve a hook on exactly these terms."""
        key = HookKey(hook.hook_type, hook.name)
        in_force = self.hooks.get(key)
        if in_force is not None and in_force.terms is hook:
            return self.routes[key]
        # A call that began on an older snapshot asks for terms that were in force then.
        return serving(self.links, key, hook)

    def is_in_force(self, hook: PlannedHook) -> bool:
        """Whether these are the terms on which the hook is planned now."""
        in_force = self.hooks.get(HookKey(hook.hook_type, hook.name))
        return in_force is not None and in_force.terms == hook


def serving(links: Mapping[str, Link], key: HookKey, terms: PlannedHook) -> tuple[str, ...]:
    """The links that serve a hook on exactly these terms."""
    return tuple(
        link.link_id
        for link in links.values()
        if link.serves and key in link.hooks and link.hooks[key].terms == terms
    )
