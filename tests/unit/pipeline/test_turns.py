"""Whether a hook has its turn: samples and conditions; and what is done when it is disabled."""

from __future__ import annotations

import pytest

from sidehook._call import CallContext
from sidehook._types import FailureClass, HookOutcome, Mode, OnError
from sidehook_server.conditions import compile_condition
from sidehook_server.pipeline.model import PlannedHook, RunFailed
from tests.unit.pipeline.scripted import Scripted, a_hook, a_plan, block, patch


def when(
    source: str,
    name: str = "h",
    mode: Mode = Mode.SEQUENTIAL,
    *,
    on_error: OnError | None = None,
    fields: frozenset[str] | None = None,
) -> PlannedHook:
    condition = compile_condition(source)
    return a_hook(name, mode, on_error=on_error, condition=condition, fields=fields)


def test_a_condition_that_is_false_skips_the_hook_in_the_receipt() -> None:
    call = Scripted(a_plan(when("payload.a == 2")))
    assert call.outcomes == {"h": HookOutcome.SKIPPED_CONDITION}
    assert call.patched == {}
    (line,) = call.verdict.receipt.lines
    assert (line.code, line.message, line.duration) == ("", "", None)


def test_a_condition_that_holds_lets_the_hook_run() -> None:
    call = Scripted(a_plan(when("payload.a == 1"))).says("h", block())
    assert call.violation.hook == "h"


def test_a_condition_sees_the_payload_as_the_hook_before_left_it() -> None:
    first = a_hook("first", priority=1)
    call = Scripted(a_plan(first, when("payload.a == 7"))).says("first", patch(a="7")).says("h")
    assert call.outcomes["h"] is HookOutcome.PROCEEDED


def test_a_condition_sees_no_field_that_its_hook_does_not_receive() -> None:
    hook = when("has(payload.a)", fields=frozenset({"b"}))
    assert Scripted(a_plan(hook)).outcomes == {"h": HookOutcome.SKIPPED_CONDITION}


def test_a_condition_sees_the_state_under_the_worker_s_own_names() -> None:
    context = CallContext(state={"w/seen": b"true", "other/seen": b"false"})
    call = Scripted(a_plan(when("context.state.seen")), context=context).says("h")
    assert call.outcomes["h"] is HookOutcome.PROCEEDED


def test_an_error_of_a_condition_follows_on_error() -> None:
    closed = Scripted(a_plan(when("payload.missing == 1")))
    line = closed.verdict.receipt.lines[0]
    assert (line.outcome, line.failure_class, line.code) == (
        HookOutcome.FAILED_CLOSED,
        FailureClass.RAISED,
        "CONDITION_FAILED",
    )
    assert closed.failure.hook == "h"
    opened = Scripted(a_plan(when("payload.missing == 1", on_error=OnError.IGNORE)))
    assert opened.outcomes == {"h": HookOutcome.FAILED_OPEN}


def test_all_concurrent_hooks_whose_condition_holds_run_at_once() -> None:
    hooks = [when(f"payload.a < {n}", f"h{n}", Mode.CONCURRENT) for n in range(4)]
    call = Scripted(a_plan(*hooks))
    assert call.log == ["start h2", "start h3"]
    call.says("h2").says("h3")
    assert call.outcomes["h0"] is HookOutcome.SKIPPED_CONDITION


def test_telemetry_may_ask_how_the_call_ended() -> None:
    watch = when('end.outcome == "blocked"', "watch", Mode.FIRE_AND_FORGET)
    guard = a_hook("guard")
    assert Scripted(a_plan(guard, watch)).says("guard", block()).outcomes["watch"] is (
        HookOutcome.DETACHED
    )
    assert Scripted(a_plan(guard, watch)).says("guard").outcomes["watch"] is (
        HookOutcome.SKIPPED_CONDITION
    )


def test_telemetry_whose_condition_fails_is_recorded_and_the_verdict_stands() -> None:
    watch = when("payload.missing", "watch", Mode.FIRE_AND_FORGET, on_error=OnError.FAIL)
    call = Scripted(a_plan(a_hook("guard"), watch)).says("guard", block())
    assert call.violation.hook == "guard"
    assert call.outcomes["watch"] is HookOutcome.FAILED_OPEN
    assert [it.run for it in call.blamed] == [0], "no run was sent that could be to blame"


def test_a_transform_whose_condition_is_false_had_its_turn() -> None:
    hooks = (when("false", "redact", Mode.TRANSFORM), a_hook("watch", Mode.FIRE_AND_FORGET))
    assert Scripted(a_plan(*hooks)).seen("watch") == {"a": "1", "b": "2"}


def sampled(session: str, share: float, name: str = "audit") -> HookOutcome | str:
    call = Scripted(
        a_plan(a_hook(name, Mode.AUDIT, sample=share)), context=CallContext(session_id=session)
    )
    return call.says(name).outcomes[name] if call.started else call.outcomes[name]


def test_a_sample_takes_its_share_of_the_sessions() -> None:
    taken = [sampled(f"s{n}", 0.25) for n in range(2000)].count(HookOutcome.PROCEEDED)
    assert 400 < taken < 600
    assert [sampled(f"s{n}", 1.0) for n in range(50)].count(HookOutcome.SKIPPED_SAMPLED) == 0


def test_a_session_is_in_the_sample_for_good_or_never() -> None:
    assert all(len({sampled(f"s{n}", 0.5) for _ in range(5)}) == 1 for n in range(20))


def test_each_hook_has_a_sample_of_its_own() -> None:
    both = [(sampled(f"s{n}", 0.5), sampled(f"s{n}", 0.5, "other")) for n in range(50)]
    assert len(set(both)) == 4


def outcome_of(kind: FailureClass, action: OnError) -> tuple[HookOutcome | str, list[RunFailed]]:
    call = Scripted(a_plan(a_hook("h", on_error=action)))
    call.fails("h", kind)
    return call.outcomes["h"], call.blamed


@pytest.mark.parametrize("kind", FailureClass)
def test_a_failure_under_disable_goes_on_and_leaves_the_hook_out(kind: FailureClass) -> None:
    outcome, blamed = outcome_of(kind, OnError.DISABLE)
    if kind is FailureClass.CIRCUIT_OPEN:
        assert outcome is HookOutcome.SKIPPED_DISABLED
        assert not blamed[0].opens_circuit
    else:
        assert outcome is HookOutcome.FAILED_OPEN
        assert blamed[0].opens_circuit is (kind is not FailureClass.UNREACHABLE)


@pytest.mark.parametrize("action", [OnError.FAIL, OnError.IGNORE])
def test_other_policies_leave_it_to_the_breaker(action: OnError) -> None:
    _, blamed = outcome_of(FailureClass.TIMEOUT, action)
    assert [(it.failure_class, it.opens_circuit) for it in blamed] == [
        (FailureClass.TIMEOUT, False)
    ]


def test_a_disabled_transform_has_not_had_its_turn() -> None:
    redact = a_hook("redact", Mode.TRANSFORM, on_error=OnError.DISABLE)
    call = Scripted(a_plan(redact, a_hook("watch", Mode.FIRE_AND_FORGET)))
    call.fails("redact", FailureClass.CIRCUIT_OPEN)
    assert call.seen("watch") == {}


def test_a_condition_of_telemetry_sees_no_values_that_are_withheld() -> None:
    redact = a_hook("redact", Mode.TRANSFORM)
    watch = when("has(payload.a)", "watch", Mode.FIRE_AND_FORGET)
    call = Scripted(a_plan(redact, watch)).fails("redact")
    assert call.outcomes["watch"] is HookOutcome.SKIPPED_CONDITION
