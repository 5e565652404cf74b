"""Circuit breakers on the way to workers: per hook and instance, and healing by themselves."""

from __future__ import annotations

import pytest

from sidehook._types import FailureClass, HookOutcome, Mode, OnError
from sidehook_server.dispatch.observer import DetachedLoss, GuardMissed
from sidehook_server.pipeline.breaker import BreakerSettings, BreakerState
from sidehook_server.pipeline.model import CallSettings
from tests.unit.dispatch.fakes import Bench, FakeCall, a_failure, a_hook

RAISED = a_failure(FailureClass.RAISED)
BREAKER = BreakerSettings(failures=2, pause=1.0, longest_pause=8.0, jitter=0.0001)


def a_bench(*hooks: object, links: tuple[str, ...] = ("one",)) -> Bench:
    bench = Bench(*hooks, links=links)  # type: ignore[arg-type]  # the tests name hooks
    bench.registry.settings = CallSettings(breaker=BREAKER)
    return bench


def failed(bench: Bench, link: str = "one") -> FakeCall:
    """One call whose hook raises on this link."""
    call = bench.call()
    bench.links[link].last.fail(RAISED)
    return call


def test_after_failures_in_a_row_the_hook_is_kept_from_the_instance() -> None:
    bench = a_bench(a_hook("h"))
    failed(bench)
    failed(bench)
    call = bench.call()
    line = call.receipt.lines[0]
    assert (line.outcome, line.failure_class) == (
        HookOutcome.FAILED_CLOSED,
        FailureClass.CIRCUIT_OPEN,
    )
    assert len(bench.link.runs) == 2
    assert bench.seen.circuits == [("h", BreakerState.OPEN)]


def test_it_heals_by_a_probe_that_succeeds() -> None:
    bench = a_bench(a_hook("h"))
    failed(bench)
    failed(bench)
    bench.clock.advance(1.1)
    probe, other = bench.call(), bench.call()
    assert other.outcomes == {"h": HookOutcome.FAILED_CLOSED}
    bench.link.last.answer()
    assert probe.proceeded
    assert [state for _, state in bench.seen.circuits] == [
        BreakerState.OPEN,
        BreakerState.HALF_OPEN,
        BreakerState.CLOSED,
    ]
    after = bench.call()
    bench.link.last.answer()
    assert after.proceeded
    assert list(bench.dispatcher.breakers) == []


def test_a_probe_that_fails_keeps_it_away_for_longer() -> None:
    bench = a_bench(a_hook("h"))
    failed(bench)
    failed(bench)
    bench.clock.advance(1.1)
    failed(bench)
    bench.clock.advance(1.1)
    assert bench.call().receipt.lines[0].failure_class is FailureClass.CIRCUIT_OPEN
    bench.clock.advance(1.1)
    failed(bench)
    assert len(bench.link.runs) == 4


def test_another_instance_takes_the_runs_of_one_that_fails() -> None:
    bench = a_bench(a_hook("h"), links=("one", "two"))
    for _ in range(2):
        call = bench.call()
        busy = next(link for link in bench.links.values() if link.under_way)
        if busy.link_id == "two":
            busy.last.answer()
            call = bench.call()
        bench.links["one"].last.fail(RAISED)
    for _ in range(4):
        call = bench.call()
        bench.links["two"].last.answer()
        assert call.proceeded


def test_another_hook_on_the_same_instance_goes_on() -> None:
    bench = a_bench(a_hook("bad", on_error=OnError.IGNORE), a_hook("good", priority=60))
    for _ in range(2):
        bench.call()
        bench.link.last.fail(RAISED)
        bench.link.last.answer()
    call = bench.call()
    bench.link.last.answer()
    assert call.outcomes == {"bad": HookOutcome.FAILED_OPEN, "good": HookOutcome.PROCEEDED}


def test_a_new_connection_starts_without_a_past() -> None:
    bench = a_bench(a_hook("h"))
    failed(bench)
    failed(bench)
    link = bench.link
    bench.table.remove(link.link_id)
    bench.table.add(link)
    call = bench.call()
    link.last.answer()
    assert call.proceeded


@pytest.mark.parametrize("kind", [FailureClass.OVERLOADED, FailureClass.UNREACHABLE])
def test_failures_that_are_not_the_hook_s_do_not_open_it(kind: FailureClass) -> None:
    bench = a_bench(a_hook("h"))
    for _ in range(5):
        bench.call()
        bench.link.last.fail(a_failure(kind))
    assert list(bench.dispatcher.breakers) == []


def test_a_timeout_counts_and_waiting_in_a_queue_does_not() -> None:
    bench = a_bench(a_hook("h", timeout=1.0))
    bench.link.tells_begin = True
    for _ in range(3):
        bench.call()
        bench.clock.advance(1.1)
    assert list(bench.dispatcher.breakers) == []
    for _ in range(2):
        bench.call()
        bench.link.last.begin()
        bench.clock.advance(1.1)
    assert [it.state for it in bench.dispatcher.breakers] == [BreakerState.OPEN]


def test_a_probe_whose_call_is_cancelled_leaves_the_way_to_the_next() -> None:
    bench = a_bench(a_hook("h"))
    failed(bench)
    failed(bench)
    bench.clock.advance(1.1)
    bench.call().handle.cancel()
    call = bench.call()
    bench.link.last.answer()
    assert call.proceeded


def test_under_disable_one_failure_leaves_the_hook_out_until_a_probe_succeeds() -> None:
    bench = a_bench(a_hook("h", on_error=OnError.DISABLE))
    assert failed(bench).outcomes == {"h": HookOutcome.FAILED_OPEN}
    skipped = bench.call()
    assert skipped.proceeded
    assert skipped.outcomes == {"h": HookOutcome.SKIPPED_DISABLED}
    assert bench.seen.guards_missed == {GuardMissed.FAILED_OPEN: 1, GuardMissed.DISABLED: 1}
    bench.clock.advance(1.1)
    call = bench.call()
    bench.link.last.answer()
    assert call.outcomes == {"h": HookOutcome.PROCEEDED}


def test_telemetry_under_disable_is_left_out_and_counted_as_lost() -> None:
    watch = a_hook("w", Mode.FIRE_AND_FORGET, on_error=OnError.DISABLE)
    bench = a_bench(watch)
    bench.call()
    bench.link.last.fail(RAISED)
    bench.call()
    assert bench.seen.lost == [("w", DetachedLoss.FAILED), ("w", DetachedLoss.CIRCUIT_OPEN)]
    bench.clock.advance(1.1)
    bench.call()
    bench.link.last.answer()
    assert bench.seen.delivered == ["w"]
    assert list(bench.dispatcher.breakers) == []


def test_an_answer_that_breaks_the_contract_counts_against_its_hook() -> None:
    bench = a_bench(a_hook("h"))
    for _ in range(2):
        bench.call()
        bench.link.last.fail(a_failure(FailureClass.MALFORMED))
    assert [it.hook for it in bench.dispatcher.breakers] == ["w/h"]


def test_more_time_reaches_the_call() -> None:
    bench = a_bench(a_hook("h", timeout=1.0))
    call = bench.call()
    bench.link.last.ask_for(1.0)
    bench.clock.advance(1.5)
    bench.link.last.answer()
    assert call.proceeded
