"""Whose turn it is, and who must go."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest

from sidehook_server.dispatch.fair_queue import FairQueue, Sizes


@dataclass(eq=False)
class Guest:
    """`a/1/x` is the guest x of session 1 of tenant a; one in brackets is an observer."""

    name: str

    @property
    def tenant(self) -> str:
        return self.name.strip("()").split("/")[0]

    @property
    def session(self) -> str:
        return self.name.strip("()").split("/")[1]

    @property
    def gives_way(self) -> bool:
        return self.name.startswith("(")


def a_queue(names: str) -> FairQueue[Guest]:
    queue: FairQueue[Guest] = FairQueue()
    for name in names.split():
        queue.add(Guest(name))
    return queue


def served(queue: FairQueue[Guest]) -> str:
    return " ".join(queue.pop().name for _ in range(len(queue)))


@pytest.mark.parametrize(
    ("came", "turns"),
    [
        pytest.param("a/1/x a/1/y a/1/z", "a/1/x a/1/y a/1/z", id="a session in order"),
        pytest.param("a/1/x a/1/y a/2/x", "a/1/x a/2/x a/1/y", id="sessions take turns"),
        pytest.param("a/1/x a/2/x a/3/x b/1/x", "a/1/x b/1/x a/2/x a/3/x", id="tenants do first"),
        pytest.param("(a/1/x) b/1/x (b/1/y) a/1/y", "b/1/x a/1/y (a/1/x) (b/1/y)", id="observers"),
    ],
)
def test_turns_go_by_tenant_then_session_then_arrival_and_guards_are_first(
    came: str, turns: str
) -> None:
    assert served(a_queue(came)) == turns


def test_who_comes_back_takes_its_turn_behind_those_who_had_none() -> None:
    queue = a_queue("a/1/x a/1/y b/1/x c/1/x")
    assert queue.pop().name == "a/1/x"
    queue.add(Guest("a/2/z"))
    assert served(queue) == "b/1/x c/1/x a/1/y a/2/z"


@pytest.mark.parametrize(
    ("came", "gone"),
    [
        pytest.param("a/1/x a/1/y b/1/x", "a/1/y", id="the youngest of the largest"),
        pytest.param("a/1/x a/1/y a/2/x b/1/x", "a/1/y", id="its largest session"),
        pytest.param("a/1/x b/1/x", "b/1/x", id="who came last among equals"),
        pytest.param("(a/1/x) b/1/x b/1/y", "(a/1/x) b/1/y b/1/x", id="observers before guards"),
    ],
)
def test_who_must_go_is_the_youngest_of_whoever_has_most_and_observers_first(
    came: str, gone: str
) -> None:
    queue = a_queue(came)
    assert " ".join(queue.pop_least().name for _ in gone.split()) == gone


def test_who_leaves_is_not_served() -> None:
    queue = a_queue("a/1/x b/1/x")
    guest = Guest("a/1/y")
    queue.add(guest)
    queue.remove(guest)
    assert len(queue) == 2
    assert served(queue) == "a/1/x b/1/x"


@pytest.mark.parametrize("seed", range(20))
def test_no_tenant_is_ever_served_twice_while_another_waits_for_its_first_turn(seed: int) -> None:
    chance = random.Random(seed)
    queue: FairQueue[Guest] = FairQueue()
    waiting: list[Guest] = []
    behind: dict[str, int] = {}
    for number in range(500):
        if chance.random() < 0.55 or not waiting:
            guest = Guest(f"{chance.choice('abcde')}/{chance.randrange(3)}/{number}")
            queue.add(guest)
            waiting.append(guest)
        else:
            guest = queue.pop()
            waiting.remove(guest)
            others = {it.tenant for it in waiting} - {guest.tenant}
            behind = {it: behind.get(it, 0) + 1 for it in others}
            assert all(turns < 5 for turns in behind.values())
    assert len(queue) == len(waiting)


@pytest.mark.parametrize("seed", range(20))
def test_the_largest_is_known_after_any_changes(seed: int) -> None:
    chance = random.Random(seed)
    sizes, counted = Sizes(), dict.fromkeys("abc", 0)
    for _ in range(500):
        name = chance.choice("abc")
        if chance.random() < 0.6:
            sizes.grow(name)
            counted[name] += 1
        elif counted[name]:
            sizes.shrink(name)
            counted[name] -= 1
        if any(counted.values()):
            assert counted[sizes.largest()] == max(counted.values())
