"""Which hooks may travel in one run: the plan cut into segments, once, when it is compiled.

A segment begins at a place of the plan. Of a serial phase it is that hook and those
behind it, its riders, as far as they are hooks of the same worker that see nothing which
the first one does not. Of a parallel phase it is the hooks of one worker that start
together. What only a call can tell is left to the call: scopes, samples, load, and how
many of them the instance takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import TYPE_CHECKING, Final

from sidehook._manifest import ErrorPolicy
from sidehook._run import HookRun, SharedSteps
from sidehook_server.modes import Schedule
from sidehook_server.pipeline.model import PlannedHook

if TYPE_CHECKING:
    from sidehook_server.pipeline.plan import Phase

MAX_HOOKS_IN_RUN: Final = 64
"""The hooks of one run; a longer chain takes another run."""

Place = tuple["Phase", PlannedHook]
"""A hook in its phase, at its place in the plan."""


@dataclass(slots=True)
class Fitted:
    """The steps of a segment for the time that a call had; most calls have as much."""

    left: float = -1.0
    share: float = -1.0
    steps: SharedSteps = field(default_factory=SharedSteps)


@dataclass(frozen=True, slots=True)
class Segment:
    """The hooks that may travel in one run, from one place of the plan on.

    `places` are theirs. The last `joint` of them are one step, the others a step each;
    `alone` is the first one without the others. `always`: none is left out of any call for
    its scope or sample. `patches`: one with another behind it may patch. `longest` is the
    longest time of a guard among them and of an observer, in seconds.
    """

    places: Sequence[int]
    hooks: tuple[PlannedHook, ...]
    steps: SharedSteps
    alone: SharedSteps
    joint: int
    always: bool
    patches: bool
    longest: tuple[float, float]
    fitted: Fitted = field(default_factory=Fitted, compare=False, repr=False)

    def whole_steps(self, count: int) -> int:
        """The largest number of hooks up to `count` that does not cut its joint step."""
        serial = len(self.hooks) - self.joint
        return min(count, serial) if serial and count < len(self.hooks) else count


def segments_of(
    places: tuple[Place, ...], *, fuses: frozenset[str], writable: frozenset[str]
) -> tuple[Segment, ...]:
    """The segment that begins at each place. `fuses` are the workers that take several hooks."""
    runs = tuple(_hook_run(hook, writable) for _, hook in places)
    return tuple(_segment(places, at, runs, fuses) for at in range(len(places)))


def _hook_run(hook: PlannedHook, writable: frozenset[str]) -> HookRun:
    """The hook with its rights. One in shadow is told those that it would have."""
    row = hook.rights
    modifies = row.may_modify and hook.row.schedule is not Schedule.DETACHED
    return HookRun(
        hook=hook.name,
        mode=hook.mode,
        may_block=row.may_block,
        may_modify=row.may_modify,
        writable_fields=writable if modifies else frozenset(),
        timeout=hook.timeout,
        on_error=ErrorPolicy(overrides=hook.on_error),
        on_rejected=hook.on_rejected,
    )


def _segment(
    places: tuple[Place, ...], at: int, runs: tuple[HookRun, ...], fuses: frozenset[str]
) -> Segment:
    phase, hook = places[at]
    members: Sequence[int] = (at,)
    joint = 0
    if _may_fuse(hook, fuses):
        if phase.row.schedule is Schedule.SERIAL:
            members, joint = _chain(places, at)
        elif phase.row.schedule is Schedule.PARALLEL:
            members = _group(places, at, fuses)
            joint = len(members)
    hooks = tuple(places[member][1] for member in members)
    split = len(members) - joint
    serial = tuple((runs[member],) for member in members[:split])
    parallel = (tuple(runs[member] for member in members[split:]),) if joint else ()
    steps = SharedSteps((*serial, *parallel))
    return Segment(
        places=members,
        hooks=hooks,
        steps=steps,
        alone=steps if len(hooks) == 1 else SharedSteps(((runs[at],),)),
        joint=joint,
        always=all(each.scope is None and each.sample >= 1.0 for each in hooks),
        patches=any(each.row.may_modify for each in hooks[:-1]),
        longest=(
            max((each.timeout for each in hooks if not each.observes), default=0.0),
            max((each.timeout for each in hooks if each.observes), default=0.0),
        ),
    )


def _may_fuse(hook: PlannedHook, fuses: frozenset[str]) -> bool:
    """Whether it may share a run at all.

    The worker must not know of a shadow, so that it would go by what the hook says. The
    hooks of a scope handle come and go with their call.
    """
    return hook.worker in fuses and hook.handle is None and not hook.in_shadow


def _chain(places: tuple[Place, ...], at: int) -> tuple[range, int]:
    """The serial hooks from here on, and how many of a parallel phase stand at their end."""
    first = places[at][1]
    mutates = first.row.may_modify
    end = at + 1
    while end < len(places) and end - at < MAX_HOOKS_IN_RUN:
        phase, hook = places[end]
        if phase.row.schedule is Schedule.PARALLEL:
            fits = end - at + len(phase.hooks) <= MAX_HOOKS_IN_RUN
            if fits and all(_rides(it, first, mutates=mutates) for it in phase.hooks):
                return range(at, end + len(phase.hooks)), len(phase.hooks)
            break
        if phase.row.schedule is not Schedule.SERIAL or not _rides(hook, first, mutates=mutates):
            break
        mutates = mutates or hook.row.may_modify
        end += 1
    return range(at, end), 0


def _rides(hook: PlannedHook, first: PlannedHook, *, mutates: bool) -> bool:
    """Whether a hook may be in the run of another that comes before it.

    Its worker must learn nothing with the run that the first hook may not see. What a
    condition, or a gate behind a mutator, goes by is not known when the run is made.
    """
    return (
        hook.worker == first.worker
        and hook.handle is None
        and not hook.in_shadow
        and hook.condition is None
        and not (hook.final_payload and mutates)
        and (first.fields is None or (hook.fields is not None and hook.fields <= first.fields))
    )


def _group(places: tuple[Place, ...], at: int, fuses: frozenset[str]) -> tuple[int, ...]:
    """The hooks of the same worker in the same parallel phase, from this one on."""
    phase, first = places[at]
    in_phase = takewhile(lambda place: places[place][0] is phase, range(at, len(places)))
    members = [
        place
        for place in in_phase
        if places[place][1].worker == first.worker and _may_fuse(places[place][1], fuses)
    ]
    return tuple(members[:MAX_HOOKS_IN_RUN])
