"""Whether a hook's answer keeps the contract, before anything is done with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sidehook._call import Fields, Violation, size_of
from sidehook._errors import MalformedError
from sidehook._json import check
from sidehook._run import HookFailure, HookResult, Patch
from sidehook._types import FailureClass, OnRejected, ValueKind
from sidehook_server.modes import Ruling
from sidehook_server.pipeline.model import PlannedHook
from sidehook_server.pipeline.running import Run
from sidehook_server.pipeline.words import MAX_CODE, MAX_SENTENCE, cut, named
from sidehook_server.policy import CLASSES

_T = TypeVar("_T")


def malformed(problem: str) -> HookFailure:
    """The failure of a hook whose answer breaks the contract."""
    return HookFailure(
        failure_class=FailureClass.MALFORMED, code="ANSWER_MALFORMED", message=problem
    )


def strange(index: int, run: Run) -> HookFailure:
    """The failure of whoever runs when the answer is one of a hook whose turn it is not."""
    if not run.is_fused:
        return malformed(f"a result for hook {index} of a run with one hook")
    return malformed(f"a result for hook {index} of a run in which another was due")


def after_taint(run: Run) -> HookFailure:
    """The failure of a hook that saw what an earlier one of its run must not have written."""
    return malformed(
        f"hook {run.tainted_by} of its run left fields in its patch that it may not write, "
        "which a worker with fused_runs takes out"
    )


def breaks_rights(hook: PlannedHook, result: HookResult, writable: frozenset[str]) -> bool:
    """Whether a patch holds fields that its hook may not write."""
    if not isinstance(result.answer, Patch):
        return False
    may_write = writable if hook.rights.may_modify else frozenset[str]()
    return not may_write.issuperset(result.answer.fields)


def failure_in(result: HookResult) -> HookFailure | None:
    """The failure that this answer is, or that its shape makes it."""
    answer = result.answer
    if isinstance(answer, HookFailure):
        own = CLASSES[answer.failure_class].workers_own
        return HookFailure(
            failure_class=answer.failure_class if own else FailureClass.RAISED,
            code=cut(answer.code, MAX_CODE),
            message=cut(answer.message, MAX_SENTENCE),
        )
    if isinstance(answer, Violation) and answer.details:
        return _problem_with(_check_details, answer.details)
    return None


def failure_of(ruling: Ruling, hook: PlannedHook, fields: Fields, limit: int) -> HookFailure | None:
    """The failure that the changes of a ruled answer make it.

    `fields` is the payload the hook saw, `limit` the largest payload in bytes.
    """
    if ruling.rejected and hook.on_rejected is OnRejected.ERROR:
        names = named(ruling.rejected)
        return malformed(f"wrote fields it may not write ({names}), under on_rejected: error")
    if not ruling.patch:
        return None
    if (size := size_of({**fields, **ruling.patch})) > limit:
        return malformed(f"its patch makes the payload {size} bytes, over the limit of {limit}")
    return _problem_with(_check_values, ruling.patch)


def _check_values(patch: Fields) -> None:
    for name, value in patch.items():
        if value.kind is ValueKind.JSON:
            check(value.octets, f"field {name}")


def _check_details(details: bytes) -> None:
    check(details, "details of the violation")
    if not details.lstrip().startswith(b"{"):
        raise MalformedError("details of the violation", "not a JSON object")


def _problem_with(checked: Callable[[_T], None], argument: _T) -> HookFailure | None:
    try:
        checked(argument)
    except MalformedError as error:
        return malformed(str(error))
    return None
