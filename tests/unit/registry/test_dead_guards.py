"""Rule 26: a guard that is gone is a failure, never an absence."""

from __future__ import annotations

import pytest

from sidehook_server.config.model import UndeclaredTypes
from sidehook_server.config.naming import MAX_HOOKS, MAX_WORKERS
from sidehook_server.registry import transitions
from sidehook_server.registry.effects import (
    AnnounceActive,
    Forget,
    KeptHook,
    KeptWorker,
    ListChanged,
    Persist,
    RefusalReason,
)
from tests.unit.registry.scripted import (
    OTHER_TYPE,
    TYPE,
    Scripted,
    a_config,
    a_hook,
    a_manifest,
)


def test_a_hook_is_in_the_plan_as_soon_as_its_worker_attached() -> None:
    sidecar = Scripted().attach("one", a_hook())
    assert sidecar.paths() == ["w/guard"]
    assert sidecar.candidates() == ("one",)


def test_a_goodbye_takes_no_hook_out_of_the_plan_and_gives_the_instance_no_runs() -> None:
    sidecar = Scripted().attach("one", a_hook()).goodbye("one")
    assert sidecar.paths() == ["w/guard"]
    assert sidecar.candidates() == ()


def test_a_lost_connection_leaves_the_hook_unreachable() -> None:
    sidecar = Scripted().attach("one", a_hook()).detach("one")
    assert sidecar.paths() == ["w/guard"]
    assert sidecar.candidates() == ()
    assert "hooks_unreachable" in sidecar.events()


def test_an_unhealthy_link_gets_no_runs_until_it_is_well_again() -> None:
    sidecar = Scripted().attach("one", a_hook()).health("one", is_healthy=False)
    assert sidecar.candidates() == ()
    assert sidecar.health("one", is_healthy=True).candidates() == ("one",)
    assert "hooks_reachable" in sidecar.events()


def test_a_hook_that_the_newest_manifest_lost_stays_unreachable() -> None:
    sidecar = Scripted().attach("old", a_hook("guard"), a_hook("redact")).detach("old")
    sidecar.attach("new", a_hook("redact"))
    assert sidecar.paths() == ["w/guard", "w/redact"]
    assert sidecar.candidates("guard") == ()
    assert sidecar.candidates("redact") == ("new",)


def test_a_manifest_on_the_same_connection_loses_no_hook_either() -> None:
    sidecar = Scripted().attach("one", a_hook("guard"), a_hook("redact"))
    sidecar.remanifest("one", a_hook("redact"))
    assert sidecar.paths() == ["w/guard", "w/redact"]
    assert sidecar.candidates("guard") == ()


def test_a_hook_that_moves_to_another_type_leaves_its_guard_in_the_old_one() -> None:
    sidecar = Scripted().attach("old", a_hook(hook_type=TYPE)).detach("old")
    sidecar.attach("new", a_hook(hook_type=OTHER_TYPE))
    assert sidecar.candidates(hook_type=TYPE) == ()
    assert sidecar.candidates(hook_type=OTHER_TYPE) == ("new",)


def test_two_workers_may_have_hooks_of_one_name() -> None:
    sidecar = Scripted().attach("one", a_hook(), worker="a").attach("two", a_hook(), worker="b")
    assert sidecar.paths() == ["a/guard", "b/guard"]
    assert sidecar.registry.candidates(sidecar.planned(worker="b")) == ("two",)


def test_hooks_come_back_unreachable_after_a_restart_until_their_worker_does() -> None:
    terms = a_hook(priority=7, timeout=0.5)
    sidecar = Scripted().attach("one", terms).restarted()
    assert sidecar.planned().priority == 7
    assert sidecar.candidates() == ()
    assert sidecar.attach("again", terms).candidates() == ("again",)


def test_what_comes_back_is_not_written_again() -> None:
    sidecar = Scripted().attach("one", a_hook()).restarted()
    assert sidecar.effects(Persist) == []
    assert sidecar.attach("again", a_hook()).effects(Persist) == []


