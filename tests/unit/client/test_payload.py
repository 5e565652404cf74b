import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidehook import EncodeError, Payload, Receipt
from sidehook._payload import MAX_NAME_BYTES, unasked
from sidehook._types import Value, ValueKind
from sidehook.views import ComponentPreExecute

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner)
    ),
    max_leaves=10,
)


@pytest.fixture
def payload() -> Payload:
    return Payload.from_values(
        {"component_type": "Instruction", "model_options": {"seed": 7, "stop": ["a"]}, "n": None}
    )


def test_a_field_reads_as_an_attribute_and_as_an_item(payload: Payload) -> None:
    assert payload.component_type == "Instruction"
    assert payload["component_type"] == "Instruction"
    assert payload.n is None


def test_it_is_a_mapping_of_its_fields_in_their_order(payload: Payload) -> None:
    assert list(payload) == ["component_type", "model_options", "n"]
    assert len(payload) == 3
    assert "n" in payload
    assert "other" not in payload
    assert payload == {
        "component_type": "Instruction",
        "model_options": {"seed": 7, "stop": ["a"]},
        "n": None,
    }
    assert payload.get("other", "none") == "none"


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=9),
        JSON_VALUES | st.binary(),
    )
)
def test_values_come_out_as_they_went_in(values: dict[str, Any]) -> None:
    read = dict(Payload.from_values(values))
    assert read == values
    assert repr(copy.deepcopy(read)) == repr(values)  # 1, 1.0 and True are told apart


def test_a_value_is_decoded_when_it_is_first_read_and_only_then() -> None:
    payload = Payload({"good": Value(ValueKind.JSON, b"[1]"), "bad": Value(ValueKind.JSON, b"[")})
    assert payload.good is payload.good
    with pytest.raises(ValueError, match="JSON"):
        _ = payload.bad


def test_bytes_travel_as_they_are(payload: Payload) -> None:
    image = Payload.from_values({"image": b"\x00\xff"})
    assert image.image == b"\x00\xff"
    assert image.wire_fields == {"image": Value(ValueKind.RAW, b"\x00\xff")}


@pytest.mark.parametrize(
    "change",
    [
        lambda p: p.model_options.__setitem__("seed", 8),
        lambda p: p.model_options.__delitem__("seed"),
        lambda p: p.model_options.update(seed=8),
        lambda p: p.model_options.setdefault("x", 1),
        lambda p: p.model_options.pop("seed"),
        lambda p: p.model_options.popitem(),
        lambda p: p.model_options.clear(),
        lambda p: p.model_options.__ior__({"seed": 8}),
        lambda p: p.model_options["stop"].append("b"),
        lambda p: p.model_options["stop"].extend(["b"]),
        lambda p: p.model_options["stop"].insert(0, "b"),
        lambda p: p.model_options["stop"].__setitem__(0, "b"),
        lambda p: p.model_options["stop"].__delitem__(0),
        lambda p: p.model_options["stop"].__iadd__(["b"]),
        lambda p: p.model_options["stop"].__imul__(2),
        lambda p: p.model_options["stop"].pop(),
        lambda p: p.model_options["stop"].remove("a"),
        lambda p: p.model_options["stop"].sort(),
        lambda p: p.model_options["stop"].reverse(),
        lambda p: p.model_options["stop"].clear(),
        lambda p: p.__setitem__("n", 1),
        lambda p: p.__delitem__("n"),
        lambda p: setattr(p, "n", 1),
        lambda p: delattr(p, "n"),
        lambda p: setattr(p, "receipt", None),
    ],
)
def test_every_change_is_refused_and_says_to_use_modify(
    payload: Payload, change: Callable[[Any], object]
) -> None:
    before = copy.deepcopy(dict(payload))
    with pytest.raises(TypeError, match=r"modify\(payload, "):
        change(payload)
    assert payload == before


def test_copies_of_what_is_in_it_can_be_changed(payload: Payload) -> None:
    deep = copy.deepcopy(payload.model_options)
    deep["stop"].append("b")
    shallow = dict(payload.model_options)
    shallow["seed"] = 8
    merged = {"temperature": 0.7, **payload.model_options}
    merged["seed"] = 9
    copied = copy.copy(payload.model_options)
    copied["seed"] = 10
    stop = copy.copy(payload.model_options["stop"])
    stop.append("c")
    assert payload.model_options == {"seed": 7, "stop": ["a"]}


def test_what_is_in_it_is_a_dict_and_a_list_to_everybody_else(payload: Payload) -> None:
    assert isinstance(payload.model_options, dict)
    assert isinstance(payload.model_options["stop"], list)
    assert pickle.loads(pickle.dumps(payload.model_options)) == {"seed": 7, "stop": ["a"]}


def test_a_missing_field_names_the_fields_that_are_there(payload: Payload) -> None:
    with pytest.raises(AttributeError, match=r"no field 'mode'.*component_type, model_options, n"):
        _ = payload.mode
    with pytest.raises(KeyError, match=r"no field 'mode'.*component_type, model_options, n"):
        _ = payload["mode"]
    with pytest.raises(AttributeError, match="none at all"):
        _ = Payload.from_values({}).mode
    assert getattr(payload, "mode", "default") == "default"


