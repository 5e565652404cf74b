"""What every change of the registry has in common: plans made right, effects put in order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from types import MappingProxyType

from sidehook_server.registry.accounts import settling
from sidehook_server.registry.compile import brought_up_to_date
from sidehook_server.registry.effects import (
    AnnounceActive,
    Effect,
    Forget,
    ListChanged,
    Log,
    Persist,
)
from sidehook_server.registry.model import Change, Registry
from sidehook_server.registry.settle import settled
from sidehook_server.registry.worker import Worker


def unchanged(registry: Registry, *effects: Effect) -> Change:
    """Nothing changed."""
    return Change(before=registry, registry=registry, effects=effects)


def changed(
    before: Registry,
    after: Registry,
    *effects: Effect,
    announce: str | None = None,
    retired: tuple[str, ...] = (),
) -> Change:
    """The change to a registry whose workers, configuration or seen names are new.

    What must be kept is written before anything is said about it. `announce` is the
    link whose worker waits to hear that its hooks are active.
    """
    after = brought_up_to_date(before, after)
    said: list[Effect] = [*_keeping(before, after), *_told(before, after), *effects]
    if after.list_version != before.list_version:
        said.append(ListChanged(after.list_version))
    if announce is not None:
        said.append(AnnounceActive(announce, after.list_version))
    return Change(before=before, registry=after, effects=tuple(said), retired=retired)


def with_workers(registry: Registry, workers: Iterable[Worker]) -> Registry:
    """The registry with these workers settled, and forgotten where nothing is left of one."""
    mapping = dict(registry.workers)
    for worker in workers:
        after = settled(
            worker,
            accepts_downgrade=registry.config.accepts_downgrade(worker.name),
            development=registry.development,
        )
        mapping[worker.name] = after
        if not after.hooks and not after.links:
            del mapping[worker.name]
    return replace(registry, workers=MappingProxyType(mapping))


def _differing(before: Registry, after: Registry) -> Iterator[tuple[Worker, Worker]]:
    for name in dict.fromkeys((*before.workers, *after.workers)):
        nobody = Worker(name=name)
        old, new = before.workers.get(name, nobody), after.workers.get(name, nobody)
        if old is not new:
            yield old, new


def _keeping(before: Registry, after: Registry) -> Iterator[Effect]:
    if after.development:
        return
    for old, new in _differing(before, after):
        if old.kept != new.kept:
            yield Persist(new.kept) if new.hooks else Forget(new.name)


def _told(before: Registry, after: Registry) -> Iterator[Log]:
    for old, new in _differing(before, after):
        yield from settling(old, new)
