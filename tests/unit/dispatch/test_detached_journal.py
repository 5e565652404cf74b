"""The queue with a journal: nothing is accepted before it is written, nothing vanishes."""

import asyncio
from collections.abc import Callable

import pytest

from sidehook._types import FailureClass, HookOutcome
from sidehook_server.config.model import WhenFull
from sidehook_server.dispatch.detached_limits import DetachedLimits
from sidehook_server.dispatch.journal import KeptEvent
from sidehook_server.dispatch.observer import DetachedLoss
from sidehook_server.pipeline.model import PlannedHook
from tests.unit.dispatch.fakes import BUSY, LOST, Bench, FakeJournal, a_failure, a_hook
from tests.unit.dispatch.listeners import a_listener, assert_adds_up, call_named, sent


def journalled(
    *hooks: PlannedHook, limits: DetachedLimits | None = None
) -> tuple[Bench, FakeJournal]:
    journal = FakeJournal()
    return Bench(*hooks, detached=limits, journal=journal), journal


def restarted(
    journal: FakeJournal, *hooks: PlannedHook, is_served: bool = True
) -> tuple[Bench, FakeJournal]:
    """The sidecar after a crash: only what is in the journal is left."""
    bench, after = journalled(*hooks)
    if not is_served:
        bench.registry.serving.clear()
    after.rows, after.sent = dict(journal.rows), set(journal.sent)
    bench.dispatcher.detached.restore(
        KeptEvent(number, work, number in after.sent) for number, work in after.rows.items()
    )
    return bench, after


def until_written(journal: FakeJournal) -> None:
    while journal.asked:
        journal.write()


def test_a_call_is_answered_once_its_event_is_written() -> None:
    bench, journal = journalled(a_listener(idempotent=True))
    call = call_named(bench, "it")
    assert not call.answered
    assert bench.dispatcher.detached.queued == 0
    assert bench.dispatcher.detached.calls_waiting == 1
    assert bench.link.runs == []
    journal.write()
    assert call.outcomes["tell"] is HookOutcome.DETACHED
    assert sent(bench) == ["it"]
    assert list(journal.rows) == [1]
    bench.link.last.answer()
    until_written(journal)
    assert journal.rows == {}
    assert_adds_up(bench)


def test_an_event_that_cannot_be_written_is_shed_counted_and_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench, journal = journalled(a_listener())
    journal.works = False
    call = call_named(bench, "it")
    journal.write()
    assert call.outcomes["tell"] is HookOutcome.SHED
    assert call.proceeded
    assert bench.seen.refused == [("tell", DetachedLoss.JOURNAL)]
    assert "detached_lost hook=w/tell call_id=it cause=journal" in caplog.text
    assert bench.dispatcher.detached.octets == 0
    assert bench.link.runs == []
    assert_adds_up(bench)


def test_a_journal_that_is_slower_than_the_budget_sheds_and_forgets_the_event() -> None:
    bench, journal = journalled(a_listener())
    call = call_named(bench, "it", budget=1.0)
    bench.clock.advance(1.0)
    assert call.outcomes["tell"] is HookOutcome.SHED
    until_written(journal)
    assert journal.rows == {}
    assert bench.link.runs == []
    assert_adds_up(bench)


def test_the_events_of_a_call_that_ran_out_of_time_are_written_all_the_same() -> None:
    bench, journal = journalled(a_hook("slow"), a_listener(idempotent=True))
    call = call_named(bench, "it", budget=1.0)
    bench.clock.advance(1.0)
    assert not call.answered
    journal.write()
    assert call.reason == "DEADLINE_EXCEEDED"
    assert call.outcomes["tell"] is HookOutcome.DETACHED


def test_cancelling_a_call_that_waits_for_the_journal_is_harmless() -> None:
    bench, journal = journalled(a_listener(idempotent=True))
    call = call_named(bench, "it")
    call.handle.cancel()
    assert not call.answered
    journal.write()
    assert call.proceeded
    assert sent(bench) == ["it"]


def test_what_is_on_its_way_to_the_journal_takes_up_room() -> None:
    bench, journal = journalled(a_listener(idempotent=True), limits=DetachedLimits(events=2))
    calls = [call_named(bench, name) for name in "abc"]
    assert calls[2].outcomes["tell"] is HookOutcome.SHED
    journal.write()
    assert [call.outcomes["tell"] for call in calls[:2]] == [HookOutcome.DETACHED] * 2
    assert_adds_up(bench)


def test_an_event_that_makes_room_for_another_leaves_the_journal() -> None:
    bench, journal = journalled(
        a_listener(idempotent=True),
        limits=DetachedLimits(events=1, per_hook=1, when_full=WhenFull.DROP_OLDEST),
    )
    for name in "abc":
        call_named(bench, name)
        until_written(journal)
    assert [work.request.call_id for work in journal.rows.values()] == ["a", "c"]
    assert_adds_up(bench)


