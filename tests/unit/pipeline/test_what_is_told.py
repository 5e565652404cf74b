"""What workers, receipts and callers are told, in full: who, what, where."""

from __future__ import annotations

import pytest

from sidehook._call import CallRequest, StateChange
from sidehook._run import HookFailure, HookResult, NothingToSay, Notice, Patch
from sidehook._types import FailureClass, HookOutcome, Mode, OnError, OnRejected
from sidehook_server.pipeline.model import CallSettings, Finish, Tell
from sidehook_server.pipeline.run import Call
from tests.unit.pipeline.scripted import Scripted, a_hook, a_plan, block, json, patch

HOOK = a_hook("h")


def notice(code: str, message: str, *fields: str, name: str = "h") -> Notice:
    return Notice(code=code, message=message, hook=name, call_id="call-1", fields=fields)


def stages(key: str, text: str) -> HookResult:
    return HookResult(answer=NothingToSay(), state=StateChange({key: text.encode()}))


def test_a_worker_is_told_of_a_block_that_its_mode_may_not_give() -> None:
    hook = a_hook("h", Mode.TRANSFORM)
    call = Scripted(a_plan(hook)).says("h", block())
    told = notice("BLOCK_SUPPRESSED", "transform hooks may not block")
    assert call.told == [Tell(hook, "i1", told)]


def test_a_worker_is_told_of_a_patch_that_its_mode_may_not_give() -> None:
    hook = a_hook("h", Mode.CONCURRENT)
    call = Scripted(a_plan(hook)).says("h", patch(b="1", a="1"))
    told = notice("PATCH_DISCARDED", "concurrent hooks may not modify", "a", "b")
    assert call.told == [Tell(hook, "i1", told)]


def test_a_worker_is_told_of_fields_that_nobody_may_write() -> None:
    call = Scripted(a_plan(HOOK, writable="a")).says("h", patch(b="3"))
    told = notice("FIELDS_REJECTED", "hooks of type t may not write these fields", "b")
    assert call.told == [Tell(HOOK, "i1", told)]


def test_a_worker_is_told_that_it_got_less_time_than_it_asked_for() -> None:
    call = Scripted(a_plan(HOOK), settings=CallSettings(max_extension=0.5)).asks_for("h", 2.0)
    told = notice("EXTENSION_CUT", "asked for 2 s more and got 0.5 s")
    assert call.told == [Tell(HOOK, "i1", told)]


@pytest.mark.parametrize(
    ("result", "problem"),
    [
        (HookResult(answer=NothingToSay(), index=3), "a result for hook 3 of a run with one hook"),
        (patch(a="["), "field a: not JSON"),
        (patch(a=f'"{"x" * 100}"'), "105 bytes, over the limit of 50"),
        (stages("k", "{"), "state['k']: not JSON"),
        (stages("k", f'"{"x" * 100}"'), "state: 105 bytes, over the limit of 40"),
    ],
)
def test_a_worker_is_told_what_was_malformed(result: HookResult, problem: str) -> None:
    plan = a_plan(HOOK, max_payload_bytes=50)
    call = Scripted(plan, settings=CallSettings(max_state_bytes=40)).says("h", result)
    assert [(tell.hook, tell.instance, tell.run, tell.notice.call_id) for tell in call.told] == [
        (HOOK, "i1", 1, "call-1")
    ]
    assert problem in call.told[0].notice.message
    assert problem in call.failure.message


def test_fields_that_are_rejected_under_on_rejected_error_are_named() -> None:
    hook = a_hook("h", on_rejected=OnRejected.ERROR)
    call = Scripted(a_plan(hook, writable="")).says("h", patch(a="9", b="9"))
    assert "(a,b)" in call.failure.message


def test_a_payload_and_a_state_of_just_their_limits_are_taken() -> None:
    plan = a_plan(HOOK, max_payload_bytes=6)
    settings = CallSettings(max_state_bytes=6)
    change = StateChange({"k": b"123"})
    call = Scripted(plan, settings=settings)
    call.says("h", HookResult(answer=Patch({"c": json("3")}), state=change))
    assert call.patched == {"c": "3"}
    assert call.verdict.state.set == {"w/k": b"123"}


def test_a_line_names_its_instance_and_keeps_the_hooks_own_words() -> None:
    call = Scripted(a_plan(HOOK))
    call.says("h", HookResult(answer=NothingToSay(), annotations={"model": "m7"}))
    line = call.verdict.receipt.lines[0]
    assert (line.instance, line.annotations, line.message) == ("i1", {"model": "m7"}, "")


def test_a_line_of_a_hook_that_failed_has_no_words_of_its_own() -> None:
    line = Scripted(a_plan(HOOK)).fails("h").verdict.receipt.lines[0]
    assert (line.instance, line.annotations) == ("i1", {})


