"""What hooks leave for one another: staged, kept by the call, carried by the client."""

from __future__ import annotations

from dataclasses import replace

from sidehook._call import CallContext, StateChange
from sidehook._run import HookResult
from sidehook._types import FailureClass, HookOutcome, Mode, OnError
from sidehook_server.pipeline.model import CallSettings
from tests.unit.pipeline.scripted import NOTHING, Scripted, a_hook, a_plan, block, patch


def sets(result: HookResult = NOTHING, removed: str = "", **keys: str) -> HookResult:
    texts = {key.replace("shared_", "shared."): text.encode() for key, text in keys.items()}
    return replace(result, state=StateChange(texts, frozenset(removed.split())))


def test_a_worker_sees_its_own_keys_without_its_name_and_the_shared_ones() -> None:
    state = {"w/mine": b"1", "other/theirs": b"2", "shared.all": b"3"}
    call = Scripted(a_plan(a_hook("h")), context=CallContext(state=state))
    assert call.runs["h"].context.state == {"mine": b"1", "shared.all": b"3"}


def test_the_next_hook_sees_what_was_kept_and_the_client_gets_only_what_changed() -> None:
    context = CallContext(state={"w/old": b"1", "w/gone": b"2"})
    call = Scripted(a_plan(a_hook("one"), a_hook("two")), context=context)
    call.says("one", sets(n="5", shared_x="6", removed="gone")).says("two")
    assert call.runs["two"].context.state == {"old": b"1", "n": b"5", "shared.x": b"6"}
    assert call.verdict.state == StateChange({"w/n": b"5", "shared.x": b"6"}, frozenset({"w/gone"}))


def test_a_blocked_call_returns_state_too() -> None:
    call = Scripted(a_plan(a_hook("gate"))).says("gate", sets(block(), n="1"))
    assert call.verdict.state.set == {"w/n": b"1"}


def test_audit_keeps_no_state() -> None:
    call = Scripted(a_plan(a_hook("aud", Mode.AUDIT))).says("aud", sets(n="1"))
    assert not call.verdict.state


def test_concurrent_writes_apply_in_plan_order_whatever_the_order_of_arrival() -> None:
    plan = a_plan(a_hook("a", Mode.CONCURRENT), a_hook("b", Mode.CONCURRENT))
    call = Scripted(plan).says("b", sets(n="2")).says("a", sets(n="1"))
    assert call.verdict.state.set == {"w/n": b"2"}


def test_of_a_concurrent_phase_that_blocked_only_the_blockers_writes_are_kept() -> None:
    plan = a_plan(a_hook("a", Mode.CONCURRENT), a_hook("b", Mode.CONCURRENT))
    call = Scripted(plan).says("a", sets(x="1")).says("b", sets(block(), y="2"))
    assert call.verdict.state.set == {"w/y": b"2"}


def test_state_over_the_limit_is_a_failure_of_the_hook_that_wrote_it() -> None:
    plan = a_plan(a_hook("h", on_error=OnError.IGNORE))
    call = Scripted(plan, settings=CallSettings(max_state_bytes=10))
    call.says("h", sets(n='"much too long"'))
    assert call.outcomes == {"h": HookOutcome.FAILED_OPEN}
    assert not call.verdict.state


def test_concurrent_state_over_the_limit_fails_by_plan_order_and_keeps_nothing() -> None:
    plan = a_plan(a_hook("a", Mode.CONCURRENT), a_hook("b", Mode.CONCURRENT))
    call = Scripted(plan, settings=CallSettings(max_state_bytes=8))
    call.says("b", sets(y='"22"')).says("a", sets(x='"11"'))
    assert (call.failure.hook, call.failure.failure_class) == ("b", FailureClass.MALFORMED)
    assert call.outcomes == {"a": HookOutcome.PROCEEDED, "b": HookOutcome.FAILED_CLOSED}
    assert not call.verdict.state


def test_concurrent_state_over_the_limit_leaves_the_rejected_fields_in_the_receipt() -> None:
    for action, outcome in (
        (OnError.FAIL, HookOutcome.FAILED_CLOSED),
        (OnError.IGNORE, HookOutcome.FAILED_OPEN),
    ):
        plan = a_plan(a_hook("h", Mode.CONCURRENT, on_error=action))
        call = Scripted(plan, settings=CallSettings(max_state_bytes=8))
        call.says("h", sets(patch(a="3"), n='"much too long"'))
        (line,) = call.verdict.receipt.lines
        assert (line.outcome, line.rejected_fields) == (outcome, ("a",))


def test_state_that_is_not_json_is_malformed() -> None:
    call = Scripted(a_plan(a_hook("h"))).says("h", sets(n="{"))
    assert call.failure.failure_class is FailureClass.MALFORMED
