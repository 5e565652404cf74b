"""What lint finds, and that it leaves what is in order alone."""

from __future__ import annotations

from dataclasses import replace

from sidehook._types import FailureClass, Mode, OnError
from sidehook_server.advice.lint import Code, Finding, lint
from sidehook_server.conditions import compile_condition
from sidehook_server.modes import MODES
from sidehook_server.pipeline.model import CallSettings, PlannedHook
from sidehook_server.pipeline.plan import compile_plan
from tests.unit.pipeline.scripted import a_hook

TYPE = "component_pre_execute"


def found(
    *hooks: PlannedHook,
    hook_type: str = TYPE,
    scope_calls: dict[tuple[str, str], int] | None = None,
) -> list[Finding]:
    plan = compile_plan(hook_type, hooks, writable=frozenset({"model_options"}))
    return list(lint([plan], CallSettings(), scope_calls=scope_calls))


def codes(*hooks: PlannedHook, hook_type: str = TYPE) -> list[tuple[Code, str]]:
    return [(it.code, it.hook) for it in found(*hooks, hook_type=hook_type)]


def when(source: str, **terms: object) -> PlannedHook:
    return a_hook("h", condition=compile_condition(source), **terms)  # type: ignore[arg-type]  # terms are named by the tests


def test_hooks_in_order_are_left_alone() -> None:
    assert (
        codes(
            a_hook("gate", final_payload=True),
            a_hook("rewrite", Mode.TRANSFORM),
            a_hook("watch", Mode.AUDIT),
            a_hook("tell", Mode.FIRE_AND_FORGET),
        )
        == []
    )


def test_a_condition_that_never_holds_is_dead() -> None:
    (it,) = found(when("1 > 2"))
    assert it.code is Code.DEAD_CONDITION
    assert "always false: it never runs" in it.text


def test_a_condition_that_always_holds_can_go() -> None:
    (it,) = found(when("true"))
    assert "always true: it runs for every call: leave it out" in it.text


def test_a_condition_on_a_field_that_the_type_does_not_have_is_dead() -> None:
    (it,) = found(when("has(payload.model_optoins)"))
    assert "model_optoins" in it.text


def test_a_condition_on_a_field_that_the_hook_does_not_receive_is_dead() -> None:
    (it,) = found(when("has(payload.model_options)", fields=frozenset({"format"})))
    assert "does not receive" in it.text


def test_types_that_nobody_catalogued_may_have_any_field() -> None:
    assert codes(when("has(payload.anything)"), hook_type="my_own") == []


def test_a_guard_before_a_mutator_approves_what_may_change() -> None:
    (it,) = found(a_hook("guard"), a_hook("rewrite", Mode.TRANSFORM))
    assert (it.code, it.hook) == (Code.GATE_BEFORE_MUTATOR, "w/guard")
    assert "w/rewrite" in it.text


def test_a_mutator_in_shadow_changes_nothing() -> None:
    shadow = a_hook("rewrite", Mode.TRANSFORM, shadow_of=MODES[Mode.TRANSFORM])
    assert codes(a_hook("guard"), shadow) == [(Code.IN_SHADOW, "w/rewrite")]


def test_a_guard_that_fails_open_is_named_with_the_classes() -> None:
    on_error = {**dict.fromkeys(FailureClass, OnError.FAIL), FailureClass.TIMEOUT: OnError.IGNORE}
    (it,) = found(replace(a_hook("guard"), on_error=on_error))
    assert it.code is Code.FAILS_OPEN
    assert "(timeout)" in it.text


def test_observers_may_fail_open() -> None:
    assert codes(a_hook("watch", Mode.AUDIT, on_error=OnError.IGNORE)) == []


def test_timeouts_that_do_not_fit_the_budget_are_named_with_who_has_no_turn() -> None:
    hooks = [a_hook(name, Mode.TRANSFORM, timeout=6.0) for name in ("one", "three", "two")]
    (it,) = found(*hooks)
    assert it.code is Code.BUDGET_TOO_SMALL
    assert "18 s together" in it.text
    assert "w/two" in it.text


def test_a_scope_that_no_call_named_is_found_where_calls_are_counted() -> None:
    hook = a_hook("h", scope="beta", tenant="acme")
    assert found(hook) == []
    (it,) = found(hook, scope_calls={})
    assert it.code is Code.UNUSED_SCOPE
    assert found(hook, scope_calls={("acme", "beta"): 1}) == []


def test_a_guard_where_the_framework_swallows_blocks_is_found() -> None:
    assert codes(a_hook("guard"), hook_type="adapter_function_phase_complete") == [
        (Code.SWALLOWED_BLOCK, "w/guard")
    ]
