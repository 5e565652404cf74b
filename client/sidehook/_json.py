"""Values as JSON octets, exactly: what goes in comes out, or is refused by name (rule 11).

`encode` is for the author of a value, `check` for the sidecar, which must be sure of
octets that it passes on, and `decode` for whoever looks into a value.
"""

from __future__ import annotations

import gc
import json
import math
import re
from array import array
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import Enum
from itertools import accumulate
from typing import Final, cast

import orjson

from sidehook._call import Fields
from sidehook._errors import EncodeError, MalformedError
from sidehook._list_values import in_items
from sidehook._types import JSON, Value, ValueKind

MAX_DEPTH: Final = 128
"""How deep lists and objects may be nested in a value."""

_MIN_INT: Final = -(2**63)
_MAX_INT: Final = 2**64 - 1
_INT_RANGE: Final = "[-2**63, 2**64 - 1]"
# Without these, orjson would turn dates and dataclasses into something else unasked.
_EXACT: Final = (
    orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_SUBCLASS
)
# What orjson writes of these reads back as it was, or is not written.
_ALWAYS_EXACT: Final = frozenset({str, int, bool, type(None)})
_DIGITS_AS_ZEROS: Final = bytes(0x30 if 0x30 <= byte <= 0x39 else 0x20 for byte in range(256))
# The shortest run of digits that can be an integer beyond 64 bit.
_LONG_RUN: Final = b"0" * 19
_SHOWN_NAME: Final = 64
# Smaller values make too few lists for the collector to mind.
_LARGE: Final = 64 * 1024

# How a text begins that stands for a colon: `\u003a`, with digits of either case.
_ESCAPED: Final = rb"\u003"

# For texts that are JSON, as orjson has found before.
_STRINGS: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"')
_LONG_NUMBERS: Final = re.compile(rb"[-+.eE\d]{19,}")
_ALL_SQUARE: Final = bytes.maketrans(b"{}", b"[]")
# One level in, and as a signed byte one level out.
_STEPS: Final = bytes.maketrans(b"[]", b"\x01\xff")
_NO_BRACKETS: Final = bytes(set(range(256)).difference(b"[]{}"))


def encode(value: object, path: str) -> bytes:
    """Encode `value` as JSON text; `path` names it in an error.

    Takes None, bool, int, float, str, list, tuple and mappings with text keys, and
    subclasses of these. Raises EncodeError, with the path to the culprit, for anything
    else, and for what JSON cannot carry exactly: integers beyond 64 bit, NaN, Infinity,
    lone surrogates, nesting deeper than 128.
    """
    try:
        octets = orjson.dumps(value, option=_EXACT)
    except orjson.JSONEncodeError:
        return orjson.dumps(_exact(value, path, MAX_DEPTH), option=_EXACT)
    if type(value) in _ALWAYS_EXACT:
        return octets
    # orjson turns some things into others unasked: NaN into null, a UUID into text. What
    # reads back as equal is exact. This costs less than a look at every item in Python.
    copy: JSON = orjson.loads(octets)
    if copy == value and _is_shallow(octets):
        return octets
    return orjson.dumps(_exact(value, path, MAX_DEPTH), option=_EXACT)


def decode(octets: bytes) -> JSON:
    """Decode JSON text; integers stay exact. Raises MalformedError.

    A key that stands twice is not looked for: that is `check`'s work.
    """
    parsed = _parse(octets, "value")
    if not _has_long_run(octets):
        return parsed
    # orjson reads an integer beyond 64 bit as a float.
    return _parse_strictly(octets, "value")


def check(octets: bytes, what: str) -> None:
    """Make sure that `octets` keep every rule for JSON values; `what` names them.

    Raises MalformedError: not JSON, not UTF-8, a byte order mark, a key that stands
    twice in one object, an integer beyond 64 bit, a float beyond its range, a lone
    surrogate, nesting deeper than 128.
    """
    if len(octets) < _LARGE:
        _checked(octets, what)
        return
    with _paused_collector():
        _checked(octets, what)


def check_object(octets: bytes, what: str) -> None:
    """As `check`, and the value is an object."""
    if not isinstance(_checked(octets, what), dict):
        raise MalformedError(what, "must be a JSON object")


def check_fields(fields: Fields) -> None:
    """Check every JSON value of a patch or payload. Raises MalformedError naming the field."""
    for name, value in fields.items():
        if value.kind is ValueKind.JSON:
            check(value.octets, f"field {shown(name)}")


def encode_value(value: object, path: str) -> Value:
    """Encode a field's value: bytes travel raw, everything else as JSON. Raises EncodeError."""
    if type(value) in _ALWAYS_EXACT or type(value) is dict:
        return Value(ValueKind.JSON, encode(value, path))
    if isinstance(value, bytes | bytearray | memoryview):
        return Value(ValueKind.RAW, bytes(value))
    octets = encode(value, path)
    return in_items(value, octets, _encode_part) or Value(ValueKind.JSON, octets)


def decode_value(value: Value) -> JSON | bytes:
    """Decode a field's value. Raises MalformedError."""
    return value.octets if value.kind is ValueKind.RAW else decode(value.octets)


def _encode_part(value: object) -> bytes:
    return orjson.dumps(value, option=_EXACT)


def shown(name: str) -> str:
    """A name from outside, quoted and short enough for a message."""
    return ascii(name if len(name) <= _SHOWN_NAME else f"{name[:_SHOWN_NAME]}…")


