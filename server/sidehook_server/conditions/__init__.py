"""Interface only, until the package lands."""

from __future__ import annotations

from dataclasses import dataclass

from sidehook._call import CallContext, CallEnd, Fields


class ConditionSyntaxError(ValueError):
    problem: str = ""


class ConditionError(Exception):
    problem: str = ""


@dataclass(frozen=True)
class Condition:
    source: str
    fields: frozenset[str] | None = None

    def holds(
        self, *, hook_type: str, fields: Fields, context: CallContext, end: CallEnd | None = None
    ) -> bool:
        raise ConditionError


def compile_condition(source: str) -> Condition:
    return Condition(source)
