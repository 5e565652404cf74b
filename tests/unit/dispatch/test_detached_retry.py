"""Runs of idempotent hooks that failed are repeated; others never, once they were sent."""

import asyncio

import pytest

from sidehook._types import FailureClass
from sidehook_server.dispatch.detached_limits import DetachedLimits
from sidehook_server.dispatch.failures import too_large
from sidehook_server.dispatch.observer import DetachedLoss
from sidehook_server.dispatch.retry import LONGEST_PAUSE, LONGEST_SECONDS, RetryPolicy, pause
from tests.unit.dispatch.fakes import LOST, PROCEED, Bench, a_failure
from tests.unit.dispatch.listeners import a_listener, assert_adds_up, call_named

RETRIED = (
    FailureClass.UNREACHABLE,
    FailureClass.TIMEOUT,
    FailureClass.OVERLOADED,
    FailureClass.RAISED,
)


def idempotent(*, retries: int = 3, retry_for: float = 120.0) -> Bench:
    return Bench(
        a_listener(idempotent=True), detached=DetachedLimits(retries=retries, retry_for=retry_for)
    )


def until_sent_again(bench: Bench) -> float:
    """Seconds until the next run is sent."""
    before, runs = bench.clock.time(), len(bench.link.runs)
    while len(bench.link.runs) == runs:
        bench.clock.advance(0.01)
        assert bench.clock.time() - before < 60
    return bench.clock.time() - before


@pytest.mark.parametrize("kind", RETRIED)
def test_a_failed_run_of_an_idempotent_hook_is_repeated_with_the_same_key(
    kind: FailureClass,
) -> None:
    bench = idempotent()
    call_named(bench, "it")
    bench.link.last.fail(a_failure(kind))
    assert bench.dispatcher.detached.retrying == 1
    assert_adds_up(bench)
    until_sent_again(bench)
    assert_adds_up(bench)
    bench.link.last.answer()
    assert bench.seen.delivered == ["tell"]
    assert bench.seen.retried == [kind]
    assert bench.seen.lost == []
    assert len({run.request.idempotency_key for run in bench.link.runs}) == 1
    assert_adds_up(bench)


def test_a_malformed_answer_is_not_asked_for_again() -> None:
    bench = idempotent()
    call_named(bench, "it")
    bench.link.last.fail(a_failure(FailureClass.MALFORMED))
    assert bench.seen.lost == [("tell", DetachedLoss.FAILED)]


@pytest.mark.parametrize("kind", RETRIED)
def test_a_run_that_was_sent_is_never_repeated_for_other_hooks(kind: FailureClass) -> None:
    bench = Bench(a_listener())
    call_named(bench, "it")
    bench.link.last.fail(a_failure(kind))
    bench.clock.advance(300)
    assert len(bench.link.runs) == 1
    assert len(bench.seen.lost) == 1
    assert_adds_up(bench)


def test_the_times_between_tries_double_and_their_number_is_bounded() -> None:
    bench = idempotent(retries=3)
    call_named(bench, "it")
    waits = []
    for _ in range(3):
        bench.link.last.fail(a_failure(FailureClass.RAISED))
        waits.append(until_sent_again(bench))
    for wait, whole in zip(waits, (0.2, 0.4, 0.8), strict=True):
        assert whole / 2 <= wait <= whole + 0.02
    bench.link.last.fail(a_failure(FailureClass.RAISED))
    assert bench.seen.lost == [("tell", DetachedLoss.FAILED)]
    assert len(bench.link.runs) == 4
    assert bench.dispatcher.detached.counts.retried == 3
    assert_adds_up(bench)


def test_every_try_has_the_time_of_the_hook() -> None:
    bench = Bench(a_listener(timeout=5.0, idempotent=True))
    call_named(bench, "it")
    for _ in range(3):
        assert bench.link.last.request.time_left == pytest.approx(5.0, abs=0.01)
        bench.clock.advance(4.9)
        assert not bench.link.last.cancelled
        timed_out = bench.link.last
        bench.clock.advance(0.2)
        assert timed_out.cancelled
        until_sent_again(bench)
    assert bench.seen.retried == [FailureClass.TIMEOUT] * 3
    assert bench.seen.lost == []


def test_nothing_is_repeated_when_the_time_for_it_is_over() -> None:
    bench = Bench(
        a_listener(timeout=5.0, idempotent=True),
        detached=DetachedLimits(retries=100, retry_for=12.0),
    )
    call_named(bench, "it")
    bench.clock.advance(30)
    assert bench.seen.lost == [("tell", DetachedLoss.TIMEOUT)]
    assert 2 <= len(bench.link.runs) <= 3
    assert_adds_up(bench)


