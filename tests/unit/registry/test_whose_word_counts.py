"""Rule 7, term by term: the operator's word, else the worker's, else the table's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sidehook._manifest import ErrorPolicy, HookSpec
from sidehook._types import FailureClass, Mode, OnError, OnRejected
from sidehook_server.conditions import compile_condition
from sidehook_server.config.model import HookConfig, WorkerConfig
from sidehook_server.modes import GATES, MODES
from sidehook_server.pipeline.model import PlannedHook
from sidehook_server.registry.effects import KeptHook
from sidehook_server.registry.terms import declared, is_stronger, losses, terms
from tests.unit.registry.scripted import FAIL, IGNORE, TYPE, a_hook

FAILS = dict.fromkeys(FailureClass, OnError.FAIL)
IGNORES = dict.fromkeys(FailureClass, OnError.IGNORE)

PROPOSED = a_hook(
    mode=Mode.AUDIT,
    priority=7,
    timeout=0.5,
    on_error=FAIL,
    on_rejected=OnRejected.ERROR,
    scope="inner",
    fields=("b", "a"),
    idempotent=True,
    condition="has(payload.a)",
    sample=0.25,
)
SAID = HookConfig(
    name="guard",
    mode=Mode.FIRE_AND_FORGET,
    priority=9,
    timeout=2.0,
    on_error=ErrorPolicy(default=OnError.DISABLE),
    on_rejected=OnRejected.DROP,
    scope="outer",
    condition="has(payload.b)",
    sample=0.75,
)


def of(spec: HookSpec, said: HookConfig | None = None) -> PlannedHook:
    return terms(spec, worker="w", tenant="acme", said=said or HookConfig(name="guard"))


def test_what_nobody_says_is_the_tables() -> None:
    assert of(a_hook()) == PlannedHook(
        worker="w",
        name="guard",
        hook_type=TYPE,
        mode=Mode.SEQUENTIAL,
        priority=50,
        timeout=5.0,
        on_error=FAILS,
        on_rejected=OnRejected.DROP,
        tenant="",
        scope=None,
        fields=None,
        idempotent=False,
        required=False,
        handle=None,
        condition=None,
        sample=1.0,
        final_payload=False,
        shadow_of=None,
    )


def test_the_defaults_are_those_of_the_mode_in_force() -> None:
    hook = of(a_hook(mode=Mode.SEQUENTIAL), HookConfig(name="guard", mode=Mode.FIRE_AND_FORGET))
    assert (hook.timeout, hook.on_error) == (30.0, IGNORES)


def test_what_the_worker_proposes_stands_while_the_operator_says_nothing() -> None:
    assert of(PROPOSED) == PlannedHook(
        worker="w",
        name="guard",
        hook_type=TYPE,
        mode=Mode.AUDIT,
        priority=7,
        timeout=0.5,
        on_error=FAILS,
        on_rejected=OnRejected.ERROR,
        tenant="acme",
        scope="inner",
        fields=frozenset({"a", "b"}),
        idempotent=True,
        condition=compile_condition("has(payload.a)"),
        sample=0.25,
    )


def test_what_the_operator_says_stands_over_it() -> None:
    assert of(PROPOSED, SAID) == replace(
        of(PROPOSED),
        mode=Mode.FIRE_AND_FORGET,
        priority=9,
        timeout=2.0,
        on_error=dict.fromkeys(FailureClass, OnError.DISABLE),
        on_rejected=OnRejected.DROP,
        scope="outer",
        condition=compile_condition("has(payload.b)"),
        sample=0.75,
    )


def test_a_required_hook_has_no_scope_no_tenant_and_fails_the_call() -> None:
    hook = of(PROPOSED, replace(SAID, required=True, mode=None))
    assert (hook.scope, hook.tenant, hook.required) == (None, "", True)
    assert hook.on_error == FAILS
    assert hook.on_rejected is OnRejected.DROP


def test_empty_words_of_the_operator_take_a_scope_and_a_condition_away() -> None:
    hook = of(PROPOSED, HookConfig(name="guard", scope="", condition=""))
    assert (hook.scope, hook.tenant, hook.condition) == (None, "", None)


def test_the_operators_policy_by_class_stands_over_the_workers_and_his_default_over_all() -> None:
    timeout = {FailureClass.TIMEOUT: OnError.DISABLE}
    by_class = HookConfig(name="guard", on_error=ErrorPolicy(overrides=timeout))
    assert of(a_hook(on_error=IGNORE), by_class).on_error == {**IGNORES, **timeout}
    whole = HookConfig(name="guard", on_error=ErrorPolicy(default=OnError.FAIL, overrides=timeout))
    assert of(a_hook(on_error=IGNORE), whole).on_error == {**FAILS, **timeout}
    default = HookConfig(name="guard", on_error=ErrorPolicy(default=OnError.FAIL))
    own = a_hook(on_error=ErrorPolicy(default=OnError.IGNORE, overrides=timeout))
    assert of(own, default).on_error == FAILS


def test_only_what_observes_has_a_sample() -> None:
    said = HookConfig(name="guard", sample=0.5)
    assert of(a_hook(mode=Mode.SEQUENTIAL), said).sample == 1.0
    assert of(a_hook(mode=Mode.AUDIT), said).sample == 0.5
    assert of(a_hook(mode=Mode.AUDIT)).sample == 1.0
    assert of(a_hook(mode=Mode.SEQUENTIAL), replace(said, shadow=True)).sample == 0.5
    assert of(a_hook(mode=Mode.AUDIT, sample=0.5), replace(said, mode=Mode.CONCURRENT)).sample == 1


@pytest.mark.parametrize(
    ("spec", "said", "gates"),
    [
        (a_hook(requires_final_payload=True), {}, True),
        (a_hook(), {"requires_final_payload": True}, True),
        (a_hook(requires_final_payload=True), {"requires_final_payload": False}, False),
        (a_hook(requires_final_payload=True), {"mode": Mode.TRANSFORM}, False),
        (a_hook(requires_final_payload=False), {}, False),
    ],
)
def test_a_gate_is_a_sequential_hook_that_requires_the_final_payload(
    spec: HookSpec, said: dict[str, bool], *, gates: bool
) -> None:
    assert of(spec, HookConfig(name="guard", **said)).final_payload is gates  # type: ignore[arg-type]  # as the case names them


@pytest.mark.parametrize(
    ("spec", "said", "row"),
    [
        (a_hook(), HookConfig(name="guard"), None),
        (a_hook(), HookConfig(name="guard", shadow=True), MODES[Mode.SEQUENTIAL]),
        (a_hook(mode=Mode.TRANSFORM), HookConfig(name="guard", shadow=True), MODES[Mode.TRANSFORM]),
        (a_hook(requires_final_payload=True), HookConfig(name="guard", shadow=True), GATES),
        (
            a_hook(requires_final_payload=True),
            HookConfig(name="guard", shadow=True, mode=Mode.TRANSFORM),
            MODES[Mode.TRANSFORM],
        ),
        (a_hook(), HookConfig(name="guard", mode=Mode.AUDIT), MODES[Mode.SEQUENTIAL]),
        (
            a_hook(mode=Mode.CONCURRENT),
            HookConfig(name="guard", mode=Mode.AUDIT),
            MODES[Mode.CONCURRENT],
        ),
        (
            a_hook(mode=Mode.SEQUENTIAL, requires_final_payload=True),
            HookConfig(name="guard", mode=Mode.AUDIT),
            GATES,
        ),
        (a_hook(mode=Mode.AUDIT), HookConfig(name="guard", mode=Mode.AUDIT), None),
        (a_hook(mode=Mode.FIRE_AND_FORGET), HookConfig(name="guard", mode=Mode.AUDIT), None),
        (a_hook(), HookConfig(name="guard", mode=Mode.FIRE_AND_FORGET), None),
        (a_hook(), HookConfig(name="guard", shadow=True, required=True), None),
        (a_hook(), HookConfig(name="guard", mode=Mode.AUDIT, required=True), None),
    ],
)
def test_the_rights_that_the_operator_took_from_a_hook_are_those_it_would_have(
    spec: HookSpec, said: HookConfig, row: object
) -> None:
    assert of(spec, said).shadow_of is row


def test_the_tenant_is_the_operators_else_the_one_of_the_manifest() -> None:
    kept = KeptHook(a_hook(scope="inner"), "acme")
    by_operator = WorkerConfig(name="w", tenant="umbrella")
    assert declared(kept, worker="w", config=None).terms.tenant == "acme"
    assert declared(kept, worker="w", config=WorkerConfig(name="w")).terms.tenant == "acme"
    assert declared(kept, worker="w", config=by_operator).terms.tenant == "umbrella"
    nobody = WorkerConfig(name="w", tenant="")
    assert declared(kept, worker="w", config=nobody).terms.tenant == ""


def test_only_the_word_on_this_hook_counts() -> None:
    word = HookConfig(name="guard", priority=1)
    config = WorkerConfig(name="w", hooks=(word, HookConfig(name="other", priority=2)))
    for name, priority in (("guard", 1), ("other", 2), ("third", 50)):
        hook = declared(KeptHook(a_hook(name)), worker="w", config=config)
        assert hook.kept == KeptHook(a_hook(name))
        assert (hook.terms.name, hook.terms.worker, hook.terms.priority) == (name, "w", priority)


def test_an_application_s_own_hook_has_its_handle_and_no_tenant() -> None:
    hook = terms(a_hook(), worker="app", handle="h1")
    assert (hook.handle, hook.tenant, hook.scope, hook.worker) == ("h1", "", None, "app")


def test_everything_that_a_hook_gives_up_is_named_in_order() -> None:
    old = of(a_hook(on_rejected=OnRejected.ERROR))
    new = replace(
        of(a_hook(mode=Mode.FIRE_AND_FORGET, sample=0.5, condition="has(payload.a)")),
        scope="inner",
        tenant="acme",
    )
    assert losses(old, new) == (
        "mode sequential -> fire_and_forget can no longer block or hold the call or modify",
        "on_error fail -> ignore",
        "only calls of scope 'inner' and tenant 'acme' are seen",
        "only calls for which its condition holds are seen",
        "sample 1 -> 0.5",
        "on_rejected error -> drop",
    )
    assert not is_stronger(new, old)
    assert losses(old, old) == ()
    assert not is_stronger(old, old)


def test_a_hook_that_sees_no_less_gives_nothing_up() -> None:
    scoped = of(a_hook(scope="inner", condition="has(payload.a)"))
    assert losses(scoped, scoped) == ()
    assert losses(scoped, of(a_hook())) == ()
    assert is_stronger(of(a_hook()), scoped)
    tenant = replace(scoped, tenant="umbrella")
    assert losses(scoped, tenant) == ("only calls of scope 'inner' and tenant 'umbrella' are seen",)
    other = replace(scoped, condition=compile_condition("has(payload.b)"))
    assert losses(scoped, other) == ("only calls for which its condition holds are seen",)
    half, all_of_it = (of(a_hook(mode=Mode.AUDIT, sample=share)) for share in (0.5, 1.0))
    assert losses(half, all_of_it) == ()
    assert is_stronger(all_of_it, half)


def test_classes_that_are_let_through_alike_are_named_together() -> None:
    old = replace(
        of(a_hook()),
        on_error={**FAILS, FailureClass.RAISED: OnError.IGNORE},
    )
    new = replace(old, on_error=dict.fromkeys(FailureClass, OnError.DISABLE))
    assert losses(old, new) == (
        "on_error fail -> disable for unreachable, timeout, malformed, overloaded, circuit_open",
        "on_error ignore -> disable for raised",
    )
    assert losses(new, old) == ()
