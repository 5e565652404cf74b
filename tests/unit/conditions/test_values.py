"""Values reach the expression as they are: 256 is an int, 2**63 an uint, 1.0 a double."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidehook._call import CallContext
from sidehook._types import JSON
from sidehook_server.conditions import ConditionError
from sidehook_server.conditions.limits import ConditionLimits
from tests.unit.conditions.scripted import holds

TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
)
NESTED = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
ROOMY = ConditionLimits(source=20_000, steps=100_000_000)


def literal(value: JSON) -> str:
    """The value as an expression of CEL."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case int():
            return f"{value}u" if value >= 2**63 else str(value)
        case float():
            return repr(value) if "." in repr(value) or "e" in repr(value) else f"{value}.0"
        case str():
            return '"' + "".join(f"\\U{ord(character):08x}" for character in value) + '"'
        case list():
            return f"[{', '.join(map(literal, value))}]"
        case dict():
            return "{" + ", ".join(f"{literal(k)}: {literal(v)}" for k, v in value.items()) + "}"


@given(st.integers(-(2**63), 2**63 - 1))
def test_integers_are_ints(number: int) -> None:
    assert holds(f"payload.n == {number} && type(payload.n) == int", n=number)


@given(st.integers(2**63, 2**64 - 1))
def test_integers_beyond_int_are_uints(number: int) -> None:
    assert holds(f"payload.n == {number}u && type(payload.n) == uint", n=number)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_are_doubles(number: float) -> None:
    assert holds(f"payload.n == {literal(number)} && type(payload.n) == double", n=number)


@given(TEXTS)
def test_texts_are_strings_of_as_many_characters(text: str) -> None:
    assert holds(f"payload.t == {literal(text)} && size(payload.t) == {len(text)}", t=text)


@given(st.binary(max_size=64))
def test_raw_values_are_bytes(octets: bytes) -> None:
    written = "".join(f"\\x{octet:02x}" for octet in octets)
    assert holds(f"payload.b == b'{written}' && size(payload.b) == {len(octets)}", b=octets)


@given(NESTED)
def test_nested_values_are_equal_to_themselves_written_out(value: JSON) -> None:
    assert holds(f"payload.v == {literal(value)}", v=value, limits=ROOMY)


@given(NESTED, NESTED)
def test_values_are_equal_only_when_they_are(one: JSON, other: JSON) -> None:
    assert holds("payload.a == payload.b", a=one, b=other, limits=ROOMY) == (
        _comparable(one) == _comparable(other)
    )


def _comparable(value: JSON) -> object:
    """For Python True is 1, for CEL it is not; both compare numbers by their value."""
    match value:
        case bool():
            return ("bool", value)
        case list():
            return [_comparable(item) for item in value]
        case dict():
            return {key: _comparable(item) for key, item in value.items()}
        case _:
            return value


def test_256_is_an_int_and_256_with_a_point_a_double() -> None:
    assert holds("type(payload.a) == int && type(payload.b) == double", a=256, b=256.0)


def test_a_zero_ends_neither_a_text_nor_a_key() -> None:
    text = "a\0b"
    assert holds(
        r"payload.t == 'a\u0000b' && size(payload.t) == 3 && payload.t.endsWith('b')"
        r" && payload.m['a\u0000b'] == 1 && payload.m['a\u0000c'] == 2"
        " && payload.l[0] == payload.t",
        t=text,
        m={text: 1, "a\0c": 2},
        l=[text],
    )


def test_a_long_text_with_a_zero_is_whole() -> None:
    assert holds("size(payload.t) == 40001 && payload.t.endsWith('x')", t="\0" + "x" * 40_000)


def test_integers_beyond_64_bit_are_an_error() -> None:
    with pytest.raises(ConditionError, match="field 'n': an integer must lie in"):
        holds("payload.n == 1", n=2**64)


def test_nesting_beyond_what_values_may_have_is_an_error() -> None:
    deep = b"[" * 200 + b"]" * 200
    with pytest.raises(ConditionError, match="field 'v': nested deeper than 128"):
        holds("payload.v == 1", broken={"v": deep})


@pytest.mark.parametrize(
    ("source", "context"),
    [
        ("context.tenant == 'a'", CallContext(tenant="a\0b")),
        ("context.labels.team == 'a'", CallContext(labels={"team": "a\0b"})),
        ("context.labels.exists(k, k == 'a')", CallContext(labels={"a\0b": ""})),
        ("'a' in context.scopes", CallContext(scopes=("a\0b",))),
        ("context.state.exists(k, k == 'a')", CallContext(state={"a\0b": b"1"})),
    ],
)
def test_a_zero_in_the_context_is_an_error_and_cuts_nothing_short(
    source: str, context: CallContext
) -> None:
    with pytest.raises(ConditionError, match="holds a zero character"):
        holds(source, context=context)
