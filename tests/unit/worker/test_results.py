import pytest

from sidehook._errors import EncodeError
from sidehook._payload import Payload
from sidehook._results import block, modify
from sidehook._run import NothingToSay, Patch
from sidehook._types import Value, ValueKind


def payload(**values: object) -> Payload:
    return Payload.from_values(values)


def test_modify_sends_the_changed_field_and_no_other() -> None:
    answer = modify(payload(a=1, b=2), b=3)

    assert answer == Patch({"b": Value(ValueKind.JSON, b"3")})


def test_modify_adds_a_field_that_was_not_there() -> None:
    assert modify(payload(a=1), new=None) == Patch({"new": Value(ValueKind.JSON, b"null")})


def test_modify_drops_a_field_whose_octets_did_not_change() -> None:
    answer = modify(payload(a={"x": [1, 2.0]}, b=1), a={"x": [1, 2.0]}, b=2)

    assert answer == Patch({"b": Value(ValueKind.JSON, b"2")})


def test_modify_with_nothing_left_is_nothing_to_say() -> None:
    assert isinstance(modify(payload(a="x"), a="x"), NothingToSay)
    assert isinstance(modify(payload(a="x")), NothingToSay)


def test_an_integer_and_a_float_of_one_value_are_a_change() -> None:
    assert modify(payload(a=256), a=256.0) == Patch({"a": Value(ValueKind.JSON, b"256.0")})


def test_text_and_bytes_of_one_content_are_a_change() -> None:
    assert modify(payload(a="1"), a=b'"1"') == Patch({"a": Value(ValueKind.RAW, b'"1"')})


def test_a_value_handed_back_as_it_came_is_unchanged_however_it_was_written() -> None:
    received = Payload({"a": Value(ValueKind.JSON, b'{ "x" : 1 }')})

    assert isinstance(modify(received, a=received.a), NothingToSay)


def test_a_field_called_payload_can_be_changed() -> None:
    assert modify(payload(payload=1), payload=2) == Patch({"payload": Value(ValueKind.JSON, b"2")})


def test_modify_refuses_what_json_cannot_carry_and_names_the_path() -> None:
    with pytest.raises(EncodeError) as caught:
        modify(payload(), options={"tools": [1, object()]})

    assert caught.value.path == "options.tools[1]"


@pytest.mark.parametrize("name", ["", "x" * 257])
def test_modify_refuses_a_name_that_no_field_can_have(name: str) -> None:
    with pytest.raises(EncodeError):
        modify(payload(), **{name: 1})


def test_modify_refuses_another_first_argument_and_says_which_it_wants() -> None:
    with pytest.raises(TypeError, match=r"the payload that the handler received .* not dict"):
        modify({"a": 1}, a=2)  # type: ignore[arg-type]  # the mistake under test


def test_block_carries_reason_code_description_and_details() -> None:
    violation = block("no", code="PII", description="more", details={"kind": "e-mail"})

    assert (violation.reason, violation.code, violation.description) == ("no", "PII", "more")
    assert violation.details == b'{"kind":"e-mail"}'
    assert (violation.hook, violation.worker) == ("", "")


def test_block_may_leave_the_reason_to_the_sidecar() -> None:
    assert block().reason == ""
    assert block().details == b""


def test_empty_details_are_an_object_and_not_nothing() -> None:
    assert block(details={}).details == b"{}"


@pytest.mark.parametrize("term", ["reason", "code", "description"])
def test_block_refuses_a_text_that_is_none(term: str) -> None:
    with pytest.raises(TypeError, match=f"a {term} that is a str, not int"):
        block(**{term: 7})  # type: ignore[arg-type]  # the mistake under test


def test_block_refuses_a_text_that_utf8_cannot_carry() -> None:
    with pytest.raises(EncodeError, match="lone surrogate"):
        block("\ud800")


def test_block_refuses_details_that_are_no_mapping() -> None:
    with pytest.raises(TypeError, match="details that are a mapping, not list"):
        block("no", details=[1])  # type: ignore[arg-type]  # the mistake under test


def test_block_refuses_details_that_json_cannot_carry() -> None:
    with pytest.raises(EncodeError, match=r"^details\.at: "):
        block("no", details={"at": float("nan")})
