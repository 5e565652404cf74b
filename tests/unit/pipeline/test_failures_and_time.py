"""Failures by policy, the budget, cancelling, late answers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sidehook._call import CallContext, Violation
from sidehook._run import HookResult, Patch
from sidehook._types import FailureClass, HookOutcome, Mode, OnError, OnRejected
from sidehook_server.pipeline.model import CallSettings
from tests.unit.pipeline.scripted import Scripted, a_hook, a_plan, block, failure, json, patch

SERIAL_AND_PARALLEL = [Mode.SEQUENTIAL, Mode.TRANSFORM, Mode.AUDIT, Mode.CONCURRENT]


@pytest.mark.parametrize("kind", list(FailureClass))
@pytest.mark.parametrize("mode", SERIAL_AND_PARALLEL)
def test_a_failure_under_fail_ends_the_call_and_names_hook_worker_and_class(
    mode: Mode, kind: FailureClass
) -> None:
    call = Scripted(a_plan(a_hook("h", mode, on_error=OnError.FAIL))).fails("h", kind)
    failed = call.failure
    assert (failed.hook, failed.worker, failed.failure_class) == ("h", "w", kind)
    assert (failed.reason, failed.started) == ("HOOK_FAILED", True)
    assert call.outcomes == {"h": HookOutcome.FAILED_CLOSED}


@pytest.mark.parametrize("mode", SERIAL_AND_PARALLEL)
def test_a_failure_under_ignore_lets_the_call_go_on_with_the_payload_as_it_was(mode: Mode) -> None:
    call = Scripted(a_plan(a_hook("h", mode, on_error=OnError.IGNORE))).fails("h")
    assert call.patched == {}
    assert call.outcomes == {"h": HookOutcome.FAILED_OPEN}


@pytest.mark.parametrize(
    ("mode", "proceeds"),
    [
        (Mode.SEQUENTIAL, False),
        (Mode.TRANSFORM, False),
        (Mode.AUDIT, True),
        (Mode.CONCURRENT, False),
    ],
)
def test_the_default_of_each_mode(mode: Mode, *, proceeds: bool) -> None:
    call = Scripted(a_plan(a_hook("h", mode))).fails("h")
    expected = HookOutcome.FAILED_OPEN if proceeds else HookOutcome.FAILED_CLOSED
    assert call.outcomes == {"h": expected}


def test_required_overrides_ignore() -> None:
    call = Scripted(a_plan(a_hook("h", on_error=OnError.IGNORE, required=True))).fails("h")
    assert call.outcomes == {"h": HookOutcome.FAILED_CLOSED}


def test_a_hook_that_was_never_sent_says_so_in_the_failure() -> None:
    plan = a_plan(a_hook("h"))
    call = Scripted(replace(plan, missing=("worker guard", "hook x")))
    assert call.failure.reason == "REQUIRED_HOOK_MISSING"
    assert call.failure.failure_class is FailureClass.UNREACHABLE
    assert call.failure.metadata == {"missing": "worker guard, hook x", "hook_type": "t"}
    assert "worker guard, hook x" in call.failure.message
    assert call.failure.started is False
    assert call.outcomes == {"h": HookOutcome.SKIPPED_HALTED}


def test_what_is_missing_might_have_redacted_so_telemetry_gets_no_values() -> None:
    plan = replace(a_plan(a_hook("f", Mode.FIRE_AND_FORGET)), missing=("worker guard",))
    assert Scripted(plan).seen("f") == {}


def test_a_lost_scope_handle_fails_the_call_as_unreachable() -> None:
    call = Scripted(a_plan(a_hook("h")), lost_handles=("gone",))
    assert call.failure.reason == "SCOPE_HANDLE_UNKNOWN"
    assert call.failure.metadata == {"handles": "1"}
    assert call.failure.failure_class is FailureClass.UNREACHABLE


def test_a_hook_has_its_own_timeout_and_the_chain_goes_on_under_ignore() -> None:
    slow = a_hook("slow", timeout=1.0, on_error=OnError.IGNORE, priority=1)
    call = Scripted(a_plan(slow, a_hook("next"))).wait(1.0)
    assert call.log == ["start slow", "cancel slow", "start next"]
    call.says("next")
    line = call.verdict.receipt.lines[0]
    assert (line.outcome, line.failure_class) == (HookOutcome.FAILED_OPEN, FailureClass.TIMEOUT)


def test_the_budget_is_spent_over_the_chain_and_each_hook_is_told_what_is_left() -> None:
    call = Scripted(a_plan(a_hook("one"), a_hook("two")), budget=3.02)
    call.wait(1.0).says("one")
    assert call.runs["one"].time_left == pytest.approx(3.0)
    assert call.runs["two"].time_left == pytest.approx(2.0)
    assert call.runs["two"].steps[0][0].timeout == pytest.approx(2.0)


def test_running_out_is_the_deadline_error_with_a_receipt_before_the_caller_gives_up() -> None:
    call = Scripted(
        a_plan(a_hook("h1", on_error=OnError.IGNORE), a_hook("h2"), a_hook("h3")), budget=2.0
    )
    call.says("h1").wait(1.981)
    assert call.failure.reason == "DEADLINE_EXCEEDED"
    assert call.failure.hook == "h2"
    assert call.log[-1] == "cancel h2"
    assert call.outcomes == {
        "h1": HookOutcome.PROCEEDED,
        "h2": HookOutcome.CANCELLED,
        "h3": HookOutcome.SKIPPED_HALTED,
    }


def test_an_observer_cannot_starve_a_gate() -> None:
    call = Scripted(
        a_plan(a_hook("aud", Mode.AUDIT), a_hook("aud2", Mode.AUDIT), a_hook("c", Mode.CONCURRENT)),
        budget=5.02,
    )
    call.wait(1.0)
    assert call.log == ["start aud", "cancel aud", "start c"]
    call.says("c")
    lines = call.verdict.receipt.lines
    assert [line.failure_class for line in lines] == ["timeout", "timeout", None]
    assert [line.code for line in lines] == ["HOOK_TIMEOUT", "NO_TIME_LEFT", ""]


def test_an_observer_that_must_decide_fails_the_call_when_its_share_is_spent() -> None:
    must = a_hook("must", Mode.AUDIT, priority=60, on_error=OnError.FAIL)
    call = Scripted(a_plan(a_hook("aud", Mode.AUDIT), must), budget=5.02)
    call.wait(1.0)
    assert (call.failure.hook, call.failure.metadata) == ("must", {"code": "NO_TIME_LEFT"})
    assert call.verdict.receipt.duration == 1.0


def test_a_call_without_any_time_is_over_before_its_first_hook() -> None:
    call = Scripted(a_plan(a_hook("h")), budget=0.0)
    assert call.failure.reason == "DEADLINE_EXCEEDED"
    assert call.outcomes == {"h": HookOutcome.SKIPPED_HALTED}
    assert call.verdict.receipt.duration == 0.0


def test_a_late_answer_is_counted_and_changes_nothing() -> None:
    call = Scripted(a_plan(a_hook("h", timeout=1.0, on_error=OnError.IGNORE), a_hook("next")))
    call.wait(1.0).says("h", patch(a="10"))
    assert call.call.late_answers == 1
    assert call.seen("next") == {"a": "1", "b": "2"}


def test_an_answer_after_its_time_is_late_even_before_the_clock_was_swept() -> None:
    call = Scripted(a_plan(a_hook("h", timeout=1.0)))
    call.now += 1.5
    call.says("h", block())
    assert call.failure.failure_class is FailureClass.TIMEOUT
    assert call.call.late_answers == 1


def test_a_cancel_stops_what_runs_and_telemetry_gets_no_values() -> None:
    call = Scripted(a_plan(a_hook("h"), a_hook("f", Mode.FIRE_AND_FORGET))).cancel()
    assert call.log == ["start h", "cancel h"]
    assert call.failure.reason == "CANCELLED"
    assert call.outcomes == {"h": HookOutcome.CANCELLED, "f": HookOutcome.DETACHED}
    end = call.detached["f"].request.call_end
    assert end is not None
    assert (end.outcome, end.payload_withheld, call.seen("f")) == ("cancelled", True, {})


def test_a_cancel_inside_the_margin_is_a_deadline() -> None:
    call = Scripted(a_plan(a_hook("h")), budget=1.0)
    call.now += 0.99
    assert call.cancel().failure.reason == "DEADLINE_EXCEEDED"


def test_a_concurrent_failure_cancels_its_siblings() -> None:
    call = Scripted(a_plan(a_hook("x", Mode.CONCURRENT), a_hook("y", Mode.CONCURRENT)))
    call.fails("y")
    assert call.log[2:] == ["cancel x"]
    assert call.outcomes == {"x": HookOutcome.CANCELLED, "y": HookOutcome.FAILED_CLOSED}


@pytest.mark.parametrize(
    "octets", ["{", '{"a":1,"a":2}', "[1,]", '"\\ud800"', "NaN", "18446744073709551616"]
)
def test_a_bad_value_is_charged_to_the_hook_that_wrote_it(octets: str) -> None:
    call = Scripted(a_plan(a_hook("one", on_error=OnError.IGNORE), a_hook("two")))
    call.says("one", patch(a=octets)).says("two")
    assert call.patched == {}
    assert call.verdict.receipt.lines[0].failure_class is FailureClass.MALFORMED


def test_rejected_fields_are_a_failure_under_on_rejected_error() -> None:
    hook = a_hook("tra", Mode.TRANSFORM, on_rejected=OnRejected.ERROR)
    call = Scripted(a_plan(hook, writable="a")).says("tra", patch(a="10", b="20"))
    assert call.failure.failure_class is FailureClass.MALFORMED
    assert "b" in call.failure.message
    assert call.verdict.receipt.lines[0].rejected_fields == ("b",)
    assert [tell.notice.code for tell in call.told] == ["FIELDS_REJECTED", "ANSWER_MALFORMED"]


@pytest.mark.parametrize(
    ("details", "blocks"), [(b' {"k": 1}', True), (b"[1]", False), (b'{"k"', False)]
)
def test_details_of_a_violation_are_a_json_object(details: bytes, *, blocks: bool) -> None:
    call = Scripted(a_plan(a_hook("h")))
    call.says("h", HookResult(answer=Violation(reason="no", details=details)))
    if blocks:
        assert call.violation.details == details
    else:
        assert call.failure.failure_class is FailureClass.MALFORMED
        assert "details of the violation" in call.failure.message


def test_a_patch_may_not_outgrow_the_limit_of_the_payload() -> None:
    plan = a_plan(a_hook("tra", Mode.TRANSFORM), max_payload_bytes=100)
    call = Scripted(plan).says("tra", patch(a='"' + "x" * 200 + '"'))
    assert call.failure.failure_class is FailureClass.MALFORMED


def test_a_worker_cannot_claim_that_it_was_unreachable() -> None:
    call = Scripted(a_plan(a_hook("h")))
    call.says("h", HookResult(answer=failure(FailureClass.UNREACHABLE)))
    assert call.failure.failure_class is FailureClass.RAISED


def test_a_result_for_another_hook_of_the_run_is_malformed() -> None:
    call = Scripted(a_plan(a_hook("h")))
    call.says("h", HookResult(answer=Patch({"a": json("2")}), index=1))
    assert call.failure.failure_class is FailureClass.MALFORMED
    assert call.log == ["start h"]


def test_scoped_hooks_run_only_for_calls_of_their_tenant_that_name_them() -> None:
    ours = a_hook("ours", scope="s", tenant="t1")
    theirs = a_hook("theirs", scope="s", tenant="t2")
    unscoped = a_hook("all")
    named = Scripted(
        a_plan(ours, theirs, unscoped), context=CallContext(tenant="t1", scopes=("s",))
    )
    named.says("all").says("ours")
    assert named.outcomes == {
        "all": HookOutcome.PROCEEDED,
        "ours": HookOutcome.PROCEEDED,
        "theirs": HookOutcome.SKIPPED_SCOPE,
    }


def test_hooks_receive_only_the_fields_they_need() -> None:
    call = Scripted(a_plan(a_hook("h", fields=frozenset({"b", "z"}))))
    assert call.seen("h") == {"b": "2"}


def test_payload_on_block_hands_values_to_telemetry_when_the_operator_says_so() -> None:
    hooks = (a_hook("g"), a_hook("t", Mode.TRANSFORM), a_hook("f", Mode.FIRE_AND_FORGET))
    call = Scripted(a_plan(*hooks), settings=CallSettings(payload_on_block=True))
    call.says("g", block())
    assert call.seen("f") == {"a": "1", "b": "2"}


def test_a_call_without_hooks_proceeds_at_once_with_an_empty_receipt() -> None:
    call = Scripted(a_plan())
    assert (call.patched, call.outcomes) == ({}, {})
