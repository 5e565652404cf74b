"""One condition: compiled once, asked for each call."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from sidehook._call import CallContext, CallEnd, Fields
from sidehook_server.conditions import tree
from sidehook_server.conditions.errors import ConditionSyntaxError
from sidehook_server.conditions.intake import Intake
from sidehook_server.conditions.language import Expression, place
from sidehook_server.conditions.limits import DEFAULT_LIMITS, ConditionLimits
from sidehook_server.conditions.names import Names, look
from sidehook_server.conditions.polynomial import Polynomial
from sidehook_server.conditions.prices import price
from sidehook_server.conditions.variables import VARIABLES, Seen

# What could not even take this much would never run.
_SMALL: Final = {"octets": 64, "values": 4, "widest": 2}


@dataclass(frozen=True, slots=True)
class Condition:
    """A compiled condition. Two are equal when their sources are.

    `fields` are the payload's fields that the expression names, None when it uses the
    payload as a whole.
    """

    source: str
    fields: frozenset[str] | None = field(compare=False)
    _expression: Expression = field(compare=False, repr=False)
    _names: Names = field(compare=False, repr=False)
    _price: Polynomial = field(compare=False, repr=False)
    _limits: ConditionLimits = field(compare=False, repr=False)

    @property
    def variables(self) -> frozenset[str]:
        """The variables that the expression looks at; without one it is always the same."""
        return frozenset(self._names.keys)

    def holds(
        self,
        *,
        hook_type: str,
        fields: Fields,
        context: CallContext,
        end: CallEnd | None = None,
    ) -> bool:
        """Whether the hook is to run, from what it would see. Raises ConditionError.

        Pass `end` for a hook that is told how the call ended, and for no other. Decodes
        the fields and the state that the expression names, and nothing else.
        """
        seen = Seen(hook_type, fields, context, end)
        used = [(name, VARIABLES[name], keys) for name, keys in self._names.keys.items()]
        intake = Intake(self._limits)
        for _, variable, keys in used:
            variable.take(seen, keys, intake)
        intake.check_making()
        data = {
            name: variable.give(seen, keys, intake)
            for name, variable, keys in used
            if variable.exists(seen)
        }
        intake.check_price(self._price)
        return self._expression.holds(data)


def compile_condition(source: str, *, limits: ConditionLimits = DEFAULT_LIMITS) -> Condition:
    """Compile and check a condition. Raises ConditionSyntaxError."""
    _check_text(source, limits)
    expression = Expression(source)
    try:
        checked = tree.read(expression.serialize(), depth=limits.depth)
    except tree.TooDeepError as error:
        raise ConditionSyntaxError(
            f"{place(source, error.at)}: nested more than {limits.depth} deep: split it, or move "
            "what it decides into the hook"
        ) from None
    names = look(source, checked, limits)
    steps = price(checked.root)
    if steps.at(**_SMALL) > limits.steps:
        raise ConditionSyntaxError(
            f"even a small payload could take more than {limits.steps} steps: nest fewer macros, "
            "or move what it decides into the hook"
        )
    payload = names.keys_of("payload")
    return Condition(
        source,
        None if payload.whole else payload.read | payload.asked,
        expression,
        names,
        steps,
        limits,
    )


def _check_text(source: str, limits: ConditionLimits) -> None:
    if len(source) > limits.source:
        raise ConditionSyntaxError(
            f"it has {len(source)} characters, and may have {limits.source}: move what it "
            "decides into the hook"
        )
    for at, character in enumerate(source):
        if character == "\0" or "\ud800" <= character <= "\udfff":
            raise ConditionSyntaxError(f"{place(source, at)}: a character that is no text")
    if not source.strip():
        raise ConditionSyntaxError("it is empty: leave it out, or write true")
