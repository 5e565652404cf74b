"""What an operator sees: workers, hooks in order, versions, and what is degraded."""

from __future__ import annotations

import json

from sidehook_server.config.model import HookConfig, UndeclaredTypes, WorkerConfig
from tests.unit.registry.scripted import TYPE, Scripted, a_config, a_hook


def degraded(sidecar: Scripted) -> object:
    return sidecar.registry.view()["degraded"]


def test_the_view_is_json_and_shows_hooks_in_the_order_in_which_they_run() -> None:
    sidecar = Scripted().attach("one", a_hook("late", priority=90), a_hook("early", priority=1))
    view = json.loads(json.dumps(sidecar.registry.view()))
    hooks = view["hook_types"][TYPE]["hooks"]
    assert [hook["hook"] for hook in hooks] == ["w/early", "w/late"]
    assert [hook["instances"] for hook in hooks] == [1, 1]


def test_a_worker_is_shown_with_its_instances_and_what_each_hook_runs_on() -> None:
    sidecar = Scripted().attach("one", a_hook(), instance="host-1").goodbye("one")
    view = json.loads(json.dumps(sidecar.registry.view()))
    (worker,) = view["workers"]
    assert worker["seen"]
    assert worker["instances"][0]["instance"] == "host-1"
    assert worker["instances"][0]["draining"]
    assert worker["hooks"][0]["links"] == []
    assert worker["hooks"][0]["on_error"]["timeout"] == "fail"


def test_nothing_is_degraded_while_everything_is_there() -> None:
    assert degraded(Scripted().attach("one", a_hook())) == []


def test_a_hook_that_nobody_serves_is_degraded() -> None:
    sidecar = Scripted().attach("one", a_hook()).detach("one")
    assert degraded(sidecar) == [f"hook w/guard ({TYPE}) is unreachable"]


def test_configuration_that_nobody_lives_up_to_is_degraded() -> None:
    worker = WorkerConfig(
        name="w", optional=True, types=frozenset({TYPE}), hooks=(HookConfig(name="guard"),)
    )
    sidecar = Scripted(a_config(worker))
    assert degraded(sidecar) == [
        "worker 'w' has not registered since the sidecar started",
        "hook w/guard is configured, and nobody registered it",
        f"worker 'w' has no hook of type {TYPE!r}, as configured",
    ]
    assert degraded(sidecar.attach("one", a_hook())) == []


def test_a_kept_hook_whose_type_is_no_longer_declared_is_degraded() -> None:
    sidecar = Scripted(a_config(undeclared_types=UndeclaredTypes.ALLOW))
    sidecar.attach("one", a_hook(hook_type="own")).configure(a_config())
    assert degraded(sidecar) == [
        "hook w/guard is registered for 'own', which is no longer declared: its calls are refused"
    ]


def test_handles_are_counted_and_never_shown() -> None:
    sidecar = Scripted().attach("app", a_hook(), worker="app", scope_handle="secret-handle")
    view = sidecar.registry.view()
    assert view["scope_handles"] == {"live": 1, "gone": 0}
    assert "secret-handle" not in json.dumps(view)


def test_what_is_missing_is_listed_once() -> None:
    view = Scripted(a_config(WorkerConfig(name="w"))).registry.view()
    assert view["missing"] == ["worker 'w' has not registered since the sidecar started"]
    assert view["ready"] is False
