"""What becomes of detached events for which the queue has no room."""

import asyncio

import pytest

from sidehook._types import HookOutcome
from sidehook_server.config.model import WhenFull
from sidehook_server.dispatch.detached_limits import DetachedLimits
from sidehook_server.dispatch.observer import DetachedLoss
from tests.unit.dispatch.fakes import BLOCK, Bench, a_hook
from tests.unit.dispatch.listeners import a_listener, assert_adds_up, call_named, sent


def limits(
    when_full: WhenFull, *, events: int = 2, octets: int = 10**6, wait_up_to: float = 0.1
) -> DetachedLimits:
    return DetachedLimits(
        events=events, octets=octets, per_hook=1, when_full=when_full, wait_up_to=wait_up_to
    )


def test_drop_oldest_takes_the_newest_and_counts_the_oldest_as_shed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = Bench(a_listener(), detached=limits(WhenFull.DROP_OLDEST))
    calls = [call_named(bench, name) for name in "abcde"]
    assert [call.outcomes["tell"] for call in calls] == [HookOutcome.DETACHED] * 5
    assert bench.seen.lost == [("tell", DetachedLoss.SHED)] * 2
    assert "detached_lost hook=w/tell call_id=b cause=shed" in caplog.text
    assert_adds_up(bench)
    for _ in range(3):
        bench.link.last.answer()
    assert sent(bench) == ["a", "d", "e"]
    assert bench.dispatcher.detached.counts.shed == 2
    assert_adds_up(bench)


def test_drop_oldest_drops_as_many_as_the_bytes_of_the_newest_need() -> None:
    bench = Bench(a_listener(), detached=limits(WhenFull.DROP_OLDEST, events=100, octets=500))
    for name in "abcd":
        call_named(bench, name, a="1" * 100)
    call_named(bench, "large", a="1" * 300)
    assert len(bench.seen.lost) == 2
    too_large = call_named(bench, "too large", a="1" * 600)
    assert too_large.outcomes["tell"] is HookOutcome.SHED
    assert len(bench.seen.lost) == 2
    for _ in range(3):
        bench.link.last.answer()
    assert sent(bench) == ["a", "d", "large"]
    assert_adds_up(bench)


def test_wait_makes_the_call_wait_until_there_is_room() -> None:
    bench = Bench(a_listener(), detached=limits(WhenFull.WAIT))
    calls = [call_named(bench, name) for name in "abcde"]
    assert [call.answered for call in calls] == [True, True, True, False, False]
    assert bench.dispatcher.detached.calls_waiting == 2
    assert bench.dispatcher.in_flight == 2
    bench.clock.advance(0.05)
    bench.link.last.answer()
    assert [call.answered for call in calls] == [True, True, True, True, False]
    assert calls[3].receipt.duration == pytest.approx(0.05)
    bench.link.last.answer()
    assert {call.outcomes["tell"] for call in calls} == {HookOutcome.DETACHED}
    assert bench.dispatcher.detached.calls_waiting == 0
    assert bench.dispatcher.in_flight == 0
    assert_adds_up(bench)


def test_a_call_that_waited_long_enough_is_answered_and_its_event_shed() -> None:
    bench = Bench(a_listener(), detached=limits(WhenFull.WAIT))
    for name in "abc":
        call_named(bench, name)
    late = call_named(bench, "late")
    bench.clock.advance(0.09)
    assert not late.answered
    bench.clock.advance(0.02)
    assert late.outcomes["tell"] is HookOutcome.SHED
    assert late.proceeded
    assert bench.seen.refused == [("tell", DetachedLoss.SHED)]
    assert_adds_up(bench)


def test_a_call_never_waits_longer_than_its_budget() -> None:
    bench = Bench(a_listener(), detached=limits(WhenFull.WAIT, wait_up_to=10))
    for name in "abc":
        call_named(bench, name)
    short = call_named(bench, "short", budget=1.0)
    bench.clock.advance(0.97)
    assert not short.answered
    bench.clock.advance(0.02)
    assert short.outcomes["tell"] is HookOutcome.SHED
    assert short.proceeded


