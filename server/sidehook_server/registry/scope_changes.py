"""How the hooks that applications serve themselves come and go.

No plan, no list and nothing that is kept ever changes with them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from sidehook._manifest import WorkerManifest
from sidehook_server.pipeline.model import PlannedHook
from sidehook_server.registry.identity import Peer
from sidehook_server.registry.model import Registry
from sidehook_server.registry.scopes import Attachment
from sidehook_server.registry.terms import terms


def with_scope(
    registry: Registry,
    link_id: str,
    manifest: WorkerManifest,
    *,
    handle: str,
    peer: Peer,
) -> Registry:
    """With the hooks of an application behind a handle. Raises ValueError for a used handle."""
    if registry.scopes.attachment(handle) is not None:
        raise ValueError("a scope handle is given to one connection only")
    attachment = Attachment(
        handle=handle,
        link_id=link_id,
        worker=manifest.worker,
        peer=peer,
        hooks=_hooks(manifest, handle),
    )
    return with_attachment(registry, attachment)


def with_attachment(registry: Registry, attachment: Attachment) -> Registry:
    """With a scope that changed."""
    return replace(registry, scopes=registry.scopes.with_attachment(attachment))


def with_hooks(registry: Registry, attachment: Attachment, manifest: WorkerManifest) -> Registry:
    """With other hooks behind the same handle."""
    hooks = _hooks(manifest, attachment.handle)
    return with_attachment(registry, replace(attachment, hooks=hooks))


def _hooks(manifest: WorkerManifest, handle: str) -> Mapping[str, tuple[PlannedHook, ...]]:
    by_type: defaultdict[str, list[PlannedHook]] = defaultdict(list)
    for spec in manifest.hooks:
        by_type[spec.hook_type].append(terms(spec, worker=manifest.worker, handle=handle))
    return MappingProxyType({name: tuple(hooks) for name, hooks in by_type.items()})
