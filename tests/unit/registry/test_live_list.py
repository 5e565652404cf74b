"""Rule 30: what clients are told of who listens, and what is compiled when."""

from __future__ import annotations

from sidehook._catalogue import CATALOGUE
from sidehook._hook_list import ScopeName
from sidehook_server.config.model import HookTypeConfig, LimitsConfig, UndeclaredTypes, WorkerConfig
from sidehook_server.registry.effects import AnnounceActive, ListChanged
from tests.unit.registry.scripted import OTHER_TYPE, TYPE, Scripted, a_config, a_hook


def test_the_first_list_is_complete_and_has_every_declared_type() -> None:
    hook_list = Scripted(a_config(hook_types=[HookTypeConfig(name="own")])).registry.hook_list()
    assert hook_list.version == 1
    assert hook_list.complete
    assert set(hook_list.types) == {*map(str, CATALOGUE), "own"}
    assert not any(status.has_hooks for status in hook_list.types.values())


def test_the_list_names_the_sidecar_and_the_writable_fields() -> None:
    hook_list = Scripted().registry.hook_list(sidecar="s-1")
    assert hook_list.sidecar == "s-1"
    assert Scripted().registry.hook_list().sidecar == ""
    assert hook_list.types[TYPE].writable_fields == CATALOGUE[TYPE].writable


def test_a_hook_without_a_scope_makes_its_type_one_with_hooks() -> None:
    sidecar = Scripted().attach("one", a_hook())
    hook_list = sidecar.registry.hook_list()
    assert hook_list.types[TYPE].has_hooks
    assert not hook_list.types[OTHER_TYPE].has_hooks
    assert sidecar.effects(ListChanged) == [ListChanged(hook_list.version)]
    assert hook_list.version == 2


def test_a_hook_with_a_scope_is_listed_by_tenant_and_scope() -> None:
    status = Scripted().attach("one", a_hook(scope="inner")).registry.hook_list().types[TYPE]
    assert not status.has_hooks
    assert status.scopes == {ScopeName("", "inner")}


def test_a_hook_that_nobody_serves_is_still_one_that_must_be_asked() -> None:
    sidecar = Scripted().attach("one", a_hook()).detach("one")
    assert sidecar.registry.hook_list().types[TYPE].has_hooks


def test_a_second_replica_changes_no_list_and_is_announced_on_the_one_in_force() -> None:
    sidecar = Scripted().attach("one", a_hook())
    version = sidecar.registry.list_version
    sidecar.attach("two", a_hook())
    assert sidecar.effects(ListChanged) == []
    assert sidecar.effects(AnnounceActive) == [AnnounceActive("two", version)]


def test_a_worker_without_known_types_makes_the_list_incomplete_until_it_comes() -> None:
    sidecar = Scripted(a_config(WorkerConfig(name="w")))
    assert not sidecar.registry.hook_list().complete
    sidecar.attach("one", a_hook())
    assert sidecar.registry.hook_list().complete
    assert not sidecar.registry.hook_list().types[OTHER_TYPE].has_hooks


def test_a_worker_with_known_types_leaves_the_list_complete() -> None:
    config = a_config(WorkerConfig(name="w", types=frozenset({TYPE})))
    hook_list = Scripted(config).registry.hook_list()
    assert hook_list.complete
    assert hook_list.types[TYPE].has_hooks
    assert not hook_list.types[OTHER_TYPE].has_hooks


def test_a_retired_hook_leaves_the_list() -> None:
    sidecar = Scripted().attach("one", a_hook()).detach("one").retire("w")
    assert sidecar.effects(ListChanged)
    assert not sidecar.registry.hook_list().types[TYPE].has_hooks


def test_a_type_that_nobody_declared_is_listed_while_it_has_hooks() -> None:
    sidecar = Scripted(a_config(undeclared_types=UndeclaredTypes.ALLOW))
    sidecar.attach("one", a_hook(hook_type="own"))
    assert sidecar.registry.hook_list().undeclared_types_allowed
    assert sidecar.registry.hook_list().types["own"].has_hooks
    sidecar.detach("one").retire("w")
    assert "own" not in sidecar.registry.hook_list().types


def test_only_the_types_that_a_change_touches_are_compiled_anew() -> None:
    sidecar = Scripted().attach("one", a_hook("a"), a_hook("b", OTHER_TYPE))
    before = sidecar.registry
    sidecar.attach("two", a_hook("c"), worker="v")
    after = sidecar.registry
    assert [name for name in after.plans if after.plans[name] is not before.plans[name]] == [TYPE]
    assert after.plan(TYPE).generation == after.generation == before.generation + 1


def test_a_change_that_no_plan_sees_keeps_the_generation_and_every_plan() -> None:
    sidecar = Scripted().attach("one", a_hook()).attach("two", a_hook())
    before = sidecar.registry
    sidecar.goodbye("one").detach("one").health("two", is_healthy=False)
    assert sidecar.registry.generation == before.generation
    assert sidecar.registry.plans is before.plans


def test_a_plan_carries_its_types_writable_fields_and_payload_limit() -> None:
    own = HookTypeConfig(name="own", writable=frozenset({"text"}), max_payload_bytes=1000)
    tight = HookTypeConfig(name=TYPE, max_payload_bytes=2000)
    registry = Scripted(a_config(hook_types=[own, tight])).registry
    assert registry.plan("own").writable == {"text"}
    assert registry.plan("own").max_payload_bytes == registry.max_payload_bytes("own") == 1000
    assert registry.plan(TYPE).writable == CATALOGUE[TYPE].writable
    assert registry.plan(TYPE).max_payload_bytes == 2000


def test_the_configurations_writable_fields_stand_in_place_of_the_catalogues() -> None:
    none = HookTypeConfig(name=TYPE, writable=frozenset())
    assert Scripted(a_config(hook_types=[none])).registry.plan(TYPE).writable == frozenset()


def test_a_type_that_nobody_gave_a_writable_set_has_none() -> None:
    limits = LimitsConfig(max_payload_bytes=77)
    registry = Scripted(a_config(hook_types=[HookTypeConfig(name="own")], limits=limits)).registry
    assert registry.plan("own").writable == frozenset()
    assert registry.plan("own").max_payload_bytes == registry.max_payload_bytes("own") == 77
    assert registry.plan(TYPE).max_payload_bytes == 77


def test_declared_are_the_types_of_the_catalogue_and_the_configuration() -> None:
    registry = Scripted(a_config(hook_types=[HookTypeConfig(name="own")])).registry
    assert registry.is_declared(TYPE)
    assert registry.is_declared("own")
    assert not registry.is_declared("of_nobody")
    assert not registry.undeclared_allowed


def test_a_type_that_nobody_declared_has_a_plan_without_hooks() -> None:
    config = a_config(limits=LimitsConfig(max_payload_bytes=77), dev=True)
    plan = Scripted(config).registry.plan("of_nobody")
    assert (plan.hook_type, plan.hooks, plan.writable) == ("of_nobody", (), frozenset())
    assert (plan.max_payload_bytes, plan.development, plan.missing) == (77, True, ())
    assert plan.generation == Scripted(config).registry.generation