def test_a_hook_that_is_not_idempotent_runs_only_once_that_is_noted() -> None:
    bench, journal = journalled(a_listener())
    call_named(bench, "it")
    journal.write()
    assert bench.link.runs == []
    assert bench.dispatcher.detached.running == 1
    journal.write()
    assert journal.sent == {1}
    assert sent(bench) == ["it"]
    bench.link.last.answer()
    until_written(journal)
    assert (journal.rows, journal.sent) == ({}, set())
    assert_adds_up(bench)


def test_a_hook_is_not_run_when_that_cannot_be_noted_and_its_event_waits() -> None:
    bench, journal = journalled(a_listener())
    call_named(bench, "it")
    journal.write()
    journal.works = False
    journal.write()
    assert bench.link.runs == []
    assert bench.dispatcher.detached.waiting == 1
    journal.works = True
    for _ in range(3):
        bench.clock.advance(1.0)
        until_written(journal)
    assert sent(bench) == ["it"]
    assert_adds_up(bench)


def test_the_note_is_taken_back_when_the_run_was_certainly_not_sent() -> None:
    bench, journal = journalled(a_listener())
    call_named(bench, "it")
    journal.write()
    bench.link.refuses = BUSY
    until_written(journal)
    assert journal.sent == set()
    assert bench.dispatcher.detached.waiting == 1
    bench.link.refuses = None
    for _ in range(3):
        bench.clock.advance(1.0)
        until_written(journal)
    bench.link.last.fail(LOST, sent=False)
    until_written(journal)
    assert journal.sent == set()
    assert bench.dispatcher.detached.waiting == 1
    assert_adds_up(bench)


def test_an_event_waits_for_a_worker_that_is_not_there_and_nothing_is_noted() -> None:
    bench, journal = journalled(a_listener())
    bench.registry.serving.clear()
    call_named(bench, "it")
    until_written(journal)
    bench.clock.advance(60)
    assert journal.asked == []
    assert bench.dispatcher.detached.waiting == 1
    bench.registry.serving["w"] = ("one",)
    bench.clock.advance(2)
    until_written(journal)
    assert sent(bench) == ["it"]


@pytest.mark.parametrize("idempotent", [True, False])
def test_what_was_never_sent_is_delivered_after_a_crash(*, idempotent: bool) -> None:
    hook = a_listener(idempotent=idempotent)
    before, journal = journalled(hook)
    before.registry.serving.clear()
    for name in "abc":
        call_named(before, name)
    until_written(journal)
    bench, after = restarted(journal, hook)
    until_written(after)
    assert sent(bench) == ["a", "b", "c"]
    for run in tuple(bench.link.under_way):
        run.answer()
    until_written(after)
    assert after.rows == {}
    assert bench.seen.restored == ["tell"] * 3
    assert bench.dispatcher.detached.counts.restored == 3
    assert_adds_up(bench)


def test_a_run_that_a_crash_cut_is_repeated_for_an_idempotent_hook_with_the_same_key() -> None:
    hook = a_listener(idempotent=True)
    before, journal = journalled(hook)
    call_named(before, "it")
    until_written(journal)
    bench, after = restarted(journal, hook)
    until_written(after)
    assert bench.link.last.request.idempotency_key == before.link.last.request.idempotency_key != ""


def test_a_run_that_a_crash_cut_is_failed_as_unknown_for_any_other_hook(
    caplog: pytest.LogCaptureFixture,
) -> None:
    hook = a_listener()
    before, journal = journalled(hook)
    call_named(before, "it")
    until_written(journal)
    assert sent(before) == ["it"]
    bench, after = restarted(journal, hook)
    until_written(after)
    assert bench.link.runs == []
    assert bench.seen.lost == [("tell", DetachedLoss.UNKNOWN)]
    assert "cause=unknown code=FATE_UNKNOWN" in caplog.text
    assert after.rows == {}
    assert_adds_up(bench)


def test_after_a_restart_an_event_waits_for_its_worker_to_register() -> None:
    hook = a_listener()
    before, journal = journalled(hook)
    before.registry.serving.clear()
    call_named(before, "it")
    until_written(journal)
    bench, after = restarted(journal, is_served=False)
    bench.clock.advance(30)
    assert bench.dispatcher.detached.waiting == 1
    bench.registry.hooks, bench.registry.serving = (hook,), {"w": ("one",)}
    bench.clock.advance(2)
    until_written(after)
    assert sent(bench) == ["it"]
    assert bench.link.last.request.time_left == pytest.approx(30.0, abs=0.01)


