"""Bad manifests: every problem at once, each naming worker, hook, field and what to do."""

from __future__ import annotations

from typing import Any

import pytest

from sidehook._types import Mode
from sidehook_server.config.model import HookConfig, UndeclaredTypes, WorkerConfig
from sidehook_server.config.naming import MAX_HOOKS
from sidehook_server.registry import transitions
from sidehook_server.registry.effects import RefusalReason
from sidehook_server.registry.identity import Peer
from tests.unit.registry.scripted import TYPE, Scripted, a_config, a_hook, a_manifest

BAD_HOOKS: dict[str, tuple[dict[str, Any], str]] = {
    "a bad name": ({"name": "a b"}, "hook 'a b', field name: use 1 to 128 of letters"),
    "no name": ({"name": ""}, "hook '', field name: use 1 to 128 of letters"),
    "no hook type": ({"hook_type": ""}, "field hook_type: it is empty; name the point"),
    "a bad hook type": ({"hook_type": "a b"}, "field hook_type: use 1 to 128 of letters"),
    "an undeclared hook type": (
        {"hook_type": "component_pre_exec"},
        "field hook_type: 'component_pre_exec' is not declared; declare it in the sidecar's "
        "configuration under hook_types; did you mean 'component_pre_execute'?",
    ),
    "a priority out of range": ({"priority": 1_000_001}, "field priority: 1000001 is out of range"),
    "no time": ({"timeout": 0.0}, "field timeout: 0 s is out of range; use over 0 and up to 3600"),
    "too much time": ({"timeout": 3600.5}, "field timeout: 3600.5 s is out of range"),
    "no number of seconds": ({"timeout": float("nan")}, "field timeout: nan s is out of range"),
    "an empty condition": ({"condition": ""}, "field condition: it is empty; write a CEL"),
    "a condition that is no CEL": ({"condition": "payload."}, "field condition: "),
    "a condition on a field that the hook does not receive": (
        {"condition": "payload.a == 1", "fields": ("b",)},
        "field condition: it names a, and the hook receives only b; add them to the hook's fields",
    ),
    "a sample that is no share": (
        {"sample": 2.0, "mode": Mode.AUDIT},
        "field sample: 2 is no share; use over 0 and up to 1",
    ),
    "a sample of a guard": (
        {"sample": 0.5},
        "field sample: a SEQUENTIAL hook sees every call; leave it out, or observe in mode AUDIT",
    ),
    "a final-payload gate that is none": (
        {"requires_final_payload": True, "mode": Mode.AUDIT},
        "field requires_final_payload: only SEQUENTIAL hooks may require the final payload, "
        "not AUDIT; leave it out",
    ),
    "an empty scope": ({"scope": ""}, "field scope: it is empty; name the scope, or leave it out"),
    "an unprintable scope": ({"scope": "a\nb"}, "field scope: use printable characters only"),
    "a field twice": ({"fields": ("a", "a")}, "field fields: 'a' named more than once"),
    "a field without a name": ({"fields": ("",)}, "field fields: a field has no name"),
}


@pytest.mark.parametrize(("terms", "problem"), list(BAD_HOOKS.values()), ids=list(BAD_HOOKS))
def test_a_bad_hook_is_refused_with_its_field_and_the_fix(
    terms: dict[str, Any], problem: str
) -> None:
    sidecar = Scripted()
    before = sidecar.registry
    sidecar.attach("one", a_hook(**terms))
    (text,) = sidecar.problems()
    assert text.startswith("worker 'w', hook ")
    assert problem in text
    assert sidecar.registry is before
    assert sidecar.events() == ["registration_refused"]


@pytest.mark.parametrize("name", ["", "a b", "x" * 129, "ä", "shared.x"])
def test_a_bad_worker_name_is_refused(name: str) -> None:
    sidecar = Scripted().attach("one", worker=name)
    (problem,) = sidecar.problems()
    assert problem.startswith(f"worker {name!r}, field worker: ")


def test_every_problem_of_a_manifest_is_reported_at_once() -> None:
    hooks = (
        a_hook("a", timeout=0.0),
        a_hook("a", "nowhere"),
        a_hook("b", condition="x ==", sample=1),
    )
    manifest = a_manifest(*hooks, worker="w w", tenant="\n", instance="i" * 300)
    sidecar = Scripted()
    sidecar.apply(transitions.attached(sidecar.registry, "one", manifest))
    fields = [problem.split(": ")[0] for problem in sidecar.problems()]
    assert fields == [
        "worker 'w w', field worker",
        "worker 'w w', field instance",
        "worker 'w w', field tenant",
        "worker 'w w', hook 'a', field name",
        "worker 'w w', hook 'a', field timeout",
        "worker 'w w', hook 'a', field hook_type",
        "worker 'w w', hook 'b', field condition",
        "worker 'w w', hook 'b', field sample",
    ]


def test_two_hooks_of_one_name_are_refused() -> None:
    sidecar = Scripted().attach("one", a_hook("a"), a_hook("a", "tool_pre_invoke"))
    assert sidecar.problems() == (
        "worker 'w', hook 'a', field name: 2 hooks have it; rename all but one",
    )


