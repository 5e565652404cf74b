"""A checked expression as a tree, read from what the CEL library serialises.

The numbers are those of the fields of `cel.expr.CheckedExpr` and `cel.expr.Expr`. The
library has resolved names: `context.tenant` is one `Name`, and so is `payload`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from sidehook_server.conditions import wire


@dataclass(frozen=True, slots=True)
class Constant:
    """A literal. `value` is text, octets, or None for every other type."""

    at: int
    value: str | bytes | None


@dataclass(frozen=True, slots=True)
class Name:
    """A variable or a type."""

    at: int
    name: str


@dataclass(frozen=True, slots=True)
class Select:
    """`operand.field`, or `has(operand.field)` when `tests`."""

    at: int
    operand: Node
    field: str
    tests: bool


@dataclass(frozen=True, slots=True)
class Call:
    """A function or an operator; the receiver of a method is the first argument."""

    at: int
    function: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    at: int
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Entries:
    """A map, or a message when it has a `message` name; keys and values in turns."""

    at: int
    message: str
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Loop:
    """What a macro stands for: a fold of `values` into `total`."""

    at: int
    variable: str
    values: Node
    total: str
    start: Node
    go_on: Node
    step: Node
    result: Node


Node: TypeAlias = Constant | Name | Select | Call | Items | Entries | Loop

_Parts: TypeAlias = dict[int, list[int | bytes]]


@dataclass(frozen=True, slots=True)
class Tree:
    """The root, and the position of each node's `at` in the source, in characters from 0."""

    root: Node
    positions: dict[int, int]


class TooDeepError(Exception):
    """The expression is nested deeper than asked for, at this character."""

    def __init__(self, at: int) -> None:
        super().__init__(at)
        self.at = at


def read(serialized: bytes, *, depth: int) -> Tree:
    """Read what `Expression.serialize()` returned. Raises TooDeepError."""
    checked = _parts(_octets(_parts(serialized), 2))
    entries = [_parts(entry) for entry in _parts(_octets(checked, 5)).get(4, [])]
    positions = {_number(entry, 1): _number(entry, 2) for entry in entries}
    try:
        return Tree(_node(_octets(checked, 4), depth), positions)
    except TooDeepError as error:
        raise TooDeepError(positions.get(error.at, 0)) from None


def children(node: Node) -> Iterator[Node]:
    """The nodes directly under `node`, in order."""
    match node:
        case Constant() | Name():
            return
        case Select():
            yield node.operand
        case Call():
            yield from node.arguments
        case Items() | Entries():
            yield from node.items
        case Loop():
            yield from (node.values, node.start, node.go_on, node.step, node.result)


def _node(octets: bytes, depth: int) -> Node:
    parts = _parts(octets)
    at = _number(parts, 2)
    if depth <= 0:
        raise TooDeepError(at)
    for number, reader in _READERS.items():
        if number in parts:
            return reader(at, _parts(_octets(parts, number)), depth - 1)
    raise AssertionError(f"an expression of no known kind: {sorted(parts)}")


def _constant(at: int, parts: _Parts, _depth: int) -> Node:
    if 6 in parts:
        return Constant(at, _text(parts, 6))
    return Constant(at, _octets(parts, 7) if 7 in parts else None)


def _name(at: int, parts: _Parts, _depth: int) -> Node:
    # A leading dot only says that the name is no loop's variable.
    return Name(at, _text(parts, 1).removeprefix("."))


def _select(at: int, parts: _Parts, depth: int) -> Node:
    operand = _node(_octets(parts, 1), depth)
    return Select(at, operand, _text(parts, 2), bool(_number(parts, 3)))


def _call(at: int, parts: _Parts, depth: int) -> Node:
    return Call(at, _text(parts, 2), _nodes((*parts.get(1, ()), *parts.get(3, ())), depth))


def _items(at: int, parts: _Parts, depth: int) -> Node:
    return Items(at, _nodes(tuple(parts.get(1, ())), depth))


def _entries(at: int, parts: _Parts, depth: int) -> Node:
    entries = [_parts(entry) for entry in parts.get(2, [])]
    items = [part for entry in entries for part in (*entry.get(3, ()), *entry.get(4, ()))]
    return Entries(at, _text(parts, 1), _nodes(tuple(items), depth))


def _loop(at: int, parts: _Parts, depth: int) -> Node:
    values, start, go_on, step, result = (
        _node(_octets(parts, number), depth) for number in (2, 4, 5, 6, 7)
    )
    return Loop(
        at=at,
        variable=_text(parts, 1),
        values=values,
        total=_text(parts, 3),
        start=start,
        go_on=go_on,
        step=step,
        result=result,
    )


_READERS: Final[dict[int, Callable[[int, _Parts, int], Node]]] = {
    3: _constant,
    4: _name,
    5: _select,
    6: _call,
    7: _items,
    8: _entries,
    9: _loop,
}


def _nodes(parts: tuple[int | bytes, ...], depth: int) -> tuple[Node, ...]:
    return tuple(_node(part, depth) for part in parts if isinstance(part, bytes))


def _parts(octets: int | bytes) -> _Parts:
    assert isinstance(octets, bytes)
    parts: _Parts = {}
    for number, value in wire.fields(octets):
        parts.setdefault(number, []).append(value)
    return parts


def _octets(parts: _Parts, number: int) -> bytes:
    value = parts[number][0]
    assert isinstance(value, bytes)
    return value


def _text(parts: _Parts, number: int) -> str:
    return _octets(parts, number).decode() if number in parts else ""


def _number(parts: _Parts, number: int) -> int:
    value = parts.get(number, [0])[0]
    assert isinstance(value, int)
    return value
