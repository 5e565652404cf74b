"""What each mode may do, rule by rule of the table."""

from __future__ import annotations

import pytest

from sidehook._run import HookResult, NothingToSay
from sidehook._types import HookOutcome, Mode, OnError
from sidehook.v1 import hook_pb2
from sidehook_server.modes import MODES
from tests.unit.pipeline.scripted import Scripted, a_hook, a_plan, block, patch

FIVE = (
    a_hook("seq", Mode.SEQUENTIAL),
    a_hook("tra", Mode.TRANSFORM),
    a_hook("aud", Mode.AUDIT),
    a_hook("con", Mode.CONCURRENT),
    a_hook("faf", Mode.FIRE_AND_FORGET),
)


def test_the_table_has_every_mode_of_the_contract_in_its_order() -> None:
    names = [it.removeprefix("MODE_").lower() for it in hook_pb2.Mode.keys()[1:]]
    assert [mode.value for mode in MODES] == names


def test_the_five_modes_run_in_the_order_of_the_table_whatever_their_priority() -> None:
    hooks = [a_hook(hook.name, hook.mode, priority=-n) for n, hook in enumerate(FIVE)]
    call = Scripted(a_plan(*reversed(hooks)))
    for name in ("seq", "tra", "aud", "con"):
        call.says(name)
    assert call.log == ["start seq", "start tra", "start aud", "start con"]
    assert list(call.outcomes.items()) == [
        ("seq", HookOutcome.PROCEEDED),
        ("tra", HookOutcome.PROCEEDED),
        ("aud", HookOutcome.PROCEEDED),
        ("con", HookOutcome.PROCEEDED),
        ("faf", HookOutcome.DETACHED),
    ]


def test_inside_a_phase_priority_then_worker_then_name_orders() -> None:
    plan = a_plan(
        a_hook("z", priority=1),
        a_hook("b", worker="y"),
        a_hook("a", worker="y"),
        a_hook("c", worker="x"),
    )
    assert [hook.name for hook in plan.hooks] == ["z", "c", "a", "b"]


def test_serial_hooks_see_the_payload_as_the_one_before_left_it() -> None:
    call = Scripted(a_plan(a_hook("one"), a_hook("two"), a_hook("tra", Mode.TRANSFORM)))
    call.says("one", patch(a="10")).says("two", patch(a="20", c="30"))
    assert call.seen("two") == {"a": "10", "b": "2"}
    assert call.seen("tra") == {"a": "20", "b": "2", "c": "30"}
    assert call.says("tra").patched == {"a": "20", "c": "30"}


def test_fire_and_forget_sees_the_payload_at_the_verdict() -> None:
    call = Scripted(a_plan(a_hook("tra", Mode.TRANSFORM), a_hook("faf", Mode.FIRE_AND_FORGET)))
    call.says("tra", patch(a='"redacted"'))
    assert call.seen("faf") == {"a": '"redacted"', "b": "2"}


@pytest.mark.parametrize("mode", [Mode.SEQUENTIAL, Mode.CONCURRENT])
def test_a_block_ends_the_call_with_the_hook_and_worker_filled_in(mode: Mode) -> None:
    call = Scripted(a_plan(a_hook("gate", mode), a_hook("faf", Mode.FIRE_AND_FORGET)))
    call.says("gate", block("secret found", "SECRET"))
    assert (call.violation.reason, call.violation.code) == ("secret found", "SECRET")
    assert (call.violation.hook, call.violation.worker) == ("gate", "w")
    assert call.outcomes == {"gate": HookOutcome.BLOCKED, "faf": HookOutcome.DETACHED}


def test_an_empty_reason_is_filled_in() -> None:
    call = Scripted(a_plan(a_hook("gate"))).says("gate", block(""))
    assert call.violation.reason == "w/gate gave no reason"
    assert call.verdict.receipt.lines[0].message == "w/gate gave no reason"


@pytest.mark.parametrize("mode", [Mode.TRANSFORM, Mode.AUDIT])
def test_a_block_that_may_not_block_is_recorded_told_and_changes_nothing(mode: Mode) -> None:
    call = Scripted(a_plan(a_hook("observer", mode))).says("observer", block("bad", "AUDIT_001"))
    line = call.verdict.receipt.lines[0]
    assert call.patched == {}
    assert (line.outcome, line.code, line.message) == (
        HookOutcome.BLOCK_SUPPRESSED,
        "AUDIT_001",
        "bad",
    )
    assert [tell.notice.code for tell in call.told] == ["BLOCK_SUPPRESSED"]