def test_a_new_manifest_is_kept_before_anything_is_said_about_it() -> None:
    sidecar = Scripted().attach("one", a_hook())
    kept = KeptWorker("w", (KeptHook(a_hook()),))
    assert sidecar.last.effects[0] == Persist(kept)
    version = sidecar.registry.list_version
    assert sidecar.last.effects[-2:] == (ListChanged(version), AnnounceActive("one", version))


def test_what_is_kept_grows_with_every_hook_a_worker_was_ready_with() -> None:
    sidecar = Scripted().attach("one", a_hook("a")).attach("two", a_hook("b"))
    (persist,) = sidecar.effects(Persist)
    assert [hook.spec.name for hook in persist.kept.hooks] == ["a", "b"]


def test_retiring_a_hook_takes_it_out_of_the_plan_and_out_of_what_is_kept() -> None:
    sidecar = Scripted().attach("one", a_hook("a"), a_hook("b")).detach("one").retire("w", "a")
    assert sidecar.last.retired == ("w/a",)
    assert sidecar.paths() == ["w/b"]
    (persist,) = sidecar.effects(Persist)
    assert [hook.spec.name for hook in persist.kept.hooks] == ["b"]


def test_retiring_a_worker_forgets_it() -> None:
    sidecar = Scripted().attach("one", a_hook("a"), a_hook("b")).detach("one").retire("w")
    assert sidecar.last.retired == ("w/a", "w/b")
    assert sidecar.effects(Forget) == [Forget("w")]
    assert "w" not in sidecar.registry.workers
    assert sidecar.registry.kept() == ()


def test_without_the_name_of_a_hook_all_of_a_worker_are_retired() -> None:
    sidecar = Scripted().attach("one", a_hook("a"), a_hook("b")).detach("one")
    sidecar.apply(transitions.retired(sidecar.registry, "w"))
    assert sidecar.last.retired == ("w/a", "w/b")


def test_retiring_a_hook_that_its_worker_never_had_changes_nothing() -> None:
    sidecar = Scripted().attach("one", a_hook()).detach("one")
    before = sidecar.registry
    assert sidecar.retire("w", "other").registry is before
    assert sidecar.last.effects == ()


def test_a_call_that_began_before_its_hook_was_retired_finds_nobody_to_serve_it() -> None:
    sidecar = Scripted().attach("one", a_hook("a"), a_hook("b")).attach("two", a_hook("b"))
    began_with = sidecar.planned("a")
    sidecar.detach("one").retire("w", "a")
    assert sidecar.last.retired == ("w/a",)
    assert sidecar.registry.candidates(began_with) == ()


def test_what_comes_back_leaves_alone_what_is_there_already() -> None:
    sidecar = Scripted().attach("one", a_hook("a", priority=1), a_hook("b"))
    kept = KeptWorker("w", (KeptHook(a_hook("a", priority=9)), KeptHook(a_hook("c"))))
    other = KeptWorker("v", (KeptHook(a_hook("d"), "acme"),))
    sidecar.apply(transitions.restored(sidecar.registry, [kept, other]))
    assert sidecar.paths() == ["w/a", "v/d", "w/b", "w/c"]
    assert sidecar.planned("a").priority == 1
    assert sidecar.candidates("a") == ("one",)
    assert sidecar.candidates("c") == ()
    assert [worker.worker for worker in sidecar.registry.kept()] == ["w", "v"]


def test_retiring_twice_changes_nothing_the_second_time() -> None:
    sidecar = Scripted().attach("one", a_hook()).detach("one").retire("w", "guard")
    before = sidecar.registry
    assert sidecar.retire("w", "guard").registry is before
    assert sidecar.last.retired == ()
    assert sidecar.last.refusal is None


def test_a_hook_declared_while_its_link_is_not_well_is_in_the_plan_at_once() -> None:
    sidecar = Scripted().attach("one").health("one", is_healthy=False).remanifest("one", a_hook())
    assert sidecar.paths() == ["w/guard"]
    assert sidecar.candidates() == ()
    assert sidecar.health("one", is_healthy=True).candidates() == ("one",)


