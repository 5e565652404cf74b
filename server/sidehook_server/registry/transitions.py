"""How the registry changes: one pure function for each thing that can happen.

Each takes a snapshot and returns a Change: the next snapshot, and effects for its
holder. A hook never leaves the plan here but by `retired`; in development mode it
leaves with the links that declare it. Links that are not known change nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TypeVar

from sidehook._manifest import WorkerManifest
from sidehook_server.config.model import Config, WorkerConfig
from sidehook_server.config.naming import MAX_HOOKS, MAX_WORKERS
from sidehook_server.registry import accounts
from sidehook_server.registry.callers import CallerBook
from sidehook_server.registry.changes import changed, unchanged, with_workers
from sidehook_server.registry.compile import brought_up_to_date
from sidehook_server.registry.declared import declared_types
from sidehook_server.registry.effects import (
    Dismiss,
    Effect,
    KeptHook,
    KeptWorker,
    Level,
    ListChanged,
    Log,
    RefusalReason,
    Refuse,
)
from sidehook_server.registry.identity import STRANGER, Peer, identity_problems
from sidehook_server.registry.manifest_check import Registrant, identity_refusal, refusal
from sidehook_server.registry.model import Change, Registry
from sidehook_server.registry.scope_changes import with_attachment, with_hooks, with_scope
from sidehook_server.registry.settle import declared_hooks, redeclared
from sidehook_server.registry.worker import DeclaredHook, HookKey, Link, Worker

KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")


def new_registry(config: Config) -> Registry:
    """The registry of a sidecar that starts: nobody registered yet."""
    types = declared_types(config)
    empty = Registry(
        config=config,
        settings=config.call_settings,
        types=types,
        callers=CallerBook(config.callers, types),
    )
    return brought_up_to_date(empty, empty)


def attached(
    registry: Registry,
    link_id: str,
    manifest: WorkerManifest,
    *,
    scope_handle: str | None = None,
    peer: Peer = STRANGER,
    expected_worker: str | None = None,
) -> Change:
    """An instance registers over a new link, or an application a scope of its own.

    With `scope_handle` the hooks are for calls that name the handle. `peer` is who is at
    the other end. `expected_worker` is the name under which the configuration has a
    dialled target. Raises ValueError for a link id or a handle that was used before.
    """
    if link_id in registry.owners or registry.scopes.of_link(link_id) is not None:
        raise ValueError(f"link {link_id!r} is attached already")
    registrant = Registrant(
        peer=peer, expected_worker=expected_worker, serves_scope=scope_handle is not None
    )
    refused = _refused(registry, link_id, manifest, registrant)
    if refused is not None:
        return refused
    if scope_handle is not None:
        after = with_scope(registry, link_id, manifest, handle=scope_handle, peer=peer)
        return Change(before=registry, registry=after)
    return _declared(registry, link_id, manifest, registrant)


def remanifest(registry: Registry, link_id: str, manifest: WorkerManifest) -> Change:
    """The instance behind a link declares itself anew; the same again changes nothing."""
    scope = registry.scopes.of_link(link_id)
    if scope is not None:
        registrant = Registrant(peer=scope.peer, expected_worker=scope.worker, serves_scope=True)
        refused = _refused(registry, link_id, manifest, registrant)
        return refused or Change(before=registry, registry=with_hooks(registry, scope, manifest))
    link = _link(registry, link_id)
    if link is None or link.manifest == manifest:
        return unchanged(registry)
    registrant = Registrant(peer=link.peer, expected_worker=link.manifest.worker)
    refused = _refused(registry, link_id, manifest, registrant)
    return refused or _declared(registry, link_id, manifest, registrant)


def detached(registry: Registry, link_id: str) -> Change:
    """A link is gone. Its worker's hooks stay, unreachable when it was the last."""
    if registry.scopes.of_link(link_id) is not None:
        after = replace(registry, scopes=registry.scopes.without_link(link_id))
        return Change(before=registry, registry=after)
    link = _link(registry, link_id)
    if link is None:
        return unchanged(registry)
    worker = registry.workers[link.manifest.worker]
    owners = {key: name for key, name in registry.owners.items() if key != link_id}
    after = with_workers(
        replace(registry, owners=MappingProxyType(owners)),
        [replace(worker, links=_without(worker.links, [link_id]))],
    )
    if worker.name not in after.workers and worker.name not in registry.config.workers:
        # Of a name that is forgotten nobody asks any more whether it was seen.
        after = replace(after, seen=registry.seen - {worker.name})
    return changed(registry, after, accounts.link_log(Level.INFO, "worker_detached", link))


