"""What evaluating an expression can cost at most, as a polynomial in the size of its input.

A loop adds two symbols for the element at hand; when it is left, they are summed over all
elements, and the elements of a list are together no larger than the list. So nested loops
over messages and their parts are linear, and a loop over everything for everything is not.

Prices are in steps of about a nanosecond, measured and rounded up (bench/conditions.py):
what matters is that no expression costs more than its price.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from sidehook_server.conditions.functions import FUNCTIONS, matching, pattern_of
from sidehook_server.conditions.polynomial import ONE, ZERO, Polynomial, constant, symbol
from sidehook_server.conditions.sizes import INPUT, NOTHING, SMALL, Size, together
from sidehook_server.conditions.tree import (
    Call,
    Constant,
    Entries,
    Items,
    Loop,
    Name,
    Node,
    Select,
)

_NODE: Final = constant(60)
_SELECT: Final = constant(450)
_ENTRY: Final = 350
_ITEM: Final = 40
_APPEND: Final = 45


@dataclass(frozen=True, slots=True)
class _Priced:
    price: Polynomial
    size: Size


_Scope: TypeAlias = Mapping[str, Size]


def price(root: Node) -> Polynomial:
    """The most that evaluating `root` can cost, once its input is there."""
    return _node(root, {}).price


def _node(node: Node, scope: _Scope) -> _Priced:
    match node:
        case Constant(value=str() | bytes() as text):
            return _Priced(_NODE, Size(constant(4 * len(text)), ONE, ONE))
        case Constant():
            return _Priced(_NODE, SMALL)
        case Name():
            return _Priced(_NODE, scope.get(node.name, INPUT))
        case Select():
            operand = _node(node.operand, scope)
            return _Priced(operand.price + _SELECT, SMALL if node.tests else operand.size.part)
        case Items() | Entries():
            return _holder(node, [_node(item, scope) for item in node.items])
        case Call():
            return _call(node, [_node(argument, scope) for argument in node.arguments])
        case Loop():
            return _loop(node, scope)


def _holder(node: Items | Entries, parts: list[_Priced]) -> _Priced:
    inside = together(part.size for part in parts)
    price = _prices(parts) + _NODE
    length = len(parts)
    if isinstance(node, Entries):
        # Keys are hashed, and compared with those that are there.
        price = price + constant(_ENTRY * length) + inside.octets * 2
        length //= 2
    else:
        price = price + constant(_ITEM * length)
    return _Priced(price, Size(inside.octets, inside.values + ONE, constant(length)))


def _call(node: Call, arguments: list[_Priced]) -> _Priced:
    pattern = pattern_of(node.arguments) if node.function == "matches" else None
    rule = FUNCTIONS[node.function].price if pattern is None else matching(pattern)
    own, size = rule(tuple(argument.size for argument in arguments))
    return _Priced(_prices(arguments) + own, size)


def _loop(node: Loop, scope: _Scope) -> _Priced:
    values, start = _node(node.values, scope), _node(node.start, scope)
    octets, items = symbol(f"octets of {node.at}"), symbol(f"values of {node.at}")
    wholes = {octets: values.size.octets, items: values.size.values}
    # The total is paid for below, not by the step that adds to it.
    inside = {**scope, node.variable: Size(octets, items, items), node.total: NOTHING}
    go_on, step = _node(node.go_on, inside), _node(node.step, inside)
    length = values.size.length
    price = values.price + start.price + (go_on.price + step.price).summed(length, wholes)
    total = SMALL
    if isinstance(node.start, Items):
        total = Size(
            step.size.octets.summed(length, wholes),
            step.size.values.summed(length, wholes) + ONE,
            length,
        )
        # The library copies the list whenever it adds an element.
        price = price + length * length * _APPEND
    result = _node(node.result, {**scope, node.total: total})
    return _Priced(price + result.price, result.size)


def _prices(parts: list[_Priced]) -> Polynomial:
    return sum((part.price for part in parts), ZERO)
