"""Whether a hook has its turn in a call: its scope, its sample, its condition."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

from sidehook._call import CallRequest
from sidehook._run import HookFailure, RunRequest
from sidehook._types import FailureClass, HookOutcome
from sidehook_server.conditions import ConditionError
from sidehook_server.pipeline.model import PlannedHook

_ALL: Final = 1 << 64


def left_out(hook: PlannedHook, call: CallRequest) -> HookOutcome | None:
    """Why the hook has no turn, whatever the payload is; None when it may have one."""
    if not _in_scope(hook, call):
        return HookOutcome.SKIPPED_SCOPE
    if hook.sample < 1.0 and not _in_sample(hook, call):
        return HookOutcome.SKIPPED_SAMPLED
    return None


def holds(hook: PlannedHook, run: RunRequest) -> bool | HookFailure:
    """Whether the hook's condition holds for what the hook would see, or why nobody knows."""
    if hook.condition is None:
        return True
    try:
        return hook.condition.holds(
            hook_type=run.hook_type, fields=run.fields, context=run.context, end=run.call_end
        )
    except ConditionError as error:
        return HookFailure(
            failure_class=FailureClass.RAISED,
            code="CONDITION_FAILED",
            message=f"its condition could not be evaluated: {error.problem}",
        )


def _in_scope(hook: PlannedHook, call: CallRequest) -> bool:
    if hook.handle is not None or hook.scope is None:
        return True
    context = call.context
    return hook.tenant == context.tenant and hook.scope in context.scopes


def _in_sample(hook: PlannedHook, call: CallRequest) -> bool:
    """Whether the session is in the hook's sample; a call without one stands for itself.

    The same session is always in it or never, on every sidecar.
    """
    context = call.context
    key = "\0".join((context.tenant, context.session_id or call.call_id, hook.path))
    place = int.from_bytes(blake2b(key.encode(), digest_size=8).digest())
    return place < hook.sample * _ALL
