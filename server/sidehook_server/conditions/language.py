"""The dialect: which names a condition has, and the one door to the CEL library.

No other module imports the library. Its errors are translated here, and their texts about
an evaluation, which quote values, end here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Final

from cel_expr_python import cel

from sidehook_server.conditions.errors import ConditionError, ConditionSyntaxError

_TEXTS: Final = cel.Type.Map(cel.Type.STRING, cel.Type.STRING)
_VALUES: Final = cel.Type.Map(cel.Type.STRING, cel.Type.DYN)

VARIABLES: Final[Mapping[str, cel.Type]] = {
    "payload": _VALUES,
    "hook_type": cel.Type.STRING,
    "context.request_id": cel.Type.STRING,
    "context.session_id": cel.Type.STRING,
    "context.tenant": cel.Type.STRING,
    "context.user": cel.Type.STRING,
    "context.labels": _TEXTS,
    "context.scopes": cel.Type.List(cel.Type.STRING),
    "context.state": _VALUES,
    # Null for every hook that is not told how the call ended, so of no type.
    "end": cel.Type.DYN,
    "end.outcome": cel.Type.STRING,
    "end.hook": cel.Type.STRING,
    "end.code": cel.Type.STRING,
    "end.payload_withheld": cel.Type.BOOL,
}
"""What a condition can name; a name with a point is one variable, known with its type."""

TYPES: Final = frozenset(
    {"bool", "bytes", "double", "int", "list", "map", "null_type", "string", "type", "uint"}
    | {"google.protobuf.Duration", "google.protobuf.Timestamp"}
)
"""The names of types, to compare `type(x)` with."""

_KNOWN: Final = "payload, context, hook_type and end"
_FAULT: Final = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): (.*)")
_OPERATOR: Final = re.compile(r"'@?_?([^\w\s']{1,2}|in|\?_:|\[)_?\]?'")
_ADVICE: Final = (
    (
        re.compile(r"undeclared reference to 'context\b"),
        "context has request_id, session_id, tenant, user, labels, scopes and state, each "
        "always there: write context.tenant",
    ),
    (
        re.compile(r"undeclared reference to"),
        f"variables are {_KNOWN}; functions are those of standard CEL",
    ),
    (
        re.compile(r"type 'dyn' cannot be the range"),
        "say that it can be anything: dyn(…), or name it with a point instead of brackets",
    ),
    (
        re.compile(r"no matching overload"),
        "convert one side, as in string(…), int(…) or double(…)",
    ),
)
_TOO_DEEP: Final = re.compile(r"recursion limit|nesting|:-1:-1:")
# The library names a failure by a text that begins so, and goes on with values.
_FAILURES: Final = (
    ("Key not found", "a key is not there; ask first: has(payload.x)"),
    ("Index error", "an index is beyond the end of its list"),
    ("No matching overloads", "a value has a type that an operator or function does not take"),
    ("Applying SELECT", "a field is asked of something that has no fields"),
    ("Invalid container type", "an index or key is asked of something that is no list or map"),
    ("divide by zero", "a division by zero"),
    ("modulus by zero", "a division by zero"),
    ("cannot convert string", "a text does not hold what it is converted to"),
    ("String to ", "a text does not hold what it is converted to"),
    ("duplicate key", "a map holds a key twice"),
    ("No value with name", "end is null: the hook is not told how the call ended"),
    ("Iteration budget exceeded", "more than 10000 steps in its macros"),
)
_OVERFLOWS: Final = ("overflow", "out of")


class Expression:
    """A compiled expression."""

    __slots__ = ("_expression",)

    def __init__(self, source: str) -> None:
        """Compile and check `source`. Raises ConditionSyntaxError."""
        try:
            self._expression = _environment().compile(source)
        except RuntimeError as error:
            raise ConditionSyntaxError(_fault(str(error))) from None
        kind = self._expression.return_type().name()
        if kind not in {"BOOL", "DYN"}:
            raise ConditionSyntaxError(
                f"it is always a value of type {kind.lower()}; a condition is true or false: "
                "compare it with something"
            )

    def serialize(self) -> bytes:
        """The checked expression, for `tree.read`."""
        return self._expression.serialize()

    def holds(self, data: Mapping[str, object]) -> bool:
        """Evaluate with the variables of `data`. Raises ConditionError."""
        try:
            value = self._expression.eval(data=data)
        except RuntimeError as error:
            raise ConditionError(_failure(str(error))) from None
        kind = value.type().name()
        if kind == "BOOL":
            return bool(value.value())
        if kind == "ERROR":
            raise ConditionError(_failure(str(value.value())))
        raise ConditionError(f"it is a value of type {kind.lower()}, neither true nor false")


def check_pattern(pattern: str) -> None:
    """Raise ValueError, with what is wrong, unless `pattern` is a regular expression."""
    value = _matching().eval(data={"hook_type": "", "end.hook": pattern})
    if value.type().name() == "ERROR":
        raise ValueError(str(value.value()).partition("invalid regular expression: ")[2])


def place(source: str, at: int) -> str:
    """Where the character `at` (from 0) of `source` stands, for a message."""
    line = source.count("\n", 0, at) + 1
    return f"line {line}, column {at - source.rfind(chr(10), 0, at)}"


@cache
def _environment() -> cel.Env:
    return cel.NewEnv(variables=VARIABLES)


@cache
def _matching() -> cel.Expression:
    return _environment().compile("hook_type.matches(end.hook)")


def _fault(message: str) -> str:
    if _TOO_DEEP.search(message):
        return "it is nested too deeply: split it, or move what it decides into the hook"
    found = _FAULT.search(message)
    if found is None:
        return message.splitlines()[0]
    line, column, problem = found.groups()
    problem = _OPERATOR.sub(_shown_operator, problem).replace(" (in container '')", "")
    advice = next((f": {advice}" for pattern, advice in _ADVICE if pattern.search(problem)), "")
    return f"line {line}, column {column}: {problem}{advice}"


def _shown_operator(found: re.Match[str]) -> str:
    return {"?_:": "'? :'", "[": "'[ ]'"}.get(found[1], f"'{found[1]}'")


def _failure(message: str) -> str:
    text = message.partition(": ")[2]
    for start, problem in _FAILURES:
        if text.startswith(start):
            return problem
    if message.startswith("OUT_OF_RANGE"):
        return "a number is beyond the range of its type"
    return f"the evaluation failed ({message.partition(':')[0][:32]})"
