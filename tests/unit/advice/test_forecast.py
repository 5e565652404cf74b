"""What a call would do is said as it would happen."""

from __future__ import annotations

import pytest

from sidehook._call import CallContext, CallRequest, Fields
from sidehook._types import FailureClass, HookOutcome, Mode, OnError
from sidehook_server.advice.forecast import Forecast, Turn, forecast
from sidehook_server.conditions import compile_condition
from sidehook_server.modes import MODES
from sidehook_server.pipeline.model import CallSettings, PlannedHook
from tests.unit.pipeline.scripted import a_hook, a_plan, json

SETTINGS = CallSettings(default_budget=10.0, margin=0.0, observer_share=0.2)


def of(
    *hooks: PlannedHook,
    payload: Fields | None = None,
    budget: float | None = None,
    context: CallContext | None = None,
    serving: int = 1,
    missing: tuple[str, ...] = (),
) -> Forecast:
    request = CallRequest(
        hook_type="t",
        fields=payload or {},
        call_id="c",
        budget=budget,
        context=context or CallContext(),
    )
    return forecast(
        a_plan(*hooks, missing=missing),
        request,
        SETTINGS,
        instances=lambda _: serving,
        has_payload=payload is not None,
    )


def turns(said: Forecast) -> dict[str, Turn]:
    return {row.hook.name: row.turn for row in said.rows}


def when(source: str, name: str = "h", mode: Mode = Mode.SEQUENTIAL) -> PlannedHook:
    return a_hook(name, mode, condition=compile_condition(source))


def test_hooks_are_in_the_order_in_which_they_run() -> None:
    said = of(a_hook("z"), a_hook("a", Mode.AUDIT), a_hook("gate", final_payload=True))
    assert list(turns(said)) == ["z", "gate", "a"]


def test_the_worst_case_adds_up_serial_hooks_and_takes_the_slowest_of_a_parallel_phase() -> None:
    said = of(
        a_hook("one", timeout=1.0),
        a_hook("two", timeout=2.0),
        a_hook("x", Mode.CONCURRENT, timeout=0.5),
        a_hook("y", Mode.CONCURRENT, timeout=1.5),
        a_hook("w", Mode.FIRE_AND_FORGET),
    )
    assert said.worst_case == pytest.approx(4.5)
    assert [row.ends_at for row in said.rows] == [
        pytest.approx(1.0),
        pytest.approx(3.0),
        pytest.approx(3.5),
        pytest.approx(4.5),
        None,
    ]


def test_observers_get_no_more_than_their_share() -> None:
    said = of(a_hook("a", Mode.AUDIT), a_hook("b", Mode.AUDIT), budget=5.0)
    assert [row.timeout for row in said.rows] == [pytest.approx(1.0), pytest.approx(0.0)]
    assert turns(said)["b"] is Turn.NO_TIME


def test_who_comes_after_the_budget_has_no_time_left() -> None:
    said = of(a_hook("one", timeout=2.0), a_hook("two", timeout=2.0), budget=2.0)
    assert turns(said) == {"one": Turn.RUNS, "two": Turn.NO_TIME}
    assert said.worst_case == pytest.approx(2.0)


def test_scope_sample_and_condition_say_who_is_skipped() -> None:
    said = of(
        a_hook("scoped", scope="s"),
        a_hook("sampled", Mode.AUDIT, sample=1e-9),
        when("payload.a == 2"),
        payload={"a": json("1")},
    )
    assert {row.hook.name: (row.turn, row.reason) for row in said.rows} == {
        "h": (Turn.SKIPPED, "skipped_condition"),
        "scoped": (Turn.SKIPPED, "skipped_scope"),
        "sampled": (Turn.SKIPPED, "skipped_sampled"),
    }
    assert said.worst_case == 0.0


def test_a_condition_on_a_payload_that_was_not_given_is_undecided() -> None:
    assert turns(of(when("payload.a == 2"))) == {"h": Turn.DEPENDS}
    assert turns(of(when("context.tenant == 'x'"))) == {"h": Turn.SKIPPED}


def test_a_condition_behind_a_mutator_is_undecided() -> None:
    said = of(a_hook("first", priority=1), when("payload.a == 1"), payload={"a": json("1")})
    assert turns(said)["h"] is Turn.DEPENDS


def test_a_mutator_in_shadow_decides_nothing_and_leaves_nothing_undecided() -> None:
    shadow = a_hook("first", priority=1, shadow_of=MODES[Mode.SEQUENTIAL])
    said = of(shadow, when("payload.a == 1"), payload={"a": json("1")})
    assert turns(said)["h"] is Turn.RUNS


def test_a_condition_of_telemetry_is_undecided_until_the_verdict() -> None:
    assert turns(of(when("end.outcome == 'blocked'", mode=Mode.FIRE_AND_FORGET))) == {
        "h": Turn.DEPENDS
    }


def test_a_condition_that_cannot_be_evaluated_fails_the_call() -> None:
    said = of(when("payload.b == 1"), payload={"a": json("1")})
    assert turns(said) == {"h": Turn.FAILS}
    assert said.fails


@pytest.mark.parametrize(("action", "fails"), [(OnError.FAIL, True), (OnError.IGNORE, False)])
def test_a_guard_that_nobody_serves_fails_by_its_policy(action: OnError, *, fails: bool) -> None:
    said = of(a_hook("h", on_error=action), serving=0)
    assert turns(said) == {"h": Turn.FAILS}
    assert said.fails is fails


def test_what_is_missing_fails_every_call() -> None:
    assert of(missing=("worker 'x' has not registered",)).fails


def test_each_row_says_what_every_failure_would_do() -> None:
    (row,) = of(a_hook("h", on_error=OnError.DISABLE)).rows
    assert row.failures[FailureClass.TIMEOUT].opens_circuit
    assert row.failures[FailureClass.CIRCUIT_OPEN].outcome is HookOutcome.SKIPPED_DISABLED
