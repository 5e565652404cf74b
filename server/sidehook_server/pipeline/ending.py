"""How a call ends: what its caller is told, and what its detached hooks are."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sidehook._call import CallFailure, Violation
from sidehook._types import CallOutcome
from sidehook_server.deadline import Budget
from sidehook_server.modes import Ruling
from sidehook_server.pipeline import failures
from sidehook_server.pipeline.model import PlannedHook
from sidehook_server.pipeline.words import MAX_CODE, cut


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """`answer` is None when the call proceeded; `hook` is `worker/hook`, the one that ended it."""

    outcome: CallOutcome
    answer: Violation | CallFailure | None = None
    hook: str = ""
    code: str = ""


PROCEEDED = End(outcome=CallOutcome.PROCEEDED)
"""Every hook had its say."""


def reason_of(violation: Violation, hook: PlannedHook) -> str:
    """The violation's reason; an empty one is filled in."""
    return violation.reason or f"{hook.path} gave no reason"


def blocked(hook: PlannedHook, ruling: Ruling) -> End:
    """A hook said no. Who said it is the sidecar's to fill in."""
    assert ruling.violation is not None, "a block carries a violation"
    violation = replace(
        ruling.violation,
        code=cut(ruling.violation.code, MAX_CODE),
        reason=reason_of(ruling.violation, hook),
        hook=hook.name,
        worker=hook.worker,
    )
    return End(outcome=CallOutcome.BLOCKED, answer=violation, hook=hook.path, code=violation.code)


def failed(failure: CallFailure, hook: PlannedHook | None = None) -> End:
    """The call could not be decided."""
    return End(
        outcome=CallOutcome.FAILED,
        answer=failure,
        hook=hook.path if hook else "",
        code=failure.reason,
    )


def cancelled() -> End:
    """The caller is gone."""
    failure = failures.cancelled()
    return End(outcome=CallOutcome.CANCELLED, answer=failure, code=failure.reason)


def out_of_time(budget: Budget, running: PlannedHook | None) -> End:
    """The budget ran out, while this hook ran."""
    failure = failures.deadline(budget, running)
    return End(
        outcome=CallOutcome.DEADLINE,
        answer=failure,
        hook=running.path if running else "",
        code=failure.reason,
    )