def test_a_failed_call_has_the_code_of_its_hook() -> None:
    call = Scripted(a_plan(HOOK)).fails("h")
    assert call.failure.metadata == {"code": "BOOM"}
    assert "hook w/h failed (raised: it broke)" in call.failure.message
    assert [it.run for it in call.blamed] == [call.started["h"].run]


def test_a_hook_that_does_not_answer_is_told_of_with_its_time() -> None:
    call = Scripted(a_plan(a_hook("h", timeout=1.5))).wait(2.0)
    assert "no answer within 1.5 s" in call.failure.message


def test_a_call_that_ran_out_of_time_names_its_budget_and_who_ran() -> None:
    call = Scripted(a_plan(a_hook("h", timeout=60.0)), budget=2.0).wait(2.0)
    assert call.failure.failure_class is FailureClass.TIMEOUT
    assert call.failure.metadata == {"budget_seconds": "2"}
    assert "the budget of 2 s ran out while w/h ran;" in call.failure.message


def test_a_call_that_had_no_time_from_the_start_names_nobody() -> None:
    call = Scripted(a_plan(HOOK, a_hook("f", Mode.FIRE_AND_FORGET)), budget=0.0)
    assert (call.failure.hook, call.failure.worker) == ("", "")
    assert "the budget of 0 s ran out;" in call.failure.message
    end = call.detached["f"].request.call_end
    assert end is not None
    assert (end.outcome, end.hook) == ("deadline", "")
    assert call.outcomes["h"] is HookOutcome.SKIPPED_HALTED


def test_a_cancel_at_the_very_end_of_the_budget_is_a_deadline() -> None:
    call = Scripted(a_plan(HOOK), budget=1.0, settings=CallSettings(margin=0.25))
    call.now += 0.75
    assert call.cancel().failure.reason == "DEADLINE_EXCEEDED"


def test_every_hook_whose_state_does_not_fit_is_told_after_its_phase() -> None:
    hooks = [a_hook(name, Mode.CONCURRENT, on_error=OnError.IGNORE) for name in ("x", "y")]
    call = Scripted(a_plan(*hooks)).says("x", stages("k", "{")).says("y", stages("k", "{"))
    assert [tell.hook.name for tell in call.told] == ["x", "y"]
    assert [it.run for it in call.blamed] == [1, 2]


def test_what_was_rejected_stays_in_the_line_of_a_hook_whose_state_ends_the_call() -> None:
    call = Scripted(a_plan(a_hook("h", Mode.CONCURRENT)))
    call.says("h", HookResult(answer=Patch({"a": json("7")}), state=StateChange({"k": b"{"})))
    line = call.verdict.receipt.lines[0]
    assert (line.outcome, line.rejected_fields) == (HookOutcome.FAILED_CLOSED, ("a",))


def test_a_receipt_has_the_calls_time_its_unknown_scopes_and_whose_rules_hold() -> None:
    plan = a_plan(HOOK, development=True)
    call = Call(
        plan,
        CallRequest(hook_type="t", fields={}),
        settings=CallSettings(),
        now=100.0,
        unknown_scopes=("nobody",),
    )
    call.start(100.0)
    (finish,) = call.cancel(100.5)[-1:]
    assert isinstance(finish, Finish)
    receipt = finish.answer.receipt
    assert (receipt.duration, receipt.unknown_scopes) == (0.5, ("nobody",))
    assert receipt.development is True


def test_a_line_of_a_hook_that_was_cancelled_says_no_more() -> None:
    line = Scripted(a_plan(HOOK)).cancel().verdict.receipt.lines[0]
    assert (line.code, line.message) == ("", "")


def test_a_failure_without_words_is_told_without_any() -> None:
    silent = HookFailure(failure_class=FailureClass.RAISED)
    call = Scripted(a_plan(HOOK)).says("h", HookResult(answer=silent))
    assert call.failure.metadata == {}
    assert "hook w/h failed (raised) and" in call.failure.message


def test_a_failure_whose_class_is_not_the_workers_to_claim_keeps_its_words() -> None:
    claimed = HookFailure(failure_class=FailureClass.TIMEOUT, code="SLOW", message="too slow")
    line = Scripted(a_plan(HOOK)).says("h", HookResult(answer=claimed)).verdict.receipt.lines[0]
    assert (line.failure_class, line.code, line.message) == ("raised", "SLOW", "too slow")


def test_a_detached_hook_may_write_nothing() -> None:
    call = Scripted(a_plan(a_hook("f", Mode.FIRE_AND_FORGET)))
    run = call.detached["f"].request.steps[0][0]
    assert (run.may_block, run.may_modify, run.writable_fields) == (False, False, frozenset())


def test_a_run_that_nobody_says_begins_is_a_timeout() -> None:
    call = Scripted(a_plan(a_hook("h", timeout=1.0)), tells_begin=True)
    call.call.sent(call.started["h"].run, "i2")
    assert call.wait(1.5).failure.failure_class is FailureClass.TIMEOUT
