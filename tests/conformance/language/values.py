"""Values of payloads and state: written in YAML, sent as octets, compared without loss.

text: any YAML value          as compact JSON; compared as JSON, 1 and 1.0 apart
text: {$json: "[1, 2]"}       exactly these octets, JSON or not
text: {$raw: "AAEC"}          bytes, in base64
text: {$turns: 40}            a list of so many texts of 100 characters, all different
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Final

from sidehook._list_values import in_items
from sidehook._types import JSON, Value, ValueKind
from tests.conformance.language import reading
from tests.conformance.language.errors import CaseError
from tests.conformance.language.reading import Keys

EXACT: Final = "$json"
RAW: Final = "$raw"
TURNS: Final = "$turns"

_TURN_CHARACTERS: Final = 100


def read_value(value: JSON, where: str) -> Value:
    """The value that a YAML value stands for."""
    if is_exact(value):
        keys = Keys(value, where)
        found = keys.one_of({EXACT: _exact, RAW: _raw, TURNS: _turns})
        keys.finish()
        return found
    return Value(ValueKind.JSON, _compact(value))


def read_text(value: JSON, where: str) -> bytes:
    """The JSON text that a YAML value stands for."""
    found = read_value(value, where)
    if found.kind is not ValueKind.JSON:
        raise CaseError(where, "takes JSON, not bytes")
    return found.octets


def read_fields(value: JSON, where: str) -> Mapping[str, Value]:
    """The fields of a payload."""
    return reading.mapping_of(read_value)(value, where)


def _compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _turns(value: JSON, where: str) -> Value:
    """A chat, as applications send it: item by item, as far as it is long enough for that."""
    turns = [
        f"turn {n} ".ljust(_TURN_CHARACTERS, ".") for n in range(reading.integer(value, where))
    ]
    octets = _compact(turns)
    return in_items(turns, octets, _compact) or Value(ValueKind.JSON, octets)


def _exact(value: JSON, where: str) -> Value:
    return Value(ValueKind.JSON, reading.text(value, where).encode("utf-8", "surrogatepass"))


def _raw(value: JSON, where: str) -> Value:
    try:
        return Value(ValueKind.RAW, base64.b64decode(reading.text(value, where), validate=True))
    except binascii.Error as error:
        raise CaseError(where, f"takes bytes in base64: {error}") from error


def is_exact(value: JSON) -> bool:
    """Whether an expected value says its octets."""
    return isinstance(value, dict) and any(it in value for it in (EXACT, RAW, TURNS))


def matches(expected: JSON, actual: Value) -> bool:
    """Whether a value is the expected one: octet for octet, or as JSON where that is said."""
    if is_exact(expected) or actual.kind is not ValueKind.JSON:
        return read_value(expected, "") == actual
    try:
        decoded: JSON = json.loads(actual.octets)
    except ValueError:
        return False
    return same(expected, decoded)


def same(one: JSON, other: JSON) -> bool:
    """Whether two JSON values are the same; 1, 1.0 and true are three."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def shown(value: Value) -> str:
    """A value, for a message."""
    if value.kind is ValueKind.RAW:
        return f"bytes {base64.b64encode(value.octets).decode()}"
    return value.octets.decode("utf-8", "backslashreplace")