def draining(registry: Registry, link_id: str) -> Change:
    """The instance behind a link said goodbye: it gets no new runs. Safe to repeat."""
    scope = registry.scopes.of_link(link_id)
    if scope is not None:
        after = with_attachment(registry, replace(scope, is_draining=True))
        return Change(before=registry, registry=after)
    link = _link(registry, link_id)
    if link is None or link.is_draining:
        return unchanged(registry)
    log = accounts.link_log(Level.INFO, "worker_draining", link)
    return changed(registry, _with_link(registry, replace(link, is_draining=True)), log)


def healthy(registry: Registry, link_id: str, *, is_healthy: bool) -> Change:
    """A link came to be, or ceased to be, one on which a run has a chance."""
    scope = registry.scopes.of_link(link_id)
    if scope is not None:
        after = with_attachment(registry, replace(scope, is_healthy=is_healthy))
        return Change(before=registry, registry=after)
    link = _link(registry, link_id)
    if link is None or link.is_healthy == is_healthy:
        return unchanged(registry)
    level = Level.INFO if is_healthy else Level.WARNING
    event = "worker_healthy" if is_healthy else "worker_unhealthy"
    log = accounts.link_log(level, event, link)
    return changed(registry, _with_link(registry, replace(link, is_healthy=is_healthy)), log)


def retired(registry: Registry, worker: str, hook: str = "", *, peer: Peer | None = None) -> Change:
    """Hooks of a worker leave the plan: one, or with `hook` empty all of them.

    `peer` is who asks, None for the operator, and must be one who may have the name.
    Refused for a hook that a connected instance declares, one that drains aside: it
    would be back with that instance's next registration. Of a name on several hook
    types, those that nobody declares leave. A name that is not there changes nothing.
    Safe to repeat.
    """
    known = registry.workers.get(worker)
    said = registry.config.workers.get(worker)
    if peer is not None and (
        strange := tuple(identity_problems(worker, peer, said, expected_worker=None))
    ):
        return _not_retired(registry, worker, RefusalReason.WORKER_IDENTITY, strange)
    keys = [key for key in (known.hooks if known else ()) if hook in ("", key.name)]
    if known is None or not keys:
        return unchanged(registry)
    in_use = {key: _declaring(known, key) for key in keys}
    idle = [key for key, links in in_use.items() if not links]
    if not idle or (not hook and len(idle) < len(keys)):
        problems = tuple(_in_use(worker, key, links) for key, links in in_use.items() if links)
        return _not_retired(registry, worker, RefusalReason.HOOK_IN_USE, problems)
    after = with_workers(registry, [replace(known, hooks=_without(known.hooks, idle))])
    return changed(registry, after, retired=tuple(f"{worker}/{key.name}" for key in sorted(idle)))


def configured(registry: Registry, config: Config) -> Change:
    """The operator's word changed: the terms of every hook are worked out anew.

    A link whose process may no longer have its name gets no new runs, and is dismissed.
    """
    types = declared_types(config)
    after = replace(
        registry,
        config=config,
        settings=config.call_settings,
        types=types,
        callers=CallerBook(config.callers, types),
    )
    workers = []
    dismissed: list[Effect] = []
    for name, worker in registry.workers.items():
        said = config.workers.get(name)
        refusals = dict(_no_longer_admitted(worker, said))
        links = {
            key: replace(link, is_draining=link.is_draining or key in refusals)
            for key, link in worker.links.items()
        }
        workers.append(redeclared(replace(worker, links=MappingProxyType(links)), said))
        for link_id, refuse in refusals.items():
            dismissed += [accounts.refused(link_id, name, refuse), Dismiss(link_id, refuse)]
    log = Log(Level.INFO, "configuration_applied", {"source": config.source})
    return changed(registry, with_workers(after, workers), log, *dismissed)


def restored(registry: Registry, kept: Iterable[KeptWorker]) -> Change:
    """What was kept of workers comes back, unreachable until they do.

    Hooks that are there already stay as they are. In development mode nothing comes
    back: a hook without a connection is forgotten there.
    """
    workers = []
    for each in kept:
        worker = registry.workers.get(each.worker, Worker(name=each.worker))
        hooks = {**_hooks(registry, each.worker, each.hooks), **worker.hooks}
        workers.append(replace(worker, hooks=MappingProxyType(hooks)))
    after = brought_up_to_date(registry, with_workers(registry, workers))
    differs = after.list_version != registry.list_version
    effects = (ListChanged(after.list_version),) if differs else ()
    return Change(before=registry, registry=after, effects=effects)


# What they need.


