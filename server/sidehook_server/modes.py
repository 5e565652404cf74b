"""The five modes: what each may do, and what becomes of an answer it may not give.

This table is the whole policy of a mode. `rule_on` applies it to one answer, and
`in_shadow` takes the effect out of what it says; no other code decides what a hook's
answer does. A worker's answer can never widen its own rights, because nothing of the
worker's is read here but the answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from sidehook._call import NO_CHANGE, Fields, StateChange, Violation
from sidehook._run import HookResult, NothingToSay, Patch
from sidehook._types import HookOutcome, Mode, OnError


class Schedule(StrEnum):
    """How the hooks of one phase run."""

    SERIAL = "serial"
    """One at a time, in plan order."""
    PARALLEL = "parallel"
    """All at once; the first event that ends the call cancels the rest."""
    DETACHED = "detached"
    """After the verdict, outside the call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeRow:
    """One row of the table: one phase of a call. `default_timeout` in seconds.

    `final_payload` marks the phase of the SEQUENTIAL hooks that require the final
    payload; they are a phase of their own, and no mode of their own.
    """

    mode: Mode
    schedule: Schedule
    may_block: bool
    may_modify: bool
    keeps_state: bool
    observes: bool
    default_on_error: OnError
    default_timeout: float = 5.0
    final_payload: bool = False

    @property
    def name(self) -> str:
        """What people call it: the mode's name, but for the gates."""
        return "final_payload_gate" if self.final_payload else self.mode


PHASES: Final = (
    ModeRow(
        mode=Mode.SEQUENTIAL,
        schedule=Schedule.SERIAL,
        may_block=True,
        may_modify=True,
        keeps_state=True,
        observes=False,
        default_on_error=OnError.FAIL,
    ),
    ModeRow(
        mode=Mode.TRANSFORM,
        schedule=Schedule.SERIAL,
        may_block=False,
        may_modify=True,
        keeps_state=True,
        observes=False,
        default_on_error=OnError.FAIL,
    ),
    ModeRow(
        mode=Mode.SEQUENTIAL,
        schedule=Schedule.SERIAL,
        may_block=True,
        may_modify=False,
        keeps_state=True,
        observes=False,
        default_on_error=OnError.FAIL,
        final_payload=True,
    ),
    ModeRow(
        mode=Mode.AUDIT,
        schedule=Schedule.SERIAL,
        may_block=False,
        may_modify=False,
        keeps_state=False,
        observes=True,
        default_on_error=OnError.IGNORE,
    ),
    ModeRow(
        mode=Mode.CONCURRENT,
        schedule=Schedule.PARALLEL,
        may_block=True,
        may_modify=False,
        keeps_state=True,
        observes=False,
        default_on_error=OnError.FAIL,
    ),
    ModeRow(
        mode=Mode.FIRE_AND_FORGET,
        schedule=Schedule.DETACHED,
        may_block=False,
        may_modify=False,
        keeps_state=False,
        observes=True,
        default_on_error=OnError.IGNORE,
        default_timeout=30.0,
    ),
)
"""The rows, in the order in which phases run."""

MODES: Final[Mapping[Mode, ModeRow]] = MappingProxyType(
    {row.mode: row for row in PHASES if not row.final_payload}
)
"""Mode to the row of its phase, final-payload gates aside."""

GATES: Final = next(row for row in PHASES if row.final_payload)
"""The row of the final-payload gates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What one answer does to its call.

    `patch` holds only the fields that change and may be written; `changed` names them,
    also in shadow, where nothing changes. `violation` is set for a block, also for a
    suppressed one; only the outcome BLOCKED ends the call.
    """

    outcome: HookOutcome
    patch: Fields
    changed: tuple[str, ...] = ()
    rejected: tuple[str, ...] = ()
    violation: Violation | None = None
    state: StateChange = NO_CHANGE


_NOTHING: Final[Fields] = {}

_PROCEEDED: Final = Ruling(outcome=HookOutcome.PROCEEDED, patch=_NOTHING)
"""What most answers come to."""


def rule_on(
    row: ModeRow, result: HookResult, *, fields: Fields, writable: frozenset[str]
) -> Ruling:
    """Applies a mode's rights to an answer, given the payload the hook saw.

    The answer must not be a failure: what a failure does is `policy`'s to say.
    """
    state = result.state if row.keeps_state else NO_CHANGE
    answer = result.answer
    if isinstance(answer, Patch):
        return _rule_on_patch(row, answer.fields, result, fields, writable, state)
    if isinstance(answer, Violation):
        outcome = HookOutcome.BLOCKED if row.may_block else HookOutcome.BLOCK_SUPPRESSED
        return Ruling(outcome=outcome, patch=_NOTHING, violation=answer, state=state)
    assert isinstance(answer, NothingToSay), "a failure has no ruling"
    if state is NO_CHANGE and not result.rejected_fields:
        return _PROCEEDED
    return Ruling(
        outcome=HookOutcome.PROCEEDED,
        patch=_NOTHING,
        rejected=result.rejected_fields,
        state=state,
    )


def _rule_on_patch(
    row: ModeRow,
    patch: Fields,
    result: HookResult,
    fields: Fields,
    writable: frozenset[str],
    state: StateChange,
) -> Ruling:
    if not row.may_modify:
        return Ruling(
            outcome=HookOutcome.PATCH_DISCARDED,
            patch=_NOTHING,
            rejected=tuple(sorted({*patch, *result.rejected_fields})),
            state=state,
        )
    rejected = tuple(sorted({*(set(patch) - writable), *result.rejected_fields}))
    changed = {
        name: value
        for name, value in patch.items()
        if name in writable and fields.get(name) != value
    }
    if changed:
        outcome = HookOutcome.MODIFIED
    elif rejected:
        outcome = HookOutcome.PATCH_DISCARDED
    else:
        outcome = HookOutcome.PROCEEDED
    return Ruling(
        outcome=outcome,
        patch=changed,
        changed=tuple(sorted(changed)),
        rejected=rejected,
        state=state,
    )


_IN_SHADOW: Final[Mapping[HookOutcome, HookOutcome]] = {
    HookOutcome.BLOCKED: HookOutcome.WOULD_BLOCK,
    HookOutcome.MODIFIED: HookOutcome.WOULD_MODIFY,
}


def in_shadow(ruling: Ruling) -> Ruling:
    """The ruling on a shadowed hook: what it would have done is said, and nothing is done."""
    outcome = _IN_SHADOW.get(ruling.outcome, ruling.outcome)
    return replace(ruling, outcome=outcome, patch=_NOTHING, state=NO_CHANGE)