def test_without_retries_an_idempotent_hook_is_as_any_other() -> None:
    bench = idempotent(retries=0)
    call_named(bench, "it")
    bench.link.last.fail(a_failure(FailureClass.RAISED))
    assert bench.seen.lost == [("tell", DetachedLoss.FAILED)]


def test_an_event_of_an_idempotent_hook_waits_for_its_worker() -> None:
    bench = idempotent(retry_for=60.0)
    bench.registry.serving.clear()
    for name in "abc":
        call_named(bench, name)
    bench.clock.advance(50)
    assert bench.dispatcher.detached.waiting == 3
    assert_adds_up(bench)
    bench.registry.serving["w"] = ("one",)
    bench.clock.advance(LONGEST_PAUSE + 0.1)
    assert [run.request.call_id for run in bench.link.runs] == ["a", "b", "c"]


def test_a_worker_that_never_comes_loses_its_events_as_unreachable() -> None:
    bench = idempotent(retry_for=60.0)
    bench.registry.serving.clear()
    call_named(bench, "it")
    bench.clock.advance(61)
    assert bench.seen.lost == [("tell", DetachedLoss.UNREACHABLE)]
    assert_adds_up(bench)


def test_a_hook_whose_events_wait_for_its_worker_is_looked_for_only_now_and_then() -> None:
    bench = idempotent()
    bench.registry.serving.clear()
    for number in range(100):
        call_named(bench, f"call-{number}")
    bench.clock.advance(30)
    assert bench.clock.timers < 5
    assert bench.dispatcher.detached.waiting == 100


def test_tries_that_never_reached_the_worker_do_not_count() -> None:
    bench = idempotent(retries=1)
    call_named(bench, "it")
    for _ in range(5):
        bench.link.last.fail(LOST, sent=False)
        until_sent_again(bench)
    bench.link.last.fail(LOST)
    until_sent_again(bench)
    bench.link.last.fail(LOST)
    assert bench.seen.lost == [("tell", DetachedLoss.UNREACHABLE)]
    assert bench.seen.retried == [FailureClass.UNREACHABLE]


def test_a_run_too_large_for_its_worker_is_lost_at_once_and_holds_up_nobody() -> None:
    bench = idempotent()
    bench.link.refuses = too_large("w", 100, 10)
    call_named(bench, "large")
    assert bench.seen.lost == [("tell", DetachedLoss.FAILED)]
    bench.link.refuses = None
    call_named(bench, "small")
    bench.link.last.answer()
    assert bench.seen.delivered == ["tell"]


def test_a_repeated_run_takes_the_terms_that_hold_then() -> None:
    bench = idempotent()
    call_named(bench, "it")
    bench.registry.hooks = (a_listener(timeout=3.0, idempotent=True),)
    bench.link.last.fail(LOST)
    until_sent_again(bench)
    assert bench.link.last.request.time_left == pytest.approx(3.0, abs=0.01)


async def test_a_drain_goes_on_repeating_and_reports_what_is_left() -> None:
    bench = Bench(a_listener("comes back", idempotent=True), a_listener("gone", idempotent=True))
    call_named(bench, "it")
    for run in tuple(bench.link.under_way):
        run.fail(a_failure(FailureClass.RAISED))
    task = asyncio.create_task(bench.dispatcher.drain(0.5))
    await asyncio.sleep(0)
    bench.clock.advance(0.25)
    for run in tuple(bench.link.under_way):
        if run.hook == "gone":
            run.fail(a_failure(FailureClass.RAISED))
        else:
            run.answer(PROCEED)
    bench.clock.advance(0.3)
    report = await task
    assert bench.seen.delivered == ["comes back"]
    assert [(it.hook, it.sent, it.kept) for it in report.undelivered] == [("gone", True, False)]
    assert report.kept == ()
    assert bench.seen.lost == [("gone", DetachedLoss.UNDELIVERED)]
    assert_adds_up(bench)


def test_the_time_between_tries_is_never_over_its_limit_nor_the_same_for_all() -> None:
    early, late = (
        RetryPolicy(retries=99, jitter=lambda: 0.0),
        RetryPolicy(retries=99, jitter=lambda: 1.0),
    )
    assert [early.delay(tries) for tries in (1, 2)] == [0.1, 0.2]
    assert [late.delay(tries) for tries in (1, 2, 10_000)] == [0.2, 0.4, LONGEST_SECONDS]
    assert pause(10_000) == LONGEST_PAUSE
