"""What a handler did, as the answer that the sidecar gets. Never any payload text."""

from __future__ import annotations

import inspect
import logging
import traceback
from pathlib import Path

from sidehook._call import Violation
from sidehook._errors import EncodeError
from sidehook._results import NOTHING
from sidehook._run import HookAnswer, HookFailure, HookResult, NothingToSay, Patch
from sidehook._types import FailureClass
from sidehook.worker._collect import Hook
from sidehook.worker._context import Context

_log = logging.getLogger("sidehook.worker")


def checked(hook: Hook, returned: object) -> HookAnswer:
    """Turn what a handler returned into its answer; anything unknown is malformed."""
    if returned is None:
        return NOTHING
    if isinstance(returned, Patch):
        return returned if returned.fields else NOTHING
    if isinstance(returned, NothingToSay | Violation):
        return returned
    hint = "return None, modify(payload, ...) or block(...)"
    if inspect.iscoroutine(returned):
        returned.close()
        hint = "declare the handler with `async def`"
    return HookFailure(
        failure_class=FailureClass.MALFORMED,
        code="BAD_RETURN",
        message=f"{hook.spec.name} returned {type(returned).__qualname__}; {hint}",
    )


def with_state(hook: Hook, context: Context, answer: HookAnswer, *, index: int = 0) -> HookResult:
    """Add what the handler staged to its answer; a failure keeps no state."""
    if isinstance(answer, HookFailure):
        return HookResult(answer=answer, index=index)
    try:
        state = context.state.staged()
        return HookResult(answer=answer, index=index, state=state, annotations=context.annotations)
    except EncodeError as error:
        _log.exception("state_not_encodable hook=%s call_id=%s", hook.spec.name, context.call_id)
        return HookResult(
            index=index,
            answer=HookFailure(
                failure_class=FailureClass.MALFORMED,
                code=type(error).__qualname__,
                message=f"{hook.spec.name} staged state that JSON cannot carry; "
                "the worker's log says which",
            ),
        )


def raised(hook: Hook, context: Context, error: BaseException) -> HookFailure:
    """Turn an exception into a failure that names its class and place, and log the rest."""
    # The text of an exception may quote the payload: it stays in the worker's own log.
    _log.error("hook_raised hook=%s call_id=%s", hook.spec.name, context.call_id, exc_info=error)
    code = type(error).__qualname__
    return HookFailure(
        failure_class=FailureClass.RAISED,
        code=code,
        message=f"{hook.spec.name} raised {code}{_place(hook, error)}; "
        "the worker's log has the traceback",
    )


def _place(hook: Hook, error: BaseException) -> str:
    """Say where: the last line in the handler's own file, or the last one there is."""
    own = hook.source.rpartition(":")[0]
    frames = [(f.f_code.co_filename, line) for f, line in traceback.walk_tb(error.__traceback__)]
    # The first frame is the call in this module.
    frames = frames[1:]
    if not frames:
        return ""
    file, line = next((frame for frame in reversed(frames) if frame[0] == own), frames[-1])
    return f" at {Path(file).name}:{line}"


def not_one_hook(count: int) -> HookFailure:
    """Say that a run names none or several hooks."""
    return HookFailure(
        failure_class=FailureClass.MALFORMED,
        code="NOT_ONE_HOOK",
        message=f"the run names {count} hooks; a run that is not on a stream is of exactly one",
    )


def overloaded(hook: Hook, code: str, problem: str) -> HookFailure:
    """Say that the hook was not called, for want of a thread."""
    return HookFailure(
        failure_class=FailureClass.OVERLOADED,
        code=code,
        message=f"{hook.spec.name} was not called: {problem}; "
        "give the worker more threads or more replicas",
    )
