"""What the registry knows of each connection, and what is left when it goes."""

from __future__ import annotations

import pytest

from sidehook_server.config.model import HookConfig, HookTypeConfig, UndeclaredTypes, WorkerConfig
from sidehook_server.registry import transitions
from sidehook_server.registry.effects import (
    AnnounceActive,
    Dismiss,
    Forget,
    KeptHook,
    KeptWorker,
    ListChanged,
    Persist,
)
from sidehook_server.registry.identity import Peer
from tests.unit.registry.scripted import (
    IGNORE,
    OTHER_TYPE,
    TYPE,
    Scripted,
    a_config,
    a_hook,
    a_manifest,
)


def test_a_link_is_known_with_everything_that_it_came_with() -> None:
    peer = Peer(uid=7)
    sidecar = Scripted().attach("one", a_hook(), expected_worker="w", peer=peer)
    registry = sidecar.attach("two", a_hook()).registry
    one, two = registry.workers["w"].links.values()
    assert (one.link_id, one.peer, one.expected_worker) == ("one", peer, "w")
    assert (one.is_healthy, one.is_draining, one.serves) == (True, False, True)
    assert (two.link_id, two.peer, two.expected_worker) == ("two", Peer(), None)
    assert one.manifest == two.manifest == a_manifest(a_hook())
    assert [one.sequence, two.sequence] == [1, 2]
    assert registry.owners == {"one": "w", "two": "w"}
    assert registry.seen == {"w"}
    assert registry.sequence == 2


def test_a_link_that_declares_itself_anew_is_the_same_link() -> None:
    peer = Peer(uid=7)
    sidecar = Scripted().attach("one", a_hook(), expected_worker="w", peer=peer)
    sidecar.attach("two", a_hook()).health("one", is_healthy=False).goodbye("one")
    registry = sidecar.remanifest("one", a_hook(), a_hook("b")).registry
    one = registry.workers["w"].links["one"]
    assert (one.peer, one.expected_worker) == (peer, "w")
    assert (one.is_healthy, one.is_draining) == (False, True)
    assert one.sequence == registry.sequence == 3
    assert registry.owners == {"one": "w", "two": "w"}


def test_a_worker_that_attached_by_itself_is_still_one_that_did_when_it_declares_itself_anew() -> (
    None
):
    sidecar = Scripted().attach("one", a_hook()).remanifest("one", a_hook("b"))
    sidecar.configure(a_config(WorkerConfig(name="w", target="unix:///run/w.sock")))
    assert [effect.link_id for effect in sidecar.effects(Dismiss)] == ["one"]


def test_a_link_that_is_gone_is_not_known_any_more_and_its_name_is_free() -> None:
    sidecar = Scripted().attach("one", a_hook()).attach("two", a_hook()).detach("one")
    assert sidecar.registry.owners == {"two": "w"}
    assert list(sidecar.registry.workers["w"].links) == ["two"]
    assert sidecar.registry.seen == {"w"}
    assert sidecar.attach("one", a_hook()).candidates() == ("two", "one")


def test_a_scope_s_link_is_used_once_too() -> None:
    registry = Scripted().attach("app", a_hook(), worker="app", scope_handle="h1").registry
    with pytest.raises(ValueError, match="link 'app' is attached already"):
        transitions.attached(registry, "app", a_manifest())


def test_a_configured_worker_without_hooks_was_seen_for_good() -> None:
    sidecar = Scripted(a_config(WorkerConfig(name="w"))).attach("one").detach("one")
    assert sidecar.registry.seen == {"w"}
    assert sidecar.registry.is_ready
    assert sidecar.registry.workers == {}


def test_a_worker_with_hooks_was_seen_for_good() -> None:
    sidecar = Scripted().attach("one", a_hook()).detach("one")
    assert sidecar.registry.seen == {"w"}
    assert list(sidecar.registry.workers) == ["w"]


def test_a_worker_without_hooks_is_known_while_it_is_connected() -> None:
    sidecar = Scripted().attach("one").attach("two")
    assert list(sidecar.registry.workers) == ["w"]
    assert sidecar.effects(Persist) == []
    assert sidecar.registry.kept() == ()
    assert list(sidecar.detach("one").registry.workers) == ["w"]
    assert sidecar.detach("two").registry.workers == {}
    assert sidecar.effects(Forget) == []


def test_what_is_kept_is_in_the_order_of_types_and_names() -> None:
    hooks = (a_hook("0", OTHER_TYPE), a_hook("b"), a_hook("a"))
    manifest = a_manifest(*hooks, tenant="acme")
    sidecar = Scripted()
    sidecar.apply(transitions.attached(sidecar.registry, "one", manifest))
    kept = KeptWorker(
        "w",
        (
            KeptHook(a_hook("a"), "acme"),
            KeptHook(a_hook("b"), "acme"),
            KeptHook(a_hook("0", OTHER_TYPE), "acme"),
        ),
    )
    assert sidecar.effects(Persist) == [Persist(kept)]
    assert sidecar.registry.kept() == (kept,)