def test_a_link_that_drains_does_so_whatever_it_declares_afterwards() -> None:
    sidecar = Scripted().attach("one", a_hook("a")).goodbye("one")
    sidecar.remanifest("one", a_hook("a"), a_hook("b"))
    assert sidecar.candidates("a") == ()
    assert sidecar.paths() == ["w/a"]


def test_a_hook_of_a_link_that_is_not_well_is_not_retired() -> None:
    sidecar = Scripted().attach("one", a_hook()).health("one", is_healthy=False).retire("w")
    assert sidecar.last.refusal is not None
    assert sidecar.paths() == ["w/guard"]


@pytest.mark.parametrize("hook", ["guard", ""])
def test_a_hook_that_an_instance_declares_is_not_retired(hook: str) -> None:
    sidecar = Scripted().attach("one", a_hook(), instance="host-7").retire("w", hook)
    refusal = sidecar.last.refusal
    assert refusal is not None
    assert refusal.reason is RefusalReason.HOOK_IN_USE
    assert "w/guard" in refusal.problems[0]
    assert "'host-7'" in refusal.problems[0]
    assert "stop them" in refusal.problems[0]
    assert sidecar.paths() == ["w/guard"]


def test_every_instance_is_named_that_declares_a_hook_which_was_to_be_retired() -> None:
    sidecar = Scripted().attach("one", a_hook(), instance="host-7").attach("two", a_hook())
    sidecar.attach("three", a_hook("other"), instance="host-9").retire("w", "guard")
    assert sidecar.problems() == (
        f"hook w/guard ({TYPE}) is still declared by 'host-7', 'two', and would be back with their "
        "next registration; stop them, or take the hook out of them, first",
    )


def test_a_worker_with_one_hook_in_use_is_not_retired_in_part() -> None:
    sidecar = Scripted().attach("one", a_hook("a"), a_hook("b")).remanifest("one", a_hook("b"))
    sidecar.retire("w")
    assert sidecar.last.refusal is not None
    assert sidecar.paths() == ["w/a", "w/b"]


def test_of_a_hook_that_moved_to_another_type_only_the_guard_left_behind_is_retired() -> None:
    sidecar = Scripted().attach("old", a_hook(hook_type=TYPE)).detach("old")
    sidecar.attach("new", a_hook(hook_type=OTHER_TYPE)).retire("w", "guard")
    assert sidecar.paths(TYPE) == []
    assert sidecar.paths(OTHER_TYPE) == ["w/guard"]


def test_a_retired_hook_does_not_come_back_with_what_its_draining_instance_declared() -> None:
    sidecar = Scripted().attach("one", a_hook("a"), a_hook("b")).goodbye("one").retire("w", "a")
    assert sidecar.health("one", is_healthy=False).detach("one").paths() == ["w/b"]


def test_a_worker_that_registers_anew_brings_its_retired_hook_back() -> None:
    sidecar = Scripted().attach("one", a_hook()).detach("one").retire("w")
    assert sidecar.attach("two", a_hook()).candidates() == ("two",)


def test_links_that_are_not_known_change_nothing() -> None:
    sidecar = Scripted().attach("one", a_hook())
    before = sidecar.registry
    sidecar.detach("?").goodbye("?").health("?", is_healthy=False).remanifest("?", a_hook("x"))
    assert sidecar.retire("nobody").registry is before


def test_a_link_id_is_used_once() -> None:
    registry = Scripted().attach("one", a_hook()).registry
    with pytest.raises(ValueError, match="'one' is attached already"):
        transitions.attached(registry, "one", a_manifest())


def test_in_development_a_goodbye_and_a_lost_connection_forget_the_hooks() -> None:
    for leave in (Scripted.goodbye, Scripted.detach):
        sidecar = Scripted(a_config(dev=True)).attach("one", a_hook())
        assert sidecar.registry.plan(TYPE).development
        leave(sidecar, "one")
        assert sidecar.paths() == []
        assert "hooks_left_plan" in sidecar.events()


def test_in_development_a_hook_stays_while_a_replica_declares_it() -> None:
    sidecar = Scripted(a_config(dev=True)).attach("one", a_hook()).attach("two", a_hook())
    assert sidecar.detach("one").candidates() == ("two",)