def _exact(value: object, path: str, depth: int) -> JSON:
    """A copy of `value` in built-in types; raises EncodeError with the path to what has none."""
    match value:
        case None | bool():
            return value
        case Enum() if not isinstance(value, str | int | float) or value.value != value:
            raise EncodeError(path, f"an enum member of {type(value).__name__} is not a JSON value")
        case str():
            return _exact_text(value, path)
        case int():
            return _exact_integer(value, path)
        case float():
            return _exact_float(value, path)
        case _ if depth == 0 and isinstance(value, Mapping | list | tuple):
            raise EncodeError(path, f"nested deeper than {MAX_DEPTH}")
        case Mapping():
            return {
                _exact_key(key, path): _exact(item, f"{path}.{_name(key)}", depth - 1)
                for key, item in value.items()
            }
        case list() | tuple():
            return [_exact(item, f"{path}[{i}]", depth - 1) for i, item in enumerate(value)]
        case bytes() | bytearray() | memoryview():
            raise EncodeError(path, "bytes can only be a whole field, not part of one")
        case _:
            raise EncodeError(path, f"{type(value).__name__} is not a JSON value")


def _exact_text(value: str, path: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise EncodeError(path, f"a lone surrogate at character {error.start}") from None
    return str.__str__(value)


def _exact_integer(value: int, path: str) -> int:
    if not _MIN_INT <= value <= _MAX_INT:
        raise EncodeError(path, f"an integer must lie in {_INT_RANGE}; send others as text")
    return int.__int__(value)


def _exact_float(value: float, path: str) -> float:
    if not math.isfinite(value):
        raise EncodeError(path, "NaN and Infinity are not JSON values")
    return float.__float__(value)


def _exact_key(key: object, path: str) -> str:
    if not isinstance(key, str):
        raise EncodeError(path, f"the key of an object must be text, not {type(key).__name__}")
    return _exact_text(key, f"{path}, a key")


def _name(key: object) -> str:
    return str(key)[:_SHOWN_NAME].encode("ascii", "backslashreplace").decode()


@contextmanager
def _paused_collector() -> Iterator[None]:
    """The garbage collector looks at nothing meanwhile.

    It would go over millions of new lists again and again, none of which is garbage: that
    takes four times as long as making them.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _parse(octets: bytes, what: str) -> JSON:
    try:
        return cast(JSON, orjson.loads(octets))
    except orjson.JSONDecodeError as error:
        # `msg` tells the fault and `pos` the place; neither holds any of the text.
        raise MalformedError(what, f"not JSON: {error.msg} at {error.pos}") from None


def _checked(octets: bytes, what: str) -> JSON:
    parsed = _parse(octets, what)
    if not _is_shallow(octets):
        raise MalformedError(what, f"nested deeper than {MAX_DEPTH}")
    written = orjson.dumps(parsed)
    # Whatever orjson reads otherwise than it stands (a key twice, a large integer) it writes
    # otherwise too. Most writers write as it does, so this settles nearly every value.
    if written == octets:
        return parsed
    # The rest without a step of Python for each item, of which a value may hold millions.
    if _lacks_a_key(written, octets):
        raise MalformedError(what, "an object holds the same key twice")
    if _has_long_run(octets) and not all(
        map(_is_in_range, _LONG_NUMBERS.findall(_STRINGS.sub(b'"', octets)))
    ):
        raise MalformedError(what, f"an integer must lie in {_INT_RANGE}")
    return parsed


def _lacks_a_key(written: bytes, octets: bytes) -> bool:
    """Whether fewer keys were written than stand in `octets`; each has a colon behind it."""
    if _ESCAPED not in octets:
        # Colons in texts are written as they stand, and are lost with a lost key only.
        return octets.count(b":") != written.count(b":")
    # Here a text may hold an escape that is written as a colon.
    colons = (_STRINGS.sub(b'"', text).count(b":") for text in (octets, written))
    return next(colons) != next(colons)


def _has_long_run(octets: bytes) -> bool:
    return octets.translate(_DIGITS_AS_ZEROS).find(_LONG_RUN) >= 0


def _is_in_range(number: bytes) -> bool:
    """Whether it is a float, or an integer of 64 bit."""
    if not number.removeprefix(b"-").isdigit():
        return True
    return len(number) <= 20 and _MIN_INT <= int(number) <= _MAX_INT


def _is_shallow(octets: bytes) -> bool:
    # So few brackets cannot be nested too deeply, and most values have fewer.
    return octets.count(b"[") + octets.count(b"{") <= MAX_DEPTH or _fits(octets)


def _fits(octets: bytes) -> bool:
    """Whether lists and objects are nested 128 deep at most, in a text that is JSON."""
    brackets = _STRINGS.sub(b"", octets).translate(_ALL_SQUARE, _NO_BRACKETS)
    levels = 0
    while brackets:
        # Every list that holds none goes, and with them one level of each that does.
        rest = brackets.replace(b"[]", b"")
        levels += 1
        if 2 * len(rest) > len(brackets):
            # Deep rather than wide: this would go over nearly all of it once for each level.
            return levels + _depth(rest) <= MAX_DEPTH
        brackets = rest
    return levels <= MAX_DEPTH


def _depth(brackets: bytes) -> int:
    """How deep square brackets are nested, that are all in pairs."""
    return max(accumulate(array("b", brackets.translate(_STEPS))))


def _parse_strictly(octets: bytes, what: str) -> JSON:
    """Parse octets that orjson took, slowly, and refuse the integers that it lets pass."""

    def integer(digits: str) -> int:
        number = int(digits) if len(digits) <= 20 else _MAX_INT + 1
        if not _MIN_INT <= number <= _MAX_INT:
            raise MalformedError(what, f"an integer must lie in {_INT_RANGE}")
        return number

    try:
        return cast(JSON, json.loads(octets, parse_int=integer))
    except RecursionError:
        raise MalformedError(what, f"nested deeper than {MAX_DEPTH}") from None
