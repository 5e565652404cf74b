"""One hook written for mellea, called as a hook of a worker."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from cpex.framework.models import PluginResult

from sidehook._call import Violation
from sidehook._payload import Payload
from sidehook._results import NOTHING, HookReturn, block, modify
from sidehook._types import JSON
from sidehook.integrations.mellea_worker._contexts import CallState
from sidehook.integrations.mellea_worker._payloads import mellea_payload, payload_class
from sidehook.integrations.mellea_worker._plain import plain
from sidehook.worker import Context

MelleaHook: TypeAlias = Callable[[Any, Any], Awaitable[object]]
"""A hook as mellea calls it: with payload and context."""

_log = logging.getLogger("sidehook.worker")


def served(hook: MelleaHook) -> Callable[[Payload, Context], Awaitable[object]]:
    """Return a handler that calls `hook` with mellea's objects and translates its answer.

    What is no answer of a mellea hook is handed on as it is, for the worker to refuse.
    """

    async def handler(payload: Payload, ctx: Context) -> object:
        before = mellea_payload(payload, ctx)
        state = CallState(ctx)
        context = state.plugin_context()
        returned = await hook(before, context)
        state.keep(context)
        if returned is None:
            return None
        if not isinstance(returned, PluginResult) or not _is_one_answer(returned, before, ctx):
            return returned
        return _answer(payload, before, returned)

    return handler


def _is_one_answer(result: Any, before: object, ctx: Context) -> bool:
    """Whether a result says one thing, about the payload that the hook was given."""
    changed = result.modified_payload
    if not result.continue_processing and changed is not None and changed is not before:
        problem = "it blocks and modifies in one answer"
    elif changed is not None and not isinstance(changed, payload_class(ctx.hook_type)):
        problem = f"its modified payload is of class {type(changed).__qualname__}"
    else:
        return True
    _log.error("mellea_result_refused hook=%s call_id=%s: %s", ctx.hook, ctx.call_id, problem)
    return False


def _answer(payload: Payload, before: Any, result: Any) -> HookReturn:
    if not result.continue_processing:
        return _violation(result.violation)
    if result.modified_payload is None or result.modified_payload is before:
        return NOTHING
    after = vars(result.modified_payload)
    changed = (name for name in after if _may_differ(payload, vars(before), after, name))
    return modify(payload, **{name: plain(after[name], name) for name in changed})


def _may_differ(
    payload: Payload, before: Mapping[str, Any], after: Mapping[str, Any], name: str
) -> bool:
    """Whether a field is no longer the object that the hook was given.

    Whether its JSON differs is for `modify` to say; what never crossed has none.
    """
    if name not in before:
        return True
    is_same: bool = after[name] is before[name]
    return not is_same and (name in payload or after[name] != before[name])


def _violation(violation: Any) -> Violation:
    if violation is None:
        return block()
    details: dict[str, JSON] | None = plain(violation.details, "details") or None  # type: ignore[assignment]  # a dict stays one
    return block(
        violation.reason,
        code=violation.code,
        description=violation.description,
        details=details,
    )