def test_what_is_written_is_said_before_what_is_told_and_that_before_the_list() -> None:
    sidecar = Scripted().attach("one", a_hook("a", on_error=IGNORE), a_hook("b")).attach("two")
    sidecar.remanifest("two", a_hook("a"))
    version = sidecar.registry.list_version
    assert [type(effect).__name__ for effect in sidecar.last.effects] == [
        "Persist",
        "Log",
        "Log",
        "AnnounceActive",
    ]
    assert sidecar.last.effects[-1] == AnnounceActive("two", version)
    sidecar.attach("three", a_hook("c", OTHER_TYPE))
    assert [type(effect).__name__ for effect in sidecar.last.effects] == [
        "Persist",
        "Log",
        "ListChanged",
        "AnnounceActive",
    ]
    assert sidecar.last.effects[-2:] == (
        ListChanged(version + 1),
        AnnounceActive("three", version + 1),
    )


def test_every_worker_that_changed_is_written_and_told_of() -> None:
    sidecar = Scripted().attach("one", a_hook()).attach("two", a_hook(), worker="v")
    words = [
        WorkerConfig(name=name, hooks=(HookConfig(name="guard", priority=1),)) for name in "vw"
    ]
    sidecar.configure(a_config(*words))
    assert sidecar.events() == ["hook_terms_changed", "hook_terms_changed", "configuration_applied"]
    assert sidecar.effects(Persist) == []


def test_a_change_knows_what_it_was_made_from() -> None:
    sidecar = Scripted()
    before = sidecar.registry
    assert sidecar.attach("one", a_hook()).last.before is before
    assert sidecar.last.registry is sidecar.registry
    refused = transitions.attached(sidecar.registry, "two", a_manifest(a_hook("a b")))
    assert refused.before is refused.registry is sidecar.registry


# What is missing, and in which plans.


def missing_in_plans(sidecar: Scripted) -> dict[str, tuple[str, ...]]:
    plans = sidecar.registry.plans
    assert all(plan.missing == sidecar.registry.missing.of(name) for name, plan in plans.items())
    return {name: plan.missing for name, plan in plans.items() if plan.missing}


PII = "worker 'pii' has not registered since the sidecar started"
GUARD = "required hook w/guard is not registered"


def test_what_is_missing_everywhere_is_in_every_plan_until_it_is_there() -> None:
    sidecar = Scripted(a_config(WorkerConfig(name="pii")))
    assert set(missing_in_plans(sidecar)) == set(sidecar.registry.types)
    assert set(missing_in_plans(sidecar).values()) == {(PII,)}
    assert not any(not status.has_hooks for status in sidecar.registry.hook_list().types.values())
    generation = sidecar.registry.generation
    sidecar.attach("one", worker="pii")
    assert missing_in_plans(sidecar) == {}
    assert sidecar.registry.generation == generation + 1
    assert not any(status.has_hooks for status in sidecar.registry.hook_list().types.values())


def test_types_that_are_configured_and_types_that_are_known_both_miss_their_worker() -> None:
    kept = [KeptWorker("pii", (KeptHook(a_hook(hook_type=OTHER_TYPE)),))]
    sidecar = Scripted(a_config(WorkerConfig(name="pii", types=frozenset({TYPE}))), kept)
    assert missing_in_plans(sidecar) == {TYPE: (PII,), OTHER_TYPE: (PII,)}
    sidecar.attach("one", worker="pii")
    assert missing_in_plans(sidecar) == {}


def test_a_type_of_nobody_that_misses_its_hook_has_a_plan_until_it_is_there() -> None:
    word = HookConfig(name="guard", hook_type="own", required=True)
    config = a_config(
        WorkerConfig(name="w", optional=True, hooks=(word,)),
        undeclared_types=UndeclaredTypes.ALLOW,
    )
    sidecar = Scripted(config)
    assert missing_in_plans(sidecar) == {"own": (GUARD,)}
    assert sidecar.registry.hook_list().types["own"].has_hooks
    sidecar.attach("one", a_hook("guard", TYPE))
    assert missing_in_plans(sidecar) == {}
    assert "own" not in sidecar.registry.plans
    assert "own" not in sidecar.registry.hook_list().types


def test_what_is_missing_as_before_gives_its_plan_no_new_generation() -> None:
    word = HookConfig(name="guard", hook_type=TYPE, required=True)
    sidecar = Scripted(a_config(WorkerConfig(name="w", optional=True, hooks=(word,))))
    plan = sidecar.registry.plan(TYPE)
    assert plan.missing == (GUARD,)
    assert sidecar.attach("one", a_hook("other", OTHER_TYPE)).registry.plan(TYPE) is plan


