"""Runs of several hooks: who is taken along, whose turn it is, and what breaks with whom."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sidehook._call import CallContext, Violation
from sidehook._run import HookResult, Patch
from sidehook._types import FailureClass, HookOutcome, Mode, OnError
from sidehook_server.pipeline.load import Load
from sidehook_server.pipeline.model import CallSettings, PlannedHook
from tests.unit.pipeline.scripted import Scripted, a_hook, a_plan, block, failure, json, patch


def serial(name: str, **terms: Any) -> PlannedHook:
    return a_hook(name, on_error=OnError.IGNORE, timeout=1.0, **terms)


def at_once(name: str, **terms: Any) -> PlannedHook:
    return a_hook(name, Mode.CONCURRENT, on_error=OnError.IGNORE, **terms)


ONE, TWO, THREE = serial("a"), serial("b"), serial("c")
LEFT, RIGHT = at_once("left"), at_once("right")
WATCH = a_hook("watch", Mode.AUDIT, timeout=1.0)
ALIEN = serial("alien", worker="v", priority=1)
NEXT = serial("next", worker="v", priority=99)
FAILS = HookResult(answer=failure())
# Only the sidecar knows that these have failed.
SPOILT = patch(a="[")
BAD_BLOCK = HookResult(answer=Violation(reason="no", details=b"["))


def fused(*hooks: PlannedHook, tells_begin: bool = True, **call: Any) -> Scripted:
    return Scripted(a_plan(*hooks, fuses="w"), tells_begin=tells_begin, **call)


def failed(call: Scripted) -> dict[str, str]:
    """The hooks that failed, and how."""
    lines = call.verdict.receipt.lines
    return {line.hook: line.failure_class for line in lines if line.failure_class is not None}


# Who is taken along.


def test_hooks_that_follow_one_another_travel_together_and_have_their_turns_in_order() -> None:
    call = fused(ONE, TWO, THREE)
    call.says("a", patch(a="2")).says("b", patch(a="3")).says("c", block())
    assert call.log == ["start a b c"]
    assert call.outcomes == {"a": "modified", "b": "modified", "c": "blocked"}


def test_hooks_at_once_travel_together_with_the_time_of_the_slowest() -> None:
    call = fused(at_once("left", timeout=1.0), at_once("right", timeout=2.0))
    assert call.log == ["start left right"]
    assert call.started["left"].expires == call.now + 2.0
    assert call.says("right").says("left").patched == {}


def test_hooks_at_once_of_another_worker_have_a_run_of_their_own() -> None:
    call = fused(LEFT, replace(RIGHT, worker="v"), at_once("up"))
    assert call.log == ["start right", "start left up"]


def test_a_serial_run_is_waited_for_as_long_as_its_first_hook() -> None:
    call = fused(ONE, TWO, THREE)
    assert call.started["a"].expires == call.now + 1.0
    assert [hook.name for hook in call.started["a"].riders] == ["b", "c"]


def test_a_hook_of_a_scope_that_the_call_does_not_name_is_not_taken_along() -> None:
    call = fused(ONE, TWO, serial("other", scope="s", priority=60), WATCH)
    assert call.log == ["start a b"]
    call.says("a").says("b").says("watch")
    assert call.log == ["start a b", "start watch"]
    assert call.outcomes["other"] is HookOutcome.SKIPPED_SCOPE


def test_hooks_of_a_scope_that_the_call_names_are_taken_along() -> None:
    context = CallContext(scopes=("s", "t"))
    scoped = [serial(name, scope=scope) for name, scope in (("a", "s"), ("b", "t"))]
    call = fused(*scoped, serial("other", scope="u"), context=context)
    assert call.log == ["start a b"]
    whole = fused(scoped[0], WATCH, LEFT, RIGHT, context=context)
    assert whole.log == ["start a watch left right"]


def test_a_step_is_taken_along_whole_or_not_at_all() -> None:
    call = fused(ONE, LEFT, at_once("other", scope="s"), RIGHT)
    assert call.log == ["start a"]
    call.says("a")
    assert call.log == ["start a", "start left right"]
    assert [run.hook for run in call.runs["left"].steps[0]] == ["left", "right"]
    call.says("left").says("right")
    assert call.outcomes["other"] is HookOutcome.SKIPPED_SCOPE


def test_hooks_at_once_are_told_what_the_call_has_left() -> None:
    call = fused(LEFT, RIGHT, budget=1.02)
    assert [run.timeout for run in call.runs["left"].steps[0]] == [1.0, 1.0]


def test_an_observer_that_is_shed_is_not_taken_along() -> None:
    must = a_hook("must", Mode.AUDIT, on_error=OnError.FAIL, priority=60)
    call = fused(ONE, WATCH, must, load=Load.FULL).says("a")
    assert call.log == ["start a", "start must"]
    assert call.says("must").outcomes["watch"] is HookOutcome.SHED
    guards = fused(ONE, TWO, WATCH, load=Load.FULL)
    assert guards.log == ["start a b"]
    assert fused(ONE, WATCH, load=Load.HIGH).log == ["start a watch"]


def test_observers_without_a_share_are_not_taken_along_and_guards_are() -> None:
    call = fused(ONE, TWO, WATCH, settings=CallSettings(observer_share=0.0))
    assert call.log == ["start a b"]
    assert failed(call.says("a").says("b")) == {"watch": FailureClass.TIMEOUT}


def test_an_observer_that_is_taken_along_is_told_its_share() -> None:
    call = fused(ONE, WATCH, budget=2.02)
    assert [step[0].timeout for step in call.runs["a"].steps] == [1.0, pytest.approx(0.4)]


def test_an_observer_whose_share_is_gone_when_its_turn_comes_ends_the_run() -> None:
    call = fused(WATCH, replace(WATCH, name="x"), LEFT, budget=2.52)
    assert call.log == ["start watch x left"]
    # So near to the end of the share that no observer could use what is left.
    call.now += 0.5 - 1e-10
    call.says("watch")
    assert call.log == ["start watch x left", "cancel watch x left", "start left"]
    call.says("left")
    assert failed(call) == {"x": FailureClass.TIMEOUT}


# What an instance takes.


@pytest.mark.parametrize("takes", [1, 2])
def test_what_an_instance_does_not_take_is_sent_later(takes: int) -> None:
    call = fused(ONE, TWO, THREE, takes=takes)
    call.says("a").says("b").says("c")
    assert call.log == {1: ["start a", "start b", "start c"], 2: ["start a b", "start c"]}[takes]
    assert call.outcomes == dict.fromkeys("abc", HookOutcome.PROCEEDED)


def test_what_an_instance_does_not_take_of_hooks_at_once_is_sent_now() -> None:
    call = fused(LEFT, RIGHT, at_once("up"), takes=2)
    assert call.log == ["start left right", "start up"]
    assert not call.says("left").says("right").call.awaits(call.started["left"].run)
    assert call.call.awaits(call.started["up"].run)


def test_a_shorter_run_is_over_with_its_last_hook() -> None:
    call = fused(ONE, TWO, THREE, takes=2)
    run = call.started["a"].run
    call.says("a")
    assert call.call.awaits(run)
    call.says("b")
    assert not call.call.awaits(run)


def test_a_run_that_is_over_is_not_shortened() -> None:
    call = fused(ONE, TWO).cancel()
    assert call.call.shortened(call.started["a"].run, 1, call.now) == []


# Whose turn it is.


def test_a_rider_has_its_time_from_its_own_turn_on() -> None:
    call = fused(ONE, TWO).wait(0.75).says("a").begins("b").wait(0.75).says("b")
    assert call.outcomes == {"a": HookOutcome.PROCEEDED, "b": HookOutcome.PROCEEDED}
    late = fused(ONE, TWO).wait(0.75).says("a").begins("b").wait(1.0)
    assert failed(late) == {"b": FailureClass.TIMEOUT}
    line = late.verdict.receipt.lines[1]
    assert (line.instance, line.duration) == ("i1", 1.0)


def test_a_rider_that_its_worker_never_called_was_in_a_queue() -> None:
    call = fused(ONE, TWO).says("a").wait(1.0)
    assert failed(call) == {"b": FailureClass.OVERLOADED}
    silent = fused(ONE, TWO, tells_begin=False).says("a").wait(1.0)
    assert failed(silent) == {"b": FailureClass.TIMEOUT}


def test_a_rider_that_is_called_before_its_turn_has_begun_when_that_comes() -> None:
    call = fused(ALIEN, TWO, THREE).says("alien").begins("c").says("b").wait(1.0)
    assert failed(call) == {"c": FailureClass.TIMEOUT}


def test_a_beginning_in_a_run_that_is_over_says_nothing() -> None:
    call = fused(ONE, TWO).cancel().begins("b")
    assert call.outcomes == {"a": HookOutcome.CANCELLED, "b": HookOutcome.SKIPPED_HALTED}


def test_riders_are_known_by_their_place_in_the_run() -> None:
    call = fused(ALIEN, TWO, THREE, serial("d")).says("alien")
    call.says("b", patch(a="2")).says("c", patch(a="3")).says("d", patch(b="4"))
    assert call.log == ["start alien", "start b c d"]
    assert call.patched == {"a": "3", "b": "4"}


def test_an_answer_before_its_turn_fails_who_runs_and_the_rest_is_sent_anew() -> None:
    call = fused(ONE, TWO, THREE).says("b", block())
    assert call.log == ["start a b c", "cancel a b c", "start b c"]
    assert call.call.late_answers == 0
    notice = call.told[0].notice
    assert notice.message == "a result for hook 1 of a run in which another was due"
    call.says("b").says("c")
    assert failed(call) == {"a": FailureClass.MALFORMED}


def test_an_answer_of_a_place_that_the_run_has_not_fails_who_runs() -> None:
    call = fused(ONE, TWO)
    call.carry_out(call.call.answered(1, HookResult(answer=block().answer, index=2), call.now))
    assert call.log == ["start a b", "cancel a b", "start b"]


def test_an_answer_after_its_turn_is_late() -> None:
    call = fused(ONE, TWO).says("a").says("a", block())
    assert call.call.late_answers == 1
    assert call.log == ["start a b"]


def test_more_time_is_for_the_hook_that_asks() -> None:
    call = fused(ONE, TWO).says("a").begins("b").asks_for("b", 1.0).wait(1.5).says("b")
    assert call.outcomes == {"a": HookOutcome.PROCEEDED, "b": HookOutcome.PROCEEDED}
    assert call.told == []


# What breaks with whom.


def test_a_failure_that_the_worker_knows_of_leaves_the_run_as_it_is() -> None:
    call = fused(ONE, TWO, THREE).says("a", FAILS).says("b").says("c")
    assert call.log == ["start a b c"]
    assert failed(call) == {"a": FailureClass.RAISED}


@pytest.mark.parametrize("result", [SPOILT, BAD_BLOCK], ids=["a patch", "a block"])
def test_after_a_failure_that_the_worker_knows_nothing_of_the_rest_is_sent_anew(
    result: HookResult,
) -> None:
    call = fused(ONE, TWO, THREE).says("a").says("b", result)
    assert call.log == ["start a b c", "cancel a b c", "start c"]
    assert failed(call.says("c")) == {"b": FailureClass.MALFORMED}


def test_such_a_failure_of_one_of_the_last_step_concerns_no_other() -> None:
    call = fused(ONE, LEFT, RIGHT).says("a").says("left", BAD_BLOCK)
    assert call.log == ["start a left right"]
    assert failed(call.says("right")) == {"left": FailureClass.MALFORMED}


def test_the_hook_that_failed_is_named_by_its_place_in_the_run() -> None:
    call = fused(ONE, TWO).says("a").says("b", FAILS)
    assert [(blame.run, blame.index) for blame in call.blamed] == [(1, 1)]


def test_a_patch_that_its_hook_may_not_write_spoils_what_comes_behind_it() -> None:
    call = fused(WATCH, replace(WATCH, name="x"), replace(WATCH, name="y"))
    call.now += 0.25
    call.says("watch").says("x", patch(a="9")).says("y")
    assert call.log == ["start watch x y"]
    assert failed(call) == {"y": FailureClass.MALFORMED}
    assert call.told[-1].notice.message == (
        "hook 1 of its run left fields in its patch that it may not write, which a worker with "
        "fused_runs takes out"
    )
    assert call.outcomes["x"] is HookOutcome.PATCH_DISCARDED


def test_what_comes_behind_a_spoilt_run_is_sent_as_ever() -> None:
    call = fused(ONE, TWO, NEXT).says("a", patch(z="9")).says("b")
    assert call.log == ["start a b", "start next"]
    assert failed(call.says("next")) == {"b": FailureClass.MALFORMED}


def test_a_patch_that_its_hook_may_write_spoils_nothing() -> None:
    call = fused(ONE, TWO).says("a", HookResult(answer=Patch({"a": json("2")}))).says("b")
    assert call.outcomes == {"a": HookOutcome.MODIFIED, "b": HookOutcome.PROCEEDED}


def test_a_serial_hook_that_runs_out_of_time_takes_its_run_with_it() -> None:
    call = fused(ONE, TWO, THREE).begins("a").wait(1.0)
    assert call.log == ["start a b c", "cancel a b c", "start b c"]
    call.says("b").says("c")
    assert failed(call) == {"a": FailureClass.TIMEOUT}


def test_one_of_several_at_once_that_runs_out_of_time_is_stopped_alone() -> None:
    call = fused(at_once("left", timeout=1.0), RIGHT).begins("left").wait(1.0)
    assert call.log == ["start left right", "cancel left"]
    assert failed(call.says("right")) == {"left": FailureClass.TIMEOUT}


def test_one_of_several_at_once_that_runs_out_of_time_in_the_queue_leaves_the_others_there() -> (
    None
):
    call = fused(at_once("left", timeout=1.0), RIGHT, at_once("up"), sends=False).wait(1.0)
    assert call.log == ["start left right up", "cancel left right up", "start right up"]
    assert call.runs["right"].time_left == pytest.approx(8.98)
    assert failed(call.says("right").says("up")) == {"left": FailureClass.OVERLOADED}


def test_two_that_run_out_of_time_together_are_both_cancelled_and_blamed() -> None:
    slow = [replace(each, timeout=1.0) for each in (LEFT, replace(RIGHT, worker="v"))]
    call = fused(*slow).wait(1.0)
    assert call.log == ["start right", "start left", "cancel right", "cancel left"]
    assert [blame.run for blame in call.blamed] == [1, 2]


def test_an_end_without_results_fails_who_ran_and_the_rest_is_sent_anew() -> None:
    call = fused(ONE, TWO, THREE).says("a").begins("b").runs_out("a")
    assert call.log == ["start a b c", "start c"]
    assert call.told[0].notice.message == "the run ended without a result"
    assert failed(call.says("c")) == {"b": FailureClass.MALFORMED}


def test_an_end_before_a_hook_was_called_sends_it_anew() -> None:
    call = fused(ONE, TWO, THREE).says("a").runs_out("a")
    assert call.log == ["start a b c", "start b c"]
    assert failed(call.says("b").says("c")) == {}


def test_the_first_hook_of_a_run_may_have_been_called_whatever_its_worker_said() -> None:
    assert failed(fused(ONE, TWO).runs_out("a").says("b")) == {"a": FailureClass.MALFORMED}
    both = fused(LEFT, RIGHT).runs_out("left")
    assert failed(both) == dict.fromkeys(["left", "right"], FailureClass.MALFORMED)


def test_a_run_that_nobody_got_fails_by_its_first_hook() -> None:
    call = fused(LEFT, RIGHT, at_once("up"), sends=False).fails("left")
    assert call.log == ["start left right up", "start right up"]
    assert failed(call.says("right").says("up")) == {"left": FailureClass.RAISED}


def test_a_run_that_somebody_got_fails_with_all_that_ran() -> None:
    call = fused(LEFT, RIGHT).fails("left")
    assert failed(call) == dict.fromkeys(["left", "right"], FailureClass.RAISED)
    assert [blame.index for blame in call.blamed] == [0, 1]


# A connection that breaks.


def test_a_rider_that_was_not_called_goes_elsewhere() -> None:
    call = fused(ONE, TWO, THREE).says("a").is_lost("a")
    assert call.log == ["start a b c", "start b c"]
    assert failed(call.says("b").says("c")) == {}


def test_a_hook_that_was_called_fails_unless_it_may_be_repeated() -> None:
    call = fused(ONE, TWO, THREE).says("a").begins("b").is_lost("a")
    assert call.log == ["start a b c", "start c"]
    assert failed(call.says("c")) == {"b": FailureClass.UNREACHABLE}
    again = fused(ONE, replace(TWO, idempotent=True), THREE)
    again.says("a").begins("b").is_lost("a")
    assert again.log == ["start a b c", "start b c"]


def test_of_several_at_once_only_those_that_may_be_are_repeated() -> None:
    call = fused(replace(LEFT, idempotent=True), RIGHT, at_once("up")).is_lost("left")
    assert call.log == ["start left right up", "start left"]
    lost = dict.fromkeys(["right", "up"], FailureClass.UNREACHABLE)
    assert failed(call.says("left")) == lost


def test_a_hook_that_is_repeated_has_what_is_left_of_its_time() -> None:
    call = fused(replace(ONE, idempotent=True), NEXT).wait(0.75).is_lost("a")
    assert call.log == ["start a", "start a"]
    assert call.runs["a"].steps[0][0].timeout == 0.25
    call.begins("a").wait(0.25)
    assert call.log[2] == "cancel a"


def test_a_hook_is_told_its_own_time_to_the_last_digit() -> None:
    assert fused(replace(ONE, timeout=0.1)).runs["a"].steps[0][0].timeout == 0.1


# An answer that cannot be read.


def test_an_answer_that_cannot_be_read_fails_the_hook_whose_it_is() -> None:
    call = fused(LEFT, RIGHT).spoils("right")
    assert call.log == ["start left right"]
    assert failed(call.says("left")) == {"right": FailureClass.MALFORMED}


def test_behind_an_answer_that_cannot_be_read_the_rest_is_sent_anew() -> None:
    call = fused(ONE, TWO, THREE).says("a").spoils("b")
    assert call.log == ["start a b c", "cancel a b c", "start c"]
    assert failed(call.says("c")) == {"b": FailureClass.MALFORMED}


@pytest.mark.parametrize("whole", [True, False], ids=["of nobody", "of one whose turn it is not"])
def test_an_answer_that_cannot_be_read_fails_all_that_run_when_it_is(*, whole: bool) -> None:
    call = fused(ONE, TWO, THREE).spoils("b", whole=whole)
    assert call.log == ["start a b c", "cancel a b c", "start b c"]
    assert failed(call.says("b").says("c")) == {"a": FailureClass.MALFORMED}
    both = fused(LEFT, RIGHT).spoils("left", whole=True)
    assert both.log == ["start left right", "cancel left right"]
    assert failed(both) == dict.fromkeys(["left", "right"], FailureClass.MALFORMED)


def test_an_answer_that_comes_too_late_need_not_be_readable() -> None:
    call = fused(ONE, NEXT)
    call.now += 1.0
    call.spoils("a").says("next")
    assert call.log == ["start a", "cancel a", "start next"]
    assert failed(call) == {"a": FailureClass.OVERLOADED}


def test_an_observer_whose_answer_cannot_be_read_has_spent_its_time_all_the_same() -> None:
    other = replace(WATCH, name="other", worker="v", priority=99)
    call = fused(WATCH, replace(WATCH, name="x"), other, budget=5.02).wait(0.25)
    call.spoils("watch").says("x")
    assert call.log[-1] == "start other"
    assert call.runs["other"].steps[0][0].timeout == pytest.approx(0.75)
