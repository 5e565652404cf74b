"""Reads the protobuf wire format, for the one message that the CEL library hands out.

The core imports no protobuf: what is needed of it is this generator.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

_VARINT: Final = 0
_FIXED64: Final = 1
_DELIMITED: Final = 2


def fields(octets: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield (number, value) of each field of a message; groups and fixed32 do not occur."""
    at = 0
    while at < len(octets):
        tag, at = _varint(octets, at)
        kind = tag & 7
        if kind == _VARINT:
            number, at = _varint(octets, at)
            yield tag >> 3, number
            continue
        if kind == _FIXED64:
            size = 8
        elif kind == _DELIMITED:
            size, at = _varint(octets, at)
        else:
            raise AssertionError(f"wire type {kind} in a checked expression")
        yield tag >> 3, octets[at : at + size]
        at += size


def _varint(octets: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        octet = octets[at]
        at += 1
        number |= (octet & 0x7F) << shift
        if octet < 0x80:
            return number, at
        shift += 7
