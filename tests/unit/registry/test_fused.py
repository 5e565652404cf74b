"""Which workers get several hooks in one run, by their own word and the operator's."""

from __future__ import annotations

from sidehook._hello import FUSED_RUNS
from sidehook_server.registry import transitions
from tests.unit.registry.scripted import TYPE, Scripted, a_config, a_hook, a_manifest

HOOKS = (a_hook("a"), a_hook("b"))


def attach(sidecar: Scripted, link: str, *, fuses: bool) -> Scripted:
    capabilities = frozenset({FUSED_RUNS}) if fuses else frozenset[str]()
    manifest = a_manifest(*HOOKS, capabilities=capabilities)
    return sidecar.apply(transitions.attached(sidecar.registry, link, manifest))


def together(sidecar: Scripted) -> list[int]:
    """How many hooks travel in one run from each place of the plan on."""
    return [len(segment.hooks) for segment in sidecar.registry.plan(TYPE).segments]


def test_a_worker_that_takes_several_hooks_in_a_run_gets_them() -> None:
    assert together(attach(Scripted(), "one", fuses=True)) == [2, 1]


def test_a_worker_that_does_not_say_so_gets_one_hook_in_a_run() -> None:
    assert together(attach(Scripted(), "one", fuses=False)) == [1, 1]


def test_an_operator_may_turn_it_off_and_on_again() -> None:
    sidecar = attach(Scripted(a_config(fusion=False)), "one", fuses=True)
    assert together(sidecar) == [1, 1]
    assert together(sidecar.configure(a_config())) == [2, 1]
    assert together(sidecar.configure(a_config(fusion=False))) == [1, 1]


def test_one_instance_that_takes_several_hooks_is_enough() -> None:
    sidecar = attach(attach(Scripted(), "one", fuses=False), "two", fuses=True)
    assert together(sidecar) == [2, 1]
    assert together(sidecar.detach("two")) == [1, 1]


def test_plans_stay_as_they_are_while_no_instance_is_there() -> None:
    sidecar = attach(Scripted(), "one", fuses=True)
    plan = sidecar.registry.plan(TYPE)
    assert sidecar.detach("one").registry.plan(TYPE) is plan
    assert attach(sidecar, "two", fuses=True).registry.plan(TYPE) is plan


def test_a_worker_that_comes_back_as_one_that_takes_one_hook_gets_one() -> None:
    sidecar = attach(Scripted(), "one", fuses=True).detach("one")
    assert together(attach(sidecar, "two", fuses=False)) == [1, 1]
