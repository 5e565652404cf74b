"""The whole of what an operator sees: every member of the view."""

from __future__ import annotations

import json
from typing import Any

from sidehook._manifest import WorkerManifest
from sidehook._types import FailureClass, Mode, OnRejected
from sidehook_server.config.model import (
    HookConfig,
    HookTypeConfig,
    LimitsConfig,
    UndeclaredTypes,
    WorkerConfig,
)
from sidehook_server.registry import transitions
from sidehook_server.registry.hook_view import hook_view
from tests.unit.registry.scripted import IGNORE, OTHER_TYPE, TYPE, Scripted, a_config, a_hook

GUARD = a_hook(
    mode=Mode.SEQUENTIAL,
    priority=7,
    timeout=0.5,
    on_error=IGNORE,
    on_rejected=OnRejected.ERROR,
    scope="inner",
    fields=("b", "a"),
    idempotent=True,
    condition="has(payload.a)",
    requires_final_payload=True,
)


def a_sidecar() -> Scripted:
    """One worker that is there, one that is not, and a configured type without hooks."""
    config = a_config(
        WorkerConfig(name="w", target="unix:///run/w.sock", tenant="acme"),
        WorkerConfig(name="absent", optional=True, types=frozenset({OTHER_TYPE})),
        hook_types=[
            HookTypeConfig(
                name="own", writable=frozenset({"b", "a"}), max_payload_bytes=100, required=True
            )
        ],
        limits=LimitsConfig(margin=0.5),
    )
    manifest = WorkerManifest(
        worker="w",
        hooks=(GUARD,),
        instance="host-7",
        sdk="sidehook-python 1.0",
        protocol_version=3,
        capabilities=frozenset({"fusion", "extend"}),
    )
    sidecar = Scripted(config)
    return sidecar.apply(
        transitions.attached(sidecar.registry, "one", manifest, expected_worker="w")
    )


def view_of(sidecar: Scripted) -> Any:
    """As the reader of a JSON file has it."""
    return json.loads(json.dumps(sidecar.registry.view()))


def test_every_term_of_a_hook_is_shown() -> None:
    hook = a_sidecar().planned()
    assert hook_view(hook) == {
        "name": "guard",
        "hook_type": TYPE,
        "mode": "sequential",
        "priority": 7,
        "timeout_seconds": 0.5,
        "on_error": {kind.value: "ignore" for kind in FailureClass},
        "on_rejected": "error",
        "tenant": "acme",
        "scope": "inner",
        "fields": ["a", "b"],
        "idempotent": True,
        "required": False,
        "condition": "has(payload.a)",
        "sample": 1.0,
        "requires_final_payload": True,
        "shadow_of": None,
    }


def test_every_worker_is_shown_that_is_known_or_configured() -> None:
    sidecar = a_sidecar().attach("two", a_hook(), worker="x").goodbye("one")
    absent, one, two = view_of(sidecar)["workers"]
    assert absent == {
        "name": "absent",
        "configured": True,
        "optional": True,
        "target": None,
        "seen": False,
        "instances": [],
        "hooks": [],
    }
    assert one == {
        "name": "w",
        "configured": True,
        "optional": False,
        "target": "unix:///run/w.sock",
        "seen": True,
        "instances": [
            {
                "link": "one",
                "instance": "host-7",
                "sdk": "sidehook-python 1.0",
                "protocol_version": 3,
                "capabilities": ["extend", "fusion"],
                "healthy": True,
                "draining": True,
            }
        ],
        "hooks": [{**hook_view(sidecar.planned()), "links": []}],
    }
    assert (two["name"], two["configured"], two["optional"], two["target"]) == (
        "x",
        False,
        False,
        None,
    )
    assert two["hooks"] == [{**hook_view(sidecar.planned(worker="x")), "links": ["two"]}]


