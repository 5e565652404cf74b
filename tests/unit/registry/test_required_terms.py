"""A required hook is let off by nothing, not by another mode of the operator's either."""

from __future__ import annotations

from sidehook._manifest import HookSpec
from sidehook._types import FailureClass, Mode, OnError
from sidehook_server.config.model import HookConfig
from sidehook_server.registry.terms import terms


def test_a_required_guard_made_audit_is_not_in_shadow_and_its_failure_ends_the_call() -> None:
    said = HookConfig(name="guard", mode=Mode.AUDIT, required=True)
    hook = terms(HookSpec(name="guard", hook_type="t"), worker="w", said=said)
    assert not hook.in_shadow
    assert hook.may_end_call
    assert hook.on_error == dict.fromkeys(FailureClass, OnError.FAIL)
