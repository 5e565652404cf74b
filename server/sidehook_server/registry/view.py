"""The registry for people: a JSON object for `/state`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from sidehook._types import JSON
from sidehook_server.advice.exposure import exposure_of
from sidehook_server.pipeline.plan import Plan
from sidehook_server.registry.hook_view import hook_view
from sidehook_server.registry.worker import Link, Worker

if TYPE_CHECKING:
    from sidehook_server.registry.model import Registry


def registry_view(registry: Registry) -> dict[str, JSON]:
    """Workers, hooks in the order in which they run, versions, and what is degraded."""
    names = sorted({*registry.workers, *registry.config.workers})
    return {
        "generation": registry.generation,
        "list_version": registry.list_version,
        "list_complete": registry.is_complete,
        "development": registry.development,
        "ready": registry.is_ready,
        "missing": _texts(_missing(registry)),
        "degraded": _texts(degraded(registry)),
        "workers": [_worker(registry, name) for name in names],
        "hook_types": {
            name: _plan(registry, plan)
            for name, plan in sorted(registry.plans.items())
            if plan.hooks or plan.missing or name in registry.config.hook_types
        },
        "settings": {
            "default_budget_seconds": registry.settings.default_budget,
            "margin_seconds": registry.settings.margin,
            "observer_share": registry.settings.observer_share,
        },
        "calling": exposure_of(registry.config).view,
        "scope_handles": {
            "live": len(registry.scopes.live),
            "gone": len(registry.scopes.gone),
        },
    }


def _missing(registry: Registry) -> Iterator[str]:
    yield from registry.missing.everywhere
    by_type = registry.missing.by_type.values()
    yield from dict.fromkeys(sentence for sentences in by_type for sentence in sentences)


def degraded(registry: Registry) -> Iterator[str]:
    """Sentences about what is configured or kept and does not work as it should."""
    yield from _unfulfilled(registry)
    for worker in registry.workers.values():
        for key, links in worker.routes.items():
            if not links:
                yield f"hook {worker.name}/{key.name} ({key.hook_type}) is unreachable"
            if not (registry.is_declared(key.hook_type) or registry.undeclared_allowed):
                yield (
                    f"hook {worker.name}/{key.name} is registered for {key.hook_type!r}, which is "
                    "no longer declared: its calls are refused"
                )


def _unfulfilled(registry: Registry) -> Iterator[str]:
    """Configuration that nobody lives up to."""
    for config in registry.config.workers.values():
        worker = registry.workers.get(config.name, Worker(name=config.name))
        if config.name not in registry.seen:
            yield f"worker {config.name!r} has not registered since the sidecar started"
        registered = {key.name for key in worker.hooks}
        for hook in config.hooks:
            if hook.name not in registered:
                yield f"hook {config.name}/{hook.name} is configured, and nobody registered it"
        for hook_type in sorted(config.types - {key.hook_type for key in worker.hooks}):
            yield f"worker {config.name!r} has no hook of type {hook_type!r}, as configured"


def _worker(registry: Registry, name: str) -> dict[str, JSON]:
    worker = registry.workers.get(name, Worker(name=name))
    config = registry.config.workers.get(name)
    return {
        "name": name,
        "configured": config is not None,
        "optional": config is not None and config.optional,
        "target": config.target if config is not None else None,
        "seen": name in registry.seen,
        "instances": [_link(link) for link in worker.links.values()],
        "hooks": [
            {**hook_view(hook.terms), "links": _texts(worker.routes[key])}
            for key, hook in sorted(worker.hooks.items())
        ],
    }


def _link(link: Link) -> dict[str, JSON]:
    manifest = link.manifest
    return {
        "link": link.link_id,
        "instance": manifest.instance,
        "sdk": manifest.sdk,
        "protocol_version": manifest.protocol_version,
        "capabilities": _texts(sorted(manifest.capabilities)),
        "healthy": link.is_healthy,
        "draining": link.is_draining,
    }


def _plan(registry: Registry, plan: Plan) -> dict[str, JSON]:
    return {
        "declared": registry.is_declared(plan.hook_type),
        "generation": plan.generation,
        "max_payload_bytes": plan.max_payload_bytes,
        "writable": _texts(sorted(plan.writable)),
        "missing": _texts(plan.missing),
        "hooks": [
            {
                "hook": hook.path,
                "mode": hook.mode.value,
                "priority": hook.priority,
                "scope": hook.scope,
                "shadow": hook.in_shadow,
                "requires_final_payload": hook.final_payload,
                "instances": len(registry.candidates(hook)),
            }
            for hook in plan.hooks
        ],
    }


def _texts(texts: Iterable[str]) -> list[JSON]:
    return list(texts)