def test_in_development_nothing_is_kept_and_nothing_comes_back() -> None:
    config = a_config(dev=True)
    sidecar = Scripted(config).attach("one", a_hook())
    assert sidecar.effects(Persist) == []
    sidecar = Scripted(config, [KeptWorker("w", (KeptHook(a_hook()),))])
    assert sidecar.paths() == []
    assert sidecar.last.effects == ()


def test_in_development_every_plan_says_so() -> None:
    registry = Scripted(a_config(dev=True, undeclared_types=UndeclaredTypes.ALLOW)).registry
    assert registry.plan(TYPE).development
    assert registry.plan("of_nobody").development


def test_manifests_that_change_all_the_time_do_not_fill_the_plan_without_end() -> None:
    sidecar = Scripted().attach("one", *(a_hook(f"a{n}") for n in range(MAX_HOOKS - 1)))
    sidecar.remanifest("one", a_hook("b"))
    assert sidecar.last.refusal is None
    sidecar.remanifest("one", a_hook("c"))
    (problem,) = sidecar.problems()
    assert "it would have 1001, and at most 1000 are kept under one name" in problem
    assert len(sidecar.paths()) == MAX_HOOKS
    assert sidecar.remanifest("one", a_hook("a7")).last.refusal is None
    sidecar.retire(hook="a1")
    assert sidecar.remanifest("one", a_hook("c")).last.refusal is None


def test_only_so_many_names_of_workers_are_known_at_once() -> None:
    hooks = (KeptHook(a_hook()),)
    sidecar = Scripted(kept=[KeptWorker(f"w{number}", hooks) for number in range(MAX_WORKERS)])
    sidecar.attach("link-more", a_hook(), worker="more")
    (problem,) = sidecar.problems()
    assert "1000 workers are known, the most there may be" in problem
    assert sidecar.attach("replica", a_hook(), worker="w7").last.refusal is None
    sidecar.retire("w3").attach("link-again", a_hook(), worker="more")
    assert sidecar.last.refusal is None


def test_a_name_without_hooks_is_forgotten_when_its_worker_goes() -> None:
    sidecar = Scripted().attach("one").detach("one")
    assert sidecar.registry.seen == frozenset()


def test_a_worker_that_was_kept_with_more_hooks_than_there_may_be_adds_none() -> None:
    kept = KeptWorker("w", tuple(KeptHook(a_hook(f"h{n}")) for n in range(MAX_HOOKS + 1)))
    sidecar = Scripted(kept=[kept])
    assert sidecar.attach("one", a_hook("h7")).problems() == ()
    (problem,) = sidecar.attach("two", a_hook("new")).problems()
    assert problem == (
        "worker 'w', field hooks: with those that it declared before it would have 1002, and at "
        "most 1000 are kept under one name; retire those that it does not serve"
    )
    assert sidecar.last.refusal is not None
    assert sidecar.last.refusal.reason is RefusalReason.INVALID_MANIFEST


def test_in_development_other_hooks_take_the_place_of_a_full_manifest() -> None:
    sidecar = Scripted(a_config(dev=True)).attach("one", *(a_hook(f"a{n}") for n in range(600)))
    assert sidecar.remanifest("one", *(a_hook(f"b{n}") for n in range(600))).problems() == ()
    assert len(sidecar.paths()) == 600


def test_an_application_s_scope_takes_no_room_from_workers() -> None:
    hooks = (KeptHook(a_hook()),)
    sidecar = Scripted(kept=[KeptWorker(f"w{number}", hooks) for number in range(MAX_WORKERS)])
    assert sidecar.attach("app", a_hook(), worker="app", scope_handle="h1").problems() == ()
    refusal = sidecar.attach("more", worker="more").last.refusal
    assert refusal is not None
    assert refusal.reason is RefusalReason.INVALID_MANIFEST
    assert sidecar.problems() == (
        "worker 'more': 1000 workers are known, the most there may be; retire those that will not "
        "come back",
    )
