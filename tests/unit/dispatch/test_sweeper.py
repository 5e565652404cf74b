from collections.abc import Callable
from math import inf

import pytest

from sidehook_server.dispatch.sweeper import Sweeper
from tests.unit.dispatch.fakes import FakeClock


class Sleeper:
    def __init__(self, then: Callable[[], None] = lambda: None) -> None:
        self.woken: list[float] = []
        self._then = then

    def tick(self, now: float) -> None:
        self.woken.append(now)
        self._then()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def sweeper(clock: FakeClock) -> Sweeper:
    return Sweeper(clock)


def test_a_sleeper_is_woken_once_and_never_before_its_time(
    clock: FakeClock, sweeper: Sweeper
) -> None:
    sleeper = Sleeper()
    at = clock.time() + 1.0011
    sweeper.wake(sleeper, at)
    clock.advance(1.001)
    assert sleeper.woken == []
    clock.advance(0.01)
    assert len(sleeper.woken) == 1
    assert at <= sleeper.woken[0] <= at + 0.005
    clock.advance(100)
    assert len(sleeper.woken) == 1


def test_a_new_time_takes_the_place_of_the_one_before(clock: FakeClock, sweeper: Sweeper) -> None:
    sleeper = Sleeper()
    sweeper.wake(sleeper, clock.time() + 1)
    sweeper.wake(sleeper, clock.time() + 3)
    clock.advance(2)
    assert sleeper.woken == []
    sweeper.wake(sleeper, clock.time() + 0.5)
    clock.advance(0.6)
    assert len(sleeper.woken) == 1


def test_one_that_is_put_off_many_times_is_woken_once_at_the_last(
    clock: FakeClock, sweeper: Sweeper
) -> None:
    sleeper, began = Sleeper(), clock.time()
    for step in range(50):
        sweeper.wake(sleeper, began + 1 + step / 10)
        clock.advance(0.05)
    assert (sleeper.woken, len(sweeper)) == ([], 1)
    clock.advance(100)
    assert len(sleeper.woken) == 1
    assert began + 5.9 <= sleeper.woken[0] <= began + 5.905
    assert (len(sweeper), clock.timers) == (0, 0)


def test_one_that_was_put_off_and_then_forgotten_leaves_nothing(
    clock: FakeClock, sweeper: Sweeper
) -> None:
    put_off, hurried = Sleeper(), Sleeper()
    for sleeper in (put_off, hurried):
        sweeper.wake(sleeper, clock.time() + 1)
        sweeper.wake(sleeper, clock.time() + 5)
    sweeper.forget(put_off)
    sweeper.wake(hurried, clock.time() + 0.5)
    clock.advance(0.6)
    assert (put_off.woken, len(hurried.woken), len(sweeper)) == ([], 1, 0)
    clock.advance(10)
    assert (put_off.woken, len(hurried.woken)) == ([], 1)


def test_a_sleeper_that_is_forgotten_or_sleeps_for_ever_is_not_woken(
    clock: FakeClock, sweeper: Sweeper
) -> None:
    forgotten, endless = Sleeper(), Sleeper()
    sweeper.wake(forgotten, clock.time() + 1)
    sweeper.wake(endless, clock.time() + 1)
    sweeper.forget(forgotten)
    sweeper.wake(endless, inf)
    clock.advance(10)
    assert (forgotten.woken, endless.woken, len(sweeper)) == ([], [], 0)


def test_one_timer_stands_for_a_thousand_sleepers(clock: FakeClock, sweeper: Sweeper) -> None:
    sleepers = [Sleeper() for _ in range(1000)]
    for number, sleeper in enumerate(sleepers):
        sweeper.wake(sleeper, clock.time() + 1 + number / 100)
    assert clock.timers == 1
    clock.advance(20)
    assert all(len(sleeper.woken) == 1 for sleeper in sleepers)
    assert clock.timers == 0


def test_an_earlier_sleeper_moves_the_timer_forward(clock: FakeClock, sweeper: Sweeper) -> None:
    late, early = Sleeper(), Sleeper()
    sweeper.wake(late, clock.time() + 10)
    sweeper.wake(early, clock.time() + 1)
    clock.advance(1.1)
    assert (len(early.woken), len(late.woken)) == (1, 0)


def test_a_sleeper_may_put_off_or_forget_another_that_is_due_at_the_same_time(
    clock: FakeClock, sweeper: Sweeper
) -> None:
    second, third = Sleeper(), Sleeper()

    def change_plans() -> None:
        sweeper.forget(second)
        sweeper.wake(third, clock.time() + 5)

    first = Sleeper(change_plans)
    for sleeper in (first, second, third):
        sweeper.wake(sleeper, clock.time() + 1)
    clock.advance(2)
    assert (len(first.woken), second.woken, third.woken) == (1, [], [])
    clock.advance(5)
    assert len(third.woken) == 1


def test_a_sleeper_that_raises_does_not_keep_others_asleep(
    clock: FakeClock, sweeper: Sweeper, caplog: pytest.LogCaptureFixture
) -> None:
    def fall_over() -> None:
        raise RuntimeError("as the test wants it")

    broken, fine, later = Sleeper(fall_over), Sleeper(), Sleeper()
    for sleeper in (broken, fine):
        sweeper.wake(sleeper, clock.time() + 1)
    sweeper.wake(later, clock.time() + 2)
    clock.advance(3)
    assert (len(fine.woken), len(later.woken)) == (1, 1)
    assert "sleeper_broken" in caplog.text


def test_a_closed_sweeper_wakes_nobody(clock: FakeClock, sweeper: Sweeper) -> None:
    sleeper = Sleeper()
    sweeper.wake(sleeper, clock.time() + 1)
    sweeper.close()
    clock.advance(2)
    assert (sleeper.woken, clock.timers) == ([], 0)
