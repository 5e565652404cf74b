"""The closed sets of this package are those of the contract, number by number."""

from enum import StrEnum
from typing import Any

import pytest
from google.protobuf.descriptor import EnumDescriptor

from sidehook._errors import MalformedError
from sidehook._types import (
    CallOutcome,
    FailureClass,
    HookOutcome,
    Mode,
    OnError,
    OnRejected,
    ValueKind,
)
from sidehook._wire import _enums
from sidehook.v1 import context_pb2, hook_pb2, payload_pb2, receipt_pb2

HOOK = hook_pb2.DESCRIPTOR.enum_types_by_name
OUTCOME = context_pb2.CallEnd.DESCRIPTOR.enum_types_by_name["Outcome"]
HOOK_OUTCOME = receipt_pb2.DESCRIPTOR.enum_types_by_name["HookOutcome"]

# The tables differ in both their parameters, so one type for all of them cannot be said.
Row = tuple[type[StrEnum], EnumDescriptor, str, _enums.EnumTable[Any, Any]]

SETS: list[Row] = [
    (Mode, HOOK["Mode"], "MODE_", _enums.MODES),
    (OnError, HOOK["OnError"], "ON_ERROR_", _enums.ON_ERROR),
    (OnRejected, HOOK["OnRejected"], "ON_REJECTED_", _enums.ON_REJECTED),
    (FailureClass, HOOK["FailureClass"], "FAILURE_CLASS_", _enums.FAILURE_CLASSES),
    (HookOutcome, HOOK_OUTCOME, "HOOK_OUTCOME_", _enums.HOOK_OUTCOMES),
    (CallOutcome, OUTCOME, "OUTCOME_", _enums.CALL_OUTCOMES),
]
each_set = pytest.mark.parametrize("row", SETS, ids=lambda row: row[0].__name__)


@each_set
def test_a_set_has_the_names_and_numbers_of_the_contract(row: Row) -> None:
    members, enum, prefix, table = row
    contract = [(value.name, value.number) for value in enum.values]
    ours = [(f"{prefix}{member.name}", table.number(member)) for member in members]
    assert contract == [(f"{prefix}UNSPECIFIED", 0), *ours]


@each_set
def test_the_text_of_a_member_is_its_name_in_lower_case(row: Row) -> None:
    members = row[0]
    assert [member.value for member in members] == [member.name.lower() for member in members]


@each_set
def test_a_number_and_its_member_name_each_other(row: Row) -> None:
    members, _, _, table = row
    for member in members:
        number = table.number(member)
        assert table.member(number, "field") is member
        assert table.find(number) is member
        assert table.shown(number) is member
        assert table.number_of_shown(member) == number
        assert table.number_of_shown(member.value) == number


@each_set
@pytest.mark.parametrize("number", [0, 99, -1, 2**31 - 1])
def test_a_number_without_a_member_is_refused_where_it_decides(row: Row, number: int) -> None:
    table = row[3]
    with pytest.raises(MalformedError, match="field: "):
        table.member(number, "field")
    assert table.find(number) is None
    assert table.shown(number) == f"unknown({number})"
    assert table.number_of_shown(f"unknown({number})") == number


def test_every_enum_of_the_contract_has_its_set() -> None:
    files = (context_pb2, hook_pb2, payload_pb2, receipt_pb2)
    enums = {
        enum.full_name
        for file in files
        for scope in (file.DESCRIPTOR, *file.DESCRIPTOR.message_types_by_name.values())
        for enum in getattr(scope, "enum_types_by_name", {}).values()
    }
    assert enums == {row[1].full_name for row in SETS}


def test_the_kinds_of_a_value_are_the_members_of_its_oneof() -> None:
    kinds = payload_pb2.Value.DESCRIPTOR.oneofs_by_name["kind"].fields
    # A continuation is a way for JSON to travel, and no kind of its own.
    assert {kind.name.upper(): kind.number for kind in kinds} == {
        **{kind.name: kind.value for kind in ValueKind},
        "CONTINUATION": 3,
    }
