"""The closed sets of the contract, by their numbers on the wire."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final, Generic, Protocol, TypeVar, cast

from sidehook._errors import MalformedError
from sidehook._types import CallOutcome, FailureClass, HookOutcome, Mode, OnError, OnRejected
from sidehook.v1 import context_pb2, hook_pb2, receipt_pb2

E = TypeVar("E", bound=StrEnum)
N = TypeVar("N", bound=int)
N_co = TypeVar("N_co", bound=int, covariant=True)

_UNKNOWN: Final = re.compile(r"unknown\((-?\d{1,10})\)")


class _Numbers(Protocol[N_co]):
    """What generated code offers for an enum."""

    def Value(self, name: str) -> N_co: ...  # noqa: N802 - protobuf's name


class EnumTable(Generic[E, N]):
    """One closed set: its members and the numbers the contract gives them.

    The name of a number is the name of its member behind the prefix of the enum. 0 is
    UNSPECIFIED in every enum and has no member.
    """

    def __init__(self, members: type[E], numbers: _Numbers[N], prefix: str) -> None:
        self._numbers: dict[str, N] = {
            member: numbers.Value(prefix + member.name) for member in members
        }
        self._members: dict[int, E] = {self._numbers[member]: member for member in members}

    def number(self, member: E) -> N:
        """The number of a member."""
        return self._numbers[member]

    def member(self, number: int, what: str) -> E:
        """The member of a number that decides something. Raises MalformedError for others."""
        member = self._members.get(number)
        if member is None:
            problem = f"the value {number} is not known" if number else "must be set"
            raise MalformedError(what, problem)
        return member

    def find(self, number: int) -> E | None:
        """The member of a number, or None when it is unset or not known."""
        return self._members.get(number)

    def shown(self, number: int) -> E | str:
        """The member of a number that is only reported, or the text `unknown(n)`."""
        return self._members.get(number) or f"unknown({number})"

    def number_of_shown(self, member: E | str) -> N:
        """The number of what `shown` gave. Raises ValueError for other text."""
        number = self._numbers.get(member)
        if number is not None:
            return number
        unknown = _UNKNOWN.fullmatch(member)
        if unknown is None:
            raise ValueError(f"{member!r} is none of {', '.join(self._numbers)}")
        # The enums of proto3 are open: a field takes numbers that its enum does not name.
        return cast(N, int(unknown[1]))


MODES: Final = EnumTable(Mode, hook_pb2.Mode, "MODE_")
ON_ERROR: Final = EnumTable(OnError, hook_pb2.OnError, "ON_ERROR_")
ON_REJECTED: Final = EnumTable(OnRejected, hook_pb2.OnRejected, "ON_REJECTED_")
FAILURE_CLASSES: Final = EnumTable(FailureClass, hook_pb2.FailureClass, "FAILURE_CLASS_")
HOOK_OUTCOMES: Final = EnumTable(HookOutcome, receipt_pb2.HookOutcome, "HOOK_OUTCOME_")
CALL_OUTCOMES: Final = EnumTable(CallOutcome, context_pb2.CallEnd.Outcome, "OUTCOME_")
