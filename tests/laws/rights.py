"""What hooks may do, and what their failures do, by the table of the rules."""

from __future__ import annotations

from functools import cache
from hashlib import blake2b
from typing import Final

from sidehook._types import FailureClass, Mode, OnError
from tests.laws.chains import HookCase, Policy

FAILS_CLOSED_BY_DEFAULT: Final = {Mode.SEQUENTIAL, Mode.TRANSFORM, Mode.CONCURRENT}
MAY_BLOCK: Final = {Mode.SEQUENTIAL, Mode.CONCURRENT}
MAY_MODIFY: Final = {Mode.SEQUENTIAL, Mode.TRANSFORM}
KEEPS_STATE: Final = {Mode.SEQUENTIAL, Mode.TRANSFORM, Mode.CONCURRENT}
A_WORKERS_OWN: Final = {FailureClass.RAISED, FailureClass.MALFORMED, FailureClass.OVERLOADED}


@cache
def place_in_sample(tenant: str, session: str, path: str) -> float:
    """Where a session stands in the sample of a hook: from 0 up to 1, for good."""
    octets = blake2b(f"{tenant}\0{session}\0{path}".encode(), digest_size=8).digest()
    return int.from_bytes(octets, "big") / 2**64


def may(hook: HookCase, right: set[Mode]) -> bool:
    """Whether a hook has a right, or had it before it was put in shadow."""
    if hook.gate and right is MAY_MODIFY:
        return False
    return (hook.shadow_of or hook.mode) in right


def action_on(policy: Policy, mode: Mode, kind: FailureClass) -> OnError:
    """What a failure of this class does, by the worker's word or the mode's default."""
    default = OnError.FAIL if mode in FAILS_CLOSED_BY_DEFAULT else OnError.IGNORE
    return dict(policy.overrides).get(kind, policy.default or default)


def observes(hook: HookCase) -> bool:
    """Whether a hook that holds up the call lives on the observers' share."""
    return hook.shadow_of is not None or hook.mode is Mode.AUDIT
