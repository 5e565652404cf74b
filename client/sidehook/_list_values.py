"""JSON values with a long list in them, known item by item. Pure.

The messages of a chat are such a list, alone or as a member of an object. A stream sends
only what the other end has not seen of it (`_continuations`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from sidehook._types import Value, ValueKind

MIN_BYTES: Final = 2048
"""Smaller values are sent whole; there is nothing to be won."""

MIN_ITEMS: Final = 4
"""So are shorter lists."""


class ListValue(Value):
    """A JSON value with a long list in it, known item by item.

    Its octets are `head`, the `items` with commas between them, and `tail`.
    """

    head: bytes
    items: tuple[bytes, ...]
    tail: bytes

    @classmethod
    def of(cls, head: bytes, items: Sequence[bytes], tail: bytes) -> ListValue:
        """Put a value together; head and tail hold the list's brackets."""
        value = cls(ValueKind.JSON, b"".join((head, b",".join(items), tail)))
        value.head, value.items, value.tail = head, tuple(items), tail
        return value


def in_items(value: object, octets: bytes, encode: Callable[[object], bytes]) -> ListValue | None:
    """Take a value that was encoded as `octets` apart; None when it holds no long list.

    `encode` must encode a part as it stands in the whole; where it does not, or raises
    TypeError, there is no list either.
    """
    if len(octets) < MIN_BYTES:
        return None
    try:
        found = _parts(value, encode)
    except TypeError:
        return None
    return found if found is not None and found.octets == octets else None


def _parts(value: object, encode: Callable[[object], bytes]) -> ListValue | None:
    if isinstance(value, list | tuple):
        return _listed(b"[", value, b"]", encode)
    if not isinstance(value, dict):
        return None
    name = max(value, key=lambda it: _length(value[it]), default=None)
    if name is None:
        return None
    place = list(value).index(name)
    members = list(value.items())
    before, after = dict(members[:place]), dict(members[place + 1 :])
    # Each ends, or goes on, where the items stand in the whole: between the brackets.
    head = encode({**before, name: []})[:-2]
    tail = encode({name: [], **after})[len(encode({name: []})) - 2 :]
    return _listed(head, value[name], tail, encode)


def _listed(
    head: bytes, items: Sequence[object], tail: bytes, encode: Callable[[object], bytes]
) -> ListValue | None:
    if _length(items) < MIN_ITEMS:
        return None
    return ListValue.of(head, [encode(item) for item in items], tail)


def _length(value: object) -> int:
    return len(value) if isinstance(value, list | tuple) else 0
