"""How a call ended, in the words of the contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sidehook._call import CallAnswer, CallFailure, Violation
from sidehook._types import CallOutcome

_FAILED: Final[Mapping[str, CallOutcome]] = {
    "DEADLINE_EXCEEDED": CallOutcome.DEADLINE,
    "CANCELLED": CallOutcome.CANCELLED,
}


def outcome_of(answer: CallAnswer) -> CallOutcome:
    """The outcome that an answer stands for."""
    outcome = answer.outcome
    if isinstance(outcome, CallFailure):
        return _FAILED.get(outcome.reason, CallOutcome.FAILED)
    return CallOutcome.BLOCKED if isinstance(outcome, Violation) else CallOutcome.PROCEEDED
