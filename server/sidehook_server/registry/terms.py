"""The terms of a hook: what its worker proposes, the operator's word, and the defaults.

And which of two terms is the weaker one. Terms are weaker when anything of them is:
the mode may do less, a failure class is let through, fewer calls are seen, or a field
that was refused is dropped. Priority, timeout, fields and idempotence make terms
different, neither weaker nor stronger. What the operator says is the same on both
sides: shadowing a hook is no downgrade of its worker's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Final, TypeVar

from sidehook._manifest import HookSpec
from sidehook._types import FailureClass, Mode, OnError, OnRejected
from sidehook_server.conditions import Condition, compile_condition
from sidehook_server.config.model import HookConfig, WorkerConfig
from sidehook_server.modes import GATES, MODES, PHASES, ModeRow, Schedule
from sidehook_server.pipeline.model import PlannedHook
from sidehook_server.policy import complete_policy
from sidehook_server.registry.effects import KeptHook
from sidehook_server.registry.worker import DeclaredHook

DEFAULT_PRIORITY: Final = 50
"""The priority of a hook that names none."""

ValueT = TypeVar("ValueT")

_UNSAID: Final = HookConfig(name="")
_UNPROPOSED: Final = HookSpec(name="", hook_type="")


def declared(kept: KeptHook, *, worker: str, config: WorkerConfig | None) -> DeclaredHook:
    """A hook with the terms that come of it under the configuration."""
    said = config.hook(kept.spec.name) if config is not None else None
    tenant = config.tenant if config is not None and config.tenant is not None else kept.tenant
    return DeclaredHook(kept, terms(kept.spec, worker=worker, tenant=tenant, said=said or _UNSAID))


def terms(
    spec: HookSpec,
    *,
    worker: str,
    tenant: str = "",
    said: HookConfig = _UNSAID,
    handle: str | None = None,
) -> PlannedHook:
    """The terms a hook runs on: the operator's word, else the worker's, else the default.

    A required hook has no scope, and fails the call whatever else is said. Only the operator
    says for which calls it is left out: by a condition, or as an observer by a sample.
    """
    mode = _first(said.mode, spec.mode, Mode.SEQUENTIAL)
    gates = bool(_first(said.requires_final_payload, spec.requires_final_payload, False))
    shadow_of = _shadow_of(mode, gates=gates, spec=spec, said=said)
    observes = shadow_of is not None or MODES[mode].observes
    scope = None if said.required else (_first(said.scope, spec.scope, "") or None)
    # What was accepted before the hook was required may still be in a kept manifest.
    proposed = _UNPROPOSED if said.required else spec
    return PlannedHook(
        worker=worker,
        name=spec.name,
        hook_type=spec.hook_type,
        mode=mode,
        priority=_first(said.priority, spec.priority, DEFAULT_PRIORITY),
        timeout=_first(said.timeout, spec.timeout, MODES[mode].default_timeout),
        on_error=_on_error(mode, spec, said),
        on_rejected=_first(said.on_rejected, spec.on_rejected, OnRejected.DROP),
        tenant=tenant if scope is not None else "",
        scope=scope,
        fields=None if spec.fields is None else frozenset(spec.fields),
        idempotent=bool(spec.idempotent),
        required=said.required,
        handle=handle,
        condition=_condition(_first(said.condition, proposed.condition, "")),
        # A guard sees every call, whatever was proposed for it when it was an observer.
        sample=_first(said.sample, proposed.sample, 1.0) if observes else 1.0,
        final_payload=gates and mode is Mode.SEQUENTIAL,
        shadow_of=shadow_of,
    )


@lru_cache(maxsize=1024)
def _condition(source: str) -> Condition | None:
    return compile_condition(source) if source else None


def _shadow_of(mode: Mode, *, gates: bool, spec: HookSpec, said: HookConfig) -> ModeRow | None:
    """The row whose rights the operator took from the hook; None when it keeps them.

    That is so by `shadow: true`, and when a hook that its worker lets decide is made an
    AUDIT hook. A required hook never is: its failures end the call, as an AUDIT hook's too.
    """
    if said.required:
        return None
    if said.shadow:
        return GATES if gates and mode is Mode.SEQUENTIAL else MODES[mode]
    declared = spec.mode or Mode.SEQUENTIAL
    if said.mode is Mode.AUDIT and not MODES[declared].observes:
        gate = declared is Mode.SEQUENTIAL and bool(spec.requires_final_payload)
        return GATES if gate else MODES[declared]
    return None


def _first(said: ValueT | None, proposed: ValueT | None, default: ValueT) -> ValueT:
    if said is not None:
        return said
    return default if proposed is None else proposed


def _on_error(mode: Mode, spec: HookSpec, said: HookConfig) -> Mapping[FailureClass, OnError]:
    actions = dict(complete_policy(mode, spec.on_error, required=said.required))
    if said.on_error is not None and not said.required:
        if said.on_error.default is not None:
            actions = dict.fromkeys(FailureClass, said.on_error.default)
        actions.update(said.on_error.overrides)
    return MappingProxyType(actions)


# What a mode can do to a call: block it, change its payload, and hold it while the hook looks.
_POWERS: Final[Mapping[ModeRow, frozenset[str]]] = {
    row: frozenset(
        power
        for power, has in (
            ("block", row.may_block),
            ("modify", row.may_modify),
            ("hold the call", row.schedule is not Schedule.DETACHED),
        )
        if has
    )
    for row in PHASES
}
_STRENGTH: Final[Mapping[OnError, int]] = {OnError.FAIL: 2, OnError.IGNORE: 1, OnError.DISABLE: 0}


def losses(old: PlannedHook, new: PlannedHook) -> tuple[str, ...]:
    """What a hook would give up with the new terms; empty when they are not weaker."""
    return tuple(_losses(old, new))


def _losses(old: PlannedHook, new: PlannedHook) -> Iterator[str]:
    if lost := _POWERS[old.rights] - _POWERS[new.rights]:
        modes = f"{old.rights.name} -> {new.rights.name}"
        yield f"mode {modes} can no longer {' or '.join(sorted(lost))}"
    yield from _let_through(old.on_error, new.on_error)
    if new.scope is not None and (old.scope, old.tenant) != (new.scope, new.tenant):
        yield f"only calls of scope {new.scope!r} and tenant {new.tenant!r} are seen"
    if new.condition is not None and old.condition != new.condition:
        yield "only calls for which its condition holds are seen"
    if new.sample < old.sample:
        yield f"sample {old.sample:g} -> {new.sample:g}"
    if old.on_rejected is OnRejected.ERROR and new.on_rejected is OnRejected.DROP:
        yield "on_rejected error -> drop"


def _let_through(
    old: Mapping[FailureClass, OnError], new: Mapping[FailureClass, OnError]
) -> Iterator[str]:
    """The failure classes that end the call no longer, or no longer as firmly."""
    milder: defaultdict[str, list[str]] = defaultdict(list)
    for kind in FailureClass:
        if _STRENGTH[new[kind]] < _STRENGTH[old[kind]]:
            milder[f"{old[kind]} -> {new[kind]}"].append(kind)
    for step, kinds in milder.items():
        which = "" if len(kinds) == len(FailureClass) else f" for {', '.join(kinds)}"
        yield f"on_error {step}{which}"


def is_stronger(new: PlannedHook, old: PlannedHook) -> bool:
    """Whether the new terms give up nothing and gain something."""
    return not losses(old, new) and bool(losses(new, old))


def in_force(
    current: DeclaredHook, offers: Sequence[DeclaredHook], *, accepts_downgrade: bool
) -> DeclaredHook:
    """Which terms of a hook hold, given the ones that did and those that are served now.

    `offers` are what the serving instances declare, the newest manifest last.

    1. Stronger terms hold at once.
    2. While somebody serves the terms that hold, they go on to hold.
    3. Else the newest offer that is not weaker holds; with `accepts_downgrade` the
       newest of all. When there is none, the old terms hold, and nobody serves them.
    """
    for offer in offers:
        if is_stronger(offer.terms, current.terms):
            current = offer
    if any(offer.terms == current.terms for offer in offers):
        return current
    for offer in reversed(offers):
        if accepts_downgrade or not losses(current.terms, offer.terms):
            return offer
    return current