@pytest.mark.parametrize("mode", [Mode.AUDIT, Mode.CONCURRENT])
def test_a_patch_that_may_not_modify_is_recorded_told_and_changes_nothing(mode: Mode) -> None:
    call = Scripted(a_plan(a_hook("observer", mode))).says("observer", patch(a="10"))
    line = call.verdict.receipt.lines[0]
    assert call.patched == {}
    assert (line.outcome, line.rejected_fields) == (HookOutcome.PATCH_DISCARDED, ("a",))
    assert [tell.notice.code for tell in call.told] == ["PATCH_DISCARDED"]


def test_fields_outside_the_writable_set_are_rejected_and_the_rest_applies() -> None:
    call = Scripted(a_plan(a_hook("tra", Mode.TRANSFORM), writable="a"))
    call.says("tra", patch(a="10", b="20"))
    line = call.verdict.receipt.lines[0]
    assert call.patched == {"a": "10"}
    assert (line.changed_fields, line.rejected_fields) == (("a",), ("b",))
    assert [tell.notice.fields for tell in call.told] == [("b",)]


def test_what_a_worker_held_back_itself_is_in_the_line_though_nothing_is_left_to_say() -> None:
    held_back = HookResult(answer=NothingToSay(), rejected_fields=("b",))
    call = Scripted(a_plan(a_hook("tra", Mode.TRANSFORM), writable="a")).says("tra", held_back)
    assert call.verdict.receipt.lines[0].rejected_fields == ("b",)


def test_a_type_without_a_writable_set_lets_nothing_be_written() -> None:
    call = Scripted(a_plan(a_hook("tra", Mode.TRANSFORM), writable="")).says("tra", patch(a="10"))
    assert call.patched == {}
    assert call.outcomes == {"tra": HookOutcome.PATCH_DISCARDED}


def test_the_same_octets_are_no_change_and_other_octets_of_the_same_number_are() -> None:
    call = Scripted(a_plan(a_hook("one"), a_hook("two")))
    call.says("one", patch(a="1")).says("two", patch(a="1.0"))
    assert call.outcomes == {"one": HookOutcome.PROCEEDED, "two": HookOutcome.MODIFIED}
    assert call.patched == {"a": "1.0"}


def test_a_field_changed_and_changed_back_is_not_in_the_answer() -> None:
    call = Scripted(a_plan(a_hook("one"), a_hook("two")))
    call.says("one", patch(a="7")).says("two", patch(a="1"))
    assert call.patched == {}


def test_concurrent_hooks_start_together_and_the_first_block_cancels_the_rest() -> None:
    names = ("x", "y", "z")
    call = Scripted(a_plan(*(a_hook(name, Mode.CONCURRENT) for name in names)))
    assert call.log == ["start x", "start y", "start z"]
    call.says("y").says("z", block())
    assert call.log[3:] == ["cancel x"]
    assert call.outcomes == {
        "x": HookOutcome.CANCELLED,
        "y": HookOutcome.PROCEEDED,
        "z": HookOutcome.BLOCKED,
    }


def test_hooks_after_a_block_are_halted_and_fire_and_forget_learns_how_it_ended() -> None:
    call = Scripted(
        a_plan(a_hook("gate"), a_hook("aud", Mode.AUDIT), a_hook("faf", Mode.FIRE_AND_FORGET))
    )
    call.says("gate", block(code="NO"))
    assert call.outcomes["aud"] is HookOutcome.SKIPPED_HALTED
    end = call.detached["faf"].request.call_end
    assert end is not None
    assert (end.outcome, end.hook, end.code) == ("blocked", "w/gate", "NO")
    assert call.seen("faf") == {"a": "1", "b": "2"}


def test_values_are_withheld_when_a_transform_hook_had_not_its_turn() -> None:
    call = Scripted(
        a_plan(a_hook("gate"), a_hook("tra", Mode.TRANSFORM), a_hook("f", Mode.FIRE_AND_FORGET))
    )
    call.says("gate", block())
    end = call.detached["f"].request.call_end
    assert call.seen("f") == {}
    assert end is not None
    assert (end.payload_withheld, end.field_names) == (True, ("a", "b"))


def test_values_are_withheld_when_a_transform_hook_failed_open() -> None:
    transform = a_hook("tra", Mode.TRANSFORM, on_error=OnError.IGNORE)
    call = Scripted(a_plan(transform, a_hook("f", Mode.FIRE_AND_FORGET))).fails("tra")
    assert call.patched == {}
    assert call.seen("f") == {}


def test_a_full_queue_sheds_and_the_receipt_says_so() -> None:
    call = Scripted(a_plan(a_hook("f", Mode.FIRE_AND_FORGET)), takes_detached=False)
    assert call.outcomes == {"f": HookOutcome.SHED}
