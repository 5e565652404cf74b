"""The failures that end a call, and those of hooks that the sidecar itself finds.

Each message says who, what, and what to do about it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sidehook._call import CallFailure
from sidehook._run import HookFailure
from sidehook._types import FailureClass
from sidehook_server.deadline import Budget
from sidehook_server.pipeline.model import PlannedHook
from sidehook_server.pipeline.plan import Plan

_ADVICE: Final[Mapping[FailureClass, str]] = {
    FailureClass.UNREACHABLE: "start its worker, or retire the hook with `sidehook retire`",
    FailureClass.TIMEOUT: "raise its timeout or the budget of the call, or make it faster",
    FailureClass.RAISED: "see the log of its worker",
    FailureClass.MALFORMED: "see the log of its worker, and the contract's comments",
    FailureClass.OVERLOADED: "run more replicas of its worker, or call less",
    FailureClass.CIRCUIT_OPEN: "it is tried again by itself; see the log of its worker",
}


def hook_failed(hook: PlannedHook, failure: HookFailure) -> CallFailure:
    """A hook's failure under on_error: fail."""
    kind = failure.failure_class
    what = f": {failure.message}" if failure.message else ""
    return CallFailure(
        reason="HOOK_FAILED",
        message=(
            f"hook {hook.path} failed ({kind}{what}) and its on_error is fail; {_ADVICE[kind]}"
        ),
        failure_class=kind,
        hook=hook.name,
        worker=hook.worker,
        metadata={"code": failure.code} if failure.code else {},
    )


def timed_out(after: float) -> HookFailure:
    """No answer within the time that the hook had, in seconds."""
    return HookFailure(
        failure_class=FailureClass.TIMEOUT,
        code="HOOK_TIMEOUT",
        message=f"no answer within {after:.3g} s",
    )


def expired_in_queue(after: float) -> HookFailure:
    """The time that the hook had, in seconds, was over before it was called."""
    return HookFailure(
        failure_class=FailureClass.OVERLOADED,
        code="EXPIRED_IN_QUEUE",
        message=f"its turn did not come within {after:.3g} s: it waited for its worker",
    )


def saturated() -> HookFailure:
    """The sidecar is near its limit, and does without what only observes."""
    return HookFailure(
        failure_class=FailureClass.OVERLOADED,
        code="SATURATED",
        message="the sidecar was near its limit when the call began, and sheds what only observes",
    )


def no_time_left() -> HookFailure:
    """An observer whose share of the budget was spent before its turn."""
    return HookFailure(
        failure_class=FailureClass.TIMEOUT,
        code="NO_TIME_LEFT",
        message="the share of the budget that observers may spend was spent before its turn",
    )


def deadline(budget: Budget, running: PlannedHook | None) -> CallFailure:
    """The budget ran out."""
    where = f" while {running.path} ran" if running else ""
    return CallFailure(
        reason="DEADLINE_EXCEEDED",
        message=(
            f"the budget of {budget.total:g} s ran out{where}; raise the budget of the call, "
            "or lower the timeouts of its hooks"
        ),
        failure_class=FailureClass.TIMEOUT,
        hook=running.name if running else "",
        worker=running.worker if running else "",
        metadata={"budget_seconds": f"{budget.total:g}"},
    )


def cancelled() -> CallFailure:
    """The caller is gone. Nobody reads this but the log."""
    return CallFailure(reason="CANCELLED", message="the caller cancelled the call")


def required_missing(plan: Plan) -> CallFailure:
    """Something that the operator requires is not there."""
    names = ", ".join(plan.missing)
    return CallFailure(
        reason="REQUIRED_HOOK_MISSING",
        message=(
            f"calls of {plan.hook_type} need what is not there: {names}; start it, "
            "or mark it optional in the configuration"
        ),
        failure_class=FailureClass.UNREACHABLE,
        metadata={"missing": names, "hook_type": plan.hook_type},
    )


def handle_unknown(count: int) -> CallFailure:
    """The call names scope handles that the sidecar does not know."""
    return CallFailure(
        reason="SCOPE_HANDLE_UNKNOWN",
        message=(
            f"the call names {count} scope handle(s) that this sidecar does not know, because "
            "it restarted or the connection that served them is gone; enter the scope again"
        ),
        failure_class=FailureClass.UNREACHABLE,
        metadata={"handles": str(count)},
    )
