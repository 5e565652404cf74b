"""The circuit breaker: when it opens, what its probes do, how it heals."""

from __future__ import annotations

import pytest

from sidehook_server.pipeline.breaker import Breaker, BreakerSettings, BreakerState

SETTINGS = BreakerSettings(failures=3, pause=1.0, longest_pause=4.0, jitter=0.2)


def a_breaker(settings: BreakerSettings = SETTINGS, *, random: float = 0.5) -> Breaker:
    return Breaker(settings, lambda: random)


def entered(breaker: Breaker, now: float = 0.0) -> int:
    ticket = breaker.enter(now)
    assert ticket is not None, "the run was kept away"
    return ticket


def state(breaker: Breaker) -> BreakerState:
    """The state as it is now; the type checker would remember the last one."""
    return breaker.state


def fail(breaker: Breaker, now: float = 0.0) -> None:
    breaker.failed(entered(breaker, now), now)


def opened(now: float = 0.0) -> Breaker:
    breaker = a_breaker()
    for _ in range(3):
        fail(breaker, now)
    return breaker


def test_it_opens_after_so_many_failures_in_a_row() -> None:
    breaker = a_breaker()
    fail(breaker)
    fail(breaker)
    assert state(breaker) is BreakerState.CLOSED
    fail(breaker)
    assert state(breaker) is BreakerState.OPEN
    assert breaker.enter(0.5) is None


def test_its_first_ticket_is_the_one_of_runs_from_before_there_was_a_breaker() -> None:
    assert entered(a_breaker()) == 0


def test_a_success_between_failures_starts_the_count_anew() -> None:
    breaker = a_breaker()
    fail(breaker)
    fail(breaker)
    breaker.succeeded(entered(breaker))
    fail(breaker)
    fail(breaker)
    assert state(breaker) is BreakerState.CLOSED
    assert not breaker.is_idle


def test_one_failure_is_enough_where_the_policy_says_so() -> None:
    breaker = a_breaker()
    breaker.failed(entered(breaker), 0.0, at_once=True)
    assert state(breaker) is BreakerState.OPEN


def test_after_the_pause_one_run_goes_through_as_a_probe_and_no_other() -> None:
    breaker = opened()
    assert breaker.enter(0.999) is None
    entered(breaker, 1.0)
    assert state(breaker) is BreakerState.HALF_OPEN
    assert breaker.enter(1.0) is None
    assert breaker.enter(100.0) is None


def test_a_probe_that_succeeds_closes_it() -> None:
    breaker = opened()
    breaker.succeeded(entered(breaker, 1.0))
    assert state(breaker) is BreakerState.CLOSED
    assert breaker.is_idle


def test_each_probe_that_fails_doubles_the_pause_up_to_the_longest() -> None:
    breaker = opened()
    now = breaker.probes_at
    pauses = []
    for _ in range(4):
        fail(breaker, now)
        pauses.append(breaker.probes_at - now)
        now = breaker.probes_at
    assert pauses == [2.0, 4.0, 4.0, 4.0]


def test_a_healed_breaker_pauses_as_briefly_as_at_first() -> None:
    breaker = opened()
    fail(breaker, 1.0)
    breaker.succeeded(entered(breaker, 3.0))
    breaker.failed(entered(breaker, 3.0), 3.0, at_once=True)
    assert breaker.probes_at == 4.0


def test_a_probe_of_which_nothing_is_known_leaves_the_way_to_the_next() -> None:
    breaker = opened()
    breaker.abandoned(entered(breaker, 1.0))
    assert state(breaker) is BreakerState.OPEN
    breaker.succeeded(entered(breaker, 1.0))
    assert state(breaker) is BreakerState.CLOSED


def test_an_old_run_neither_closes_nor_opens_it() -> None:
    breaker = a_breaker()
    old = [entered(breaker) for _ in range(5)]
    for ticket in old[:3]:
        breaker.failed(ticket, 0.0)
    breaker.succeeded(old[3])
    assert state(breaker) is BreakerState.OPEN
    probe = entered(breaker, 1.0)
    breaker.failed(old[4], 1.0, at_once=True)
    assert state(breaker) is BreakerState.HALF_OPEN
    breaker.succeeded(probe)
    assert state(breaker) is BreakerState.CLOSED


@pytest.mark.parametrize(("random", "pause"), [(0.0, 0.8), (0.5, 1.0), (1.0, 1.2)])
def test_a_pause_is_longer_or_shorter_by_its_jitter(random: float, pause: float) -> None:
    breaker = a_breaker(random=random)
    breaker.failed(entered(breaker), 0.0, at_once=True)
    assert breaker.probes_at == pytest.approx(pause)


def test_an_old_run_of_which_nothing_is_known_leaves_the_probe_alone() -> None:
    breaker = a_breaker()
    old = entered(breaker)
    breaker.failed(entered(breaker), 0.0, at_once=True)
    entered(breaker, 1.0)
    breaker.abandoned(old)
    assert state(breaker) is BreakerState.HALF_OPEN


def test_a_run_from_before_it_opened_again_does_not_pass_for_the_probe() -> None:
    breaker = opened()
    breaker.succeeded(entered(breaker, 1.0))
    old = entered(breaker, 1.0)
    breaker.failed(entered(breaker, 1.0), 1.0, at_once=True)
    entered(breaker, breaker.probes_at)
    breaker.succeeded(old)
    assert state(breaker) is BreakerState.HALF_OPEN


def test_looking_whether_it_keeps_a_run_away_lets_none_through() -> None:
    assert not a_breaker().keeps_away(0.0)
    breaker = opened()
    assert breaker.keeps_away(0.999)
    assert not breaker.keeps_away(1.0)
    assert state(breaker) is BreakerState.OPEN
    entered(breaker, 1.0)
    assert breaker.keeps_away(1.0)
