"""What a failure does to a call: failure class and policy in, consequence out.

Two tables hold the whole of it. `CLASSES` says what a class of failure means for the
instance that it happened on; `CONSEQUENCES` what it does to the call, by the hook's
`on_error`. `consequence` reads them, and knows the two kinds of hooks whose failures
never end a call: those that run detached, and those in shadow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from sidehook._manifest import ErrorPolicy
from sidehook._types import FailureClass, HookOutcome, Mode, OnError
from sidehook_server.modes import MODES


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassRow:
    """One failure class. `feeds_breaker`: it counts against the hook on its instance.

    `workers_own`: a worker may claim it for its own failure; any other counts as raised.
    """

    feeds_breaker: bool
    workers_own: bool


CLASSES: Final[Mapping[FailureClass, ClassRow]] = MappingProxyType(
    {
        # An instance that is gone takes its breakers with it, and the next one starts afresh.
        FailureClass.UNREACHABLE: ClassRow(feeds_breaker=False, workers_own=False),
        FailureClass.TIMEOUT: ClassRow(feeds_breaker=True, workers_own=False),
        FailureClass.RAISED: ClassRow(feeds_breaker=True, workers_own=True),
        FailureClass.MALFORMED: ClassRow(feeds_breaker=True, workers_own=True),
        # A queue that is too long says nothing about the hook at the end of it.
        FailureClass.OVERLOADED: ClassRow(feeds_breaker=False, workers_own=True),
        FailureClass.CIRCUIT_OPEN: ClassRow(feeds_breaker=False, workers_own=False),
    }
)
"""What each failure class means for the instance that it happened on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Consequence:
    """What one failure does. `opens_circuit`: the hook is left out on that instance at once."""

    outcome: HookOutcome
    ends_call: bool = False
    opens_circuit: bool = False


_CLOSED: Final = Consequence(outcome=HookOutcome.FAILED_CLOSED, ends_call=True)
_OPEN: Final = Consequence(outcome=HookOutcome.FAILED_OPEN)
_DISABLING: Final = Consequence(outcome=HookOutcome.FAILED_OPEN, opens_circuit=True)
_DISABLED: Final = Consequence(outcome=HookOutcome.SKIPPED_DISABLED)

CONSEQUENCES: Final[Mapping[tuple[FailureClass, OnError], Consequence]] = MappingProxyType(
    {
        (FailureClass.UNREACHABLE, OnError.FAIL): _CLOSED,
        (FailureClass.UNREACHABLE, OnError.IGNORE): _OPEN,
        # There is no instance left on which it could be left out.
        (FailureClass.UNREACHABLE, OnError.DISABLE): _OPEN,
        (FailureClass.TIMEOUT, OnError.FAIL): _CLOSED,
        (FailureClass.TIMEOUT, OnError.IGNORE): _OPEN,
        (FailureClass.TIMEOUT, OnError.DISABLE): _DISABLING,
        (FailureClass.RAISED, OnError.FAIL): _CLOSED,
        (FailureClass.RAISED, OnError.IGNORE): _OPEN,
        (FailureClass.RAISED, OnError.DISABLE): _DISABLING,
        (FailureClass.MALFORMED, OnError.FAIL): _CLOSED,
        (FailureClass.MALFORMED, OnError.IGNORE): _OPEN,
        (FailureClass.MALFORMED, OnError.DISABLE): _DISABLING,
        (FailureClass.OVERLOADED, OnError.FAIL): _CLOSED,
        (FailureClass.OVERLOADED, OnError.IGNORE): _OPEN,
        (FailureClass.OVERLOADED, OnError.DISABLE): _DISABLING,
        (FailureClass.CIRCUIT_OPEN, OnError.FAIL): _CLOSED,
        (FailureClass.CIRCUIT_OPEN, OnError.IGNORE): _OPEN,
        (FailureClass.CIRCUIT_OPEN, OnError.DISABLE): _DISABLED,
    }
)
"""What a failure of each class does to its call under each policy."""


def consequence(kind: FailureClass, action: OnError, *, may_end_call: bool) -> Consequence:
    """What a failure of this class does, under the action that the hook has for it."""
    found = CONSEQUENCES[kind, action]
    return _OPEN if found.ends_call and not may_end_call else found


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
