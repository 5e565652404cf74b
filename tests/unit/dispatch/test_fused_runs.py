"""Runs of several hooks: which of them an instance takes, and what becomes of the others."""

from __future__ import annotations

from dataclasses import replace

from sidehook._types import FailureClass, HookOutcome, Mode, OnError
from sidehook_server.pipeline.breaker import BreakerSettings, BreakerState
from sidehook_server.pipeline.model import CallSettings, PlannedHook
from tests.unit.dispatch.fakes import BLOCK, LOST, Bench, a_failure, a_hook, patch

RAISED = a_failure(FailureClass.RAISED)
ONE, TWO, THREE = (a_hook(name, priority=number) for number, name in enumerate(("a", "b", "c")))


def a_bench(*hooks: PlannedHook, links: tuple[str, ...] = ("one",), fuses: bool = True) -> Bench:
    bench = Bench(*hooks, links=links)
    bench.registry.fuses = frozenset({"w"})
    for link in bench.links.values():
        link.fuses, link.tells_begin = fuses, True
    return bench


def test_one_run_carries_them_all_and_each_is_answered_by_its_index() -> None:
    bench = a_bench(ONE, TWO, THREE)
    call = bench.call()
    (run,) = bench.link.runs
    assert run.hooks == ["a", "b", "c"]
    assert run.request.idempotency_key == f"{run.request.call_id}/w/"
    run.answer_one(0, patch(a="1"))
    run.answer_one(1)
    assert not call.answers
    run.answer_one(2)
    assert call.proceeded
    assert not run.cancelled


def test_an_instance_that_takes_one_hook_gets_the_first_as_if_it_were_alone() -> None:
    bench = a_bench(ONE, TWO, fuses=False)
    call = bench.call()
    first = bench.link.last.request
    assert bench.link.last.hooks == ["a"]
    assert (first.payload_room, first.state_room) == (None, None)
    assert first.idempotency_key.endswith("/w/a")
    bench.link.last.answer()
    bench.link.last.answer()
    assert call.proceeded
    assert [run.hooks for run in bench.link.runs] == [["a"], ["b"]]


def test_an_instance_that_takes_one_hook_gets_those_at_once_at_once() -> None:
    left, right = a_hook("left", Mode.CONCURRENT), a_hook("right", Mode.CONCURRENT)
    bench = a_bench(left, replace(right, fields=frozenset("a")), fuses=False)
    call = bench.call()
    assert [run.hooks for run in bench.link.runs] == [["left"], ["right"]]
    for run in bench.link.runs:
        run.answer()
    assert call.proceeded


def test_a_hook_that_is_kept_from_the_instance_does_not_ride_there() -> None:
    bench = a_bench(ONE, replace(TWO, on_error=dict.fromkeys(FailureClass, OnError.DISABLE)), THREE)
    bench.registry.settings = CallSettings(breaker=BreakerSettings(failures=1, jitter=0.0))
    first = bench.call()
    run = bench.link.last
    run.answer_one(0)
    run.answer_one(1, replace(BLOCK, answer=RAISED))
    run.answer_one(2)
    assert first.outcomes["b"] is HookOutcome.FAILED_OPEN
    assert bench.seen.circuits == [("b", BreakerState.OPEN)]
    call = bench.call()
    assert bench.link.last.hooks == ["a"]
    bench.link.last.answer()
    assert bench.link.last.hooks == ["c"]
    bench.link.last.answer()
    assert call.outcomes["b"] is HookOutcome.SKIPPED_DISABLED


def test_only_the_hook_that_failed_is_blamed() -> None:
    bench = a_bench(ONE, replace(TWO, on_error=dict.fromkeys(FailureClass, OnError.IGNORE)), THREE)
    bench.registry.settings = CallSettings(breaker=BreakerSettings(failures=2, jitter=0.0))
    for _ in range(2):
        bench.call()
        run = bench.link.last
        run.answer_one(0)
        run.answer_one(1, replace(BLOCK, answer=RAISED))
        run.answer_one(2)
    assert bench.seen.circuits == [("b", BreakerState.OPEN)]


