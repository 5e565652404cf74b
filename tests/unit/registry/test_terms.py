"""Rules 7 and 27: whose word counts, which terms are weaker, and who serves which."""

from __future__ import annotations

from typing import Any

import pytest

from sidehook._manifest import ErrorPolicy
from sidehook._types import FailureClass, Mode, OnError, OnRejected
from sidehook_server.config.model import HookConfig, OnDowngrade, WorkerConfig
from sidehook_server.registry import transitions
from sidehook_server.registry.effects import Persist, TellWorker
from sidehook_server.registry.terms import is_stronger, losses, terms
from tests.repository import ROOT
from tests.unit.registry.scripted import FAIL, IGNORE, Scripted, a_config, a_hook, a_manifest

ACCEPT = a_config(on_downgrade=OnDowngrade.ACCEPT)

WEAKER: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a mode that no longer blocks": ({}, {"mode": Mode.TRANSFORM}),
    "a mode that no longer modifies": ({}, {"mode": Mode.CONCURRENT}),
    "a mode that only observes": ({"mode": Mode.CONCURRENT}, {"mode": Mode.AUDIT}),
    "a mode that runs after the verdict": (
        {"mode": Mode.AUDIT},
        {"mode": Mode.FIRE_AND_FORGET},
    ),
    "failures are ignored": ({}, {"on_error": IGNORE}),
    "one class of failures is ignored": (
        {"on_error": FAIL},
        {"on_error": ErrorPolicy(overrides={FailureClass.TIMEOUT: OnError.IGNORE})},
    ),
    "a scope": ({}, {"scope": "inner"}),
    "another scope": ({"scope": "inner"}, {"scope": "other"}),
    "rejected fields are dropped": (
        {"on_rejected": OnRejected.ERROR},
        {"on_rejected": OnRejected.DROP},
    ),
    "stronger in one way and weaker in another": (
        {"mode": Mode.TRANSFORM},
        {"mode": Mode.SEQUENTIAL, "on_error": IGNORE},
    ),
}

WEAKER_BOTH_WAYS = ("another scope", "stronger in one way and weaker in another")

DIFFERENT: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "priority": ({"priority": 1}, {"priority": 2}),
    "timeout": ({"timeout": 1.0}, {"timeout": 2.0}),
    "fields": ({}, {"fields": ("model_options",)}),
    "idempotence": ({}, {"idempotent": True}),
}


