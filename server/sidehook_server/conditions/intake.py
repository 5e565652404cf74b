"""What goes into one evaluation: measured before anything is decoded, then made ready."""

from __future__ import annotations

import re
from typing import Final

from sidehook import _json
from sidehook._errors import MalformedError
from sidehook._types import JSON, Value, ValueKind
from sidehook_server.conditions.errors import ConditionError
from sidehook_server.conditions.limits import ConditionLimits
from sidehook_server.conditions.polynomial import Polynomial

# The prices of making an octet and a value ready, and of the evaluation as such; see `prices`.
_BASE: Final = 20_000
_OCTET: Final = 6
_SCANNED_OCTET: Final = 14
_VALUE: Final = 700

_TOKEN: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[{,:]', re.DOTALL)
_OPENERS: Final = (b"[", b"{")
_MARKS: Final = (*_OPENERS, b",", b":")
_ESCAPED_NUL: Final = b"\\u0000"


class Intake:
    """Takes what an expression looks at, and refuses what would be too much work."""

    __slots__ = ("_limits", "_octets", "_price", "_structures", "_values")

    def __init__(self, price: Polynomial, limits: ConditionLimits) -> None:
        self._price = price
        self._limits = limits
        self._octets = 0
        self._values = 0
        self._structures: list[bytes] = []

    def text(self, text: str) -> None:
        """Take a text."""
        # The most octets that so many characters can have, without encoding them.
        self._octets += len(text) if text.isascii() else 4 * len(text)
        self._values += 1

    def json(self, octets: bytes) -> None:
        """Take a JSON text."""
        self._octets += len(octets)
        if octets.startswith(b'"'):
            self._values += 1
        else:
            self._structures.append(octets)

    def value(self, value: Value) -> None:
        """Take the value of a field."""
        if value.kind is ValueKind.RAW:
            self._octets += len(value.octets)
            self._values += 1
        else:
            self.json(value.octets)

    def check(self) -> None:
        """Raise ConditionError if what was taken is too much for this expression."""
        octets = self._octets
        if octets > self._limits.octets:
            raise ConditionError(
                f"it looks at {octets} octets, and may look at {self._limits.octets}: name "
                "smaller fields, or let the hook decide"
            )
        values = self._values + sum(map(_at_most, self._structures))
        if self._steps(values) <= self._limits.steps:
            return
        # Marks inside texts were counted as well; this is exact, and slower.
        octets_to_scan = sum(map(len, self._structures))
        values = self._values
        scanning = _SCANNED_OCTET * octets_to_scan
        for structure in self._structures:
            values += 1
            for token in _TOKEN.finditer(structure):
                values += token[0][0] != 0x22
                if scanning + self._steps(values) > self._limits.steps:
                    break
        if scanning + self._steps(values) > self._limits.steps:
            raise ConditionError(
                f"it looks at {octets} octets in {values} values or more, which could take more "
                f"than {self._limits.steps} steps: name smaller fields, nest fewer macros, or let "
                "the hook decide"
            )

    def _steps(self, values: int) -> float:
        octets = self._octets
        making = _BASE + _OCTET * octets + _VALUE * values
        return making + self._price.at(octets=octets, values=values)


def ready_value(value: Value, what: str) -> object:
    """A field's value as the CEL library takes it; `what` names it. Raises ConditionError."""
    if value.kind is ValueKind.RAW:
        # The library reads `bytes` as text that ends with a zero.
        return bytearray(value.octets)
    return ready_json(value.octets, what)


def ready_json(octets: bytes, what: str) -> object:
    """A JSON text as the CEL library takes it; `what` names it. Raises ConditionError."""
    try:
        decoded = _json.decode(octets)
    except MalformedError as error:
        raise ConditionError(f"{what}: {error.problem}") from None
    if sum(map(octets.count, _OPENERS)) > _json.MAX_DEPTH and _is_deep(decoded):
        raise ConditionError(f"{what}: nested deeper than {_json.MAX_DEPTH}")
    return _with_nul(decoded) if _ESCAPED_NUL in octets else decoded


def ready_text(text: str) -> object:
    """A text as the CEL library takes it."""
    return _Text(text) if "\0" in text else text


class _StringValue:
    """Stands for the descriptor of `google.protobuf.StringValue`."""

    full_name = "google.protobuf.StringValue"


class _Text:
    """A text with a zero in it, as a message that CEL takes for its text.

    The library ends a `str` at its first zero. Of a message it asks for two attributes.
    """

    __slots__ = ("_text",)
    DESCRIPTOR = _StringValue

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return "<text>"

    def SerializePartialToString(self) -> bytes:  # noqa: N802 - protobuf's name
        """The message: its first field is the text."""
        octets = self._text.encode()
        length = len(octets)
        head = bytearray(b"\x0a")
        while length > 0x7F:
            head.append(length & 0x7F | 0x80)
            length >>= 7
        head.append(length)
        return bytes(head) + octets


def _with_nul(value: JSON) -> object:
    match value:
        case str():
            return ready_text(value)
        case list():
            return [_with_nul(item) for item in value]
        case dict():
            return {ready_text(key): _with_nul(item) for key, item in value.items()}
        case _:
            return value


def _at_most(structure: bytes) -> int:
    """No fewer than the values and keys in a JSON text."""
    return 1 + sum(map(structure.count, _MARKS))


def _is_deep(decoded: JSON) -> bool:
    level: list[JSON] = [decoded]
    for _ in range(_json.MAX_DEPTH + 1):
        level = [item for holder in level for item in _items(holder)]
    return bool(level)


def _items(holder: JSON) -> list[JSON]:
    if isinstance(holder, dict):
        return list(holder.values())
    return holder if isinstance(holder, list) else []
