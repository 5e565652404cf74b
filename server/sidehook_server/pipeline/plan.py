"""The plan of a hook type: who runs, in which order. Compiled when something changes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from sidehook_server.modes import PHASES, ModeRow
from sidehook_server.pipeline.model import PlannedHook
from sidehook_server.pipeline.segments import Segment, segments_of

DEFAULT_MAX_PAYLOAD_BYTES: Final = 16 * 1024 * 1024
"""The largest payload of a hook type for which the operator set no limit, in bytes."""


@dataclass(frozen=True, slots=True)
class Phase:
    """All hooks of one row of the table, in the order in which they run."""

    row: ModeRow
    hooks: tuple[PlannedHook, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What happens to calls of one hook type.

    `max_payload_bytes` bounds a payload on arrival and after each patch. `missing` names
    what must be there and is not (workers never seen, required hooks): while it is not
    empty every call of the type fails as unreachable. `places` are its hooks, each with its
    phase, in the order in which they run, and `segments` what may travel in one run from
    each place on. `fuses` are the workers that take several hooks in a run.
    """

    hook_type: str
    phases: tuple[Phase, ...]
    places: tuple[tuple[Phase, PlannedHook], ...]
    hooks: tuple[PlannedHook, ...]
    segments: tuple[Segment, ...]
    writable: frozenset[str]
    fuses: frozenset[str] = frozenset()
    generation: int = 0
    missing: tuple[str, ...] = ()
    development: bool = False
    max_payload_bytes: int = DEFAULT_MAX_PAYLOAD_BYTES

    @property
    def has_gates(self) -> bool:
        """Whether a final-payload gate is in it, whose receipt carries digests."""
        return any(phase.row.final_payload for phase in self.phases)


def _order(hook: PlannedHook) -> tuple[int, str, str, str]:
    return (hook.priority, hook.worker, hook.name, hook.handle or "")


def compile_plan(
    hook_type: str,
    hooks: Iterable[PlannedHook],
    *,
    writable: frozenset[str] = frozenset(),
    fuses: frozenset[str] = frozenset(),
    generation: int = 0,
    missing: tuple[str, ...] = (),
    development: bool = False,
    max_payload_bytes: int = DEFAULT_MAX_PAYLOAD_BYTES,
) -> Plan:
    """Orders hooks into phases: by the table of phases, then priority, worker, name."""
    ordered = sorted(hooks, key=_order)
    phases = tuple(
        Phase(row, of_row)
        for row in PHASES
        if (of_row := tuple(hook for hook in ordered if hook.row is row))
    )
    places = tuple((phase, hook) for phase in phases for hook in phase.hooks)
    return Plan(
        hook_type=hook_type,
        phases=phases,
        places=places,
        hooks=tuple(hook for _, hook in places),
        segments=segments_of(places, fuses=fuses, writable=writable),
        writable=writable,
        fuses=fuses,
        generation=generation,
        missing=missing,
        development=development,
        max_payload_bytes=max_payload_bytes,
    )


def overlay(plan: Plan, hooks: tuple[PlannedHook, ...]) -> Plan:
    """The plan of one call that names scope handles: their hooks in their right places."""
    if not hooks:
        return plan
    merged = compile_plan(
        plan.hook_type, (*plan.hooks, *hooks), writable=plan.writable, fuses=plan.fuses
    )
    return replace(
        plan,
        phases=merged.phases,
        places=merged.places,
        hooks=merged.hooks,
        segments=merged.segments,
    )