def test_a_call_that_ran_out_of_time_does_not_wait_at_all() -> None:
    bench = Bench(a_hook("slow"), a_listener(), detached=limits(WhenFull.WAIT, events=1))
    calls = [call_named(bench, name, budget=1.0) for name in "abc"]
    bench.clock.advance(1.0)
    assert [call.reason for call in calls] == ["DEADLINE_EXCEEDED"] * 3
    assert [call.outcomes["tell"] for call in calls] == [
        HookOutcome.DETACHED,
        HookOutcome.DETACHED,
        HookOutcome.SHED,
    ]


def test_nobody_overtakes_in_the_line_not_even_a_smaller_event() -> None:
    bench = Bench(
        a_listener(), detached=limits(WhenFull.WAIT, events=100, octets=300, wait_up_to=5)
    )
    call_named(bench, "running")
    call_named(bench, "waiting", a="1" * 200)
    large = call_named(bench, "large", a="1" * 200)
    small = call_named(bench, "small", a="1")
    assert [large.answered, small.answered] == [False, False]
    bench.link.last.answer()
    assert [large.answered, small.answered] == [True, True]
    for _ in range(3):
        bench.link.last.answer()
    assert sent(bench) == ["running", "waiting", "large", "small"]


def test_an_event_larger_than_the_queue_is_not_waited_for() -> None:
    bench = Bench(a_listener(), detached=limits(WhenFull.WAIT, octets=100))
    assert call_named(bench, "huge", a="1" * 200).outcomes["tell"] is HookOutcome.SHED


def test_cancelling_a_call_that_waits_for_room_is_harmless() -> None:
    bench = Bench(a_listener(), detached=limits(WhenFull.WAIT))
    for name in "abc":
        call_named(bench, name)
    waiting = call_named(bench, "waiting")
    waiting.handle.cancel()
    assert not waiting.answered
    bench.link.last.answer()
    assert waiting.proceeded
    assert waiting.outcomes["tell"] is HookOutcome.DETACHED
    waiting.handle.cancel()
    assert len(waiting.answers) == 1


def test_a_call_with_several_events_is_answered_once_all_are_decided() -> None:
    bench = Bench(
        a_listener("one"), a_listener("two"), a_listener("three"), detached=limits(WhenFull.WAIT)
    )
    first = call_named(bench, "first")
    assert first.answered
    second = call_named(bench, "second")
    assert not second.answered
    assert bench.dispatcher.detached.waiting == 2
    bench.clock.advance(0.2)
    assert list(second.outcomes.values()).count(HookOutcome.SHED) == 1
    assert_adds_up(bench)


def test_a_blocked_call_waits_too_and_stays_blocked() -> None:
    bench = Bench(
        a_hook("gate"), a_listener(), detached=limits(WhenFull.WAIT, events=1, wait_up_to=1)
    )
    calls = []
    for name in "abc":
        calls.append(call_named(bench, name))
        next(run for run in bench.link.under_way if run.hook == "gate").answer(BLOCK)
    assert not calls[2].answered
    next(run for run in bench.link.under_way if run.hook == "tell").answer()
    assert calls[2].reason == "no"
    assert calls[2].outcomes["tell"] is HookOutcome.DETACHED


async def test_a_drain_turns_away_the_calls_that_still_wait() -> None:
    bench = Bench(a_listener(), detached=limits(WhenFull.WAIT, wait_up_to=60))
    for name in "abc":
        call_named(bench, name)
    waiting = call_named(bench, "waiting")
    task = asyncio.create_task(bench.dispatcher.drain(1.0))
    await asyncio.sleep(0)
    bench.clock.advance(1.1)
    report = await task
    assert waiting.outcomes["tell"] is HookOutcome.SHED
    assert (report.cut_calls, len(report.undelivered)) == (1, 3)
    assert_adds_up(bench)
