"""How a call begins: its numbers, its time, and who has no turn in it at all."""

from __future__ import annotations

import pytest

from sidehook._call import CallContext
from sidehook._types import HookOutcome, Mode
from sidehook_server.pipeline.model import CallSettings
from tests.unit.pipeline.scripted import Scripted, a_hook, a_plan


def test_runs_are_numbered_from_one() -> None:
    call = Scripted(a_plan(a_hook("one"), a_hook("two"))).says("one")
    assert [start.run for start in call.started.values()] == [1, 2]
    assert call.call.awaits(2)
    assert not call.call.awaits(1)


def test_a_call_is_finished_with_its_verdict_and_not_before() -> None:
    call = Scripted(a_plan(a_hook("h")))
    assert (call.call.finished, call.call.late_answers) == (False, 0)
    call.says("h")
    assert (call.call.finished, call.call.late_answers) == (True, 0)


def test_a_call_without_a_budget_has_the_operators_default() -> None:
    settings = CallSettings(default_budget=3.0, margin=0.5)
    call = Scripted(a_plan(a_hook("h")), settings=settings)
    assert call.runs["h"].time_left == 2.5
    own = Scripted(a_plan(a_hook("h")), settings=settings, budget=2.0)
    assert own.runs["h"].time_left == 1.5


def test_every_handle_that_is_lost_is_counted() -> None:
    call = Scripted(a_plan(a_hook("h")), lost_handles=("h1", "h2"))
    assert call.failure.metadata == {"handles": "2"}
    assert call.failure.started is False


@pytest.mark.parametrize(
    ("tenant", "scopes", "outcome"),
    [
        ("acme", ("inner",), HookOutcome.PROCEEDED),
        ("acme", ("outer", "inner"), HookOutcome.PROCEEDED),
        ("acme", ("outer",), HookOutcome.SKIPPED_SCOPE),
        ("umbrella", ("inner",), HookOutcome.SKIPPED_SCOPE),
        ("acme", (), HookOutcome.SKIPPED_SCOPE),
    ],
)
def test_a_scoped_hook_has_its_turn_in_calls_of_its_tenant_that_name_the_scope(
    tenant: str, scopes: tuple[str, ...], outcome: HookOutcome
) -> None:
    hook = a_hook("h", scope="inner", tenant="acme")
    call = Scripted(a_plan(hook), context=CallContext(tenant=tenant, scopes=scopes))
    if outcome is HookOutcome.PROCEEDED:
        call.says("h")
    assert call.outcomes == {"h": outcome}


def test_a_hook_of_a_handle_asks_for_no_scope() -> None:
    hook = a_hook("h", scope="inner", tenant="acme", handle="h1")
    assert list(Scripted(a_plan(hook)).runs) == ["h"]


def test_a_scope_is_asked_for_before_a_sample() -> None:
    hook = a_hook("h", Mode.AUDIT, scope="inner", sample=1e-12)
    assert Scripted(a_plan(hook)).outcomes == {"h": HookOutcome.SKIPPED_SCOPE}
    unscoped = a_hook("h", Mode.AUDIT, sample=1e-12)
    assert Scripted(a_plan(unscoped)).outcomes == {"h": HookOutcome.SKIPPED_SAMPLED}
