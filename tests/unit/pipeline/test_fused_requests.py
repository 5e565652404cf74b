"""What a worker is sent with a run of several hooks: fields, rooms, keys and times."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sidehook._call import CallContext, StateChange, size_of
from sidehook._run import HookResult, NothingToSay, RunRequest
from sidehook._types import Mode
from sidehook_server.pipeline.model import CallSettings, PlannedHook
from sidehook_server.pipeline.plan import compile_plan
from sidehook_server.pipeline.requests import fitting, shortened
from tests.unit.pipeline.scripted import Scripted, a_hook, a_plan, json

ONE, TWO, THREE = (a_hook(name, priority=place) for place, name in enumerate("abc"))
LEFT, RIGHT = a_hook("left", Mode.CONCURRENT), a_hook("right", Mode.CONCURRENT)
WATCH = a_hook("watch", Mode.AUDIT)
FIELDS = {"a": json("1"), "b": json("2")}


def asking(hook: PlannedHook, *names: str) -> PlannedHook:
    return replace(hook, fields=frozenset(names))


def fused(*hooks: PlannedHook, max_payload_bytes: int = 100, **call: Any) -> Scripted:
    return Scripted(a_plan(*hooks, fuses="w", max_payload_bytes=max_payload_bytes), **call)


def test_a_run_of_several_hooks_says_all_that_they_need() -> None:
    context = CallContext(tenant="acme", state={"w/k": b"1", "v/k": b"2"})
    settings = CallSettings(max_state_bytes=50, margin=0.5)
    call = fused(ONE, TWO, settings=settings, context=context, budget=9.0)
    segment = call.plan.segments[0]
    assert call.runs["a"] == call.runs["b"]
    assert call.runs["a"] == RunRequest(
        call_id="call-1",
        hook_type="t",
        steps=segment.steps,
        fields=FIELDS,
        context=replace(context, state={"k": b"1"}),
        time_left=8.5,
        idempotency_key="call-1/w/",
        payload_room=100 - size_of(FIELDS),
        state_room=50 - len("w/k1v/k2"),
    )


def test_a_run_tells_its_hooks_apart_and_gives_each_its_rights() -> None:
    call = fused(ONE, WATCH)
    (first,), (second,) = call.runs["a"].steps
    assert (first.hook, first.may_modify, second.hook, second.may_modify) == (
        "a",
        True,
        "watch",
        False,
    )
    assert first.writable_fields == {"a", "b", "c"}
    assert second.writable_fields == frozenset()


def test_a_run_holds_the_fields_that_any_of_its_hooks_asked_for_and_no_others() -> None:
    assert fused(asking(ONE, "a", "z"), asking(TWO, "a")).seen("b") == {"a": "1"}
    assert fused(asking(LEFT, "a"), asking(RIGHT, "b")).seen("left") == {"a": "1", "b": "2"}
    assert fused(asking(LEFT, "a"), RIGHT).seen("left") == {"a": "1", "b": "2"}


@pytest.mark.parametrize(
    ("limit", "room"), [(size_of(FIELDS) + 1, 1), (size_of(FIELDS), 0), (1, 0)]
)
def test_a_payload_may_grow_in_a_run_as_far_as_the_limit(limit: int, room: int) -> None:
    assert fused(ONE, TWO, max_payload_bytes=limit).runs["a"].payload_room == room


def test_a_run_in_which_nobody_may_patch_before_another_has_no_room_for_that() -> None:
    assert fused(WATCH, replace(WATCH, name="too")).runs["watch"].payload_room == 0


def test_a_run_that_begins_later_has_the_payload_the_state_and_the_time_of_then() -> None:
    call = fused(ONE, replace(TWO, worker="v"), THREE, replace(WATCH, priority=99), budget=3.02)
    state = StateChange({"k": b"123"})
    call.says("a", HookResult(answer=NothingToSay(), state=state)).wait(1.0)
    call.says("b", HookResult(answer=NothingToSay()))
    assert call.log[-1] == "start c watch"
    assert call.runs["c"].time_left == pytest.approx(2.0)
    assert call.runs["c"].context.state == {"k": b"123"}
    assert call.runs["c"].idempotency_key == "call-1/w/"


# An instance that takes fewer of them.


def a_run(*hooks: PlannedHook) -> tuple[RunRequest, tuple[PlannedHook, ...]]:
    call = fused(*hooks)
    return call.runs[hooks[0].name], hooks


def test_a_shorter_run_has_the_first_hooks_and_what_those_asked_for() -> None:
    request, hooks = a_run(
        asking(LEFT, "a"), asking(RIGHT, "a"), asking(replace(LEFT, name="up"), "b")
    )
    two = shortened(request, hooks, 2)
    assert two == replace(request, steps=(request.steps[0][:2],), fields={"a": json("1")})
    assert shortened(request, hooks, 3) == request


def test_a_shorter_run_keeps_whole_steps_in_order() -> None:
    request, hooks = a_run(ONE, TWO, THREE)
    assert shortened(request, hooks, 2) == replace(request, steps=request.steps[:2])


def test_a_run_of_one_hook_is_as_if_it_had_been_alone() -> None:
    request, hooks = a_run(asking(LEFT, "a"), asking(RIGHT, "b"))
    assert shortened(request, hooks, 1) == Scripted(a_plan(hooks[0])).runs["left"]


# The time that is left, as the steps tell it.


def timeouts(*hooks: PlannedHook, left: float, share: float) -> list[float]:
    segment = compile_plan("t", hooks, fuses=frozenset("w")).segments[0]
    steps = fitting(segment, left=left, share=share)
    return [run.timeout for step in steps for run in step]


GUARD, SHORT = replace(ONE, timeout=2.0), replace(TWO, timeout=0.25)
SEES = replace(WATCH, timeout=2.0)


def test_a_hook_that_has_enough_time_is_told_its_own() -> None:
    assert timeouts(GUARD, SHORT, SEES, left=9.0, share=2.0) == [2.0, 0.25, 2.0]


def test_guards_have_what_the_call_has_left_and_observers_their_share_of_it() -> None:
    assert timeouts(GUARD, SHORT, SEES, left=1.5, share=0.5) == [1.5, 0.25, 0.5]
    assert timeouts(GUARD, SHORT, SEES, left=2.0, share=0.5) == [2.0, 0.25, 0.5]
    assert timeouts(GUARD, SHORT, SEES, left=0.75, share=2.0) == [0.75, 0.25, 2.0]


def test_a_time_that_is_just_enough_is_not_rounded() -> None:
    exact = replace(ONE, timeout=1.129), replace(WATCH, timeout=0.199)
    assert timeouts(*exact, left=1.129, share=0.199) == [1.129, 0.199]
    guards = replace(ONE, timeout=0.129), replace(TWO, timeout=0.129)
    assert timeouts(*guards, left=0.129, share=0.1) == [0.129, 0.129]
    observers = replace(WATCH, timeout=0.129), replace(WATCH, name="x", timeout=0.129)
    assert timeouts(*observers, left=0.5, share=0.129) == [0.129, 0.129]


@pytest.mark.parametrize(
    ("left", "told"),
    [(1.239, 1.23), (1.05, 1.05), (0.559, 0.55), (0.0559, 0.0559), (0.0005, 0.001), (0.0, 0.001)],
)
def test_what_is_left_is_told_in_hundredths_and_never_as_nothing(left: float, told: float) -> None:
    assert timeouts(GUARD, replace(TWO, timeout=2.0), left=left, share=9.0) == [told, told]


def test_calls_that_have_as_much_time_are_sent_the_same_steps() -> None:
    segment = compile_plan("t", (GUARD, SEES), fuses=frozenset("w")).segments[0]
    steps = fitting(segment, left=1.511, share=0.5)
    assert fitting(segment, left=1.519, share=0.5) is steps
    assert fitting(segment, left=1.521, share=0.5) is not steps
    assert fitting(segment, left=9.0, share=9.0) is segment.steps


def test_some_of_a_group_are_told_no_more_time_than_is_left() -> None:
    elsewhere = replace(a_hook("scoped", Mode.CONCURRENT), scope="elsewhere")
    call = fused(LEFT, RIGHT, elsewhere, budget=1.02, settings=CallSettings(margin=0.02))
    (step,) = call.runs["left"].steps
    assert [(hook.hook, hook.timeout) for hook in step] == [("left", 1.0), ("right", 1.0)]
