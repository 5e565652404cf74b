"""What stands exactly at a limit is taken, and what is one step beyond it is not."""

from __future__ import annotations

from typing import Any

import pytest

from sidehook._manifest import HookSpec
from sidehook._types import Mode
from sidehook_server.config.model import HookConfig, WorkerConfig
from sidehook_server.config.naming import MAX_HOOKS
from sidehook_server.registry import transitions
from sidehook_server.registry.effects import RefusalReason
from sidehook_server.registry.identity import Certificate
from tests.unit.registry.scripted import TYPE, Scripted, a_config, a_hook, a_manifest

TAKEN: dict[str, dict[str, Any]] = {
    "the highest priority": {"priority": 1_000_000},
    "the lowest priority": {"priority": -1_000_000},
    "the longest timeout": {"timeout": 3600.0},
    "a very short timeout": {"timeout": 1e-9},
    "a share of all": {"sample": 1.0, "mode": Mode.AUDIT},
    "a share of hardly any": {"sample": 1e-9, "mode": Mode.FIRE_AND_FORGET},
    "a gate without a mode": {"requires_final_payload": True},
    "a gate with the mode of one": {"requires_final_payload": True, "mode": Mode.SEQUENTIAL},
    "no gate of another mode": {"requires_final_payload": False, "mode": Mode.AUDIT},
    "a description of its length": {"description": "x" * 1024},
    "a scope of its length": {"scope": "x" * 256},
    "a condition on a field that it receives": {
        "condition": "has(payload.a)",
        "fields": ("a",),
    },
    "two fields": {"fields": ("a", "b")},
}

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a priority below the lowest": (
        {"priority": -1_000_001},
        "field priority: -1000001 is out of range; use -1000000 to 1000000",
    ),
    "a timeout below none": (
        {"timeout": -0.5},
        "field timeout: -0.5 s is out of range; use over 0 and up to 3600 s",
    ),
    "a timeout without end": ({"timeout": float("inf")}, "field timeout: inf s is out of range"),
    "no share": (
        {"sample": 0.0, "mode": Mode.AUDIT},
        "field sample: 0 is no share; use over 0 and up to 1",
    ),
    "more than all": (
        {"sample": 1.001, "mode": Mode.AUDIT},
        "field sample: 1.001 is no share; use over 0 and up to 1",
    ),
    "a share of a TRANSFORM hook": (
        {"sample": 0.5, "mode": Mode.TRANSFORM},
        "field sample: a TRANSFORM hook sees every call",
    ),
    "a gate that transforms": (
        {"requires_final_payload": True, "mode": Mode.TRANSFORM},
        "only SEQUENTIAL hooks may require the final payload, not TRANSFORM; leave it out",
    ),
    "fields twice, in order": (
        {"fields": ("b", "a", "c", "a", "b")},
        "field fields: 'a', 'b' named more than once; name each field once",
    ),
    "a field without a name among others": (
        {"fields": ("a", "")},
        "field fields: a field has no name; leave it out",
    ),
    "a scope that is too long": ({"scope": "x" * 257}, "field scope: use at most 256 characters"),
}


@pytest.mark.parametrize("terms", list(TAKEN.values()), ids=list(TAKEN))
def test_terms_at_a_limit_are_taken(terms: dict[str, Any]) -> None:
    assert Scripted().attach("one", a_hook(**terms)).problems() == ()


@pytest.mark.parametrize(("terms", "problem"), list(REFUSED.values()), ids=list(REFUSED))
def test_terms_beyond_a_limit_are_refused(terms: dict[str, Any], problem: str) -> None:
    (text,) = Scripted().attach("one", a_hook(**terms)).problems()
    assert text.startswith("worker 'w', hook 'guard', field ")
    assert problem in text


def test_a_manifest_with_as_many_hooks_as_there_may_be_is_taken() -> None:
    hooks = [a_hook(f"h{number}") for number in range(MAX_HOOKS)]
    assert Scripted().attach("one", *hooks).problems() == ()


@pytest.mark.parametrize(
    "said",
    [
        {"sdk": "x" * 256},
        {"instance": "x" * 256},
        {"tenant": "x" * 256},
        {"capabilities": frozenset({"x" * 256})},
        {"capabilities": frozenset(map(str, range(64)))},
    ],
)
def test_what_a_worker_says_of_itself_is_taken_at_its_limit(said: dict[str, Any]) -> None:
    sidecar = Scripted()
    sidecar.apply(transitions.attached(sidecar.registry, "one", a_manifest(a_hook(), **said)))
    assert sidecar.problems() == ()


