"""The run that is sent to a worker for hooks of a call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import floor

from sidehook._call import CallEnd, CallRequest, Fields
from sidehook._run import HookRun, RunRequest, SharedSteps
from sidehook_server.pipeline.model import PlannedHook
from sidehook_server.pipeline.segments import Segment

Steps = tuple[tuple[HookRun, ...], ...]


def run_request(
    hook: PlannedHook,
    *,
    call: CallRequest,
    fields: Fields,
    state: Mapping[str, bytes],
    steps: Steps,
    time_left: float,
    call_end: CallEnd | None = None,
) -> RunRequest:
    """A run that begins with this hook, on the fields it asked for; none when withheld."""
    seen = seen_by(hook.fields, fields)
    if call_end is not None and call_end.payload_withheld:
        call_end, seen = replace(call_end, field_names=tuple(sorted(seen))), {}
    context = call.context
    return RunRequest(
        call_id=call.call_id,
        hook_type=call.hook_type,
        steps=steps,
        fields=seen,
        context=replace(context, state=state) if context.state or state else context,
        time_left=time_left,
        call_end=call_end,
        idempotency_key=f"{call.call_id}/{hook.path}",
    )


def fused_request(
    hooks: tuple[PlannedHook, ...],
    *,
    call: CallRequest,
    fields: Fields,
    state: Mapping[str, bytes],
    steps: Steps,
    time_left: float,
    rooms: tuple[int, int],
) -> RunRequest:
    """A run of several hooks, on the fields that any of them asked for.

    `rooms` are the bytes by which payload and state may grow.
    """
    own, context = hooks[0], call.context
    return RunRequest(
        call_id=call.call_id,
        hook_type=call.hook_type,
        steps=steps,
        fields=fields if own.fields is None else seen_by(_asked(hooks), fields),
        context=replace(context, state=state) if context.state or state else context,
        time_left=time_left,
        idempotency_key=f"{call.call_id}/{own.worker}/",
        payload_room=rooms[0],
        state_room=rooms[1],
    )


def shortened(request: RunRequest, hooks: tuple[PlannedHook, ...], count: int) -> RunRequest:
    """A run of several hooks as one of the first so many, which see what those asked for."""
    steps: list[tuple[HookRun, ...]] = []
    left = count
    for step in request.steps:
        if left:
            steps.append(step[:left])
            left -= len(steps[-1])
    fields = seen_by(_asked(hooks[:count]), request.fields)
    if count > 1:
        return replace(request, steps=tuple(steps), fields=fields)
    return replace(
        request,
        steps=tuple(steps),
        fields=fields,
        idempotency_key=request.idempotency_key + hooks[0].name,
        payload_room=None,
        state_room=None,
    )


def _asked(hooks: tuple[PlannedHook, ...]) -> frozenset[str] | None:
    """The fields that any of the hooks asked for; None when one asked for all."""
    asked = [names for hook in hooks if (names := hook.fields) is not None]
    return frozenset[str]().union(*asked) if len(asked) == len(hooks) else None


def alone(segment: Segment, timeout: float) -> Steps:
    """The one step of a segment's first hook, which has this many seconds."""
    if timeout == segment.hooks[0].timeout:
        return segment.alone
    return ((replace(segment.alone[0][0], timeout=timeout),),)


def fitting(segment: Segment, *, left: float, share: float) -> SharedSteps:
    """The steps of a segment in a call that has `left` seconds, its observers a `share`."""
    guards, observers = segment.longest
    if guards <= left and observers <= share:
        return segment.steps
    fitted = segment.fitted
    left, share = _told(left), _told(share)
    if (fitted.left, fitted.share) != (left, share):
        fitted.steps = _fitted(segment, left, share)
        fitted.left, fitted.share = left, share
    return fitted.steps


def _fitted(segment: Segment, left: float, share: float) -> SharedSteps:
    hooks = iter(segment.hooks)
    return SharedSteps(
        tuple(
            _within(run, share if hook.observes else left)
            for run, hook in zip(step, hooks, strict=False)
        )
        for step in segment.steps
    )


def _within(run: HookRun, limit: float) -> HookRun:
    return run if run.timeout <= limit else replace(run, timeout=limit)


def _told(seconds: float) -> float:
    """What a worker is told of a time that is left, in whole hundredths of a second.

    Calls of the same budget are then told the same. The sidecar keeps the time itself.
    """
    return floor(seconds * 100) / 100 if seconds > 0.1 else max(seconds, 0.001)


def seen_by(names: frozenset[str] | None, fields: Fields) -> Fields:
    """The fields of these names, None for all."""
    if names is None:
        return fields
    return {name: value for name, value in fields.items() if name in names}