def test_a_type_is_shown_that_has_hooks_or_misses_something_or_is_configured() -> None:
    sidecar = a_sidecar().attach("two", a_hook(), worker="x")
    generation = sidecar.registry.plan(TYPE).generation
    types = view_of(sidecar)["hook_types"]
    assert list(types) == [TYPE, "own"]
    assert types["own"] == {
        "declared": True,
        "generation": sidecar.registry.plan("own").generation,
        "max_payload_bytes": 100,
        "writable": ["a", "b"],
        "missing": ["no unscoped hook of the required type 'own' is registered"],
        "hooks": [],
    }
    assert types[TYPE]["generation"] == generation
    assert types[TYPE]["hooks"] == [
        {
            "hook": "x/guard",
            "mode": "sequential",
            "priority": 50,
            "scope": None,
            "shadow": False,
            "requires_final_payload": False,
            "instances": 1,
        },
        {
            "hook": "w/guard",
            "mode": "sequential",
            "priority": 7,
            "scope": "inner",
            "shadow": False,
            "requires_final_payload": True,
            "instances": 1,
        },
    ]


def test_the_state_as_a_whole_is_shown() -> None:
    sidecar = a_sidecar()
    sidecar.attach("app", a_hook("own"), worker="app", scope_handle="h1").detach("app")
    sidecar.attach("app2", a_hook("own"), worker="app", scope_handle="h2")
    view = view_of(sidecar)
    del view["workers"], view["hook_types"]
    assert view == {
        "generation": sidecar.registry.generation,
        "list_version": sidecar.registry.list_version,
        "list_complete": True,
        "development": False,
        "ready": False,
        "missing": ["no unscoped hook of the required type 'own' is registered"],
        "degraded": [
            "worker 'absent' has not registered since the sidecar started",
            f"worker 'absent' has no hook of type {OTHER_TYPE!r}, as configured",
        ],
        "settings": {
            "default_budget_seconds": 10.0,
            "margin_seconds": 0.5,
            "observer_share": 0.2,
        },
        "calling": {
            "open_tcp": None,
            "tls": False,
            "client_certificates": False,
            "callers": None,
            "callers_with_tokens": [],
        },
        "scope_handles": {"live": 1, "gone": 1},
    }


def test_what_every_call_misses_is_shown_before_what_calls_of_a_type_miss() -> None:
    word = HookConfig(name="guard", hook_type=TYPE, required=True)
    config = a_config(
        WorkerConfig(name="pii"), WorkerConfig(name="w", optional=True, hooks=(word,))
    )
    assert view_of(Scripted(config))["missing"] == [
        "worker 'pii' has not registered since the sidecar started",
        "required hook w/guard is not registered",
    ]


def test_a_sentence_that_concerns_two_types_is_shown_once() -> None:
    config = a_config(WorkerConfig(name="pii", types=frozenset({TYPE, OTHER_TYPE})))
    view = view_of(Scripted(config))
    assert view["missing"] == ["worker 'pii' has not registered since the sidecar started"]
    assert view["list_complete"] is True
    assert list(view["hook_types"]) == [TYPE, OTHER_TYPE]


def test_a_shadowed_hook_and_a_development_sidecar_are_shown_as_such() -> None:
    word = HookConfig(name="guard", shadow=True)
    sidecar = Scripted(a_config(WorkerConfig(name="w", hooks=(word,)), dev=True))
    view = view_of(sidecar.attach("one", a_hook()))
    assert view["development"] is True
    types = view["hook_types"]
    (hook,) = types[TYPE]["hooks"]
    assert hook["shadow"] is True


def test_an_undeclared_type_that_is_allowed_is_shown_and_not_degraded() -> None:
    sidecar = Scripted(a_config(undeclared_types=UndeclaredTypes.ALLOW))
    view = view_of(sidecar.attach("one", a_hook(hook_type="nobodys")))
    assert view["degraded"] == []
    types = view["hook_types"]
    assert types["nobodys"]["declared"] is False
