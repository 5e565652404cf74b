"""Which hooks may travel in one run, as far as the plan alone can tell."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sidehook._types import Mode
from sidehook_server.conditions import compile_condition
from sidehook_server.modes import MODES
from sidehook_server.pipeline.model import PlannedHook
from sidehook_server.pipeline.plan import compile_plan
from sidehook_server.pipeline.segments import MAX_HOOKS_IN_RUN, Segment
from tests.unit.pipeline.scripted import a_hook

FUSES = frozenset({"w", "v"})
ONE, TWO = a_hook("a", priority=1), a_hook("b", priority=2)
LEFT, RIGHT = a_hook("left", Mode.CONCURRENT), a_hook("right", Mode.CONCURRENT)
GATE = a_hook("gate", final_payload=True)
WATCH = a_hook("watch", Mode.AUDIT)


def segments(*hooks: PlannedHook, fuses: frozenset[str] = FUSES) -> tuple[Segment, ...]:
    return compile_plan("t", hooks, fuses=fuses).segments


def together(*hooks: PlannedHook, fuses: frozenset[str] = FUSES) -> list[str]:
    """The hooks that may travel in one run from each place of the plan on."""
    return [" ".join(it.name for it in each.hooks) for each in segments(*hooks, fuses=fuses)]


def many(count: int, mode: Mode = Mode.SEQUENTIAL) -> list[PlannedHook]:
    return [a_hook(f"h{number:03}", mode) for number in range(count)]


def test_serial_hooks_ride_behind_one_another_across_phases() -> None:
    redact = a_hook("redact", Mode.TRANSFORM)
    assert together(ONE, redact, WATCH) == ["a redact watch", "redact watch", "watch"]


def test_hooks_at_once_are_one_step_and_may_be_the_last_one_of_a_run() -> None:
    assert together(LEFT, RIGHT) == ["left right", "right"]
    whole = segments(ONE, LEFT, RIGHT)[0]
    assert [[run.hook for run in step] for step in whole.steps] == [["a"], ["left", "right"]]


def test_a_hook_by_itself_is_one_step_whoever_might_ride_behind_it() -> None:
    for each in segments(ONE, TWO, LEFT, RIGHT):
        assert [[run.hook for run in step] for step in each.alone] == [[each.hooks[0].name]]


def test_nobody_rides_where_the_worker_takes_one_hook() -> None:
    assert together(ONE, TWO, LEFT, RIGHT, fuses=frozenset()) == ["a", "b", "left", "right"]


def test_hooks_of_two_workers_do_not_travel_together() -> None:
    assert together(ONE, replace(TWO, worker="v")) == ["a", "b"]
    assert together(LEFT, RIGHT, replace(a_hook("up", Mode.CONCURRENT), worker="v")) == [
        "up",
        "left right",
        "right",
    ]


def test_what_is_detached_travels_alone() -> None:
    tell = a_hook("tell", Mode.FIRE_AND_FORGET)
    assert together(WATCH, tell, replace(tell, name="too")) == ["watch", "tell", "too"]


@pytest.mark.parametrize(
    "terms",
    [
        {"handle": "h1"},
        {"shadow_of": MODES[Mode.SEQUENTIAL]},
    ],
    ids=["of a scope handle", "in shadow"],
)
def test_who_always_goes_alone(terms: dict[str, object]) -> None:
    alone = replace(TWO, **terms)  # type: ignore[arg-type]  # the terms are named above
    last = a_hook("c", priority=3)
    assert together(ONE, alone, last) == ["a", "b", "c"]
    at_once = replace(LEFT, **terms)  # type: ignore[arg-type]  # the terms are named above
    assert together(at_once, RIGHT) == ["left", "right"]


def test_a_hook_with_a_condition_may_be_the_first_and_rides_behind_nobody() -> None:
    asks = replace(TWO, condition=compile_condition("has(payload.a)"))
    assert together(ONE, asks, a_hook("c", priority=3)) == ["a", "b c", "c"]


def test_a_gate_rides_behind_gates_and_behind_no_mutator() -> None:
    other = replace(GATE, name="other")
    assert together(ONE, TWO, GATE, other) == ["a b", "b", "gate other", "other"]


@pytest.mark.parametrize(
    ("first", "rider", "rides"),
    [
        (None, None, True),
        (None, "a", True),
        ("a b", "a", True),
        ("a b", "a b", True),
        ("a b", "b c", False),
        ("a", None, False),
    ],
)
def test_a_rider_asked_for_nothing_that_the_first_hook_did_not(
    first: str | None, rider: str | None, *, rides: bool
) -> None:
    fields = [None if names is None else frozenset(names.split()) for names in (first, rider)]
    hooks = replace(ONE, fields=fields[0]), replace(TWO, fields=fields[1])
    assert together(*hooks) == ["a b" if rides else "a", "b"]


# What a run may hold.


def test_a_longer_chain_takes_another_run() -> None:
    chain = segments(*many(MAX_HOOKS_IN_RUN + 2))
    assert [len(chain[at].hooks) for at in (0, 1, 2, 3, 64)] == [64, 64, 64, 63, 2]


def test_more_hooks_at_once_take_another_run() -> None:
    assert len(segments(*many(MAX_HOOKS_IN_RUN + 2, Mode.CONCURRENT))[0].hooks) == 64


@pytest.mark.parametrize(("serial", "joint"), [(61, 2), (62, 2), (63, 0), (64, 0)])
def test_hooks_at_once_ride_when_all_of_them_have_room(serial: int, joint: int) -> None:
    first = segments(*many(serial), LEFT, RIGHT)[0]
    assert (len(first.hooks), first.joint) == (serial + joint, joint)


def test_the_room_of_a_run_begins_at_its_first_hook() -> None:
    assert segments(*many(50), LEFT, RIGHT)[40].joint == 2
