"""The queue of detached work: bounded, counted, and drained."""

import asyncio

import pytest

from sidehook._call import CallRequest
from sidehook._types import FailureClass, HookOutcome
from sidehook_server.dispatch.detached_limits import DetachedLimits
from sidehook_server.dispatch.dispatcher import DrainReport
from sidehook_server.dispatch.observer import DetachedLoss
from tests.unit.dispatch.fakes import (
    BLOCK,
    BUSY,
    LOST,
    Bench,
    a_failure,
    a_hook,
    patch,
)
from tests.unit.dispatch.listeners import a_listener


def limits(
    *, events: int = 1000, octets: int = 10**6, per_worker: int = 32, per_hook: int = 32
) -> DetachedLimits:
    return DetachedLimits(events=events, octets=octets, per_worker=per_worker, per_hook=per_hook)


def test_an_event_is_sent_after_the_verdict_and_counted_when_delivered() -> None:
    bench = Bench(a_hook("gate"), a_listener())
    order: list[str] = []
    bench.dispatcher.start(
        CallRequest(hook_type="t", fields={}),
        lambda answer: order.append(f"answered, {len(bench.link.runs)} sent"),
    )
    bench.link.last.answer()
    assert order == ["answered, 1 sent"]
    assert bench.link.last.hook == "tell"
    assert bench.dispatcher.detached.running == 1
    bench.link.last.answer()
    assert bench.seen.delivered == ["tell"]
    assert bench.dispatcher.detached.counts.delivered == 1
    assert bench.dispatcher.detached.running == 0


def test_a_full_queue_drops_the_newest_and_the_receipt_says_shed() -> None:
    bench = Bench(a_listener(), detached=limits(events=2, per_worker=1))
    calls = [bench.call() for _ in range(5)]
    assert [call.outcomes["tell"] for call in calls] == [
        HookOutcome.DETACHED,
        HookOutcome.DETACHED,
        HookOutcome.DETACHED,
        HookOutcome.SHED,
        HookOutcome.SHED,
    ]
    assert bench.seen.refused == [("tell", DetachedLoss.SHED)] * 2
    for _ in range(3):
        bench.link.last.answer()
    counts = bench.dispatcher.detached.counts
    assert (counts.accepted, counts.delivered, counts.refused) == (3, 3, 2)


def test_the_queue_is_bounded_in_bytes_too() -> None:
    bench = Bench(a_listener(), detached=limits(octets=600, per_worker=1))
    # The first one is with the worker already when the others come.
    calls = [bench.call(a="1" * 400) for _ in range(3)]
    assert [call.outcomes["tell"] for call in calls] == [
        HookOutcome.DETACHED,
        HookOutcome.DETACHED,
        HookOutcome.SHED,
    ]


def test_a_worker_has_only_so_many_events_at_once_in_the_order_they_came() -> None:
    bench = Bench(a_listener(), detached=limits(per_worker=2))
    for number in range(5):
        bench.call(CallRequest(hook_type="t", fields={}, call_id=f"call-{number}"))
    assert len(bench.link.under_way) == 2
    assert bench.dispatcher.detached.waiting == 3
    while bench.link.under_way:
        bench.link.under_way[0].answer()
        assert len(bench.link.under_way) <= 2
    sent = [run.request.call_id for run in bench.link.runs]
    assert sent == [f"call-{number}" for number in range(5)]


def test_an_event_whose_hook_is_slow_is_cancelled_and_lost() -> None:
    bench = Bench(a_listener(timeout=3.0))
    bench.call()
    bench.clock.advance(2.9)
    assert bench.seen.lost == []
    bench.clock.advance(0.2)
    assert bench.link.last.cancelled
    assert bench.seen.lost == [("tell", DetachedLoss.TIMEOUT)]


def test_the_time_of_an_event_runs_in_the_queue_too_and_is_overloaded_there() -> None:
    bench = Bench(a_listener(timeout=3.0), detached=limits(per_worker=1))
    bench.call()
    bench.clock.advance(2.0)
    bench.call()
    bench.clock.advance(1.5)
    second = bench.link.runs[1]
    assert second.request.time_left == pytest.approx(2.0, abs=0.1)
    bench.call()
    bench.clock.advance(2.0)
    assert bench.seen.lost[-1] == ("tell", DetachedLoss.TIMEOUT)
    bench.clock.advance(2.0)
    assert bench.dispatcher.detached.waiting == 0
    assert bench.dispatcher.detached.counts.failed == 3


def test_an_event_that_never_got_its_turn_expires_in_the_queue() -> None:
    bench = Bench(a_listener(timeout=1.0), detached=limits(per_hook=1))
    bench.call()
    bench.call()
    bench.clock.advance(1.1)
    assert bench.seen.lost == [("tell", DetachedLoss.TIMEOUT), ("tell", DetachedLoss.EXPIRED)]
    assert len(bench.link.runs) == 1


