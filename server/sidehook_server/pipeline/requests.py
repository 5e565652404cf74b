"""The run that is sent to a worker for one hook of a call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sidehook._call import CallEnd, CallRequest, Fields
from sidehook._manifest import ErrorPolicy
from sidehook._run import HookRun, RunRequest
from sidehook_server.pipeline.model import PlannedHook


def run_request(
    hook: PlannedHook,
    *,
    call: CallRequest,
    fields: Fields,
    state: Mapping[str, bytes],
    writable: frozenset[str],
    timeout: float,
    time_left: float,
    call_end: CallEnd | None = None,
) -> RunRequest:
    """One hook with its rights, on the fields it asked for; none when they are withheld.

    A hook in shadow is told the rights that it would have, so that it does what it would.
    """
    row = hook.rights
    seen = _seen(hook, fields)
    if call_end is not None and call_end.payload_withheld:
        call_end, seen = replace(call_end, field_names=tuple(sorted(seen))), {}
    context = call.context
    return RunRequest(
        call_id=call.call_id,
        hook_type=call.hook_type,
        steps=(
            (
                HookRun(
                    hook=hook.name,
                    mode=hook.mode,
                    may_block=row.may_block,
                    may_modify=row.may_modify,
                    writable_fields=writable if row.may_modify else frozenset(),
                    timeout=timeout,
                    on_error=ErrorPolicy(overrides=hook.on_error),
                    on_rejected=hook.on_rejected,
                ),
            ),
        ),
        fields=seen,
        context=replace(context, state=state) if context.state or state else context,
        time_left=time_left,
        call_end=call_end,
        idempotency_key=f"{call.call_id}/{hook.path}",
    )


def _seen(hook: PlannedHook, fields: Fields) -> Fields:
    if hook.fields is None:
        return fields
    return {name: value for name, value in fields.items() if name in hook.fields}
