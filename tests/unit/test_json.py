import contextlib
import datetime
import gc
import json
import math
import uuid
from collections import OrderedDict, namedtuple
from enum import Enum, IntEnum, StrEnum
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidehook._errors import EncodeError, MalformedError
from sidehook._json import (
    MAX_DEPTH,
    check,
    check_fields,
    check_object,
    decode,
    decode_value,
    encode,
    encode_value,
)
from sidehook._types import JSON, Value, ValueKind

INTEGERS = st.integers(-(2**63), 2**64 - 1)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | INTEGERS | FLOATS | st.text()
VALUES: st.SearchStrategy[JSON] = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


class Colour(StrEnum):
    RED = "red"


class Level(IntEnum):
    LOW = 1


class Plain(Enum):
    TEXT = "text"


class Disguised(int, Enum):
    """Has a value that is not the integer it is."""

    ONE = 1

    def __init__(self, _number: int) -> None:
        self._value_ = 7


class Ratio(float):
    pass


Point = namedtuple("Point", ["x", "y"])


def kinds(value: JSON) -> object:
    """The value with the type of every part, so that 1 and 1.0 and True differ."""
    if isinstance(value, dict):
        return {key: kinds(item) for key, item in value.items()}
    if isinstance(value, list):
        return [kinds(item) for item in value]
    return type(value), value


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


@given(VALUES)
def test_a_value_comes_back_as_it_went_in(value: JSON) -> None:
    octets = encode(value, "field")
    check(octets, "field")
    assert kinds(decode(octets)) == kinds(value)


@given(VALUES)
def test_what_is_written_is_what_the_standard_library_reads(value: JSON) -> None:
    assert kinds(json.loads(encode(value, "field"))) == kinds(value)


@given(VALUES, st.sampled_from([None, 2]), st.booleans())
def test_texts_of_other_writers_are_read_exactly(
    value: JSON,
    indent: int | None,
    escapes: bool,  # noqa: FBT001 - hypothesis gives it
) -> None:
    octets = json.dumps(value, indent=indent, ensure_ascii=escapes).encode()
    check(octets, "field")
    assert kinds(decode(octets)) == kinds(value)


@given(st.binary())
def test_whatever_passes_the_check_decodes(octets: bytes) -> None:
    try:
        check(octets, "field")
    except MalformedError:
        return
    decode(octets)


@pytest.mark.parametrize(
    ("value", "octets"),
    [
        (256, b"256"),
        (256.0, b"256.0"),
        (-0.0, b"-0.0"),
        (2**63, b"9223372036854775808"),
        (2**64 - 1, b"18446744073709551615"),
        (-(2**63), b"-9223372036854775808"),
        (True, b"true"),
        (None, b"null"),
        ((1, (2,)), b"[1,[2]]"),
        ("ü€😀", '"ü€😀"'.encode()),
        (Colour.RED, b'"red"'),
        ({"level": Level.LOW}, b'{"level":1}'),
        ({Colour.RED: 1}, b'{"red":1}'),
        (Ratio(0.5), b"0.5"),
        (Point(1, 2), b"[1,2]"),
        (OrderedDict(b=1, a=2), b'{"b":1,"a":2}'),
        (MappingProxyType({"a": [None]}), b'{"a":[null]}'),
    ],
)
def test_what_a_value_is_written_as(value: object, octets: bytes) -> None:
    assert encode(value, "field") == octets


@pytest.mark.parametrize(
    ("value", "path", "problem"),
    [
        (math.nan, "f", "NaN"),
        ({"a": [1, math.inf]}, "f.a[1]", "Infinity"),
        (2**64, "f", "must lie in"),
        ([0, -(2**63) - 1], "f[1]", "must lie in"),
        ("\ud800", "f", "lone surrogate at character 0"),
        ({"a": "x\udfff"}, "f.a", "lone surrogate at character 1"),
        ({"\ud800": 1}, "f, a key", "lone surrogate"),
        ({1: "one"}, "f", "must be text, not int"),
        ({"a": {None: 1}}, "f.a", "must be text, not NoneType"),
        ({"a": b"octets"}, "f.a", "bytes can only be a whole field"),
        ([bytearray(b"octets")], "f[0]", "bytes can only be a whole field"),
        ({"id": uuid.UUID(int=1)}, "f.id", "UUID is not a JSON value"),
        (datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC), "f", "datetime is not"),
        (datetime.date(2026, 1, 1), "f", "date is not"),
        ({1, 2}, "f", "set is not"),
        (object(), "f", "object is not"),
        ([Plain.TEXT], "f[0]", "enum member of Plain"),
        (Disguised.ONE, "f", "enum member of Disguised"),
    ],
)
def test_what_json_cannot_carry_is_refused_with_its_path(
    value: object, path: str, problem: str
) -> None:
    with pytest.raises(EncodeError) as caught:
        encode(value, "f")
    assert caught.value.path == path
    assert problem in caught.value.problem


