"""Values that cannot cross, and the handles by which a hook keeps them.

A function, a tool or a NaN has no JSON. It crosses as `{"$opaque": handle, …}`; a hook
that sends that back keeps the value itself, and one that leaves it out deletes it. A
handle means something in one call only.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sidehook._types import JSON

HANDLE: Final = "$opaque"

_MAX_REPR: Final = 256
# A field's value may be nested 128 deep, and this is only a part of one.
_MAX_DEPTH: Final = 64
_MIN_INT: Final = -(2**63)
_MAX_INT: Final = 2**64 - 1


class UnknownHandleError(ValueError):
    """A hook sent an opaque value that it was not given, or changed one."""


class Opaques:
    """The opaque values of one call, by their handles."""

    __slots__ = ("_live", "_sent")

    def __init__(self) -> None:
        self._live: list[object] = []
        self._sent: dict[str, JSON] = {}

    def sent(self, value: object, depth: int = _MAX_DEPTH) -> JSON:
        """Return what crosses for `value`: JSON as it is, handles for what is none."""
        match value:
            case None | bool():
                return value
            case int() if _MIN_INT <= value <= _MAX_INT:
                return int.__int__(value)
            case float() if math.isfinite(value):
                return float.__float__(value)
            case str() if _is_unicode(value):
                return str.__str__(value)
            case Mapping() if depth and _is_object(value):
                return {key: self.sent(item, depth - 1) for key, item in value.items()}
            case list() | tuple() if depth:
                return [self.sent(item, depth - 1) for item in value]
        return self._opaque(value)

    def members(self, value: Mapping[Any, object]) -> dict[str, JSON]:
        """Return what crosses for the members of `value` that have a name in JSON."""
        return {
            str(key): self.sent(item)
            for key, item in value.items()
            if isinstance(key, str) and _is_unicode(key)
        }

    def live(self, received: JSON, sent: JSON, value: object) -> object:
        """Return the live value for what a hook sent back where `sent` stood for `value`.

        What did not change is `value` itself, down to the last member. Raises
        UnknownHandleError.
        """
        if is_same(received, sent):
            return value
        if isinstance(received, dict):
            if HANDLE in received:
                return self._kept(received)
            return self._live_object(received, sent, value)
        if isinstance(received, list):
            return self._live_array(received, sent, value)
        return received

    def _live_object(
        self, received: Mapping[str, JSON], sent: JSON, value: object
    ) -> dict[str, object]:
        before = sent if isinstance(sent, dict) and HANDLE not in sent else {}
        values = value if isinstance(value, Mapping) else {}
        return {
            key: self.live(item, before[key], values[key])
            if key in before and key in values
            else self.new(item)
            for key, item in received.items()
        }

    def _live_array(self, received: Sequence[JSON], sent: JSON, value: object) -> list[object]:
        before = sent if isinstance(sent, list) else []
        values = value if isinstance(value, list | tuple) else []
        pairs = list(zip(before, values, strict=False))
        return [
            self._item(item, pairs[index:] + pairs[:index]) for index, item in enumerate(received)
        ]

    def _item(self, received: JSON, pairs: Sequence[tuple[JSON, object]]) -> object:
        """An item of a list, wherever it stood before; `pairs` begins at its own place."""
        if not isinstance(received, dict | list):
            return received
        for sent, value in pairs:
            if is_same(received, sent):
                return value
        return self.live(received, *pairs[0]) if pairs else self.new(received)

    def new(self, received: JSON) -> object:
        """Return the live value for JSON that stands where nothing stood before."""
        if isinstance(received, dict):
            if HANDLE in received:
                return self._kept(received)
            return {key: self.new(item) for key, item in received.items()}
        if isinstance(received, list):
            return [self.new(item) for item in received]
        return received

    def _opaque(self, value: object) -> JSON:
        handle = f"o{len(self._live)}"
        self._live.append(value)
        crossing: JSON = {HANDLE: handle, "type": type(value).__name__, "repr": _repr(value)}
        self._sent[handle] = crossing
        return crossing

    def _kept(self, received: Mapping[str, JSON]) -> object:
        handle = received[HANDLE]
        sent = self._sent.get(handle) if isinstance(handle, str) else None
        if sent is None:
            raise UnknownHandleError("there is no opaque value with this handle in this call")
        if received not in (sent, {HANDLE: handle}):
            raise UnknownHandleError(f"the opaque value {handle} can be kept or left out, only")
        return self._live[int(str(handle)[1:])]


def text(value: object) -> str:
    """Return `value` as text that can cross; what is no Unicode is escaped."""
    found = str(value)
    return found if _is_unicode(found) else found.encode("utf-8", "backslashreplace").decode()


def _is_unicode(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_object(value: Mapping[object, object]) -> bool:
    """Whether it can cross as an object: text for keys, none of which is taken for a handle."""
    return HANDLE not in value and all(isinstance(k, str) and _is_unicode(k) for k in value)


def is_same(one: JSON, other: JSON) -> bool:
    """Whether two JSON values are written alike: in Python, `True == 1 == 1.0`."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(is_same(one[k], other[k]) for k in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(is_same, one, other))
    return one == other


def _repr(value: object) -> str:
    try:
        return text(repr(value))[:_MAX_REPR]
    except Exception:
        # It is only for people, and a repr may do anything.
        return f"<{type(value).__name__} without a repr>"
