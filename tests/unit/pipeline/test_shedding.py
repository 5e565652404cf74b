"""What a call does without when the sidecar is near its limit, and how a run waits."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sidehook._types import FailureClass, HookOutcome, Mode, OnError
from sidehook_server.modes import MODES
from sidehook_server.pipeline.load import Load, LoadLimits, load_of
from sidehook_server.pipeline.model import PlannedHook, Shed
from tests.unit.pipeline.scripted import Scripted, a_hook, a_plan, block, failure

TELL = a_hook("tell", Mode.FIRE_AND_FORGET)
WATCH = a_hook("watch", Mode.AUDIT)
SHADOW = a_hook("shadow", shadow_of=MODES[Mode.SEQUENTIAL])
DECIDES = (
    a_hook("sequential"),
    a_hook("transform", Mode.TRANSFORM),
    a_hook("gate", final_payload=True),
    a_hook("concurrent", Mode.CONCURRENT),
    a_hook("audit_that_must", Mode.AUDIT, on_error=OnError.FAIL),
    a_hook("audit_required", Mode.AUDIT, required=True),
)


@pytest.mark.parametrize("hook", DECIDES, ids=lambda hook: hook.name)
@pytest.mark.parametrize("load", Load)
def test_what_may_decide_the_call_is_never_shed(hook: PlannedHook, load: Load) -> None:
    call = Scripted(a_plan(hook), load=load).says(hook.name)
    assert call.outcomes == {hook.name: HookOutcome.PROCEEDED}


@pytest.mark.parametrize(
    ("load", "outcomes"),
    [
        (Load.NORMAL, {"shadow": "proceeded", "watch": "proceeded", "tell": "detached"}),
        (Load.HIGH, {"shadow": "proceeded", "watch": "proceeded", "tell": "shed"}),
        (Load.FULL, {"shadow": "shed", "watch": "shed", "tell": "shed"}),
    ],
)
def test_each_level_sheds_what_the_ones_below_it_do(load: Load, outcomes: dict[str, str]) -> None:
    call = Scripted(a_plan(SHADOW, WATCH, TELL), load=load)
    for name in ("shadow", "watch"):
        if load is not Load.FULL:
            call.says(name)
    assert call.outcomes == outcomes
    assert [it.hook.name for it in call.shed] == [
        name for name, outcome in outcomes.items() if outcome == "shed"
    ]


def test_the_line_of_a_hook_that_was_shed_says_why_and_is_no_failure() -> None:
    call = Scripted(a_plan(WATCH), load=Load.FULL)
    line = call.verdict.receipt.lines[0]
    assert (line.code, line.failure_class, line.duration) == ("SATURATED", None, None)
    assert "near its limit" in line.message


def test_a_hook_that_has_no_turn_anyway_is_not_shed() -> None:
    elsewhere = replace(TELL, scope="elsewhere")
    call = Scripted(a_plan(elsewhere), load=Load.FULL)
    assert call.outcomes == {"tell": HookOutcome.SKIPPED_SCOPE}
    assert call.shed == []


def test_telemetry_of_a_call_that_was_blocked_is_shed_too() -> None:
    call = Scripted(a_plan(a_hook("h"), TELL), load=Load.HIGH).says("h", block())
    assert call.outcomes == {"h": HookOutcome.BLOCKED, "tell": HookOutcome.SHED}
    assert call.detached == {}


def test_the_last_observer_of_a_phase_is_shed_and_the_next_phase_begins() -> None:
    last = a_hook("last", Mode.CONCURRENT)
    call = Scripted(a_plan(WATCH, last), load=Load.FULL).says("last")
    assert call.outcomes == {"watch": HookOutcome.SHED, "last": HookOutcome.PROCEEDED}


@pytest.mark.parametrize(
    ("calls", "load"),
    [(0, Load.NORMAL), (79, Load.NORMAL), (80, Load.HIGH), (90, Load.FULL), (100, Load.FULL)],
)
def test_the_level_goes_by_the_calls_under_way(calls: int, load: Load) -> None:
    assert load_of(calls, LoadLimits(calls=100)) is load


# Runs that wait in the sidecar.


def test_a_run_that_was_never_sent_expires_as_overloaded() -> None:
    call = Scripted(a_plan(a_hook("h", timeout=1.0)), sends=False).wait(1.1)
    line = call.verdict.receipt.lines[0]
    assert (line.failure_class, line.code) == (FailureClass.OVERLOADED, "EXPIRED_IN_QUEUE")
    assert line.instance == ""
    assert call.log == ["start h", "cancel h"]


def test_a_run_that_waits_again_after_it_was_sent_expires_as_overloaded() -> None:
    call = Scripted(a_plan(a_hook("h", timeout=1.0)))
    call.call.waiting(call.started["h"].run)
    assert call.wait(1.1).failure.metadata == {"code": "EXPIRED_IN_QUEUE"}


def test_the_call_goes_on_without_an_observer_that_could_not_wait() -> None:
    call = Scripted(a_plan(WATCH, a_hook("h", Mode.CONCURRENT)), sends=False)
    call.is_shed("watch")
    assert call.log[-1] == "start h"
    assert call.says("h").outcomes == {"watch": HookOutcome.SHED, "h": HookOutcome.PROCEEDED}
    assert [it.hook.name for it in call.shed] == ["watch"]


def test_an_observer_that_is_shed_after_its_call_was_cancelled_changes_nothing() -> None:
    call = Scripted(a_plan(WATCH), sends=False).cancel()
    run = call.started["watch"].run
    effects = call.call.shed(run, failure(FailureClass.OVERLOADED), call.now)
    assert not any(isinstance(effect, Shed) for effect in effects)
    assert call.outcomes == {"watch": HookOutcome.CANCELLED}


def test_a_budget_that_ends_while_the_hook_waits_leaves_it_overloaded() -> None:
    call = Scripted(a_plan(a_hook("h")), budget=1.0, sends=False).wait(1.0)
    assert call.failure.reason == "DEADLINE_EXCEEDED"
    line = call.verdict.receipt.lines[0]
    assert (line.outcome, line.failure_class) == (HookOutcome.CANCELLED, FailureClass.OVERLOADED)
