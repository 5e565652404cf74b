"""Long lists that travel without what the stream carried before (`_continuations`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from sidehook._call import CallContext, Fields
from sidehook._continuations import Chain, Continuation, Received, Sent
from sidehook._list_values import ListValue
from sidehook._wire._schema import NeedContent, parse
from sidehook.v1 import payload_pb2

Continues: TypeAlias = Callable[[str, ListValue], Continuation]
"""Says what has to travel of the list in a field."""

Completes: TypeAlias = Callable[[str, Continuation], ListValue]
"""Says what the list in a field is. Raises UnknownItemsError."""


def continues(context: CallContext, sent: Sent | None) -> Continues | None:
    """How the lists of a call or run travel; None when they travel whole.

    Lists of calls without a session have nothing to go on from.
    """
    if sent is None or not context.session_id:
        return None
    return lambda field, value: sent.continued(_chain(context, field), value)


def completes(context: CallContext, received: Received | None) -> Completes | None:
    """How the lists of a call or run are made whole; None when they have to be."""
    if received is None or not context.session_id:
        return None
    return lambda field, it: received.whole(_chain(context, field), it)


def forget_lists(context: CallContext, fields: Fields, sent: Sent) -> None:
    """The other end lacks what the lists of a call or run go on from: they travel whole next."""
    for name, value in fields.items():
        if isinstance(value, ListValue):
            sent.forget(_chain(context, name))


def encode_need(field: str) -> bytes:
    """Serialize that a call or run goes on from what is not known, in this field."""
    return NeedContent(fields=(field,)).SerializeToString()


def decode_need(octets: bytes) -> tuple[str, ...]:
    """Parse which fields have to be sent whole. Raises MalformedError."""
    return tuple(parse(NeedContent, octets, "NeedContent").fields)


def continuation_octets(it: Continuation) -> bytes:
    """Serialize a continuation."""
    return payload_pb2.Continuation(
        head=it.head, known=it.known, known_digest=it.digest, items=it.items, tail=it.tail
    ).SerializeToString()


def read_continuation(source: payload_pb2.Continuation) -> Continuation:
    """Read a continuation, of which nothing is known to be true."""
    return Continuation(
        source.head, source.known, source.known_digest, tuple(source.items), source.tail
    )


def _chain(context: CallContext, field: str) -> Chain:
    return Chain(context.tenant, context.session_id, field)
