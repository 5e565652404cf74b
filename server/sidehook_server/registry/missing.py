"""What must be there and is not: while it is missing, calls fail (rule 28)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from sidehook_server.config.model import Config, WorkerConfig
from sidehook_server.registry.declared import DeclaredType
from sidehook_server.registry.worker import Worker


@dataclass(frozen=True, slots=True)
class Missing:
    """Sentences about what is missing: for calls of every type, and for those of one."""

    everywhere: tuple[str, ...] = ()
    by_type: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))

    def of(self, hook_type: str) -> tuple[str, ...]:
        """What calls of this type miss."""
        return (*self.everywhere, *self.by_type.get(hook_type, ()))

    def __bool__(self) -> bool:
        """Whether anything is missing."""
        return bool(self.everywhere or self.by_type)


NOTHING_MISSING = Missing()
"""Everything that must be there is there."""


def find_missing(
    config: Config,
    types: Mapping[str, DeclaredType],
    workers: Mapping[str, Worker],
    seen: Collection[str],
) -> Missing:
    """What the configuration requires and the registry does not have.

    `seen` are the workers that registered since the start of the sidecar.
    """
    everywhere: list[str] = []
    by_type: defaultdict[str, list[str]] = defaultdict(list)
    for worker in config.workers.values():
        for sentence, hook_types in _missing_of(worker, workers.get(worker.name), seen):
            if not hook_types:
                everywhere.append(sentence)
            for hook_type in hook_types:
                by_type[hook_type].append(sentence)
    for sentence, hook_type in _missing_types(types, workers):
        by_type[hook_type].append(sentence)
    return Missing(
        tuple(everywhere),
        MappingProxyType({name: tuple(sentences) for name, sentences in by_type.items()}),
    )


def _missing_of(
    config: WorkerConfig, worker: Worker | None, seen: Collection[str]
) -> Iterator[tuple[str, frozenset[str]]]:
    """Sentences with the hook types they concern; none of them known: every type."""
    if config.name not in seen and not config.optional:
        served = frozenset(key.hook_type for key in worker.hooks) if worker else frozenset[str]()
        yield (
            f"worker {config.name!r} has not registered since the sidecar started",
            config.types | served,
        )
        return
    registered = {key.name for key in worker.hooks} if worker else set()
    for hook in config.hooks:
        if hook.required and hook.name not in registered:
            own_type = frozenset({hook.hook_type}) if hook.hook_type else config.types
            yield f"required hook {config.name}/{hook.name} is not registered", own_type


def _missing_types(
    types: Mapping[str, DeclaredType], workers: Mapping[str, Worker]
) -> Iterator[tuple[str, str]]:
    required = [declared.name for declared in types.values() if declared.required]
    if not required:
        return
    guarded = {
        key.hook_type
        for worker in workers.values()
        for key, hook in worker.hooks.items()
        if hook.terms.scope is None
    }
    for name in required:
        if name not in guarded:
            yield f"no unscoped hook of the required type {name!r} is registered", name