def test_problems_of_the_worker_are_told_before_those_of_its_hooks() -> None:
    manifest = a_manifest(a_hook("a b"), worker="w", tenant="\n")
    sidecar = Scripted()
    sidecar.apply(transitions.attached(sidecar.registry, "one", manifest))
    worker, hook = sidecar.problems()
    assert worker.startswith("worker 'w', field tenant: ")
    assert hook.startswith("worker 'w', hook 'a b', field name: ")
    assert sidecar.last.refusal is not None
    assert sidecar.last.refusal.reason is RefusalReason.INVALID_MANIFEST


def test_only_so_many_problems_of_the_worker_itself_are_told() -> None:
    hooks = [a_hook(f"h{number}") for number in range(60)]
    sidecar = Scripted().attach("one", *hooks, *hooks)
    problems = sidecar.problems()
    assert len(problems) == 50
    assert all("2 hooks have it; rename all but one" in problem for problem in problems)


def test_every_hook_of_one_name_is_counted() -> None:
    sidecar = Scripted().attach("one", a_hook("a"), a_hook("a", "tool_pre_invoke"), a_hook("b"))
    (problem,) = sidecar.problems()
    assert problem == "worker 'w', hook 'a', field name: 2 hooks have it; rename all but one"


REQUIRED = HookConfig(name="guard", hook_type=TYPE, required=True)


def required(word: HookConfig = REQUIRED) -> Scripted:
    return Scripted(a_config(WorkerConfig(name="w", hooks=(word,))))


def test_only_the_operator_puts_a_condition_on_a_required_hook() -> None:
    sidecar = required().attach("one", a_hook(condition="has(payload.a)"))
    assert sidecar.problems() == (
        "worker 'w', hook 'guard', field condition: the sidecar's configuration requires this "
        "hook, and only it may say when a required hook is left out; leave the condition out",
    )
    other = a_hook("other", condition="has(payload.a)")
    assert required().attach("one", other).problems() == ()
    word = HookConfig(name="guard", hook_type=TYPE, required=True, condition="has(payload.b)")
    assert required(word).attach("one", a_hook(condition="has(payload.a)")).problems() == ()
    free = HookConfig(name="guard", hook_type=TYPE)
    assert required(free).attach("one", a_hook(condition="has(payload.a)")).problems() == ()


def test_a_hook_that_is_configured_and_not_required_may_have_a_scope() -> None:
    word = HookConfig(name="guard", hook_type=TYPE)
    assert required(word).attach("one", a_hook(scope="inner")).problems() == ()
    (problem,) = required().attach("one", a_hook(scope="inner")).problems()
    assert problem.endswith(
        "a required hook runs for every call; leave the scope out",
    )


def test_what_the_operator_says_of_a_worker_does_not_bear_on_an_applications_scope() -> None:
    sidecar = required()
    spec = HookSpec(name="guard", hook_type=TYPE, condition="has(payload.a)")
    assert sidecar.attach("app", spec, scope_handle="h1").problems() == ()


def test_a_name_is_suggested_only_for_a_type_that_resembles_a_declared_one() -> None:
    (problem,) = Scripted().attach("one", a_hook(hook_type="zzz")).problems()
    assert problem == (
        "worker 'w', hook 'guard', field hook_type: 'zzz' is not declared; declare it in the "
        "sidecar's configuration under hook_types"
    )


def test_a_certificate_with_many_names_shows_the_first_eight_in_order() -> None:
    names = [f"n{number}.example" for number in range(9)]
    certificate = Certificate(
        common_name="pii",
        dns=frozenset(names),
        uris=frozenset({"a://b"}),
        has_alternative_names=True,
    )
    assert str(certificate) == ", ".join(map(repr, ["a://b", *names[:7]]))
    assert str(Certificate(common_name="pii")) == "'pii'"
    assert str(Certificate()) == "nobody by URI or DNS name"
    bare = Certificate(common_name="pii", has_alternative_names=True)
    assert str(bare) == "nobody by URI or DNS name"
