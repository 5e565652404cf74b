"""A hook comes back from its view with every term."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import pytest

from sidehook._types import JSON, FailureClass, Mode, OnError, OnRejected
from sidehook_server.conditions import compile_condition
from sidehook_server.modes import GATES
from sidehook_server.pipeline.model import PlannedHook
from sidehook_server.registry.hook_view import hook_from_view, hook_view

PLAIN = PlannedHook(
    worker="w",
    name="h",
    hook_type="t",
    mode=Mode.TRANSFORM,
    priority=50,
    timeout=5.0,
    on_error=dict.fromkeys(FailureClass, OnError.FAIL),
)
FULL = replace(
    PLAIN,
    mode=Mode.AUDIT,
    priority=-3,
    timeout=0.25,
    on_error={**PLAIN.on_error, FailureClass.TIMEOUT: OnError.DISABLE},
    on_rejected=OnRejected.ERROR,
    tenant="acme",
    scope="beta",
    fields=frozenset({"b", "a"}),
    idempotent=True,
    required=True,
    condition=compile_condition("has(payload.a)"),
    sample=0.5,
    final_payload=True,
    shadow_of=GATES,
)


@pytest.mark.parametrize("hook", [PLAIN, FULL], ids=["plain", "full"])
def test_it_comes_back_as_it_was(hook: PlannedHook) -> None:
    assert hook_from_view("w", json.loads(json.dumps(hook_view(hook)))) == hook


def test_the_full_hook_has_another_value_in_every_term_that_a_plan_holds() -> None:
    own = {"worker", "name", "hook_type", "handle"}
    same = [it.name for it in fields(PLAIN) if getattr(PLAIN, it.name) == getattr(FULL, it.name)]
    assert set(same) == own


@pytest.mark.parametrize("term", ["mode", "priority", "fields", "on_error", "condition"])
def test_a_view_of_something_else_is_no_hook(term: str) -> None:
    view = hook_view(FULL)
    with pytest.raises((KeyError, TypeError, ValueError)):
        hook_from_view("w", {**view, term: 1 if term != "priority" else "high"})


@pytest.mark.parametrize(
    ("term", "value", "problem"),
    [
        ("priority", True, "True is no number"),
        ("priority", "high", "'high' is no number"),
        ("timeout_seconds", None, "None is no number"),
        ("fields", "ab", "'ab' is no list"),
        ("fields", [1], "1 is no text"),
        ("on_error", ["fail"], r"\['fail'\] is no object"),
        ("scope", 7, "7 is no text"),
    ],
)
def test_a_term_of_another_kind_is_named(term: str, value: JSON, problem: str) -> None:
    with pytest.raises(TypeError, match=f"^{problem}$"):
        hook_from_view("w", {**hook_view(FULL), term: value})
