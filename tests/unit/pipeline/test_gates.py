"""Final-payload gates: behind all mutators, before the observers, and proven by digests."""

from __future__ import annotations

from sidehook._digest import digest
from sidehook._types import HookOutcome, Mode
from tests.unit.pipeline.scripted import NOTHING, Scripted, a_hook, a_plan, block, json, patch

EARLY = a_hook("early", Mode.SEQUENTIAL)
LATE = a_hook("late", Mode.TRANSFORM)
GATE = a_hook("gate", Mode.SEQUENTIAL, final_payload=True, priority=0)
AUDIT = a_hook("audit", Mode.AUDIT)


def test_a_gate_runs_behind_all_mutators_whatever_its_priority_and_before_audit() -> None:
    call = Scripted(a_plan(AUDIT, GATE, LATE, EARLY))
    for name in ("early", "late", "gate", "audit"):
        assert call.log[-1] == f"start {name}"
        call.says(name)
    assert list(call.outcomes) == ["early", "late", "gate", "audit"]


def test_an_ordinary_guard_approves_what_a_later_transform_replaces_and_a_gate_does_not() -> None:
    call = Scripted(a_plan(EARLY, LATE, GATE))
    call.says("early").says("late", patch(a='"B"')).says("gate")
    assert call.seen("early")["a"] == "1"
    assert call.seen("gate")["a"] == call.patched["a"] == '"B"'


def test_the_receipt_proves_that_the_gate_saw_what_was_returned() -> None:
    call = Scripted(a_plan(EARLY, LATE, GATE))
    call.says("early").says("late", patch(a='"B"')).says("gate")
    receipt = call.verdict.receipt
    returned = digest({"a": json('"B"'), "b": json("2")})
    assert receipt.payload_digest == returned
    assert [line.payload_digest for line in receipt.lines] == ["", "", returned]


def test_without_a_gate_no_digest_is_made() -> None:
    call = Scripted(a_plan(EARLY)).says("early")
    assert call.verdict.receipt.payload_digest == ""


def test_a_gate_blocks() -> None:
    call = Scripted(a_plan(EARLY, GATE, AUDIT)).says("early").says("gate", block())
    assert call.violation.hook == "gate"
    assert call.outcomes["audit"] is HookOutcome.SKIPPED_HALTED


def test_a_patch_of_a_gate_is_discarded_and_recorded() -> None:
    call = Scripted(a_plan(EARLY, GATE)).says("early", patch(a="7")).says("gate", patch(a="8"))
    assert call.patched == {"a": "7"}
    assert call.outcomes["gate"] is HookOutcome.PATCH_DISCARDED
    assert call.verdict.receipt.lines[1].rejected_fields == ("a",)
    assert call.told[0].notice.code == "PATCH_DISCARDED"


def test_gates_see_the_payload_as_it_stands_when_their_phase_begins() -> None:
    second = a_hook("second", Mode.SEQUENTIAL, final_payload=True)
    call = Scripted(a_plan(GATE, second)).says("gate", patch(a="8")).says("second")
    assert call.seen("second")["a"] == "1"


def test_a_gate_keeps_state_and_fails_closed() -> None:
    call = Scripted(a_plan(GATE)).fails("gate")
    assert call.failure.hook == "gate"
    assert call.outcomes["gate"] is HookOutcome.FAILED_CLOSED


def test_a_gate_that_receives_some_fields_only_still_vouches_for_the_whole_payload() -> None:
    narrow = a_hook("gate", Mode.SEQUENTIAL, final_payload=True, fields=frozenset({"b"}))
    call = Scripted(a_plan(narrow)).says("gate", NOTHING)
    assert call.seen("gate") == {"b": "2"}
    assert call.verdict.receipt.lines[0].payload_digest == call.verdict.receipt.payload_digest