def test_a_worker_that_is_missing_is_not_asked_for_its_hooks_besides() -> None:
    config = a_config(WorkerConfig(name="w", hooks=(HookConfig(name="guard", required=True),)))
    sidecar = Scripted(config)
    sentence = "worker 'w' has not registered since the sidecar started"
    assert set(missing_in_plans(sidecar).values()) == {(sentence,)}
    sidecar.attach("one")
    assert set(missing_in_plans(sidecar).values()) == {(GUARD,)}


def test_every_required_hook_that_is_missing_is_named_where_it_is_missed() -> None:
    words = (
        HookConfig(name="a", hook_type=TYPE, required=True),
        HookConfig(name="b"),
        HookConfig(name="c", hook_type=TYPE, required=True),
        HookConfig(name="d", required=True),
    )
    types = frozenset({OTHER_TYPE})
    sidecar = Scripted(a_config(WorkerConfig(name="w", optional=True, types=types, hooks=words)))
    assert missing_in_plans(sidecar) == {
        TYPE: ("required hook w/a is not registered", "required hook w/c is not registered"),
        OTHER_TYPE: ("required hook w/d is not registered",),
    }
    sidecar.attach("one", a_hook("a"), a_hook("d"))
    assert missing_in_plans(sidecar) == {TYPE: ("required hook w/c is not registered",)}


def test_what_is_missed_everywhere_and_what_a_type_misses_come_and_go_together() -> None:
    words = (
        HookConfig(name="a", hook_type="own", required=True),
        HookConfig(name="b", required=True),
    )
    config = a_config(
        WorkerConfig(name="w", optional=True, hooks=words),
        undeclared_types=UndeclaredTypes.ALLOW,
    )
    everywhere = "required hook w/b is not registered"
    sidecar = Scripted(config)
    assert missing_in_plans(sidecar)["own"] == (everywhere, "required hook w/a is not registered")
    sidecar.attach("one", a_hook("a"), a_hook("b"))
    assert missing_in_plans(sidecar) == {}
    assert "own" not in sidecar.registry.plans
    sidecar.detach("one").retire("w")
    assert missing_in_plans(sidecar)["own"] == (everywhere, "required hook w/a is not registered")
    assert missing_in_plans(sidecar)[TYPE] == (everywhere,)


def test_required_types_are_each_guarded_by_a_hook_of_their_own() -> None:
    types = [HookTypeConfig(name=name, required=True) for name in (TYPE, "own")]
    sidecar = Scripted(a_config(hook_types=types))
    sentence = "no unscoped hook of the required type {!r} is registered"
    assert missing_in_plans(sidecar) == {
        TYPE: (sentence.format(TYPE),),
        "own": (sentence.format("own"),),
    }
    sidecar.attach("one", a_hook("a", OTHER_TYPE), a_hook("b", TYPE))
    assert missing_in_plans(sidecar) == {"own": (sentence.format("own"),)}
    assert not sidecar.registry.is_ready
    assert sidecar.registry.is_complete


# The live list.


def test_the_list_changes_when_what_it_says_does_and_not_otherwise() -> None:
    sidecar = Scripted().attach("one", a_hook())
    assert sidecar.registry.list_version == 2
    sidecar.attach("two", a_hook("b"))
    assert sidecar.registry.list_version == 2
    assert sidecar.registry.named_scopes == frozenset()
    sidecar.attach("three", a_hook("c", scope="inner"))
    assert sidecar.registry.list_version == 3
    assert sidecar.registry.named_scopes == {("", "inner")}
    sidecar.configure(a_config(undeclared_types=UndeclaredTypes.ALLOW))
    assert sidecar.registry.list_version == 4
    assert sidecar.effects(ListChanged) == [ListChanged(4)]
    sidecar.configure(a_config(undeclared_types=UndeclaredTypes.ALLOW))
    assert sidecar.registry.list_version == 4
    assert sidecar.effects(ListChanged) == []


def test_a_scope_is_named_by_its_tenant_until_its_last_hook_is_retired() -> None:
    sidecar = Scripted()
    manifest = a_manifest(a_hook("a", scope="inner"), a_hook("b", OTHER_TYPE), tenant="acme")
    sidecar.apply(transitions.attached(sidecar.registry, "one", manifest))
    assert sidecar.registry.named_scopes == {("acme", "inner")}
    assert sidecar.detach("one").retire("w", "a").registry.named_scopes == frozenset()
    assert sidecar.paths(OTHER_TYPE) == ["w/b"]


def test_a_plan_of_an_undeclared_type_writes_nothing_and_goes_with_its_hooks() -> None:
    sidecar = Scripted(a_config(undeclared_types=UndeclaredTypes.ALLOW))
    sidecar.attach("one", a_hook(hook_type="own"))
    plan = sidecar.registry.plans["own"]
    assert (plan.writable, plan.missing, plan.development) == (frozenset(), (), False)
    assert plan.max_payload_bytes == sidecar.registry.config.limits.max_payload_bytes
    sidecar.detach("one").retire("w")
    assert "own" not in sidecar.registry.plans