def by_name(cases: dict[str, tuple[dict[str, Any], dict[str, Any]]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("old", "new"), list(cases.values()), ids=list(cases))


@by_name(WEAKER)
def test_weaker_terms_leave_the_old_ones_in_force_and_unreachable(
    old: dict[str, Any], new: dict[str, Any]
) -> None:
    sidecar = Scripted().attach("old", a_hook(**old))
    before = sidecar.planned()
    sidecar.detach("old").attach("new", a_hook(**new))
    assert sidecar.planned() == before
    assert sidecar.candidates() == ()
    assert "downgrade_refused" in sidecar.events()
    (told,) = sidecar.effects(TellWorker)
    assert (told.link_id, told.notice.code, told.notice.hook) == (
        "new",
        "DOWNGRADE_REFUSED",
        "guard",
    )


@by_name({name: case for name, case in WEAKER.items() if name not in WEAKER_BOTH_WAYS})
def test_stronger_terms_hold_at_once(old: dict[str, Any], new: dict[str, Any]) -> None:
    sidecar = Scripted().attach("weak", a_hook(**new)).attach("strong", a_hook(**old))
    assert sidecar.candidates() == ("strong",)


@pytest.mark.parametrize("name", WEAKER_BOTH_WAYS)
def test_terms_that_are_weaker_both_ways_leave_the_first_in_force(name: str) -> None:
    one, other = WEAKER[name]
    assert Scripted().attach("a", a_hook(**one)).attach("b", a_hook(**other)).candidates() == ("a",)
    assert Scripted().attach("b", a_hook(**other)).attach("a", a_hook(**one)).candidates() == ("b",)


@by_name(WEAKER)
def test_with_the_operators_consent_weaker_terms_hold_once_nobody_serves_the_old(
    old: dict[str, Any], new: dict[str, Any]
) -> None:
    sidecar = Scripted(ACCEPT).attach("old", a_hook(**old)).attach("new", a_hook(**new))
    sidecar.detach("old")
    assert sidecar.candidates() == ("new",)
    assert Scripted().attach("only", a_hook(**new)).planned() == sidecar.planned()


@by_name(DIFFERENT)
def test_terms_that_only_differ_wait_until_nobody_serves_the_old_ones(
    old: dict[str, Any], new: dict[str, Any]
) -> None:
    sidecar = Scripted().attach("old", a_hook(**old))
    before = sidecar.planned()
    sidecar.attach("new", a_hook(**new))
    assert sidecar.planned() == before
    assert sidecar.candidates() == ("old",)
    assert "hook_terms_wait" in sidecar.events()
    assert sidecar.goodbye("old").candidates() == ("new",)
    assert sidecar.planned() != before


def test_the_weakening_is_named_in_the_log_and_to_the_worker() -> None:
    sidecar = (
        Scripted().attach("old", a_hook()).attach("new", a_hook(mode=Mode.AUDIT, scope="inner"))
    )
    (told,) = sidecar.effects(TellWorker)
    for part in (
        "mode sequential -> audit can no longer block or modify",
        "on_error fail -> ignore",
        "only calls of scope 'inner'",
        "on_downgrade: accept",
    ):
        assert part in told.notice.message


def test_one_class_of_failures_is_named_where_only_one_is_let_through() -> None:
    policy = ErrorPolicy(overrides={FailureClass.TIMEOUT: OnError.IGNORE})
    sidecar = Scripted().attach("old", a_hook()).attach("new", a_hook(on_error=policy))
    (told,) = sidecar.effects(TellWorker)
    assert "on_error fail -> ignore for timeout)" in told.notice.message


def test_a_stronger_manifest_takes_effect_at_once_and_is_kept() -> None:
    sidecar = Scripted().attach("old", a_hook(on_error=IGNORE)).attach("new", a_hook())
    assert set(sidecar.planned().on_error.values()) == {OnError.FAIL}
    assert sidecar.candidates() == ("new",)
    (persist,) = sidecar.effects(Persist)
    assert persist.kept.hooks[0].spec.on_error is None


def test_after_a_stronger_manifest_the_old_replicas_are_no_way_back() -> None:
    sidecar = Scripted().attach("old", a_hook(on_error=IGNORE)).attach("new", a_hook())
    assert sidecar.detach("new").candidates() == ()


def test_replicas_that_declare_a_hook_identically_share_it() -> None:
    sidecar = Scripted().attach("one", a_hook()).attach("two", a_hook(description="words"))
    assert sidecar.candidates() == ("one", "two")


def test_explicit_defaults_are_the_same_terms_as_none() -> None:
    explicit = a_hook(mode=Mode.SEQUENTIAL, priority=50, timeout=5.0, on_error=FAIL)
    sidecar = Scripted().attach("one", a_hook()).attach("two", explicit)
    assert sidecar.candidates() == ("one", "two")


def test_a_rolling_update_with_the_same_manifest_is_seamless() -> None:
    sidecar = Scripted().attach("a1", a_hook()).attach("a2", a_hook())
    plan = sidecar.registry.plan("component_pre_execute")
    for old, new in (("a1", "b1"), ("a2", "b2")):
        sidecar.attach(new, a_hook()).goodbye(old)
        assert sidecar.candidates()
        sidecar.detach(old)
        assert sidecar.candidates()
    assert sidecar.registry.plan("component_pre_execute") is plan


def test_a_hook_that_only_new_replicas_have_is_served_by_them_alone() -> None:
    sidecar = Scripted().attach("old", a_hook("a")).attach("new", a_hook("a"), a_hook("b"))
    assert sidecar.candidates("a") == ("old", "new")
    assert sidecar.candidates("b") == ("new",)


def test_the_last_old_replica_hands_over_to_the_newest_terms() -> None:
    sidecar = Scripted().attach("old", a_hook(priority=1))
    sidecar.attach("mid", a_hook(priority=2)).attach("new", a_hook(priority=3))
    assert sidecar.detach("old").candidates() == ("new",)


def test_a_call_that_began_on_older_terms_finds_those_who_serve_them() -> None:
    sidecar = Scripted().attach("old", a_hook(on_error=IGNORE))
    began_with = sidecar.planned()
    sidecar.attach("new", a_hook())
    assert sidecar.registry.candidates(began_with) == ("old",)


def test_terms_are_in_force_until_others_are_whoever_serves_them() -> None:
    sidecar = Scripted().attach("old", a_hook(priority=1))
    began_with = sidecar.planned()
    assert sidecar.registry.is_in_force(began_with)
    assert sidecar.goodbye("old").registry.is_in_force(began_with)
    registry = sidecar.attach("new", a_hook(priority=2)).registry
    assert not registry.is_in_force(began_with)
    assert registry.is_in_force(sidecar.planned())


def test_terms_that_were_retired_are_not_in_force() -> None:
    sidecar = Scripted().attach("one", a_hook())
    began_with = sidecar.planned()
    assert not sidecar.detach("one").retire().registry.is_in_force(began_with)


def test_the_operators_word_stands_over_the_workers() -> None:
    word = HookConfig(
        name="guard",
        mode=Mode.CONCURRENT,
        priority=3,
        timeout=0.25,
        on_rejected=OnRejected.ERROR,
        scope="inner",
    )
    config = a_config(WorkerConfig(name="w", tenant="acme", hooks=(word,)))
    hook = Scripted(config).attach("one", a_hook(priority=9, timeout=9.0)).planned()
    assert (hook.mode, hook.priority, hook.timeout) == (Mode.CONCURRENT, 3, 0.25)
    assert (hook.on_rejected, hook.scope, hook.tenant) == (OnRejected.ERROR, "inner", "acme")


def test_an_empty_scope_of_the_operator_lets_the_hook_run_for_every_call() -> None:
    config = a_config(WorkerConfig(name="w", hooks=(HookConfig(name="guard", scope=""),)))
    assert Scripted(config).attach("one", a_hook(scope="inner")).planned().scope is None


def test_the_operators_policy_fills_in_over_the_workers_by_class() -> None:
    word = HookConfig(
        name="guard", on_error=ErrorPolicy(overrides={FailureClass.TIMEOUT: OnError.IGNORE})
    )
    config = a_config(WorkerConfig(name="w", hooks=(word,)))
    hook = Scripted(config).attach("one", a_hook()).planned()
    assert hook.on_error[FailureClass.TIMEOUT] is OnError.IGNORE
    assert hook.on_error[FailureClass.RAISED] is OnError.FAIL


def test_a_required_hook_fails_the_call_whatever_else_is_said() -> None:
    word = HookConfig(name="guard", required=True, on_error=IGNORE)
    config = a_config(WorkerConfig(name="w", hooks=(word,)))
    hook = Scripted(config).attach("one", a_hook(on_error=IGNORE)).planned()
    assert set(hook.on_error.values()) == {OnError.FAIL}


def test_the_default_of_a_policy_follows_the_mode_in_force() -> None:
    config = a_config(WorkerConfig(name="w", hooks=(HookConfig(name="guard", mode=Mode.AUDIT),)))
    hook = Scripted(config).attach("one", a_hook()).planned()
    assert set(hook.on_error.values()) == {OnError.IGNORE}


def test_replicas_are_compared_by_the_terms_that_the_operator_leaves_to_them() -> None:
    word = HookConfig(name="guard", on_error=FAIL, priority=1)
    config = a_config(WorkerConfig(name="w", hooks=(word,)))
    sidecar = Scripted(config).attach("one", a_hook(priority=5))
    sidecar.attach("two", a_hook(priority=6, on_error=IGNORE))
    assert sidecar.candidates() == ("one", "two")


def test_a_new_configuration_reaches_hooks_that_are_registered() -> None:
    sidecar = Scripted().attach("one", a_hook()).attach("two", a_hook(on_error=IGNORE))
    assert sidecar.candidates() == ("one",)
    word = HookConfig(name="guard", on_error=IGNORE, priority=4)
    sidecar.configure(a_config(WorkerConfig(name="w", hooks=(word,))))
    assert sidecar.planned().priority == 4
    assert sidecar.candidates() == ("one", "two")
    assert sidecar.effects(Persist) == []


def test_consent_may_be_given_for_one_worker() -> None:
    config = a_config(WorkerConfig(name="w", on_downgrade=OnDowngrade.ACCEPT))
    sidecar = Scripted(config).attach("old", a_hook()).detach("old")
    sidecar.attach("new", a_hook(on_error=IGNORE))
    assert sidecar.candidates() == ("new",)
    assert "hook_weakened" in sidecar.events()
    other = Scripted(config).attach("old", a_hook(), worker="v").detach("old")
    other.attach("new", a_hook(on_error=IGNORE), worker="v")
    assert other.registry.candidates(other.planned(worker="v")) == ()


def test_a_worker_may_refuse_what_is_accepted_in_general() -> None:
    config = a_config(
        WorkerConfig(name="w", on_downgrade=OnDowngrade.REFUSE),
        on_downgrade=OnDowngrade.ACCEPT,
    )
    sidecar = Scripted(config).attach("old", a_hook()).detach("old")
    assert sidecar.attach("new", a_hook(on_error=IGNORE)).candidates() == ()


def test_consent_given_later_lets_the_waiting_instance_serve() -> None:
    sidecar = Scripted().attach("old", a_hook()).detach("old")
    sidecar.attach("new", a_hook(on_error=IGNORE))
    assert sidecar.configure(ACCEPT).candidates() == ("new",)


def test_development_mode_accepts_weaker_manifests() -> None:
    sidecar = Scripted(a_config(dev=True)).attach("one", a_hook())
    assert sidecar.remanifest("one", a_hook(on_error=IGNORE)).candidates() == ("one",)


def test_the_tenant_counts_only_for_hooks_with_a_scope() -> None:
    hooks = (a_hook("plain"), a_hook("scoped", scope="s"))
    sidecar = Scripted()
    for link, tenant in (("one", "acme"), ("two", "umbrella")):
        manifest = a_manifest(*hooks, tenant=tenant)
        sidecar.apply(transitions.attached(sidecar.registry, link, manifest))
    assert sidecar.candidates("plain") == ("one", "two")
    assert sidecar.candidates("scoped") == ("one",)
    assert sidecar.planned("scoped").tenant == "acme"


def test_a_hook_that_was_unreachable_for_a_while_is_weakened_by_nobody() -> None:
    sidecar = Scripted().attach("old", a_hook()).restarted()
    sidecar.attach("new", a_hook(mode=Mode.AUDIT))
    assert sidecar.planned().mode is Mode.SEQUENTIAL
    assert sidecar.candidates() == ()


def test_the_page_says_of_every_change_of_mode_what_the_code_does() -> None:
    page = (ROOT / "docs" / "registration.md").read_text()
    table = page[page.index("| From \\ to |") :].splitlines()
    modes = [Mode(name.strip().lower()) for name in table[0].split("|")[2:-1]]
    assert modes == [Mode(row.split("**")[1].lower()) for row in table[2 : 2 + len(modes)]]
    for old, row in zip(modes, table[2:], strict=False):
        for new, said in zip(modes, row.split("|")[2:-1], strict=True):
            before, after = (terms(a_hook(mode=mode), worker="w") for mode in (old, new))
            stronger = "stronger" if is_stronger(after, before) else "same"
            assert said.strip() == ("weaker" if losses(before, after) else stronger)
