"""Who a call is for, its state, and how it ended."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from sidehook._call import NO_CHANGE, CallContext, CallEnd, StateChange
from sidehook._errors import EncodeError, MalformedError
from sidehook._wire._enums import CALL_OUTCOMES
from sidehook._wire._scan import remember_context, remember_end
from sidehook._wire._schema import CallContext as ContextMessage
from sidehook.v1 import context_pb2

MAX_LABELS: Final = 64
"""The labels a call may carry."""

MAX_STATE_KEYS: Final = 2**16
"""The keys of one change of the state; what fits the state by default are half as many."""


def write_context(target: context_pb2.CallContext, context: CallContext) -> None:
    """Set a context. Raises EncodeError for more labels than a call may carry."""
    if len(context.labels) > MAX_LABELS:
        raise EncodeError("labels", f"over {MAX_LABELS} entries")
    target.request_id = context.request_id
    target.session_id = context.session_id
    target.tenant = context.tenant
    target.user = context.user
    if context.labels:
        target.labels.update(context.labels)
    if context.state:
        target.state.update(context.state)
    target.scopes.extend(context.scopes)


def context_octets(context: CallContext) -> bytes:
    """A serialized context. Raises EncodeError for more labels than a call may carry."""
    if context.octets is not None:
        return context.octets
    message = ContextMessage()
    write_context(message, context)
    octets = message.SerializeToString()
    if not context.state and isinstance(context.labels, MappingProxyType):
        # Nothing in it can change any more.
        object.__setattr__(context, "octets", octets)
    return octets


def read_context(source: context_pb2.CallContext, what: str) -> CallContext:
    """Read a context. Raises MalformedError for more labels than a call may carry."""
    if len(source.labels) > MAX_LABELS:
        raise MalformedError(f"{what}.labels", f"over {MAX_LABELS} entries")
    context = CallContext(
        request_id=source.request_id,
        session_id=source.session_id,
        tenant=source.tenant,
        user=source.user,
        labels=MappingProxyType(dict(source.labels)),
        state=dict(source.state),
        scopes=tuple(source.scopes),
    )
    remember_context(source.SerializeToString(), context)
    return context


def write_state(target: context_pb2.StateChange, change: StateChange) -> None:
    """Set a state change, unless nothing changes."""
    if change.set:
        target.set.update(change.set)
    if change.removed:
        target.removed.extend(sorted(change.removed))


def read_state(source: context_pb2.StateChange, what: str) -> StateChange:
    """Read a state change. Raises MalformedError: a key both set and removed, too many keys."""
    if not source.set and not source.removed:
        return NO_CHANGE
    keys = len(source.set) + len(source.removed)
    if keys > MAX_STATE_KEYS:
        raise MalformedError(what, f"{keys} keys, at most {MAX_STATE_KEYS} are taken")
    change = StateChange(dict(source.set), frozenset(source.removed))
    if not change.removed.isdisjoint(change.set):
        raise MalformedError(what, "a key is both set and removed")
    return change


def write_call_end(target: context_pb2.CallEnd, end: CallEnd) -> None:
    """Set how a call ended."""
    target.outcome = CALL_OUTCOMES.number(end.outcome)
    target.hook = end.hook
    target.code = end.code
    target.payload_withheld = end.payload_withheld
    target.field_names.extend(end.field_names)


def read_call_end(source: context_pb2.CallEnd, what: str) -> CallEnd:
    """Read how a call ended. Raises MalformedError for an outcome that is not known."""
    end = CallEnd(
        outcome=CALL_OUTCOMES.member(source.outcome, f"{what}.outcome"),
        hook=source.hook,
        code=source.code,
        payload_withheld=source.payload_withheld,
        field_names=tuple(source.field_names),
    )
    remember_end(source.SerializeToString(), end)
    return end
