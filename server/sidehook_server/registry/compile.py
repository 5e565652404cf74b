"""Plans, the live list and what is missing, brought up to date after a change.

Only the hook types that a change touched are compiled; everything else is shared with
the snapshot before.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import MappingProxyType

from sidehook._hook_list import HookTypeStatus, ScopeName
from sidehook_server.pipeline.model import PlannedHook
from sidehook_server.pipeline.plan import Plan, compile_plan
from sidehook_server.registry.missing import Missing, find_missing
from sidehook_server.registry.model import Registry
from sidehook_server.registry.worker import Worker


def brought_up_to_date(before: Registry, after: Registry) -> Registry:
    """`after` with its plans, its live list and what it misses made right.

    `before` must be right; the two may differ in configuration, workers and what was
    seen. The generation counts up when a plan changed, the list's version when the
    list did.
    """
    missing = find_missing(after.config, after.types, after.workers, after.seen)
    if before.config is after.config and before.list_version:
        touched = set(_touched_types(before, after)) | _newly_missing(before, missing, after)
    else:
        touched = _all_types(after) | set(before.plans) | set(missing.by_type)
    if not touched:
        return replace(after, missing=missing)
    generation = before.generation + 1
    after = replace(after, missing=missing, generation=generation)
    plans = dict(before.plans)
    statuses = dict(before.statuses)
    for hook_type in sorted(touched):
        plan = _compiled(after, hook_type)
        if plan.hooks or after.is_declared(hook_type) or hook_type in missing.by_type:
            plans[hook_type] = plan
            statuses[hook_type] = _status(plan)
        else:
            plans.pop(hook_type, None)
            statuses.pop(hook_type, None)
    after = replace(
        after,
        plans=MappingProxyType(plans),
        statuses=MappingProxyType(statuses),
        named_scopes=frozenset(_named_scopes(after)),
    )
    return replace(after, list_version=before.list_version + _list_differs(before, after))


def _touched_types(before: Registry, after: Registry) -> Iterator[str]:
    """Hook types with a hook that came, went, has other terms, or travels otherwise."""
    nobody = Worker(name="")
    for name in {*before.workers, *after.workers}:
        old = before.workers.get(name, nobody)
        new = after.workers.get(name, nobody)
        if old is not new:
            for key in {*old.hooks, *new.hooks}:
                was, is_now = old.hooks.get(key), new.hooks.get(key)
                if (
                    was is None
                    or is_now is None
                    or was.terms is not is_now.terms
                    or old.fuses is not new.fuses
                ):
                    yield key.hook_type


def _newly_missing(before: Registry, missing: Missing, after: Registry) -> set[str]:
    if before.missing.everywhere != missing.everywhere:
        return _all_types(after) | set(missing.by_type) | set(before.missing.by_type)
    return {
        hook_type
        for hook_type in {*before.missing.by_type, *missing.by_type}
        if before.missing.by_type.get(hook_type) != missing.by_type.get(hook_type)
    }


def _all_types(registry: Registry) -> set[str]:
    served = {key.hook_type for worker in registry.workers.values() for key in worker.hooks}
    return served | set(registry.types)


def _compiled(registry: Registry, hook_type: str) -> Plan:
    declared = registry.types.get(hook_type)
    return compile_plan(
        hook_type,
        _hooks_of(registry, hook_type),
        writable=declared.writable if declared is not None else frozenset(),
        fuses=_fusing(registry),
        generation=registry.generation,
        missing=registry.missing.of(hook_type),
        development=registry.development,
        max_payload_bytes=registry.max_payload_bytes(hook_type),
    )


def _fusing(registry: Registry) -> frozenset[str]:
    """The workers that get several hooks in one run, unless the operator turned that off."""
    if not registry.config.fusion:
        return frozenset()
    return frozenset(worker.name for worker in registry.workers.values() if worker.fuses)


def _hooks_of(registry: Registry, hook_type: str) -> Iterator[PlannedHook]:
    for worker in registry.workers.values():
        for key, hook in worker.hooks.items():
            if key.hook_type == hook_type:
                yield hook.terms


def _status(plan: Plan) -> HookTypeStatus:
    unscoped = any(hook.scope is None for hook in plan.hooks)
    return HookTypeStatus(
        hook_type=plan.hook_type,
        has_hooks=unscoped or bool(plan.missing),
        scopes=frozenset(
            ScopeName(hook.tenant, hook.scope) for hook in plan.hooks if hook.scope is not None
        ),
        writable_fields=plan.writable,
    )


def _named_scopes(registry: Registry) -> Iterator[tuple[str, str]]:
    for worker in registry.workers.values():
        for hook in worker.hooks.values():
            if hook.terms.scope is not None:
                yield hook.terms.tenant, hook.terms.scope


def _list_differs(before: Registry, after: Registry) -> bool:
    """Whether somebody sees another list, which callers are part of: each sees what it may call."""
    said = [
        (
            registry.statuses,
            registry.is_complete,
            registry.undeclared_allowed,
            registry.config.callers,
        )
        for registry in (before, after)
    ]
    return not before.list_version or said[0] != said[1]
