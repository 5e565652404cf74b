"""What gives way when the sidecar is near its limit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sidehook._call import CallRequest
from sidehook._types import HookOutcome, Mode, OnError
from sidehook_server.dispatch.observer import DetachedLoss
from sidehook_server.modes import MODES
from sidehook_server.pipeline.load import Load, LoadLimits
from sidehook_server.pipeline.model import PlannedHook
from tests.unit.dispatch.fakes import Bench, FakeCall, a_hook

TELL = a_hook("tell", Mode.FIRE_AND_FORGET, on_error=OnError.IGNORE)
WATCH = a_hook("watch", Mode.AUDIT, on_error=OnError.IGNORE)
SHADOW = replace(a_hook("shadow"), shadow_of=MODES[Mode.SEQUENTIAL])
GUARDS = tuple(
    a_hook(mode.value, mode) for mode in (Mode.SEQUENTIAL, Mode.TRANSFORM, Mode.CONCURRENT)
)


def a_bench(busy: int, *hooks: PlannedHook) -> Bench:
    """A sidecar of ten calls, so many of which are under way."""
    bench = Bench(a_hook("h"), load=LoadLimits(calls=10))
    for number in range(busy):
        bench.call(CallRequest(hook_type="t", fields={}, call_id=f"busy-{number}"))
    bench.registry.hooks = hooks
    return bench


def answered(bench: Bench, call: FakeCall) -> FakeCall:
    """Answers the runs of this call, one after the other."""
    call_id = "call-1"
    while mine := [run for run in bench.link.under_way if run.request.call_id == call_id]:
        mine[0].answer()
    return call


@pytest.mark.parametrize(
    ("busy", "shed"), [(0, set()), (7, set()), (8, {"tell"}), (9, {"tell", "watch", "shadow"})]
)
def test_telemetry_goes_first_then_observers_and_guards_never(busy: int, shed: set[str]) -> None:
    bench = a_bench(busy, TELL, WATCH, SHADOW, *GUARDS)
    call = answered(bench, bench.call())
    assert call.proceeded
    assert {hook for hook, it in call.outcomes.items() if it is HookOutcome.SHED} == shed
    guards = {call.outcomes[hook.name] for hook in GUARDS}
    assert guards == {HookOutcome.PROCEEDED}


def test_the_receipt_says_why_and_the_loss_of_telemetry_is_counted() -> None:
    bench = a_bench(9, TELL, WATCH)
    lines = bench.call().receipt.lines
    assert {(line.outcome, line.code, line.failure_class) for line in lines} == {
        (HookOutcome.SHED, "SATURATED", None)
    }
    assert bench.seen.refused == [("tell", DetachedLoss.SATURATED)]
    assert bench.dispatcher.detached.counts.refused == 1
    assert bench.seen.accepted == []


def test_an_audit_hook_whose_failure_ends_the_call_is_not_shed() -> None:
    bench = a_bench(9, a_hook("must", Mode.AUDIT, on_error=OnError.FAIL))
    call = answered(bench, bench.call())
    assert call.outcomes == {"must": HookOutcome.PROCEEDED}


def test_a_call_keeps_to_the_level_that_it_began_at() -> None:
    bench = a_bench(7, a_hook("gate"), TELL)
    call = bench.call()
    bench.call(CallRequest(hook_type="t", fields={}, call_id="another"))
    assert bench.dispatcher.load is Load.FULL
    assert answered(bench, call).outcomes["tell"] is HookOutcome.DETACHED


def test_the_thresholds_are_the_operator_s() -> None:
    bench = a_bench(9, TELL, WATCH)
    limits = LoadLimits(calls=10, shed_detached_at=1.0, shed_observers_at=1.0)
    bench.registry.settings = replace(bench.registry.settings, load=limits)
    call = answered(bench, bench.call())
    assert call.outcomes == {"watch": HookOutcome.PROCEEDED, "tell": HookOutcome.DETACHED}


def test_what_is_shed_is_logged_at_a_bounded_rate_and_nothing_is_left_unsaid(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = a_bench(9, TELL)
    for _ in range(100):
        bench.call()
    said = [record.getMessage() for record in caplog.records]
    assert said == ["hooks_shed count=1 hooks=w/tell=1"]
    bench.clock.advance(1.0)
    bench.call()
    bench.call()
    bench.dispatcher.close()
    said = [record.getMessage() for record in caplog.records]
    assert said[1:] == [
        "hooks_shed count=100 hooks=w/tell=100",
        "hooks_shed count=1 hooks=w/tell=1",
    ]


def test_the_level_is_shown() -> None:
    levels = [a_bench(busy).dispatcher.load for busy in (0, 7, 8, 9, 10)]
    assert levels == [Load.NORMAL, Load.NORMAL, Load.HIGH, Load.FULL, Load.FULL]