def test_a_view_of_a_payload_without_the_field_says_so_too() -> None:
    view = ComponentPreExecute.from_values({"component_type": "Instruction"})
    assert view.component_type == "Instruction"
    assert getattr(view, "model_options", None) is None


def test_names_that_are_methods_too_are_reached_as_items() -> None:
    payload = Payload.from_values({"items": 1, "get": 2, "receipt": 3, "wire_fields": 4})
    assert [payload[name] for name in payload] == [1, 2, 3, 4]
    assert payload.receipt is None


def test_its_repr_has_names_and_no_values() -> None:
    payload = ComponentPreExecute.from_values({"component_type": "a secret"})
    assert repr(payload) == str(payload) == "ComponentPreExecute(component_type)"


def test_a_patch_replaces_whole_fields_and_adds_new_ones(payload: Payload) -> None:
    patch = Payload.from_values({"model_options": {"seed": 8}, "new": 1}).wire_fields
    patched = payload.patched(patch)
    assert patched.model_options == {"seed": 8}
    assert patched.new == 1
    assert patched.component_type == "Instruction"
    assert payload.model_options["seed"] == 7
    assert "new" not in payload


def test_a_view_stays_a_view_when_it_is_patched_and_gets_its_receipt() -> None:
    receipt = Receipt(call_id="c")
    view = ComponentPreExecute.from_values({"component_type": "A"}).patched({}, receipt=receipt)
    assert isinstance(view, ComponentPreExecute)
    assert view.receipt is receipt


def test_it_can_be_copied_and_pickled(payload: Payload) -> None:
    _ = payload.model_options
    assert copy.copy(payload) is payload
    assert copy.deepcopy(payload) is payload
    view = ComponentPreExecute.from_values({"component_type": "A"})
    again = pickle.loads(pickle.dumps(view))
    assert type(again) is ComponentPreExecute
    assert again == view


def test_a_payload_made_of_a_payload_has_the_same_octets(payload: Payload) -> None:
    view = ComponentPreExecute.from_values(payload)
    assert view.wire_fields == payload.wire_fields


def test_its_fields_are_listed_for_completion(payload: Payload) -> None:
    assert {"component_type", "model_options", "patched"} <= set(dir(payload))


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("", "1 to 256 bytes"),
        ("é" * (MAX_NAME_BYTES // 2 + 1), "1 to 256 bytes"),
        ("\ud800", "valid Unicode"),
        (3, "is text, not int"),
    ],
)
def test_a_bad_field_name_is_an_encode_error(name: Any, problem: str) -> None:
    with pytest.raises(EncodeError, match=problem):
        Payload.from_values({name: 1})


def test_the_longest_name_is_taken() -> None:
    name = "é" * (MAX_NAME_BYTES // 2)
    assert Payload.from_values({name: 1})[name] == 1


def test_a_value_that_json_cannot_carry_is_named_by_its_path() -> None:
    with pytest.raises(EncodeError) as caught:
        Payload.from_values({"model_options": {"tools": [1, object()]}})
    assert caught.value.path.startswith("model_options")
    assert "tools" in caught.value.path


def no_hooks() -> Receipt:
    return Receipt(call_id="c")


def test_what_nobody_was_asked_about_is_encoded_when_it_is_first_read() -> None:
    answer = unasked({"good": [1, 2], "bad": object()}, {}, no_hooks)
    with pytest.raises(EncodeError, match="bad"):
        len(answer)
    assert unasked({"good": [1, 2]}, {"more": 1}, no_hooks) == {"good": [1, 2], "more": 1}


def test_a_mapping_that_changes_later_changes_no_payload() -> None:
    given = {"field": 1}
    answer = unasked(given, {}, no_hooks)
    given["other"] = 2
    assert answer == {"field": 1}


def test_a_view_that_nobody_was_asked_about_stays_one() -> None:
    view = ComponentPreExecute.from_values({"component_type": "Instruction"})
    same, other = unasked(view, {}, no_hooks), unasked(view, {"model_options": None}, no_hooks)
    assert type(same) is type(other) is ComponentPreExecute
    assert same == view
    assert other == {"component_type": "Instruction", "model_options": None}
    assert pickle.loads(pickle.dumps(other)) == other


def test_a_receipt_that_is_made_later_is_made_once() -> None:
    made: list[Receipt] = []

    def receipt() -> Receipt:
        made.append(Receipt(call_id=str(len(made))))
        return made[-1]

    answer = unasked(None, {"a": 1}, receipt)
    assert made == []
    assert answer.receipt is answer.receipt is made[0]


def test_what_is_no_mapping_is_refused_as_it_is_for_a_call() -> None:
    with pytest.raises(TypeError, match="not int"):
        unasked(1, {}, no_hooks)  # type: ignore[arg-type]  # what a caller may get wrong
