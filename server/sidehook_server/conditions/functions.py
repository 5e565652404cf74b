"""The functions and operators that a condition may use, with the price of a call.

What is not in the table is refused. Time zones are: a name of one makes the library read
files, and keep what it read. So are messages, of which a payload has none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from sidehook_server.conditions.patterns import weigh
from sidehook_server.conditions.polynomial import ONE, Polynomial, constant
from sidehook_server.conditions.sizes import SMALL, Size, together
from sidehook_server.conditions.tree import Constant, Node

Rule: TypeAlias = Callable[[tuple[Size, ...]], tuple[Polynomial, Size]]
"""From the sizes of the arguments to the price of the call itself and the size it returns."""

_FAILED_CALL: Final = 450


@dataclass(frozen=True, slots=True)
class Function:
    """A function, and with how many arguments it may be called."""

    price: Rule
    most: int = 3


def matching(pattern: str) -> Rule:
    """The price of `matches` with this regular expression, which is compiled every time."""
    automaton = weigh(pattern)
    each = 25 if automaton.words else 80 + 25 * automaton.size
    compiling = constant(10_000 + 1_200 * automaton.size)

    def price(arguments: tuple[Size, ...]) -> tuple[Polynomial, Size]:
        return compiling + arguments[0].octets * each, SMALL

    return price


def pattern_of(arguments: tuple[Node, ...]) -> str | None:
    """The regular expression that `matches` is called with, if it is written out."""
    match arguments:
        case (_, Constant(value=str() as pattern)):
            return pattern
        case _:
            return None


def _steps(number: float) -> Rule:
    return lambda _arguments: (constant(number), SMALL)


def _choice(arguments: tuple[Size, ...]) -> tuple[Polynomial, Size]:
    return constant(60), together(arguments[1:])


def _same(arguments: tuple[Size, ...]) -> tuple[Polynomial, Size]:
    # Two values differ as soon as the smaller one ends.
    fixed = [size for size in arguments if size.is_constant]
    compared = fixed[0] if fixed else together(arguments)
    return constant(80) + compared.values * 250 + compared.octets * 0.5, SMALL


def _within(arguments: tuple[Size, ...]) -> tuple[Polynomial, Size]:
    container = arguments[1]
    return constant(100) + container.values * 250 + container.octets * 0.5, SMALL


def _joined(arguments: tuple[Size, ...]) -> tuple[Polynomial, Size]:
    size = together(arguments)
    return constant(_FAILED_CALL) + size.length * 60 + size.octets * 0.5, size


def _indexed(arguments: tuple[Size, ...]) -> tuple[Polynomial, Size]:
    return constant(_FAILED_CALL) + arguments[1].octets * 2, arguments[0].part


def _counted(arguments: tuple[Size, ...]) -> tuple[Polynomial, Size]:
    return constant(_FAILED_CALL) + arguments[0].octets * 5, SMALL


def _searched(arguments: tuple[Size, ...]) -> tuple[Polynomial, Size]:
    text, sought = arguments
    each = constant(12) + sought.octets * 0.06
    return constant(_FAILED_CALL) + text.octets * each, SMALL


def _compared_end(arguments: tuple[Size, ...]) -> tuple[Polynomial, Size]:
    return constant(_FAILED_CALL) + arguments[1].octets * 0.5, SMALL


def _converted(base: float, octet: float) -> Rule:
    return lambda arguments: (constant(base) + arguments[0].octets * octet, SMALL)


def _to_text(arguments: tuple[Size, ...]) -> tuple[Polynomial, Size]:
    octets = arguments[0].octets
    return constant(600) + octets * 2, Size(octets + constant(32), ONE, ONE)


def _unchanged(arguments: tuple[Size, ...]) -> tuple[Polynomial, Size]:
    return constant(100), arguments[0]


_ARITHMETIC: Final = Function(_steps(_FAILED_CALL))
_PART_OF_TIME: Final = Function(_steps(700), most=1)

FUNCTIONS: Final[Mapping[str, Function]] = {
    "!_": Function(_steps(60)),
    "-_": _ARITHMETIC,
    "_&&_": Function(_steps(60)),
    "_||_": Function(_steps(60)),
    "_?_:_": Function(_choice),
    "@not_strictly_false": Function(_steps(60)),
    "_==_": Function(_same),
    "_!=_": Function(_same),
    "_<_": Function(_same),
    "_<=_": Function(_same),
    "_>_": Function(_same),
    "_>=_": Function(_same),
    "@in": Function(_within),
    "_[_]": Function(_indexed),
    "_+_": Function(_joined),
    "_-_": _ARITHMETIC,
    "_*_": _ARITHMETIC,
    "_/_": _ARITHMETIC,
    "_%_": _ARITHMETIC,
    "size": Function(_counted),
    "contains": Function(_searched),
    "startsWith": Function(_compared_end),
    "endsWith": Function(_compared_end),
    # Refused without a written pattern, and then priced by `matching`.
    "matches": Function(_steps(0)),
    "bool": Function(_converted(600, 1)),
    "bytes": Function(_to_text),
    "double": Function(_converted(600, 4)),
    "duration": Function(_converted(1200, 10)),
    "dyn": Function(_unchanged),
    "int": Function(_converted(600, 4)),
    "string": Function(_to_text),
    "timestamp": Function(_converted(1800, 10)),
    "type": Function(_steps(120)),
    "uint": Function(_converted(600, 4)),
    "getDate": _PART_OF_TIME,
    "getDayOfMonth": _PART_OF_TIME,
    "getDayOfWeek": _PART_OF_TIME,
    "getDayOfYear": _PART_OF_TIME,
    "getFullYear": _PART_OF_TIME,
    "getHours": _PART_OF_TIME,
    "getMilliseconds": _PART_OF_TIME,
    "getMinutes": _PART_OF_TIME,
    "getMonth": _PART_OF_TIME,
    "getSeconds": _PART_OF_TIME,
}
