"""Runs wait where every instance is at its limit, and go on in the order of their turns."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sidehook._call import CallContext, CallRequest
from sidehook._types import FailureClass, HookOutcome, Mode, OnError
from sidehook_server.pipeline.breaker import BreakerSettings
from sidehook_server.pipeline.load import LoadLimits
from sidehook_server.pipeline.model import CallSettings, PlannedHook
from tests.unit.dispatch.fakes import LOST, Bench, FakeCall, FakeLink, a_failure, a_hook


def a_bench(
    *hooks: PlannedHook,
    links: tuple[str, ...] = ("one",),
    places: int = 1,
    queue: int = 1024,
) -> Bench:
    """Every link takes so many runs at once."""
    bench = Bench(*hooks, links=links, load=LoadLimits(worker_queue=queue))
    for link in bench.links.values():
        link.max_in_flight = places
    return bench


def a_call(
    bench: Bench, name: str, *, tenant: str = "", session: str = "", budget: float | None = None
) -> FakeCall:
    context = CallContext(tenant=tenant, session_id=session)
    return bench.call(
        CallRequest(hook_type="t", fields={}, call_id=name, context=context, budget=budget)
    )


def change(bench: Bench, **parts: object) -> None:
    """Puts another snapshot in force, as an operator or a worker does."""
    bench.registry = replace(bench.registry, **parts)  # type: ignore[arg-type]  # the tests name parts
    bench.dispatcher.look_again()


def answer_all(bench: Bench) -> list[str]:
    """Answers run after run until none is under way; the calls in the order they were sent."""
    while running := [run for link in bench.links.values() for run in link.under_way]:
        running[0].answer()
    return [run.request.call_id for link in bench.links.values() for run in link.runs]


def audit(name: str, *, on_error: OnError = OnError.IGNORE, timeout: float = 5.0) -> PlannedHook:
    return a_hook(name, Mode.AUDIT, on_error=on_error, timeout=timeout)


def test_a_run_waits_while_every_instance_is_at_its_limit_and_goes_when_one_is_free() -> None:
    bench = a_bench(a_hook("h"), links=("one", "two"))
    calls = [a_call(bench, f"call-{number}") for number in range(3)]
    assert bench.dispatcher.runs_waiting == {"w": 1}
    assert not any(call.answered for call in calls)
    bench.links["two"].last.answer()
    assert bench.links["two"].last.request.call_id == "call-2"
    assert not bench.dispatcher.runs_waiting
    answer_all(bench)
    assert all(call.proceeded for call in calls)


def test_the_operator_s_limit_holds_beside_the_instance_s_own_and_may_change() -> None:
    bench = a_bench(a_hook("h"), places=3)
    bench.registry.caps["w"] = 1
    for number in range(5):
        a_call(bench, f"call-{number}")
    assert bench.link.in_flight == 1
    change(bench, caps={"w": 2})
    assert bench.link.in_flight == 2
    change(bench, caps={"w": 100})
    assert bench.link.in_flight == 3


def test_turns_go_round_the_tenants_then_their_sessions() -> None:
    bench = a_bench(a_hook("h"))
    a_call(bench, "first", tenant="greedy")
    for number in range(3):
        a_call(bench, f"greedy-{number}", tenant="greedy", session="one")
    a_call(bench, "greedy-other", tenant="greedy", session="two")
    a_call(bench, "modest", tenant="modest", session="one")
    assert answer_all(bench) == [
        "first",
        "greedy-0",
        "modest",
        "greedy-other",
        "greedy-1",
        "greedy-2",
    ]


def test_a_call_without_a_session_stands_for_itself() -> None:
    bench = a_bench(a_hook("h"))
    a_call(bench, "first")
    for number in range(2):
        a_call(bench, f"session-{number}", session="one")
    a_call(bench, "alone")
    assert answer_all(bench) == ["first", "session-0", "alone", "session-1"]


def test_nobody_who_comes_later_overtakes_those_who_wait() -> None:
    bench = a_bench(a_hook("first", priority=1), a_hook("second", priority=2))
    a_call(bench, "one")
    a_call(bench, "two")
    bench.link.last.answer()
    # The place went to the call that waited, and not to the next hook of the one that had it.
    assert [run.request.call_id for run in bench.link.runs] == ["one", "two"]
    assert answer_all(bench) == ["one", "two", "one", "two"]


def test_guards_go_before_observers() -> None:
    bench = a_bench(audit("watch"))
    a_call(bench, "first")
    a_call(bench, "observer")
    bench.registry.hooks = (a_hook("guard"),)
    a_call(bench, "guard")
    assert answer_all(bench) == ["first", "guard", "observer"]


def test_an_observer_whose_failure_ends_the_call_is_a_guard() -> None:
    bench = a_bench(audit("watch"))
    a_call(bench, "first")
    a_call(bench, "observer")
    bench.registry.hooks = (audit("must", on_error=OnError.FAIL),)
    a_call(bench, "guard")
    assert answer_all(bench) == ["first", "guard", "observer"]


def test_the_time_in_the_queue_counts_and_expiring_there_is_overloaded() -> None:
    bench = a_bench(a_hook("h", timeout=2.0))
    first = a_call(bench, "first")
    bench.clock.advance(1.0)
    second = a_call(bench, "second")
    bench.clock.advance(1.5)
    assert first.receipt.lines[0].failure_class is FailureClass.TIMEOUT
    # Sent when the first was over, with what was left of its time.
    assert bench.link.last.request.call_id == "second"
    assert bench.link.last.request.steps[0][0].timeout == pytest.approx(1.0, abs=0.01)
    third = a_call(bench, "third")
    bench.link.max_in_flight = 0
    bench.clock.advance(2.1)
    assert second.receipt.lines[0].failure_class is FailureClass.TIMEOUT
    line = third.receipt.lines[0]
    assert (line.outcome, line.failure_class, line.code) == (
        HookOutcome.FAILED_CLOSED,
        FailureClass.OVERLOADED,
        "EXPIRED_IN_QUEUE",
    )
    assert line.duration is None
    assert not bench.dispatcher.runs_waiting


def test_expiring_in_the_queue_does_not_feed_the_breaker() -> None:
    bench = a_bench(a_hook("h", timeout=1.0, on_error=OnError.IGNORE))
    bench.registry.settings = CallSettings(breaker=BreakerSettings(failures=1))
    bench.link.max_in_flight = 0
    calls = [a_call(bench, f"call-{number}") for number in range(3)]
    bench.clock.advance(1.1)
    assert all(call.proceeded for call in calls)
    assert bench.seen.circuits == []


def test_a_timeout_after_a_turn_that_came_late_does_not_feed_the_breaker_either() -> None:
    bench = a_bench(a_hook("h", timeout=2.0))
    bench.registry.settings = CallSettings(breaker=BreakerSettings(failures=1))
    a_call(bench, "first")
    bench.clock.advance(0.5)
    late = a_call(bench, "late")
    bench.clock.advance(1.4)
    bench.link.last.answer()
    bench.clock.advance(0.7)
    assert late.receipt.lines[0].failure_class is FailureClass.TIMEOUT
    assert bench.seen.circuits == []
    in_time = a_call(bench, "in time")
    bench.clock.advance(2.1)
    assert in_time.receipt.lines[0].failure_class is FailureClass.TIMEOUT
    assert len(bench.seen.circuits) == 1


def test_a_run_whose_time_is_over_as_its_turn_comes_is_not_sent() -> None:
    bench = a_bench(a_hook("h", timeout=1.0))
    a_call(bench, "first", budget=5.0)
    second = a_call(bench, "second")
    third = a_call(bench, "third")
    # The loop was busy: the answer is read before the timer had its turn.
    bench.clock.jump(1.5)
    bench.link.last.answer()
    assert second.receipt.lines[0].code == "EXPIRED_IN_QUEUE"
    assert third.receipt.lines[0].code == "EXPIRED_IN_QUEUE"
    assert len(bench.link.runs) == 1


def test_a_budget_that_ends_in_the_queue_is_the_deadline_and_the_hook_overloaded() -> None:
    bench = a_bench(a_hook("h"))
    a_call(bench, "first")
    second = a_call(bench, "second", budget=1.0)
    bench.clock.advance(1.0)
    assert second.reason == "DEADLINE_EXCEEDED"
    line = second.receipt.lines[0]
    assert (line.outcome, line.failure_class) == (HookOutcome.CANCELLED, FailureClass.OVERLOADED)
    assert not bench.dispatcher.runs_waiting


def test_a_call_that_is_cancelled_in_the_queue_leaves_it() -> None:
    bench = a_bench(a_hook("h"))
    a_call(bench, "first")
    second, _ = a_call(bench, "second"), a_call(bench, "third")
    second.handle.cancel()
    assert second.reason == "CANCELLED"
    assert bench.dispatcher.runs_waiting == {"w": 1}
    assert answer_all(bench) == ["first", "third"]


def test_a_cancelled_call_hands_its_place_to_the_next() -> None:
    bench = a_bench(a_hook("h"))
    first = a_call(bench, "first")
    a_call(bench, "second")
    first.handle.cancel()
    assert bench.link.last.request.call_id == "second"


def test_the_rest_of_a_concurrent_phase_leaves_the_queue_with_its_call() -> None:
    bench = a_bench(*(a_hook(name, Mode.CONCURRENT) for name in "abc"))
    call = a_call(bench, "call")
    assert bench.dispatcher.runs_waiting == {"w": 2}
    bench.link.last.fail(a_failure(FailureClass.RAISED))
    assert call.outcomes == {
        "a": HookOutcome.FAILED_CLOSED,
        "b": HookOutcome.CANCELLED,
        "c": HookOutcome.CANCELLED,
    }
    assert not bench.dispatcher.runs_waiting
    assert not bench.link.under_way


def test_runs_that_wait_for_a_link_that_goes_wait_for_the_others() -> None:
    bench = a_bench(a_hook("h"), links=("one", "two"))
    for number in range(4):
        a_call(bench, f"call-{number}")
    bench.registry.serving["w"] = ("two",)
    bench.table.remove("one")
    assert bench.dispatcher.runs_waiting == {"w": 2}
    two = bench.links["two"]
    while two.under_way:
        two.last.answer()
    assert [run.request.call_id for run in two.runs[1:]] == ["call-2", "call-3"]


def test_runs_that_wait_fail_as_unreachable_when_the_last_link_goes() -> None:
    bench = a_bench(a_hook("h"))
    calls = [a_call(bench, f"call-{number}") for number in range(3)]
    bench.registry.serving["w"] = ()
    bench.table.remove("one")
    bench.link.runs[0].fail(LOST)
    assert {call.receipt.lines[0].failure_class for call in calls} == {FailureClass.UNREACHABLE}
    assert not bench.dispatcher.runs_waiting


def test_runs_that_wait_go_to_a_link_that_comes() -> None:
    bench = a_bench(a_hook("h"))
    for number in range(3):
        a_call(bench, f"call-{number}")
    newcomer = FakeLink("two")
    newcomer.max_in_flight = 5
    bench.table.add(newcomer)
    change(bench, serving={"w": ("one", "two")})
    assert [run.request.call_id for run in newcomer.runs] == ["call-1", "call-2"]


def test_runs_that_wait_for_a_link_that_drains_fail_with_its_last_run() -> None:
    bench = a_bench(a_hook("h"))
    _, second = a_call(bench, "first"), a_call(bench, "second")
    bench.link.draining = True
    bench.link.last.answer()
    assert second.receipt.lines[0].code == "NO_INSTANCE"


def test_a_run_that_may_be_repeated_waits_for_the_other_instance() -> None:
    bench = a_bench(a_hook("h", idempotent=True), links=("one", "two"))
    first, second = a_call(bench, "first"), a_call(bench, "second")
    broken = next(it for it in bench.links.values() if it.last.request.call_id == "first")
    other = next(it for it in bench.links.values() if it is not broken)
    broken.last.fail(LOST)
    assert bench.dispatcher.runs_waiting == {"w": 1}
    other.last.answer()
    other.last.answer()
    assert first.proceeded
    assert second.proceeded


def test_a_repetition_that_expires_in_the_queue_is_overloaded() -> None:
    bench = a_bench(a_hook("h", idempotent=True, timeout=2.0), links=("one", "two"))
    first = a_call(bench, "first")
    bench.clock.advance(1.0)
    a_call(bench, "second")
    next(it for it in bench.links.values() if it.last.request.call_id == "first").last.fail(LOST)
    bench.clock.advance(1.1)
    assert first.receipt.lines[0].code == "EXPIRED_IN_QUEUE"


def test_a_link_that_the_hook_s_circuit_keeps_away_is_not_waited_for() -> None:
    bench = a_bench(a_hook("h", on_error=OnError.IGNORE))
    bench.registry.settings = CallSettings(breaker=BreakerSettings(failures=1, pause=60.0))
    a_call(bench, "first")
    bench.link.last.fail(a_failure(FailureClass.RAISED))
    bench.registry.hooks = (a_hook("other"),)
    a_call(bench, "second")
    bench.registry.hooks = (a_hook("h", on_error=OnError.IGNORE),)
    third = a_call(bench, "third")
    assert third.receipt.lines[0].failure_class is FailureClass.CIRCUIT_OPEN


def test_a_full_queue_fails_the_next_guard_as_overloaded() -> None:
    bench = a_bench(a_hook("h"), queue=2)
    calls = [a_call(bench, f"call-{number}", session="s") for number in range(4)]
    line = calls[3].receipt.lines[0]
    assert (line.outcome, line.failure_class, line.code) == (
        HookOutcome.FAILED_CLOSED,
        FailureClass.OVERLOADED,
        "WORKER_BUSY",
    )
    assert "worker w is at its limit, and 2 runs wait for it" in line.message
    assert bench.seen.turned_away == ["h"]
    answer_all(bench)
    assert all(call.proceeded for call in calls[:3])


def test_in_a_full_queue_a_tenant_that_has_least_takes_a_place_of_who_has_most() -> None:
    bench = a_bench(a_hook("h"), queue=3)
    greedy = [a_call(bench, f"greedy-{number}", tenant="greedy") for number in range(4)]
    modest = a_call(bench, "modest", tenant="modest")
    assert not modest.answered
    assert greedy[3].receipt.lines[0].code == "WORKER_BUSY"
    assert answer_all(bench) == ["greedy-0", "greedy-1", "modest", "greedy-2"]


def test_in_a_full_queue_an_observer_goes_for_a_guard_and_its_call_goes_on() -> None:
    watch, guard = audit("watch"), a_hook("guard", Mode.CONCURRENT)
    bench = a_bench(watch, queue=1)
    a_call(bench, "first")
    bench.registry.hooks = (watch, guard)
    observed = a_call(bench, "observed")
    bench.registry.hooks = (a_hook("h"),)
    a_call(bench, "pressing", tenant="other")
    # The guard behind the observer found the queue full of another guard, and failed by its policy.
    assert observed.outcomes == {"watch": HookOutcome.SHED, "guard": HookOutcome.FAILED_CLOSED}
    assert observed.receipt.lines[0].code == "WORKER_BUSY"
    assert observed.receipt.lines[0].failure_class is None
    assert answer_all(bench) == ["first", "pressing"]


def test_in_a_full_queue_the_youngest_observer_is_shed() -> None:
    bench = a_bench(audit("watch"), queue=2)
    calls = [a_call(bench, f"call-{number}") for number in range(4)]
    assert calls[3].outcomes == {"watch": HookOutcome.SHED}
    assert calls[3].proceeded
    assert answer_all(bench) == ["call-0", "call-1", "call-2"]


def test_observers_in_a_full_queue_give_way_one_after_another() -> None:
    watch = audit("watch")
    bench = a_bench(watch, queue=300)
    a_call(bench, "first")
    bench.registry.hooks = (watch, a_hook("guard", Mode.CONCURRENT))
    observed = [a_call(bench, f"observed-{number}") for number in range(300)]
    bench.registry.hooks = (a_hook("h"),)
    a_call(bench, "pressing")
    # Each that is shed lets its call ask for a guard, which sheds the next: all of them go.
    assert all(call.outcomes.get("watch") is HookOutcome.SHED for call in observed if call.answered)
    assert bench.dispatcher.runs_waiting == {"w": 300}
    answer_all(bench)
    assert all(call.answered for call in observed)


def test_detached_work_does_not_wait_before_calls() -> None:
    listener = a_hook("tell", Mode.FIRE_AND_FORGET, on_error=OnError.IGNORE, timeout=30.0)
    bench = a_bench(a_hook("h"))
    a_call(bench, "first")
    bench.registry.hooks = (listener,)
    told = a_call(bench, "told")
    assert told.outcomes == {"tell": HookOutcome.DETACHED}
    bench.registry.hooks = (a_hook("h"),)
    a_call(bench, "second")
    bench.link.last.answer()
    assert bench.link.last.request.call_id == "second"
    bench.link.last.answer()
    bench.clock.advance(1.0)
    bench.link.last.answer()
    assert bench.seen.delivered == ["tell"]
    assert bench.seen.lost == []


def test_how_long_runs_waited_is_told_of_those_that_did() -> None:
    bench = a_bench(a_hook("h"))
    a_call(bench, "first")
    a_call(bench, "second")
    bench.clock.advance(0.5)
    answer_all(bench)
    assert [hook for hook, _ in bench.seen.waited] == ["h"]
    assert bench.seen.waited[0][1] == pytest.approx(0.5)


async def test_the_drain_serves_those_who_wait() -> None:
    bench = a_bench(a_hook("h"))
    calls = [a_call(bench, f"call-{number}") for number in range(3)]
    bench.dispatcher.stop_accepting()
    answer_all(bench)
    report = await bench.dispatcher.drain(1.0)
    assert report.cut_calls == 0
    assert all(call.proceeded for call in calls)


async def test_the_drain_cuts_those_who_wait_too_long() -> None:
    bench = a_bench(a_hook("h"))
    calls = [a_call(bench, f"call-{number}") for number in range(3)]
    report = await bench.dispatcher.drain(0.0)
    assert report.cut_calls == 3
    assert {call.reason for call in calls} == {"CANCELLED"}
    assert not bench.dispatcher.runs_waiting


def test_a_fault_in_a_transport_harms_the_run_whose_turn_it_is_and_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = a_bench(a_hook("h"), places=2)
    a_call(bench, "first")
    a_call(bench, "second")
    third, fourth = a_call(bench, "third"), a_call(bench, "fourth")
    bench.link.raises = RuntimeError("as the test wants it")
    bench.link.runs[0].answer()
    assert third.reason == "INTERNAL"
    assert "call_broken" in caplog.text
    assert fourth.answered
    bench.link.raises = None
    assert a_call(bench, "fifth").answers == []
    assert bench.link.last.request.call_id == "fifth"


def test_nothing_is_left_when_all_calls_are_answered() -> None:
    bench = a_bench(a_hook("h", timeout=1.0), queue=20)
    for number in range(50):
        a_call(bench, f"call-{number}", tenant=f"t{number % 3}", session=f"s{number % 5}")
    bench.clock.advance(0.5)
    answer_all(bench)
    bench.clock.advance(60)
    assert bench.dispatcher.in_flight == 0
    assert not bench.dispatcher.runs_waiting
    assert bench.clock.timers == 0
