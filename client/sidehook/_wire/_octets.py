"""Serialized fields put together by hand, where going through message objects costs most.

What is written here is what protobuf writes for the same message; a test holds the two
against each other.
"""

from __future__ import annotations

import math
from typing import Final

from sidehook._call import Fields, WireFields
from sidehook._errors import EncodeError
from sidehook._list_values import ListValue
from sidehook._types import ValueKind
from sidehook._wire._lists import Continues, continuation_octets
from sidehook._wire._payload import MAX_FIELDS, bad_name, too_many

_NANOS: Final = 10**9
_SMALL: Final = tuple(bytes((number,)) for number in range(0x80))
_EXACT: Final = 2**31
_64_BIT: Final = 2**64 - 1
_REMEMBERED: Final = 1024
_SHORT: Final = 64

# The head of an entry by its field's name, of names that were found good before.
_heads: dict[str, bytes] = {}


def varint(number: int) -> bytes:
    """A number of 0 or more."""
    if number < 0x80:
        return _SMALL[number]
    if number < 0x4000:
        return bytes((number & 0x7F | 0x80, number >> 7))
    if number < 0x200000:
        return bytes((number & 0x7F | 0x80, number >> 7 & 0x7F | 0x80, number >> 14))
    octets = bytearray()
    while number >= 0x80:
        octets.append(number & 0x7F | 0x80)
        number >>= 7
    octets.append(number)
    return bytes(octets)


def _nanos(number: int) -> bytes:
    """A number below 10**9."""
    if number < 0x200000:
        return varint(number)
    low = (number & 0x7F | 0x80, number >> 7 & 0x7F | 0x80, number >> 14 & 0x7F | 0x80)
    if number < 0x10000000:
        return bytes((*low, number >> 21))
    return bytes((*low, number >> 21 & 0x7F | 0x80, number >> 28))


def text(key: bytes, value: str) -> bytes:
    """A field of text; nothing for an empty one. Raises UnicodeEncodeError."""
    if not value:
        return b""
    octets = value.encode()
    size = len(octets)
    return key + (_SMALL[size] if size < 0x80 else varint(size)) + octets


def nested(key: bytes, octets: bytes) -> bytes:
    """A field that holds a serialized message, an empty one too."""
    return key + varint(len(octets)) + octets


def head(key: bytes, size: int) -> bytes:
    """What stands in front of a text or message of `size` bytes."""
    return key + (_SMALL[size] if size < 0x80 else varint(size))


def number(key: bytes, value: int) -> bytes:
    """A field of a number; nothing for 0. One below 0 is written in 64 bit."""
    return key + varint(value & _64_BIT) if value else b""


def duration(seconds: float) -> bytes:
    """A serialized Duration, as `write_duration` sets it."""
    if 0 < seconds < _EXACT:
        whole = int(seconds)
        nanos = round((seconds - whole) * _NANOS)
        if nanos < _NANOS:
            nanos = nanos or int(not whole)
            octets = b"\x10" + _nanos(nanos) if nanos else b""
            return b"\x08" + varint(whole) + octets if whole else octets
    positive = 0.0 if seconds <= 0 else seconds
    whole = math.floor(positive)
    nanos = whole * _NANOS + round((positive - whole) * _NANOS)
    whole, nanos = divmod(max(nanos, int(seconds > 0)), _NANOS)
    return number(b"\x08", whole) + number(b"\x10", nanos)


def payload(fields: Fields, continues: Continues | None = None) -> bytes:
    """A serialized payload, its fields in the order of `fields`.

    Octets that were read go on as they are. With `continues` long lists travel as that
    says, else whole. Raises EncodeError for a bad name, and for
    too many fields.
    """
    if isinstance(fields, WireFields):
        return fields.octets
    if len(fields) > MAX_FIELDS:
        raise EncodeError("payload", too_many(len(fields)))
    pieces: list[bytes] = []
    for name, each in fields.items():
        head = _heads.get(name) or _head_of(name)
        if continues is not None and type(each) is ListValue:
            octets = continuation_octets(continues(name, each))
            octets = head + nested(b"\x12", nested(b"\x1a", octets))
            pieces += (b"\x0a", varint(len(octets)), octets)
            continue
        kind, octets = each
        size = len(octets)
        # The field of the value, with its length; then that of its octets, with theirs.
        inner = (b"\x0a" if kind is ValueKind.JSON else b"\x12") + (
            _SMALL[size] if size < 0x80 else varint(size)
        )
        size += len(inner)
        value = b"\x12" + (_SMALL[size] if size < 0x80 else varint(size)) + inner
        size += len(head) + len(value) - len(inner)
        pieces += (b"\x0a", _SMALL[size] if size < 0x80 else varint(size), head, value, octets)
    return b"".join(pieces)


def _head_of(name: str) -> bytes:
    """The key of an entry. Raises EncodeError for a name that no field may have."""
    problem = bad_name((name,))
    if problem:
        raise EncodeError("payload", problem)
    head = text(b"\x0a", name)
    if len(_heads) < _REMEMBERED and len(name) <= _SHORT:
        # `name` may be of a subclass, which has more to it than its text.
        _heads[str.__str__(name)] = head
    return head