@pytest.mark.parametrize("levels", [1, MAX_DEPTH])
def test_nesting_up_to_the_limit_is_taken(levels: int) -> None:
    octets = nested(levels)
    check(octets, "field")
    assert encode(decode(octets), "field") == octets


@pytest.mark.parametrize("levels", [MAX_DEPTH + 1, 300, 5000])
def test_nesting_over_the_limit_is_refused_by_reader_and_writer(levels: int) -> None:
    value: list[object] = []
    for _ in range(levels - 1):
        value = [value]
    with pytest.raises(EncodeError, match="deeper than 128"):
        encode(value, "f")
    with pytest.raises(MalformedError, match="field"):
        check(nested(levels), "field")


def test_a_value_that_holds_itself_is_refused() -> None:
    value: dict[str, object] = {}
    value["self"] = value
    with pytest.raises(EncodeError, match="deeper than 128"):
        encode(value, "f")


@pytest.mark.parametrize("beside", [b"", b"[]", b"[[],{}]", b'{"a":[[]]}', b"[[[[[[[[]]]]]]]]"])
@pytest.mark.parametrize("times", [1, 3, 200])
def test_the_depth_is_that_of_the_deepest_among_many(beside: bytes, times: int) -> None:
    def row(levels: int) -> bytes:
        return b"[" + b",".join([nested(levels - 1), *[beside] * bool(beside)] * times) + b"]"

    check(row(MAX_DEPTH), "field")
    with pytest.raises(MalformedError, match="deeper than 128"):
        check(row(MAX_DEPTH + 1), "field")


@pytest.mark.parametrize("on", [True, False])
@pytest.mark.parametrize("octets", [b"[" + b"[]," * 50_000 + b"1]", b"[" * 100_000])
def test_the_garbage_collector_is_left_as_it_was(octets: bytes, *, on: bool) -> None:
    before = gc.isenabled()
    try:
        (gc.enable if on else gc.disable)()
        with contextlib.suppress(MalformedError):
            check(octets, "field")
        assert gc.isenabled() == on
    finally:
        (gc.enable if before else gc.disable)()


def test_many_brackets_are_not_many_levels() -> None:
    check(b"[" + b",".join([b'{"a":"[[[["}'] * 500) + b"]", "field")


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b" ",
        b"\xef\xbb\xbf{}",
        b"\xff",
        b'"\xed\xa0\x80"',
        "{}".encode("utf-16"),
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b"1e400",
        b"-1e400",
        b"01",
        b"1.",
        b".5",
        b"+1",
        b"[1,]",
        b"{'a':1}",
        b"{} {}",
        b"tru",
        b'"\x00"',
        b'"\\ud800"',
        b'"\\udc00"',
        b'"\\ud800\\ud800"',
        b"// comment\n1",
    ],
)
def test_octets_that_are_not_json_are_refused(octets: bytes) -> None:
    with pytest.raises(MalformedError, match="not JSON"):
        check(octets, "field")
    with pytest.raises(MalformedError, match="not JSON"):
        decode(octets)


@pytest.mark.parametrize(
    "octets",
    [
        b'{"a":1,"a":1}',
        b'{"a":1,"\\u0061":2}',
        b'{"a":{"b":[{"c":1,"c":2}]}}',
        b'[{"a":1, "a":2}]',
        b'{"a":1e5,"b":0,"b":0}',
        b'{"a":1, "a":"\\u003a"}',
        b'{"a":1, "a":2, "b":"\\u003A"}',
        b'{"a:b":1, "a:b":2}',
        b'{"a":' + nested(900) + b',"a":1}',
    ],
)
def test_a_key_that_stands_twice_is_refused(octets: bytes) -> None:
    with pytest.raises(MalformedError, match=r"twice|deeper"):
        check(octets, "field")


def test_a_key_may_stand_once_in_each_of_several_objects() -> None:
    check(b'[{"a":1},{"a":{"a":2}}]', "field")
    check(b'{ "\\u003a": "a:b", "\\\\u003a": "\\u003A" }', "field")