def test_after_a_restart_an_event_does_not_wait_for_ever() -> None:
    before, journal = journalled(a_listener())
    before.registry.serving.clear()
    call_named(before, "it")
    until_written(journal)
    bench, after = restarted(journal, is_served=False)
    bench.clock.advance(121)
    until_written(after)
    assert bench.seen.lost == [("tell", DetachedLoss.UNREACHABLE)]
    assert after.rows == {}
    assert_adds_up(bench)


def test_an_event_for_a_scope_that_is_gone_is_lost_and_not_silent() -> None:
    before, journal = journalled(a_listener(handle="h"))
    call_named(before, "it")
    until_written(journal)
    bench, after = restarted(journal)
    until_written(after)
    assert bench.seen.lost == [("tell", DetachedLoss.UNREACHABLE)]
    assert after.rows == {}


def test_new_events_never_take_the_number_of_one_that_was_kept() -> None:
    hook = a_listener(idempotent=True)
    before, journal = journalled(hook)
    before.registry.serving.clear()
    for name in "abc":
        call_named(before, name)
    until_written(journal)
    bench, after = restarted(journal, hook)
    call_named(bench, "new")
    until_written(after)
    assert list(after.rows) == [1, 2, 3, 4]


def test_what_was_kept_is_taken_over_even_when_the_queue_is_smaller_now() -> None:
    hook = a_listener(idempotent=True)
    before, journal = journalled(hook)
    before.registry.serving.clear()
    for name in "abcde":
        call_named(before, name)
    until_written(journal)
    bench, _ = journalled(hook, limits=DetachedLimits(events=2, per_hook=1))
    bench.dispatcher.detached.restore(
        KeptEvent(number, work, sent=False) for number, work in journal.rows.items()
    )
    assert bench.dispatcher.detached.queued == 5
    assert call_named(bench, "new").outcomes["tell"] is HookOutcome.SHED


async def drained(bench: Bench, journal: FakeJournal, seconds: float) -> tuple[int, int]:
    """A drain, of which everything that is asked of the journal is done; what it reports."""
    task = asyncio.create_task(bench.dispatcher.drain(seconds))
    await asyncio.sleep(0)
    until_written(journal)
    bench.clock.advance(seconds + 0.1)
    until_written(journal)
    report = await task
    until_written(journal)
    return len(report.undelivered), len(report.kept)


async def test_a_drain_keeps_in_the_journal_what_may_be_delivered_later() -> None:
    bench, journal = journalled(a_listener(idempotent=True), limits=DetachedLimits(per_hook=1))
    for name in "abc":
        call_named(bench, name)
    until_written(journal)
    assert await drained(bench, journal, 1.0) == (0, 3)
    assert bench.link.last.cancelled
    assert [work.request.call_id for work in journal.rows.values()] == ["a", "b", "c"]
    assert bench.seen.lost == []
    assert bench.dispatcher.detached.queued == 3
    assert_adds_up(bench)


async def test_a_drain_reports_as_lost_what_may_have_run_and_must_not_be_repeated() -> None:
    bench, journal = journalled(a_listener(), limits=DetachedLimits(per_hook=1))
    for name in "abc":
        call_named(bench, name)
    until_written(journal)
    assert await drained(bench, journal, 1.0) == (1, 2)
    assert bench.seen.lost == [("tell", DetachedLoss.UNDELIVERED)]
    assert [work.request.call_id for work in journal.rows.values()] == ["b", "c"]
    assert journal.sent == set()
    assert_adds_up(bench)


async def test_a_drain_does_not_wait_for_what_can_only_wait_itself() -> None:
    bench, journal = journalled(a_listener(idempotent=True))
    call_named(bench, "fails")
    until_written(journal)
    bench.link.last.fail(a_failure(FailureClass.RAISED))
    report = await bench.dispatcher.drain(10.0)
    assert len(report.kept) == 1
    assert len(journal.rows) == 1


@pytest.mark.parametrize("works", [True, False])
async def test_the_events_of_calls_that_a_drain_cuts_are_written_too(*, works: bool) -> None:
    bench, journal = journalled(a_hook("slow", timeout=60), a_listener(idempotent=True))
    call = call_named(bench, "it")
    journal.works = works
    task = asyncio.create_task(bench.dispatcher.drain(1.0))
    await asyncio.sleep(0)
    bench.clock.advance(1.1)
    await asyncio.sleep(0)
    await until(lambda: bool(journal.asked))
    journal.write()
    report = await task
    assert call.reason == "CANCELLED"
    assert [run.hook for run in bench.link.runs] == ["slow"]
    assert len(report.kept) == int(works)
    assert len(journal.rows) == int(works)
    assert_adds_up(bench)


async def until(it: Callable[[], bool]) -> None:
    for _ in range(100):
        if it():
            return
        await asyncio.sleep(0)
    raise AssertionError("it did not come")
