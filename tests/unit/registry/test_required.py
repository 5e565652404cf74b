"""Rule 28: while something is missing that must be there, calls fail."""

from __future__ import annotations

from sidehook_server.config.model import HookConfig, HookTypeConfig, UndeclaredTypes, WorkerConfig
from tests.unit.registry.scripted import OTHER_TYPE, TYPE, Scripted, a_config, a_hook


def test_without_a_configuration_nothing_is_missing() -> None:
    assert Scripted().registry.is_ready
    assert Scripted().registry.plan(TYPE).missing == ()


def test_a_worker_of_the_configuration_that_was_never_seen_fails_calls_of_every_type() -> None:
    registry = Scripted(a_config(WorkerConfig(name="pii"))).registry
    sentence = "worker 'pii' has not registered since the sidecar started"
    assert registry.plan(TYPE).missing == (sentence,)
    assert registry.plan(OTHER_TYPE).missing == (sentence,)
    assert registry.plan("of_nobody").missing == (sentence,)
    assert not registry.is_ready


def test_when_its_types_are_configured_only_their_calls_fail() -> None:
    config = a_config(WorkerConfig(name="pii", types=frozenset({TYPE})))
    registry = Scripted(config).registry
    assert registry.plan(TYPE).missing
    assert registry.plan(OTHER_TYPE).missing == ()
    assert not registry.is_ready


def test_when_its_types_are_known_from_before_the_restart_only_their_calls_fail() -> None:
    config = a_config(WorkerConfig(name="w"))
    sidecar = Scripted(config).attach("one", a_hook()).restarted()
    assert sidecar.registry.plan(TYPE).missing
    assert sidecar.registry.plan(OTHER_TYPE).missing == ()
    sidecar.attach("one", a_hook())
    assert sidecar.registry.plan(TYPE).missing == ()
    assert sidecar.registry.is_ready


def test_a_worker_that_was_seen_once_is_never_missing_again() -> None:
    sidecar = Scripted(a_config(WorkerConfig(name="w"))).attach("one", a_hook()).detach("one")
    assert sidecar.registry.is_ready
    assert sidecar.registry.plan(TYPE).missing == ()
    assert sidecar.candidates() == ()


def test_an_optional_worker_is_not_waited_for() -> None:
    registry = Scripted(a_config(WorkerConfig(name="pii", optional=True))).registry
    assert registry.is_ready
    assert registry.plan(TYPE).missing == ()


def test_a_refused_manifest_does_not_count_as_seen() -> None:
    sidecar = Scripted(a_config(WorkerConfig(name="w"))).attach("one", a_hook(hook_type=""))
    assert sidecar.last.refusal is not None
    assert not sidecar.registry.is_ready


def test_a_required_hook_that_nobody_registered_fails_the_calls_of_its_type() -> None:
    word = HookConfig(name="guard", hook_type=TYPE, required=True)
    config = a_config(WorkerConfig(name="w", hooks=(word,)))
    sidecar = Scripted(config).attach("one", a_hook("other", OTHER_TYPE))
    assert sidecar.registry.plan(TYPE).missing == ("required hook w/guard is not registered",)
    assert sidecar.registry.plan(OTHER_TYPE).missing == ()
    assert sidecar.attach("two", a_hook()).registry.is_ready


def test_a_required_hook_of_unknown_type_fails_every_call_until_it_is_registered() -> None:
    config = a_config(WorkerConfig(name="w", hooks=(HookConfig(name="guard", required=True),)))
    sidecar = Scripted(config).attach("one", a_hook("other"))
    assert sidecar.registry.plan(OTHER_TYPE).missing
    assert not sidecar.registry.hook_list().complete
    assert sidecar.attach("two", a_hook("guard")).registry.plan(OTHER_TYPE).missing == ()


def test_a_required_hook_that_is_registered_and_gone_is_unreachable_and_not_missing() -> None:
    config = a_config(WorkerConfig(name="w", hooks=(HookConfig(name="guard", required=True),)))
    sidecar = Scripted(config).attach("one", a_hook())
    assert sidecar.registry.required_hooks() == {"w/guard": True}
    sidecar.detach("one")
    assert sidecar.registry.required_hooks() == {"w/guard": False}
    assert sidecar.registry.plan(TYPE).missing == ()


def test_a_required_hook_that_was_never_registered_is_not_reachable() -> None:
    config = a_config(WorkerConfig(name="w", hooks=(HookConfig(name="guard", required=True),)))
    assert Scripted(config).registry.required_hooks() == {"w/guard": False}


def test_a_required_type_needs_a_hook_that_runs_for_every_call() -> None:
    config = a_config(hook_types=[HookTypeConfig(name=TYPE, required=True)])
    sidecar = Scripted(config)
    assert sidecar.registry.plan(TYPE).missing
    assert sidecar.attach("one", a_hook("scoped", scope="s")).registry.plan(TYPE).missing
    assert sidecar.attach("two", a_hook()).registry.plan(TYPE).missing == ()


def test_a_required_hook_that_is_retired_is_missing() -> None:
    config = a_config(WorkerConfig(name="w", hooks=(HookConfig(name="guard", required=True),)))
    sidecar = Scripted(config).attach("one", a_hook()).detach("one").retire("w", "guard")
    assert not sidecar.registry.is_ready


def test_a_required_hook_that_development_mode_forgot_is_missing() -> None:
    word = HookConfig(name="guard", hook_type=TYPE, required=True)
    config = a_config(WorkerConfig(name="w", hooks=(word,)), dev=True)
    sidecar = Scripted(config).attach("one", a_hook()).goodbye("one")
    assert sidecar.registry.plan(TYPE).missing


def test_a_type_that_misses_something_is_in_the_list_even_when_nobody_declared_it() -> None:
    config = a_config(
        WorkerConfig(name="w", types=frozenset({"own_type"})),
        undeclared_types=UndeclaredTypes.ALLOW,
    )
    status = Scripted(config).registry.hook_list().types["own_type"]
    assert status.has_hooks


def test_a_new_configuration_may_require_more_and_less() -> None:
    sidecar = Scripted().attach("one", a_hook())
    sidecar.configure(a_config(WorkerConfig(name="pii")))
    assert sidecar.registry.plan(TYPE).missing
    assert sidecar.configure(a_config()).registry.is_ready
    assert sidecar.registry.plan(TYPE).missing == ()