def test_a_manifest_has_only_so_many_hooks() -> None:
    hooks = [a_hook(f"h{number}") for number in range(MAX_HOOKS + 1)]
    (problem,) = Scripted().attach("one", *hooks).problems()
    assert "field hooks: 1001 hooks, at most 1000 are taken" in problem


@pytest.mark.parametrize(
    ("terms", "problem"),
    [
        ({"sdk": "x" * 257}, "field sdk: use at most 256 characters"),
        ({"capabilities": frozenset({"x" * 257})}, "field capabilities: use at most 64 names"),
        ({"capabilities": frozenset(map(str, range(65)))}, "field capabilities: use at most 64"),
    ],
)
def test_what_a_worker_says_of_itself_has_a_limit(terms: dict[str, Any], problem: str) -> None:
    sidecar = Scripted()
    sidecar.apply(transitions.attached(sidecar.registry, "one", a_manifest(a_hook(), **terms)))
    (told,) = sidecar.problems()
    assert problem in told


def test_a_description_has_a_limit() -> None:
    (problem,) = Scripted().attach("one", a_hook(description="x" * 1025)).problems()
    assert "field description: use at most 1024 characters" in problem


def test_only_so_many_problems_of_one_manifest_are_told() -> None:
    hooks = [a_hook(f"h{number}", "component_pre_exec") for number in range(MAX_HOOKS)]
    assert len(Scripted().attach("one", *hooks).problems()) == 50


def test_a_name_that_is_too_long_is_cut_in_the_message() -> None:
    (problem,) = Scripted().attach("one", a_hook("x" * 10_000)).problems()
    assert len(problem) < 500


def test_a_refused_manifest_on_a_link_leaves_the_old_one() -> None:
    sidecar = Scripted().attach("one", a_hook()).remanifest("one", a_hook(hook_type=""))
    assert sidecar.last.refusal is not None
    assert sidecar.candidates() == ("one",)


def test_explicit_terms_that_say_nothing_are_accepted() -> None:
    sidecar = Scripted().attach("one", a_hook(requires_final_payload=False, fields=()))
    assert sidecar.problems() == ()
    assert sidecar.planned().fields == frozenset()


def test_an_undeclared_type_is_accepted_where_the_operator_allows_it() -> None:
    sidecar = Scripted(a_config(undeclared_types=UndeclaredTypes.ALLOW))
    assert sidecar.attach("one", a_hook(hook_type="own")).problems() == ()


def test_a_required_hook_may_not_declare_a_scope() -> None:
    config = a_config(WorkerConfig(name="w", hooks=(HookConfig(name="guard", required=True),)))
    (problem,) = Scripted(config).attach("one", a_hook(scope="inner")).problems()
    assert "field scope: the sidecar's configuration requires this hook" in problem


def test_a_kept_hook_that_is_required_later_runs_for_every_call() -> None:
    sidecar = Scripted().attach("one", a_hook(scope="inner"))
    config = a_config(
        WorkerConfig(name="w", hooks=(HookConfig(name="guard", hook_type=TYPE, required=True),))
    )
    assert sidecar.restarted(config).planned().scope is None


BOUND = a_config(WorkerConfig(name="w", uid=1000, optional=True))


def test_a_name_bound_to_a_user_is_given_to_that_user() -> None:
    assert Scripted(BOUND).attach("one", a_hook(), peer=Peer(uid=1000)).problems() == ()


@pytest.mark.parametrize(
    ("uid", "problem"),
    [(1001, "bound to user id 1000, and this process has 1001"), (None, "cannot be verified")],
)
def test_a_name_bound_to_a_user_is_refused_to_others(uid: int | None, problem: str) -> None:
    sidecar = Scripted(BOUND).attach("one", a_hook(), peer=Peer(uid=uid))
    assert problem in sidecar.problems()[0]
    assert sidecar.last.refusal is not None
    assert sidecar.last.refusal.reason is RefusalReason.WORKER_IDENTITY


def test_a_link_that_was_let_in_may_declare_itself_anew() -> None:
    sidecar = Scripted(BOUND).attach("one", a_hook("a"), peer=Peer(uid=1000))
    assert sidecar.remanifest("one", a_hook("a"), a_hook("b")).problems() == ()
    assert sidecar.candidates("b") == ("one",)


def test_a_dialled_target_must_answer_with_the_name_it_is_configured_under() -> None:
    sidecar = Scripted().attach("one", a_hook(), expected_worker="pii")
    assert "this connection belongs to worker 'pii'" in sidecar.problems()[0]


def test_a_connection_does_not_change_its_workers_name() -> None:
    sidecar = Scripted().attach("one", a_hook()).remanifest("one", a_hook(), worker="v")
    assert "this connection belongs to worker 'w'" in sidecar.problems()[0]
    assert sidecar.candidates() == ("one",)


def test_the_same_manifest_again_changes_nothing() -> None:
    sidecar = Scripted().attach("one", a_hook())
    before = sidecar.registry
    assert sidecar.remanifest("one", a_hook()).registry is before
