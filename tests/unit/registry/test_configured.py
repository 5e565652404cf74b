"""The operator's word changes while workers are connected."""

from __future__ import annotations

import pytest

from sidehook_server.config.model import HookTypeConfig, LimitsConfig, WorkerConfig
from sidehook_server.registry.effects import Dismiss, RefusalReason
from sidehook_server.registry.identity import Peer
from tests.unit.registry.scripted import TYPE, Scripted, a_config, a_hook


def bound_to(uid: int) -> WorkerConfig:
    return WorkerConfig(name="w", uid=uid)


def test_every_plan_has_a_new_generation() -> None:
    sidecar = Scripted().attach("one", a_hook())
    before = sidecar.registry
    after = sidecar.configure(a_config(limits=LimitsConfig(margin=0.5))).registry
    assert after.generation == before.generation + 1
    for hook_type in (TYPE, "tool_post_invoke", "nobody_declared"):
        assert after.plan(hook_type).generation == after.generation
    assert after.settings.margin == 0.5
    assert before.plan(TYPE).generation == before.generation


@pytest.mark.parametrize("uid", [1001, None])
def test_a_link_whose_process_may_not_have_the_name_any_more_is_dismissed(uid: int | None) -> None:
    sidecar = Scripted().attach("one", a_hook(), peer=Peer(uid=uid))
    sidecar.attach("other", a_hook(), worker="v", peer=Peer(uid=uid))
    sidecar.configure(a_config(bound_to(1000)))
    (dismissed,) = sidecar.effects(Dismiss)
    assert dismissed.link_id == "one"
    assert dismissed.refusal.reason is RefusalReason.WORKER_IDENTITY
    assert "bound to user id 1000" in dismissed.refusal.problems[0]
    assert "registration_refused" in sidecar.events()
    assert sidecar.candidates() == ()


def test_one_whose_process_still_may_have_it_stays() -> None:
    sidecar = Scripted().attach("one", a_hook(), peer=Peer(uid=1000))
    sidecar.configure(a_config(bound_to(1000)))
    assert sidecar.effects(Dismiss) == []
    assert sidecar.candidates() == ("one",)


def test_its_hooks_stay_as_a_guard_that_is_unreachable() -> None:
    sidecar = Scripted().attach("one", a_hook(), peer=Peer(uid=1001))
    sidecar.configure(a_config(bound_to(1000))).detach("one")
    assert sidecar.paths() == ["w/guard"]
    assert sidecar.candidates() == ()
    sidecar.attach("two", a_hook(), peer=Peer(uid=1000))
    assert sidecar.candidates() == ("two",)


def test_a_worker_that_left_the_configuration_leaves_its_hooks_in_the_plan() -> None:
    sidecar = Scripted(a_config(WorkerConfig(name="w", target="unix:///run/w.sock")))
    sidecar.attach("one", a_hook(), expected_worker="w").configure(a_config())
    assert sidecar.candidates() == ("one",)
    sidecar.goodbye("one").detach("one")
    assert sidecar.paths() == ["w/guard"]


def test_only_the_operator_says_how_many_runs_an_instance_gets_at_once() -> None:
    sidecar = Scripted(a_config(WorkerConfig(name="w", max_in_flight=3), WorkerConfig(name="v")))
    assert sidecar.registry.max_in_flight("w") == 3
    assert sidecar.registry.max_in_flight("v") is None
    assert sidecar.registry.max_in_flight("nobody") is None


def test_every_link_whose_process_lost_its_name_is_dismissed() -> None:
    sidecar = Scripted().attach("one", a_hook(), peer=Peer(uid=7))
    sidecar.attach("two", a_hook(), peer=Peer(uid=1000)).attach("three", a_hook())
    sidecar.attach("other", a_hook(), worker="v").configure(
        a_config(bound_to(1000), WorkerConfig(name="v", uid=1000))
    )
    assert [effect.link_id for effect in sidecar.effects(Dismiss)] == ["one", "three", "other"]
    assert sidecar.candidates() == ("two",)


def test_a_link_that_the_sidecar_dialled_stays_while_its_target_is_configured() -> None:
    config = a_config(WorkerConfig(name="w", target="unix:///run/w.sock"))
    sidecar = Scripted(config).attach("one", a_hook(), expected_worker="w").configure(config)
    assert sidecar.effects(Dismiss) == []
    assert sidecar.candidates() == ("one",)
    attached = Scripted().attach("one", a_hook()).configure(config)
    assert [effect.link_id for effect in attached.effects(Dismiss)] == ["one"]


def test_a_link_that_drains_goes_on_to_do_so() -> None:
    sidecar = Scripted().attach("one", a_hook()).goodbye("one").configure(a_config())
    assert sidecar.candidates() == ()


def test_a_type_is_declared_as_long_as_it_is_configured() -> None:
    config = a_config(hook_types=[HookTypeConfig(name="own", writable=frozenset({"text"}))])
    registry = Scripted().configure(config).registry
    assert registry.is_declared("own")
    assert registry.plan("own").writable == {"text"}
    assert "own" in registry.hook_list().types
    without = Scripted(config).configure(a_config()).registry
    assert not without.is_declared("own")
    assert "own" not in without.hook_list().types
    assert without.list_version == 2