@pytest.mark.parametrize(
    "digits",
    [b"18446744073709551616", b"-9223372036854775809", b"1" + b"0" * 30, b"-1" + b"0" * 5000],
)
@pytest.mark.parametrize("template", [b"%s", b'{"a":[1,%s]}', b' { "a" : %s } '])
def test_an_integer_beyond_64_bit_is_refused_wherever_it_stands(
    digits: bytes, template: bytes
) -> None:
    octets = template % digits
    with pytest.raises(MalformedError, match=r"must lie in|number is infinity"):
        check(octets, "field")
    with pytest.raises(MalformedError, match=r"must lie in|number is infinity"):
        decode(octets)


@pytest.mark.parametrize(
    ("octets", "value"),
    [
        (b"18446744073709551615", 2**64 - 1),
        (b"-9223372036854775808", -(2**63)),
        (b"[9223372036854775808]", [2**63]),
        (b"1.0", 1.0),
        (b"1e2", 100.0),
        (b"1E+2", 100.0),
        (b"-0.0", -0.0),
        (b"0.12345678901234567890123", 0.12345678901234568),
        (b'"18446744073709551616"', "18446744073709551616"),
        (b'"\\ud83d\\ude00"', "😀"),
        (b' [ 1 , "a\\/b" ]\n', [1, "a/b"]),
    ],
)
def test_numbers_and_texts_are_read_as_they_stand(octets: bytes, value: JSON) -> None:
    check(octets, "field")
    assert kinds(decode(octets)) == kinds(value)


def test_an_object_is_asked_for_where_one_must_stand() -> None:
    check_object(b'{"a":1}', "details")
    with pytest.raises(MalformedError, match="details: must be a JSON object"):
        check_object(b"[1]", "details")
    with pytest.raises(MalformedError, match="twice"):
        check_object(b'{"a":1,"a":1}', "details")


def test_bytes_travel_raw_and_all_else_as_json() -> None:
    assert encode_value(b"\xff", "f") == Value(ValueKind.RAW, b"\xff")
    assert encode_value(bytearray(b"\x00"), "f") == Value(ValueKind.RAW, b"\x00")
    assert encode_value("text", "f") == Value(ValueKind.JSON, b'"text"')
    assert decode_value(Value(ValueKind.RAW, b"\xff")) == b"\xff"
    assert decode_value(Value(ValueKind.JSON, b"[1]")) == [1]


def test_a_bad_field_is_named_and_raw_ones_are_not_looked_into() -> None:
    check_fields({"raw": Value(ValueKind.RAW, b"\xff"), "good": Value(ValueKind.JSON, b"{}")})
    with pytest.raises(MalformedError, match=r"field 'bad': not JSON") as caught:
        check_fields({"bad": Value(ValueKind.JSON, b"secret")})
    assert "secret" not in str(caught.value)


PIECES = st.sampled_from(
    [
        *(
            "[",
            "]",
            "{",
            "}",
            ",",
            ":",
            " ",
            '"',
            '"a"',
            '"b"',
            '"a:b"',
            '"{[\\""',
            '"\\u0061"',
            '"\\u003a"',
        ),
        *("0", "1", "-0", "1.5", "1e3", "true", "null", "12345678901234567890"),
        *("9223372036854775808", "-9223372036854775809", "18446744073709551616"),
        "1e-9999999999999999",
    ]
)
OBJECTS = st.recursive(
    st.sampled_from(
        ["1", '"x:y"', '"\\u003A"', "18446744073709551616", "-0.5e-12345678901234567890"]
    ),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{' ,'.join(items)}]")
        | st.lists(st.tuples(st.sampled_from(['"a"', '"\\u0061"', '"b"']), inner), max_size=3).map(
            lambda members: f"{{ {', '.join(f'{key}: {item}' for key, item in members)}}}"
        )
    ),
    max_leaves=12,
)


def keeps_every_rule(text: str) -> bool:
    """What `check` must say, found one item at a time."""

    def unique(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
        members = dict(pairs)
        assert len(members) == len(pairs)
        return members

    def integer(digits: str) -> int:
        assert -(2**63) <= int(digits) < 2**64
        return int(digits)

    def number(digits: str) -> float:
        assert math.isfinite(float(digits))
        return float(digits)

    def constant(name: str) -> None:
        raise AssertionError(name)

    try:
        json.loads(
            text,
            object_pairs_hook=unique,
            parse_int=integer,
            parse_float=number,
            parse_constant=constant,
        )
    except (AssertionError, ValueError):
        return False
    return True


@given(st.lists(PIECES, max_size=12).map("".join) | OBJECTS)
def test_a_text_is_refused_exactly_when_a_slow_reader_finds_a_fault(text: str) -> None:
    try:
        check(text.encode(), "field")
    except MalformedError:
        assert not keeps_every_rule(text)
    else:
        assert keeps_every_rule(text)
