"""Payloads and patches: field names and opaque values, each name once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final, Protocol, cast

from sidehook._call import Fields
from sidehook._errors import EncodeError, MalformedError
from sidehook._json import shown
from sidehook._list_values import ListValue
from sidehook._types import Value, ValueKind
from sidehook._wire._lists import Completes, read_continuation
from sidehook.v1 import payload_pb2

MAX_NAME_BYTES: Final = 256
"""The longest name of a field, in bytes of UTF-8."""

MAX_FIELDS: Final = 4096
"""The fields of a payload or patch."""

_JSON: Final = ValueKind.JSON
_RAW: Final = ValueKind.RAW


class _Entry(Protocol):
    """One entry of the list that the twin has in place of the map of fields."""

    key: str

    @property
    def value(self) -> payload_pb2.Value: ...


class _Entries(Iterable[_Entry], Protocol):
    def add(self) -> _Entry: ...

    def __len__(self) -> int: ...


def write_payload(target: payload_pb2.Payload, fields: Fields) -> None:
    """Set a payload, its fields in the order of `fields`.

    Raises EncodeError for a bad name, and for too many fields.
    """
    problem = bad_name(fields)
    if len(fields) > MAX_FIELDS:
        problem = too_many(len(fields))
    if problem:
        raise EncodeError("payload", problem)
    add = _entries(target).add
    for name, (kind, octets) in fields.items():
        entry = add()
        entry.key = name
        if kind is _JSON:
            entry.value.json = octets
        else:
            entry.value.raw = octets
    target.SetInParent()


def read_payload(
    source: payload_pb2.Payload, what: str, completes: Completes | None = None
) -> Fields:
    """Read a payload; lists that travelled in part are made whole by `completes`.

    Raises MalformedError: a name twice, empty or too long, a value of no kind or of two,
    too many fields, a list in part where nothing completes it. Raises UnknownItemsError.
    """
    entries = _entries(source)
    if len(entries) > MAX_FIELDS:
        raise MalformedError(what, too_many(len(entries)))
    fields: dict[str, Value] = {}
    for entry in entries:
        name, value = entry.key, entry.value
        if value.HasField("continuation"):
            fields[name] = _completed(name, value, what, completes)
        elif value.HasField("json"):
            if value.HasField("raw"):
                raise MalformedError(what, f"the field {shown(name)} has two kinds")
            fields[name] = Value(_JSON, value.json)
        elif value.HasField("raw"):
            fields[name] = Value(_RAW, value.raw)
        else:
            raise MalformedError(what, f"the field {shown(name)} has no kind")
    if len(fields) != len(entries):
        twice = next(name for name, n in Counter(it.key for it in entries).items() if n > 1)
        raise MalformedError(what, f"the field {shown(twice)} stands twice; write each name once")
    problem = bad_name(fields)
    if problem:
        raise MalformedError(what, problem)
    return fields


def _completed(
    name: str, value: payload_pb2.Value, what: str, completes: Completes | None
) -> ListValue:
    if value.HasField("json") or value.HasField("raw"):
        raise MalformedError(what, f"the field {shown(name)} has two kinds")
    if completes is None:
        raise MalformedError(what, f"the field {shown(name)} continues a list that is not kept")
    return completes(name, read_continuation(value.continuation))


def too_many(fields: int) -> str:
    """What is wrong with so many fields."""
    return f"{fields} fields, at most {MAX_FIELDS} are taken"


def bad_name(fields: Iterable[str]) -> str | None:
    """What is wrong with the first bad name among names, None when all are good."""
    for name in fields:
        if not name:
            return "a field has an empty name"
        # A character takes four bytes at most.
        if len(name) > MAX_NAME_BYTES // 4 and len(name.encode()) > MAX_NAME_BYTES:
            return f"the name of field {shown(name)} is over {MAX_NAME_BYTES} bytes"
    return None


def _entries(payload: payload_pb2.Payload) -> _Entries:
    return cast(_Entries, payload.fields)