def _no_longer_admitted(worker: Worker, said: WorkerConfig | None) -> Iterator[tuple[str, Refuse]]:
    """The links that would not be let in under the operator's new word, and why."""
    for link in worker.links.values():
        registrant = Registrant(peer=link.peer, expected_worker=link.expected_worker)
        refuse = identity_refusal(link.manifest, registrant, said)
        if refuse is not None:
            yield link.link_id, refuse


def _refused(
    registry: Registry, link_id: str, manifest: WorkerManifest, registrant: Registrant
) -> Change | None:
    refuse = refusal(
        manifest,
        registrant,
        config=registry.config,
        types=registry.types,
        undeclared_allowed=registry.undeclared_allowed,
    )
    if refuse is None and not registrant.serves_scope:
        refuse = _no_room(registry, manifest)
    if refuse is None:
        return None
    return unchanged(registry, refuse, accounts.refused(link_id, manifest.worker, refuse))


def _not_retired(
    registry: Registry, worker: str, reason: RefusalReason, problems: tuple[str, ...]
) -> Change:
    refuse = Refuse(reason, problems)
    return unchanged(registry, refuse, accounts.refused("", worker, refuse))


def _no_room(registry: Registry, manifest: WorkerManifest) -> Refuse | None:
    """Why the registry cannot hold what the manifest adds to it; hooks only ever add up there."""
    name = manifest.worker
    worker = registry.workers.get(name)
    if worker is None:
        if len(registry.workers) < MAX_WORKERS:
            return None
        problem = (
            f"worker {name!r}: {MAX_WORKERS} workers are known, the most there may be; retire "
            "those that will not come back"
        )
        return Refuse(RefusalReason.INVALID_MANIFEST, (problem,))
    keys = {HookKey(spec.hook_type, spec.name) for spec in manifest.hooks}
    total = len(keys | worker.hooks.keys())
    if registry.development or total <= max(MAX_HOOKS, len(worker.hooks)):
        return None
    problem = (
        f"worker {name!r}, field hooks: with those that it declared before it would have {total}, "
        f"and at most {MAX_HOOKS} are kept under one name; retire those that it does not serve"
    )
    return Refuse(RefusalReason.INVALID_MANIFEST, (problem,))


def _declared(
    registry: Registry, link_id: str, manifest: WorkerManifest, registrant: Registrant
) -> Change:
    """An accepted manifest takes effect."""
    name = manifest.worker
    sequence = registry.sequence + 1
    kept = tuple(KeptHook(spec, manifest.tenant) for spec in manifest.hooks)
    before = _link(registry, link_id)
    link = Link(
        link_id=link_id,
        manifest=manifest,
        hooks=_hooks(registry, name, kept),
        sequence=sequence,
        peer=registrant.peer,
        expected_worker=registrant.expected_worker if before is None else before.expected_worker,
        is_healthy=before is None or before.is_healthy,
        is_draining=before is not None and before.is_draining,
    )
    after = replace(
        registry,
        owners=MappingProxyType({**registry.owners, link_id: name}),
        seen=registry.seen | {name},
        sequence=sequence,
    )
    after = _with_link(after, link)
    event = "worker_attached" if before is None else "worker_declared_anew"
    log = accounts.link_log(Level.INFO, event, link, hooks=accounts.names(link.hooks))
    told: list[Effect] = [log, *accounts.unserved(link, after.workers[name])]
    return changed(registry, after, *told, announce=link_id)


def _with_link(registry: Registry, link: Link) -> Registry:
    name = link.manifest.worker
    worker = registry.workers.get(name, Worker(name=name))
    links = MappingProxyType({**worker.links, link.link_id: link})
    return with_workers(registry, [replace(worker, links=links)])


def _link(registry: Registry, link_id: str) -> Link | None:
    owner = registry.owners.get(link_id)
    return None if owner is None else registry.workers[owner].links[link_id]


def _hooks(
    registry: Registry, worker: str, kept: tuple[KeptHook, ...]
) -> Mapping[HookKey, DeclaredHook]:
    return declared_hooks(kept, worker=worker, config=registry.config.workers.get(worker))


def _declaring(worker: Worker, key: HookKey) -> list[Link]:
    return [link for link in worker.links.values() if not link.is_draining and key in link.hooks]


def _in_use(worker: str, key: HookKey, links: list[Link]) -> str:
    instances = ", ".join(repr(link.manifest.instance or link.link_id) for link in links)
    return (
        f"hook {worker}/{key.name} ({key.hook_type}) is still declared by {instances}, and would "
        "be back with their next registration; stop them, or take the hook out of them, first"
    )


def _without(mapping: Mapping[KeyT, ValueT], keys: Iterable[KeyT]) -> Mapping[KeyT, ValueT]:
    gone = set(keys)
    return MappingProxyType({key: value for key, value in mapping.items() if key not in gone})
