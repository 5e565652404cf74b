"""Whether a call may begin, asked before any hook runs."""

from __future__ import annotations

from sidehook._call import CallFailure, CallRequest, size_of
from sidehook_server.dispatch.fair_share import Refusal
from sidehook_server.dispatch.snapshot import Snapshot

MAX_LABELS = 64
"""Labels of one call, at most."""

_SHOWN = 128
"""A longer hook type is cut in messages; no declared one can be longer."""


def refusal(request: CallRequest, snapshot: Snapshot) -> CallFailure | None:
    """Why the call must not begin, None when it may. No hook has seen anything of it."""
    for check in (_hook_type, _shape, _payload, _state, _scopes):
        failure = check(request, snapshot)
        if failure is not None:
            return failure
    return None


def draining() -> CallFailure:
    """The sidecar stops, and takes no new calls."""
    return CallFailure(
        reason="DRAINING",
        message="the sidecar is stopping and takes no new calls; call another, or call again later",
    )


def overloaded(cause: Refusal, *, limit: int, tenant: str, held: int) -> CallFailure:
    """Too many calls are under way at once, `held` of them the tenant's."""
    if cause is Refusal.LIMIT:
        what = f"{limit} calls are under way, the limit of this sidecar"
    else:
        what = (
            f"{held} calls of tenant {tenant[:_SHOWN]!r} are under way, its share of the "
            f"{limit} that this sidecar takes while other tenants want theirs"
        )
    return CallFailure(
        reason="OVERLOADED",
        message=f"{what}; call again later, or raise limits.max_in_flight",
        metadata={"cause": cause.value, "limit": str(limit)},
    )


def internal(call_id: str) -> CallFailure:
    """A fault of the sidecar's own; its log has the rest under the call's id."""
    return CallFailure(
        reason="INTERNAL",
        message=f"a fault in the sidecar ended the call; its log has more under call {call_id}",
    )


def _hook_type(request: CallRequest, snapshot: Snapshot) -> CallFailure | None:
    hook_type = request.hook_type
    if hook_type and (snapshot.undeclared_allowed or snapshot.is_declared(hook_type)):
        return None
    shown = hook_type[:_SHOWN]
    what = f"hook type {shown!r} is not declared" if hook_type else "the call names no hook type"
    return CallFailure(
        reason="UNKNOWN_HOOK_TYPE",
        message=(
            f"{what}; use a type of the catalogue, such as component_pre_execute, "
            "or declare it under hook_types in the sidecar's configuration"
        ),
        metadata={"hook_type": shown},
    )


def _shape(request: CallRequest, _snapshot: Snapshot) -> CallFailure | None:
    if request.budget is not None and not request.budget > 0:
        return _malformed(f"the budget is {request.budget:g} s; it must be over 0")
    if (labels := len(request.context.labels)) > MAX_LABELS:
        return _malformed(f"the context has {labels} labels; {MAX_LABELS} at most are taken")
    return None


def _malformed(problem: str) -> CallFailure:
    return CallFailure(reason="MALFORMED_REQUEST", message=problem)


def _payload(request: CallRequest, snapshot: Snapshot) -> CallFailure | None:
    size = size_of(request.fields)
    limit = snapshot.plan(request.hook_type).max_payload_bytes
    if size <= limit:
        return None
    return CallFailure(
        reason="PAYLOAD_TOO_LARGE",
        message=(
            f"the payload has {size} bytes, over the limit of {limit} for {request.hook_type}; "
            "send less, or raise max_payload_bytes in the sidecar's configuration"
        ),
        metadata={"payload_bytes": str(size), "limit_bytes": str(limit)},
    )


def _state(request: CallRequest, snapshot: Snapshot) -> CallFailure | None:
    state = request.context.state
    if not state:
        return None
    size = sum(len(key.encode()) + len(text) for key, text in state.items())
    limit = snapshot.settings.max_state_bytes
    if size <= limit:
        return None
    return _malformed(f"the state has {size} bytes, over the limit of {limit}")


def _scopes(request: CallRequest, snapshot: Snapshot) -> CallFailure | None:
    context = request.context
    if not snapshot.strict_scopes or not context.scopes:
        return None
    unknown = snapshot.unknown_scopes(context.tenant, context.scopes)
    if not unknown:
        return None
    names = ", ".join(unknown)
    return CallFailure(
        reason="UNKNOWN_SCOPE",
        message=(
            f"no hook of tenant {context.tenant!r} knows the scopes {names}, and strict_scopes "
            "is set; check the names, and that their workers are registered"
        ),
        metadata={"scopes": names, "tenant": context.tenant},
    )
