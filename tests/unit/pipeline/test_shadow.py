"""Hooks in shadow: they run where they would, nothing comes of it, and the receipt says what."""

from __future__ import annotations

import pytest

from sidehook._call import StateChange
from sidehook._run import HookResult, NothingToSay
from sidehook._types import FailureClass, HookOutcome, Mode, OnError
from sidehook_server.modes import GATES, MODES
from sidehook_server.pipeline.model import CallSettings, PlannedHook
from tests.unit.pipeline.scripted import Scripted, a_hook, a_plan, block, patch


def shadowed(name: str, mode: Mode, *, on_error: OnError | None = None) -> PlannedHook:
    return a_hook(name, mode, on_error=on_error, shadow_of=MODES[mode])


SHADOW = shadowed("shadow", Mode.SEQUENTIAL)


@pytest.mark.parametrize("mode", [Mode.SEQUENTIAL, Mode.CONCURRENT])
def test_a_block_in_shadow_is_in_the_receipt_and_ends_nothing(mode: Mode) -> None:
    call = Scripted(a_plan(shadowed("shadow", mode))).says("shadow", block("no", "NO"))
    line = call.verdict.receipt.lines[0]
    assert call.patched == {}
    assert (line.outcome, line.code, line.message) == (HookOutcome.WOULD_BLOCK, "NO", "no")
    assert line.shadowed


@pytest.mark.parametrize("mode", [Mode.SEQUENTIAL, Mode.TRANSFORM])
def test_a_patch_in_shadow_names_its_fields_and_changes_nothing(mode: Mode) -> None:
    later = a_hook("z", mode, priority=90)
    call = Scripted(a_plan(shadowed("shadow", mode), later, writable="a"))
    call.says("shadow", patch(a="7", b="8")).says("z")
    line = call.verdict.receipt.lines[0]
    assert call.patched == {}
    assert call.seen("z") == {"a": "1", "b": "2"}
    assert line.outcome is HookOutcome.WOULD_MODIFY
    assert (line.changed_fields, line.rejected_fields) == (("a",), ("b",))


def test_it_is_told_the_rights_that_it_would_have() -> None:
    call = Scripted(a_plan(SHADOW))
    run = call.runs["shadow"].steps[0][0]
    assert (run.may_block, run.may_modify, run.writable_fields) == (
        True,
        True,
        frozenset("abc"),
    )


def test_a_guard_made_audit_by_the_operator_says_what_it_would_have_done() -> None:
    made_audit = a_hook("guard", Mode.AUDIT, shadow_of=MODES[Mode.SEQUENTIAL])
    call = Scripted(a_plan(a_hook("first"), made_audit))
    call.says("first").says("guard", patch(a="7"))
    assert call.outcomes["guard"] is HookOutcome.WOULD_MODIFY


def test_a_gate_in_shadow_discards_its_patch_as_it_would() -> None:
    gate = a_hook("gate", final_payload=True, shadow_of=GATES)
    call = Scripted(a_plan(gate)).says("gate", patch(a="7"))
    assert call.outcomes["gate"] is HookOutcome.PATCH_DISCARDED


@pytest.mark.parametrize("kind", FailureClass)
def test_a_failure_in_shadow_never_ends_the_call(kind: FailureClass) -> None:
    call = Scripted(a_plan(shadowed("shadow", Mode.SEQUENTIAL, on_error=OnError.FAIL)))
    call.fails("shadow", kind)
    assert call.patched == {}
    assert call.outcomes["shadow"] is HookOutcome.FAILED_OPEN


def test_state_that_it_stages_is_not_kept() -> None:
    call = Scripted(a_plan(SHADOW))
    call.says("shadow", HookResult(answer=NothingToSay(), state=StateChange({"k": b"1"})))
    assert not call.verdict.state


def test_it_lives_on_the_observers_share_of_the_budget() -> None:
    call = Scripted(a_plan(SHADOW, a_hook("guard", priority=90)), budget=1.0)
    assert call.started["shadow"].expires - call.now == pytest.approx(0.98 * 0.2)


def test_shadows_and_audit_spend_one_share_together() -> None:
    settings = CallSettings(observer_share=0.5, margin=0.0)
    audit = a_hook("audit", Mode.AUDIT)
    call = Scripted(a_plan(SHADOW, audit), budget=2.0, settings=settings)
    call.wait(0.75).says("shadow")
    assert call.started["audit"].expires - call.now == pytest.approx(0.25)


def test_telemetry_sees_values_although_a_transform_in_shadow_failed() -> None:
    watch = a_hook("watch", Mode.FIRE_AND_FORGET)
    call = Scripted(a_plan(shadowed("shadow", Mode.TRANSFORM), watch)).fails("shadow")
    assert call.seen("watch") == {"a": "1", "b": "2"}


def test_it_holds_up_no_concurrent_guard_s_block() -> None:
    hooks = (shadowed("shadow", Mode.CONCURRENT), a_hook("guard", Mode.CONCURRENT))
    call = Scripted(a_plan(*hooks)).says("guard", block())
    assert call.violation.hook == "guard"
    assert call.outcomes["shadow"] is HookOutcome.CANCELLED
