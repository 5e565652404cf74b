"""A call of a case, serialized as an application would send it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from sidehook import _wire as wire
from sidehook._call import CallContext, CallRequest
from sidehook._continuations import Sent
from sidehook._types import JSON, Value, ValueKind
from tests.conformance.language import reading
from tests.conformance.language.errors import CaseError
from tests.conformance.language.reading import Keys
from tests.conformance.language.values import read_fields, read_text
from tests.conformance.language.workers import DEFAULT_TYPE


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedCall:
    """A call. `handles` are the case's names of scopes that an application serves.

    `malformed` says how its octets break the contract, empty for not at all.
    """

    request: CallRequest
    payload: Mapping[str, JSON]
    handles: tuple[str, ...] = ()
    malformed: str = ""

    def octets(self, call_id: str, handles: tuple[str, ...]) -> bytes:
        """The serialized InvokeRequest, with the handles that the sidecar gave out."""
        request = replace(self.request, call_id=call_id, scope_handles=handles)
        return MALFORMED[self.malformed](request)


def _again(request: CallRequest) -> bytes:
    """Two serialized messages in a row are one, with what is repeated in it twice."""
    alone = CallRequest(hook_type="", fields=request.fields)
    return wire.encode_invoke(request) + wire.encode_invoke(alone)


def _without_kind(request: CallRequest) -> bytes:
    return wire.encode_invoke(request) + _entry(b"\x0a\x01z\x12\x00")


def _of_two_kinds(request: CallRequest) -> bytes:
    return wire.encode_invoke(request) + _entry(b"\x0a\x01z\x12\x06\x0a\x011\x12\x011")


def _without_name(request: CallRequest) -> bytes:
    return wire.encode_invoke(request) + _entry(b"\x12\x03\x0a\x011")


def _entry(octets: bytes) -> bytes:
    """An InvokeRequest with one entry in the map of its payload's fields."""
    payload = b"\x0a" + bytes((len(octets),)) + octets
    return b"\x1a" + bytes((len(payload),)) + payload


MALFORMED: Final[Mapping[str, Callable[[CallRequest], bytes]]] = {
    # What was sent before is the worker's matter here: each call is the first of its stream.
    "": lambda request: wire.encode_invoke(request, sent=Sent()),
    "not_protobuf": lambda _: b"\xff\xff",
    "fields_twice": _again,
    "field_of_no_kind": _without_kind,
    "field_of_two_kinds": _of_two_kinds,
    "field_without_name": _without_name,
    "another_version": lambda request: wire.encode_invoke(request) + b"\x40\x02",
}
"""How the octets of a call break the contract, by name."""


def read_call(keys: Keys) -> ScriptedCall:
    """A call of the keys that it shares with its expectation and its name."""
    payload = keys.mapping("payload", reading.anything)
    fields = read_fields(dict(payload), f"{keys.where}: payload")
    fields = {**fields, **_filler(keys.mapping("filler", reading.integer))}
    return ScriptedCall(
        request=CallRequest(
            hook_type=keys.take("type", reading.text, DEFAULT_TYPE),
            fields=fields,
            budget=keys.optional("budget", reading.seconds),
            context=_with_filler(
                keys.take("context", _read_context, CallContext()),
                keys.mapping("filler_state", reading.integer),
            ),
            unguarded_calls=keys.take("unguarded_calls", reading.integer, 0),
        ),
        payload=payload,
        handles=keys.several("handles", reading.text),
        malformed=keys.take("malformed", _read_malformed, ""),
    )


def _filler(sizes: Mapping[str, int]) -> Mapping[str, Value]:
    """Fields of so many bytes, for payloads that are about size: bytes of zeros."""
    return {name: Value(ValueKind.RAW, bytes(size)) for name, size in sizes.items()}


def _with_filler(context: CallContext, sizes: Mapping[str, int]) -> CallContext:
    """The context with keys of state whose JSON texts have so many bytes."""
    filler = {key: b'"%s"' % (b"0" * (size - 2)) for key, size in sizes.items()}
    return replace(context, state={**context.state, **filler})


def _read_malformed(value: JSON, where: str) -> str:
    name = reading.text(value, where)
    if name not in MALFORMED or not name:
        raise CaseError(where, f"takes one of {', '.join(filter(None, MALFORMED))}, not {name!r}")
    return name


def _read_context(value: JSON, where: str) -> CallContext:
    keys = Keys(value, where)
    context = CallContext(
        request_id=keys.take("request_id", reading.text, ""),
        session_id=keys.take("session_id", reading.text, ""),
        tenant=keys.take("tenant", reading.text, ""),
        user=keys.take("user", reading.text, ""),
        labels=keys.mapping("labels", reading.text),
        state=keys.mapping("state", read_text),
        scopes=keys.several("scopes", reading.text),
    )
    keys.finish()
    return context
