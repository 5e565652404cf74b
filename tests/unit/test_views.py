from typing import TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidehook._catalogue import CATALOGUE
from sidehook._hook_type_info import FieldInfo
from sidehook._payload import MissingFieldError, Payload
from sidehook.views import VIEWS

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
INTEGERS = st.integers(-(2**63), 2**64 - 1)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | INTEGERS | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(TEXT, JSON_VALUES, max_size=3)
PLAIN: dict[str, st.SearchStrategy[object]] = {
    "string": TEXT,
    "integer": INTEGERS,
    "number": NUMBERS,
    "boolean": st.booleans(),
    "json": JSON_VALUES,
    "string_map": st.dictionaries(TEXT, TEXT, max_size=3),
}
EVERY_FIELD = [
    pytest.param(name, field, id=f"{name}.{field.name}")
    for name, info in CATALOGUE.items()
    for field in info.fields.values()
]
Values: TypeAlias = st.SearchStrategy[object]


def _values(type_name: str) -> Values:
    if type_name.endswith("[]"):
        return st.lists(_values(type_name.removesuffix("[]")), max_size=3)
    # A projection is an object too.
    return PLAIN.get(type_name, OBJECTS)


def _field_values(field: FieldInfo) -> Values:
    values = _values(field.type)
    return st.none() | values if field.nullable else values


def _types(value: object) -> object:
    """The types in a value, because 1, 1.0 and True are equal."""
    if isinstance(value, dict):
        return {name: _types(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_types(item) for item in value]
    return next(kind for kind in (bool, int, float, str, type(None)) if isinstance(value, kind))


def test_there_is_a_view_for_every_hook_type() -> None:
    assert list(VIEWS) == list(CATALOGUE)


@pytest.mark.parametrize("name", CATALOGUE)
@settings(max_examples=15)
@given(data=st.data())
def test_every_field_of_every_type_reads_as_it_was_written(name: str, data: st.DataObject) -> None:
    fields = CATALOGUE[name].fields.values()
    values = data.draw(st.fixed_dictionaries({f.name: _field_values(f) for f in fields}))
    view = VIEWS[name](Payload.from_values(values).wire_fields)
    read = {field.name: getattr(view, field.name) for field in fields}
    assert read == values
    assert _types(read) == _types(values)


@pytest.mark.parametrize(("name", "field"), EVERY_FIELD)
def test_only_an_answer_reads_as_none_when_it_is_absent(name: str, field: FieldInfo) -> None:
    empty = VIEWS[name]({})
    if field.answer:
        assert getattr(empty, field.name) is None
    else:
        with pytest.raises(MissingFieldError):
            getattr(empty, field.name)


def test_the_views_take_nothing_from_the_payload() -> None:
    own = {name for name in vars(Payload) if not name.startswith("_")}
    taken = {field.name for info in CATALOGUE.values() for field in info.fields.values()} & own
    assert taken == set()
