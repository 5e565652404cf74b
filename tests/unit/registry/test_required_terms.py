"""A required hook is let off by nothing, not by another mode of the operator's either."""

from __future__ import annotations

import pytest

from sidehook._manifest import HookSpec
from sidehook._types import FailureClass, Mode, OnError
from sidehook_server.config.model import HookConfig, WorkerConfig
from sidehook_server.registry import transitions
from sidehook_server.registry.terms import terms
from tests.unit.registry.scripted import TYPE, Scripted, a_config, a_hook


def test_a_required_guard_made_audit_is_not_in_shadow_and_its_failure_ends_the_call() -> None:
    said = HookConfig(name="guard", mode=Mode.AUDIT, required=True)
    hook = terms(HookSpec(name="guard", hook_type="t"), worker="w", said=said)
    assert not hook.in_shadow
    assert hook.may_end_call
    assert hook.on_error == dict.fromkeys(FailureClass, OnError.FAIL)


@pytest.mark.parametrize("mode", [Mode.AUDIT, Mode.FIRE_AND_FORGET])
def test_a_required_observer_sees_every_call_whatever_its_worker_proposes(mode: Mode) -> None:
    spec = HookSpec(name="watch", hook_type="t", mode=mode, sample=0.5, condition="1 > 2")
    required = terms(spec, worker="w", said=HookConfig(name="watch", required=True))
    assert (required.sample, required.condition) == (1.0, None)
    left_to_its_worker = terms(spec, worker="w", said=HookConfig(name="watch"))
    assert left_to_its_worker.sample == 0.5
    assert left_to_its_worker.condition is not None


def test_the_operator_may_let_a_required_observer_see_a_sample() -> None:
    said = HookConfig(name="watch", required=True, sample=0.2, condition="hook_type == 't'")
    hook = terms(HookSpec(name="watch", hook_type="t", mode=Mode.AUDIT), worker="w", said=said)
    assert hook.sample == 0.2
    assert hook.condition is not None


def test_a_manifest_with_a_sample_for_a_required_hook_is_refused() -> None:
    sidecar = Scripted(a_config(_requiring(required=True)))
    sidecar.attach("one", a_hook("watch", mode=Mode.AUDIT, sample=0.5))
    (problem,) = sidecar.problems()
    assert "hook 'watch', field sample: the sidecar's configuration requires this hook" in problem
    assert problem.endswith("leave the sample out")
    assert sidecar.attach("two", a_hook("watch", mode=Mode.AUDIT, sample=1.0)).problems() == ()


def test_a_hook_that_becomes_required_loses_the_sample_it_registered_with() -> None:
    sidecar = Scripted(a_config(_requiring(required=False)))
    sidecar.attach("one", a_hook("watch", mode=Mode.AUDIT, sample=0.5))
    assert [hook.sample for hook in sidecar.registry.plan(TYPE).hooks] == [0.5]
    after = a_config(_requiring(required=True))
    sidecar.apply(transitions.configured(sidecar.registry, after))
    (hook,) = sidecar.registry.plan(TYPE).hooks
    assert hook.sample == 1.0
    assert sidecar.registry.candidates(hook) == ("one",)


def _requiring(*, required: bool) -> WorkerConfig:
    return WorkerConfig(
        name="w", hooks=(HookConfig(name="watch", hook_type=TYPE, required=required),)
    )
