"""What a failure does to a call: failure class and policy in, action out."""

from __future__ import annotations

from collections.abc import Mapping

from sidehook._manifest import ErrorPolicy
from sidehook._types import FailureClass, Mode, OnError
from sidehook_server.modes import MODES


def complete_policy(
    mode: Mode, policy: ErrorPolicy | None, *, required: bool = False
) -> Mapping[FailureClass, OnError]:
    """The action for every failure class of a hook.

    A class that the policy does not name takes the policy's default, else the
    mode's. `required` turns every action into FAIL: a guard that must run cannot
    be let off by its own worker.
    """
    if required:
        return dict.fromkeys(FailureClass, OnError.FAIL)
    policy = policy or ErrorPolicy()
    default = MODES[mode].default_on_error if policy.default is None else policy.default
    return {kind: policy.overrides.get(kind, default) for kind in FailureClass}
