"""A plan compiled of hooks: the order in which they run, and what else it carries."""

from __future__ import annotations

from dataclasses import replace

from sidehook._types import Mode
from sidehook_server.modes import GATES, MODES
from sidehook_server.pipeline.plan import Phase, Plan, compile_plan, overlay
from tests.unit.pipeline.scripted import Scripted, a_hook


def test_a_plan_of_no_hooks_has_no_phase_and_the_defaults() -> None:
    plan = compile_plan("t", ())
    assert plan == Plan(
        hook_type="t", phases=(), places=(), hooks=(), segments=(), writable=frozenset()
    )
    assert (plan.generation, plan.missing, plan.development) == (0, (), False)
    assert plan.max_payload_bytes == 16 * 1024 * 1024
    receipt = Scripted(plan).verdict.receipt
    assert (receipt.generation, receipt.development, receipt.lines) == (0, False, ())


def test_a_plan_carries_what_it_was_compiled_with() -> None:
    plan = compile_plan(
        "t",
        (),
        writable=frozenset({"a"}),
        generation=7,
        missing=("a guard",),
        development=True,
        max_payload_bytes=9,
    )
    assert plan == Plan(
        hook_type="t",
        phases=(),
        places=(),
        hooks=(),
        segments=(),
        writable=frozenset({"a"}),
        generation=7,
        missing=("a guard",),
        development=True,
        max_payload_bytes=9,
    )


def test_phases_are_in_the_order_of_the_table_and_hooks_by_priority_worker_and_name() -> None:
    gate = a_hook("gate", final_payload=True, priority=1)
    audit = a_hook("audit", Mode.AUDIT, priority=1)
    late, early = a_hook("a", priority=9), a_hook("z", priority=1)
    other = replace(a_hook("b", priority=1), worker="v")
    same = a_hook("y", priority=1)
    plan = compile_plan("t", (audit, gate, late, early, other, same))
    assert plan.phases == (
        Phase(MODES[Mode.SEQUENTIAL], (other, same, early, late)),
        Phase(GATES, (gate,)),
        Phase(MODES[Mode.AUDIT], (audit,)),
    )
    assert [hook.name for hook in plan.hooks] == ["b", "y", "z", "a", "gate", "audit"]


def test_hooks_of_a_handle_stand_in_their_places_for_one_call() -> None:
    first, last = a_hook("first", priority=1), a_hook("last", priority=90)
    plan = compile_plan("t", (first, last), writable=frozenset({"a"}), generation=3)
    one, two = (replace(a_hook("own"), handle=handle) for handle in ("h1", "h2"))
    with_own = overlay(plan, (two, one))
    assert with_own.hooks == (first, one, two, last)
    assert (with_own.hook_type, with_own.generation) == ("t", 3)
    assert with_own.writable == {"a"}
    assert overlay(plan, ()) is plan


def test_a_hook_of_a_handle_stands_behind_a_worker_s_of_the_same_name() -> None:
    hook = a_hook("h")
    own = replace(hook, handle="A")
    assert overlay(compile_plan("t", (hook,)), (own,)).hooks == (hook, own)


def test_hooks_travel_together_in_a_call_with_a_handle_too() -> None:
    plan = compile_plan("t", (a_hook("a"), a_hook("b")), fuses=frozenset({"w"}))
    assert plan.fuses == {"w"}
    with_own = overlay(plan, (replace(a_hook("own", priority=90), handle="h1"),))
    assert [len(segment.hooks) for segment in with_own.segments] == [2, 1, 1]
