"""What holds under a worker's name, after its links or its configuration changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from sidehook._hello import FUSED_RUNS
from sidehook_server.config.model import WorkerConfig
from sidehook_server.registry.effects import KeptHook
from sidehook_server.registry.terms import declared, in_force
from sidehook_server.registry.worker import DeclaredHook, HookKey, Worker, serving


def settled(worker: Worker, *, accepts_downgrade: bool, development: bool) -> Worker:
    """The worker with the hooks, terms and routes that come of its links.

    Hooks are only ever added here, except in development mode, where a hook that no
    link declares is forgotten.
    """
    links = sorted(worker.links.values(), key=lambda link: link.sequence)
    there = {
        key: hook for link in links if not link.is_draining for key, hook in link.hooks.items()
    }
    kept = {key: hook for key, hook in worker.hooks.items() if key in there or not development}
    hooks = {}
    for key, current in {**there, **kept}.items():
        offers = [link.hooks[key] for link in links if link.serves and key in link.hooks]
        hooks[key] = in_force(current, offers, accepts_downgrade=accepts_downgrade)
    routes = {key: serving(worker.links, key, hook.terms) for key, hook in hooks.items()}
    fuses = [FUSED_RUNS in link.manifest.capabilities for link in links]
    return replace(
        worker,
        hooks=MappingProxyType(hooks),
        routes=MappingProxyType(routes),
        # Plans need not change because an instance went and comes back.
        fuses=any(fuses) if fuses else worker.fuses,
    )


def redeclared(worker: Worker, config: WorkerConfig | None) -> Worker:
    """The worker with its terms worked out anew, because the operator's word changed."""

    def again(hooks: Mapping[HookKey, DeclaredHook]) -> Mapping[HookKey, DeclaredHook]:
        return MappingProxyType(
            {
                key: declared(hook.kept, worker=worker.name, config=config)
                for key, hook in hooks.items()
            }
        )

    links = {
        link_id: replace(link, hooks=again(link.hooks)) for link_id, link in worker.links.items()
    }
    return replace(worker, hooks=again(worker.hooks), links=MappingProxyType(links))


def declared_hooks(
    kept: tuple[KeptHook, ...], *, worker: str, config: WorkerConfig | None
) -> Mapping[HookKey, DeclaredHook]:
    """Hooks by key, with the terms that come of them under the configuration."""
    return MappingProxyType(
        {
            HookKey(hook.spec.hook_type, hook.spec.name): declared(
                hook, worker=worker, config=config
            )
            for hook in kept
        }
    )
