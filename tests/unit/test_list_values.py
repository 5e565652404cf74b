"""Values with a long list in them are taken apart without a change of a single octet."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidehook._list_values import MIN_BYTES, MIN_ITEMS, ListValue, in_items
from sidehook._types import ValueKind

LONG = "x" * MIN_BYTES

_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=20,
)


def taken_apart(value: Any) -> ListValue | None:
    return in_items(value, orjson.dumps(value), orjson.dumps)


def test_a_list_is_known_item_by_item() -> None:
    found = taken_apart([LONG, 1, None, {"a": []}])
    assert found is not None
    assert (found.head, found.tail) == (b"[", b"]")
    assert found.items[1:] == (b"1", b"null", b'{"a":[]}')


def test_the_longest_list_of_an_object_is_known_item_by_item() -> None:
    value = {"model": "m", "stop": ["a"], "messages[]": [LONG, 2, 3, 4], "n": 5, "[]": []}
    found = taken_apart(value)
    assert found is not None
    assert found.head == b'{"model":"m","stop":["a"],"messages[]":['
    assert found.tail == b'],"n":5,"[]":[]}'
    assert found.items[1:] == (b"2", b"3", b"4")


@pytest.mark.parametrize(
    "value",
    [
        ["short"] * MIN_ITEMS,
        [LONG] * (MIN_ITEMS - 1),
        {"text": LONG},
        {},
        LONG,
        {"deep": {"messages": [LONG] * MIN_ITEMS}},
    ],
)
def test_what_has_no_long_list_is_left_whole(value: object) -> None:
    assert taken_apart(value) is None


@given(st.lists(_json, min_size=MIN_ITEMS), st.dictionaries(st.text(max_size=4), _json))
def test_taken_apart_it_has_the_same_octets(items: list[Any], members: dict[str, Any]) -> None:
    for value in ([LONG, *items], {"first": 1, **members, "list": [LONG, *items], "last": []}):
        found = taken_apart(value)
        assert found is not None
        assert found == (ValueKind.JSON, orjson.dumps(value))
        assert found.octets == found.head + b",".join(found.items) + found.tail


def test_what_is_encoded_otherwise_in_parts_is_left_whole() -> None:
    def spaced(value: object) -> bytes:
        return orjson.dumps(value).replace(b",", b", ")

    value = [LONG, 1, 2, 3]
    assert in_items(value, spaced(value), spaced) is None
    assert in_items({1: [LONG, 1, 2, 3]}, LONG.encode(), orjson.dumps) is None
