"""What goes into one evaluation: measured before anything is decoded, then made ready."""

from __future__ import annotations

from typing import Final

from sidehook import _json
from sidehook._errors import MalformedError
from sidehook._types import JSON, Value, ValueKind
from sidehook_server.conditions.errors import ConditionError
from sidehook_server.conditions.limits import ConditionLimits
from sidehook_server.conditions.polynomial import Polynomial

# The prices of making an octet and a value ready, and of the evaluation as such; see `prices`.
_BASE: Final = 20_000
_OCTET: Final = 9
_SCANNED_OCTET: Final = 14
_VALUE: Final = 1_450
_NUL: Final = 7_000

_MARKS: Final = (b"[", b"{", b",", b":")
_ESCAPED_NUL: Final = b"\\u0000"


class Intake:
    """Takes what an expression looks at, makes it ready, and refuses what is too much work.

    First everything is taken, then `check_making` is asked, then everything is made ready,
    then `check_price` is asked: nothing is done that was not paid for.
    """

    __slots__ = ("_limits", "_nuls", "_octets", "_texts", "_values", "_widest")

    def __init__(self, limits: ConditionLimits) -> None:
        self._limits = limits
        self._nuls = 0
        self._octets = 0
        self._texts: list[bytes] = []
        self._values = 0
        self._widest = 1

    def text(self, text: str) -> None:
        """Take a text."""
        # The most octets that so many characters can have, without encoding them.
        self._octets += len(text) if text.isascii() else 4 * len(text)
        self._values += 1

    def json(self, octets: bytes) -> None:
        """Take a JSON text."""
        self._octets += len(octets)
        self._texts.append(octets)

    def value(self, value: Value) -> None:
        """Take the value of a field."""
        if value.kind is ValueKind.RAW:
            self._octets += len(value.octets)
            self._values += 1
        else:
            self.json(value.octets)

    def holder(self, length: int) -> None:
        """Take a map or a list as such; what is in it is taken besides."""
        self._values += 1
        self._widest = max(self._widest, length)

    def check_making(self) -> None:
        """Raise ConditionError if making ready what was taken is too much."""
        if self._octets > self._limits.octets:
            raise ConditionError(
                f"it looks at {self._octets} octets, and may look at {self._limits.octets}: name "
                "smaller fields, or let the hook decide"
            )
        # Only now: counting is work, too.
        self._nuls += sum(text.count(_ESCAPED_NUL) for text in self._texts)
        structures = [text for text in self._texts if not text.startswith(b'"')]
        simple = self._values + len(self._texts) - len(structures)
        if self._making(simple + sum(map(_at_most, structures))) <= self._limits.steps:
            return
        # Marks in texts were counted as values. What follows is exact, and slower.
        paid = self._limits.steps - _SCANNED_OCTET * sum(map(len, structures))
        each = _VALUE + _NUL if self._nuls else _VALUE
        most = int((paid - self._making(0)) // each)
        for structure in structures:
            if simple <= most:
                simple += _count(structure, most - simple)
        if simple > most:
            raise self._too_much()

    def check_price(self, price: Polynomial) -> None:
        """Raise ConditionError if an evaluation of this price is too much, with all it needs."""
        values = self._values
        steps = price.at(octets=self._octets, values=values, widest=self._widest)
        if steps + self._making(values) > self._limits.steps:
            raise self._too_much()

    def ready_value(self, value: Value, what: str) -> object:
        """A field's value for the CEL library; `what` names it. Raises ConditionError."""
        if value.kind is ValueKind.RAW:
            # The library reads `bytes` as text that ends with a zero.
            return bytearray(value.octets)
        return self.ready_json(value.octets, what)

    def ready_json(self, octets: bytes, what: str) -> object:
        """A JSON text for the CEL library; `what` names it. Raises ConditionError."""
        try:
            decoded = _json.decode(octets)
        except MalformedError as error:
            raise ConditionError(f"{what}: {error.problem}") from None
        self._measure(decoded, what)
        return _with_nul(decoded) if _ESCAPED_NUL in octets else decoded

    def _measure(self, decoded: JSON, what: str) -> None:
        """Count the values in `decoded`, level by level."""
        level = [decoded]
        for _ in range(_json.MAX_DEPTH + 1):
            self._values += len(level)
            inner: list[JSON] = []
            for item in level:
                if isinstance(item, dict):
                    self._values += len(item)
                    self._widest = max(self._widest, len(item))
                    inner += item.values()
                elif isinstance(item, list):
                    self._widest = max(self._widest, len(item))
                    inner += item
            if not inner:
                return
            level = inner
        raise ConditionError(f"{what}: nested deeper than {_json.MAX_DEPTH}")

    def _making(self, values: int) -> int:
        return _BASE + _OCTET * self._octets + _VALUE * values + _NUL * min(self._nuls, values)

    def _too_much(self) -> ConditionError:
        return ConditionError(
            f"what it looks at, {self._octets} octets, could take more than {self._limits.steps} "
            "steps: name smaller fields, nest fewer macros, or let the hook decide"
        )


def plain_text(text: str, what: str) -> str:
    """A text for a variable of text, or for a key of one; `what` names it.

    Raises ConditionError for one that the CEL library would cut short.
    """
    if "\0" in text:
        raise ConditionError(f"{what} holds a zero character, which no condition can look at")
    return text


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
            return _Text(value) if "\0" in value else value
        case list():
            return [_with_nul(item) for item in value]
        case dict():
            return {_with_nul(key): _with_nul(item) for key, item in value.items()}
        case _:
            return value


def _at_most(structure: bytes) -> int:
    """No fewer than the values and keys in a JSON text."""
    return 1 + sum(map(structure.count, _MARKS))


def _count(structure: bytes, most: int) -> int:
    """How many values and keys a JSON text holds; any number above `most` if it is more."""
    # Two in a row stand for one that escapes nothing, so they go first.
    plain = structure.replace(b"\\\\", b"").replace(b'\\"', b"")
    parts = plain.split(b'"', 2 * most + 1)
    if len(parts) > 2 * most + 1:
        return most + 1
    return _at_most(b"".join(parts[::2]))