def test_an_event_without_an_instance_is_lost_at_once() -> None:
    bench = Bench(a_listener("one"), a_listener("two"), links=())
    for _ in range(100):
        assert bench.call().outcomes == {"one": HookOutcome.DETACHED, "two": HookOutcome.DETACHED}
    assert set(bench.seen.lost) == {
        ("one", DetachedLoss.UNREACHABLE),
        ("two", DetachedLoss.UNREACHABLE),
    }
    assert bench.dispatcher.detached.counts.failed == 200


def test_thousands_of_events_whose_worker_is_gone_are_lost_without_harm() -> None:
    bench = Bench(a_listener(), detached=limits(events=5000, per_worker=1))
    for _ in range(3000):
        bench.call()
    bench.registry.serving.clear()
    bench.link.last.fail(LOST)
    assert bench.dispatcher.detached.counts.failed == 3000
    assert bench.dispatcher.detached.waiting == 0


def test_an_event_that_was_sent_is_repeated_only_for_an_idempotent_hook() -> None:
    once, again = (
        Bench(a_listener(), links=("one", "two")),
        Bench(a_listener(idempotent=True), links=("one", "two")),
    )
    for bench in (once, again):
        bench.call()
        next(link for link in bench.links.values() if link.under_way).last.fail(LOST)
    assert once.seen.lost == [("tell", DetachedLoss.UNREACHABLE)]
    assert again.seen.lost == []
    next(link for link in again.links.values() if link.under_way).last.answer()
    assert again.seen.delivered == ["tell"]


def test_an_event_waits_while_its_worker_has_no_room() -> None:
    bench = Bench(a_listener())
    bench.link.refuses = BUSY
    bench.call(CallRequest(hook_type="t", fields={}, call_id="call-1"))
    bench.call(CallRequest(hook_type="t", fields={}, call_id="call-2"))
    assert bench.dispatcher.detached.waiting == 2
    bench.link.refuses = None
    bench.clock.advance(0.1)
    assert [run.request.call_id for run in bench.link.runs] == ["call-1", "call-2"]


def test_a_hook_that_fails_loses_its_event() -> None:
    bench = Bench(a_listener())
    bench.call()
    bench.link.last.fail(a_failure(FailureClass.RAISED))
    assert bench.seen.lost == [("tell", DetachedLoss.FAILED)]


def test_a_block_or_patch_of_a_detached_hook_changes_nothing_and_is_not_silent(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = Bench(a_listener())
    for result in (BLOCK, patch(a="1")):
        bench.call()
        bench.link.last.answer(result)
    assert bench.seen.suppressed == ["w/tell"]
    assert bench.seen.discarded == ["w/tell"]
    assert [notice.code for notice in bench.link.notices] == [
        "BLOCK_SUPPRESSED",
        "PATCH_DISCARDED",
    ]
    assert "block_suppressed" in caplog.text
    assert bench.seen.delivered == ["tell", "tell"]


def test_detached_hooks_run_after_a_call_that_was_cancelled_or_failed() -> None:
    bench = Bench(a_hook("gate"), a_listener())
    call = bench.call(a="1")
    call.handle.cancel()
    assert bench.link.last.hook == "tell"
    assert bench.link.last.request.fields == {}
    failing = bench.call(a="1")
    bench.link.last.fail(a_failure(FailureClass.RAISED))
    assert failing.reason == "HOOK_FAILED"
    assert bench.link.last.hook == "tell"


async def drained(bench: Bench, within: float) -> asyncio.Task[DrainReport]:
    """A drain that has begun to wait."""
    task = asyncio.create_task(bench.dispatcher.drain(within))
    await asyncio.sleep(0)
    return task


async def test_draining_refuses_new_calls_and_finishes_those_under_way() -> None:
    bench = Bench(a_hook("gate"), a_listener())
    call = bench.call()
    task = await drained(bench, 10)
    assert bench.call().reason == "DRAINING"
    bench.link.last.answer()
    assert call.proceeded
    await asyncio.sleep(0)
    assert not task.done()
    bench.link.last.answer()
    report = await task
    assert (report.cut_calls, report.undelivered) == (0, ())


async def test_what_is_not_done_within_the_drain_timeout_is_cut_and_reported(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = Bench(a_hook("gate", timeout=60), a_listener(), detached=limits(per_worker=1))
    done, stuck = bench.call(), bench.call()
    bench.link.runs[0].answer()
    assert done.proceeded
    task = await drained(bench, 2)
    bench.clock.advance(2.1)
    report = await task
    assert stuck.reason == "CANCELLED"
    assert report.cut_calls == 1
    assert [(it.worker, it.hook, it.sent) for it in report.undelivered] == [
        ("w", "tell", True),
        ("w", "tell", False),
    ]
    assert bench.seen.lost == [("tell", DetachedLoss.UNDELIVERED)] * 2
    assert "drained cut_calls=1 undelivered_events=2" in caplog.text
    assert all(run.cancelled for run in bench.link.runs[1:])
    assert bench.dispatcher.detached.waiting == bench.dispatcher.detached.running == 0


async def test_draining_an_idle_dispatcher_takes_no_time() -> None:
    bench = Bench(a_hook("gate"))
    report = await bench.dispatcher.drain(10)
    assert (report.cut_calls, report.undelivered) == (0, ())
    assert bench.dispatcher.draining