def test_an_instance_that_does_not_serve_a_hook_does_not_get_it() -> None:
    bench = a_bench(ONE, TWO)
    serving = bench.registry.candidates
    bench.registry.candidates = lambda hook: () if hook is TWO else serving(hook)  # type: ignore[method-assign]  # a fake
    call = bench.call()
    assert bench.link.last.hooks == ["a"]
    bench.link.last.answer()
    assert call.receipt.lines[1].failure_class is FailureClass.UNREACHABLE


def test_a_run_whose_connection_breaks_goes_on_elsewhere_from_where_it_was() -> None:
    bench = a_bench(ONE, replace(TWO, idempotent=True), THREE, links=("one", "two"))
    call = bench.call()
    first = next(link for link in bench.links.values() if link.under_way)
    other = next(link for link in bench.links.values() if link is not first)
    run = first.last
    run.answer_one(0, patch(a="1"))
    run.begin(1)
    first.healthy = False
    run.fail(LOST)
    again = other.last
    assert again.hooks == ["b", "c"]
    assert again.request.fields["a"].octets == b"1"
    again.answer_one(0)
    again.answer_one(1)
    assert call.proceeded


def test_what_was_called_and_is_not_idempotent_is_not_repeated() -> None:
    bench = a_bench(ONE, TWO, links=("one", "two"))
    call = bench.call()
    first = next(link for link in bench.links.values() if link.under_way)
    first.last.answer_one(0)
    first.last.begin(1)
    first.healthy = False
    first.last.fail(LOST)
    assert call.receipt.lines[1].failure_class is FailureClass.UNREACHABLE
    assert sum(len(link.runs) for link in bench.links.values()) == 1


def test_what_was_never_begun_is_sent_again() -> None:
    bench = a_bench(ONE, TWO, links=("one", "two"))
    call = bench.call()
    first = next(link for link in bench.links.values() if link.under_way)
    other = next(link for link in bench.links.values() if link is not first)
    first.last.answer_one(0)
    first.healthy = False
    first.last.fail(LOST)
    assert other.last.hooks == ["b"]
    other.last.answer()
    assert call.proceeded


def test_one_of_several_at_once_that_runs_out_of_time_is_stopped_by_itself() -> None:
    quick = a_hook("quick", Mode.CONCURRENT, timeout=1.0, on_error=OnError.IGNORE)
    bench = a_bench(quick, a_hook("slow", Mode.CONCURRENT))
    call = bench.call()
    run = bench.link.last
    run.begin(0)
    run.begin(1)
    bench.clock.advance(1.1)
    assert (run.stopped, run.cancelled) == ([0], False)
    run.answer_one(1)
    assert call.outcomes == {"quick": HookOutcome.FAILED_OPEN, "slow": HookOutcome.PROCEEDED}


def test_a_run_of_several_that_waits_has_one_place_and_its_hooks_run_out_of_time_one_by_one() -> (
    None
):
    quick = a_hook("quick", Mode.CONCURRENT, timeout=1.0, on_error=OnError.IGNORE)
    bench = a_bench(quick, a_hook("slow", Mode.CONCURRENT))
    bench.link.max_in_flight = 1
    holds = bench.call()
    call = bench.call()
    assert bench.dispatcher.runs_waiting == {"w": 1}
    bench.clock.advance(1.1)
    assert bench.dispatcher.runs_waiting == {"w": 1}
    run = bench.link.last
    run.answer_one(1)
    run.answer_one(0)
    assert holds.proceeded
    assert bench.link.last.hooks == ["slow"]
    bench.link.last.answer()
    assert call.outcomes["quick"] is HookOutcome.FAILED_OPEN
    assert call.receipt.lines[0].code == "EXPIRED_IN_QUEUE"
    assert call.proceeded


def test_an_answer_of_nobody_fails_all_that_run_and_cancels_them() -> None:
    left = a_hook("left", Mode.CONCURRENT, on_error=OnError.IGNORE)
    bench = a_bench(left, replace(left, name="right"), a_hook("log", Mode.AUDIT))
    call = bench.call()
    bench.link.last.answer_one(0)
    bench.link.last.spoil()
    assert bench.link.last.cancelled
    assert call.outcomes == {
        "log": HookOutcome.PROCEEDED,
        "left": HookOutcome.FAILED_OPEN,
        "right": HookOutcome.FAILED_OPEN,
    }
