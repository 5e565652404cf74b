"""Search for the condition that takes longest within the default limits, and print the figures.

    python bench/conditions.py [--runs N]

Each shape is an expression and an input that grows. The largest input that the limits let
pass is found by bisection; that one is timed, and so is the refusal of a slightly larger
and of a much larger one. Times are medians of N runs, of the processor's time that the thread
used: what else the machine does is not the condition's.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce

from sidehook._call import CallContext, Fields
from sidehook._types import JSON, Value, ValueKind
from sidehook_server.conditions import (
    DEFAULT_LIMITS,
    Condition,
    ConditionError,
    ConditionSyntaxError,
    compile_condition,
)

_LONG = 2**63  # Makes the decoder take its slow, exact way.
_LARGEST = 1 << 20


@dataclass(frozen=True, slots=True)
class Shape:
    """An expression, and the payload for each size."""

    name: str
    source: str
    payload: Callable[[int], dict[str, JSON]]


def main() -> None:
    """Time every shape, the slowest first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=31)
    runs = parser.parse_args().runs
    rows, refusals = [], 0
    for shape in (*_everyday(), *_hostile()):
        try:
            condition = compile_condition(shape.source)
        except ConditionSyntaxError:
            refusals += 1
            continue
        size = _largest(condition, shape)
        rows.append((_time(condition, shape, size, runs), size, shape))
        refused = Shape(f"{shape.name}, refused", shape.source, shape.payload)
        rows += [
            (_time(condition, refused, larger, runs), larger, refused)
            for larger in {size + size // 16 + 1, 8 * size}
        ]
    rows.sort(key=lambda row: -row[0])
    print(f"{'µs':>8} {'size':>8}  shape")
    for seconds, size, shape in rows:
        print(f"{seconds * 1e6:8.0f} {size:8}  {shape.name}")
    times = [seconds for seconds, _, _ in rows]
    print(
        f"{len(rows)} timed, {refusals} refused when compiled, limit {DEFAULT_LIMITS.steps} steps: "
        f"median {statistics.median(times) * 1e6:.0f} µs, worst {times[0] * 1e6:.0f} µs"
    )


def _largest(condition: Condition, shape: Shape) -> int:
    """The largest size that is not refused."""
    passes, refused = 1, 2
    while refused < _LARGEST and _is_let_pass(condition, _fields(shape.payload(refused))):
        passes, refused = refused, 2 * refused
    while refused - passes > max(1, passes // 64):
        middle = (passes + refused) // 2
        if _is_let_pass(condition, _fields(shape.payload(middle))):
            passes = middle
        else:
            refused = middle
    return passes


def _is_let_pass(condition: Condition, fields: Fields) -> bool:
    try:
        condition.holds(hook_type="bench", fields=fields, context=CallContext())
    except ConditionError as error:
        return "it looks at" not in error.problem
    return True


def _time(condition: Condition, shape: Shape, size: int, runs: int) -> float:
    fields = _fields(shape.payload(min(size, _LARGEST)))
    _is_let_pass(condition, fields)
    times = []
    for _ in range(runs):
        start = time.thread_time()
        _is_let_pass(condition, fields)
        times.append(time.thread_time() - start)
    return statistics.median(times)


def _fields(payload: dict[str, JSON]) -> Fields:
    return {
        name: Value(ValueKind.JSON, json.dumps(value, ensure_ascii=False).encode())
        for name, value in payload.items()
    }


def _chat(size: int) -> dict[str, JSON]:
    return {
        "messages": [
            {"role": "user", "content": "How do I, in short, do this: that? " * 4}
            for _ in range(size)
        ]
    }


def _everyday() -> list[Shape]:
    return [
        Shape("a field is equal", "payload.model == 'small'", lambda _: {"model": "large"}),
        Shape("a message has a role", "payload.messages.exists(m, m.role == 'tool')", _chat),
        Shape(
            "a message holds a word",
            "payload.messages.exists(m, m.content.contains('password'))",
            _chat,
        ),
        Shape(
            "a message matches words",
            "payload.messages.exists(m, m.content.matches('secret|password'))",
            _chat,
        ),
        Shape(
            "messages are counted",
            "payload.messages.filter(m, m.role == 'user').size() > 3",
            _chat,
        ),
        Shape("the prompt is long", "size(payload.prompt) > 100000", _text("lorem ipsum, dolor ")),
        Shape("the prompt holds a word", "payload.prompt.contains('x')", _text("lorem ipsum, ")),
        Shape("the prompt matches words", "payload.prompt.matches('(?i)ab|cd')", _text("lorem ")),
        Shape(
            "the prompt matches digits",
            r"payload.prompt.matches('\\d{3}-\\d{2}-\\d{4}')",
            _text("123-45-678 "),
        ),
    ]


def _text(text: str) -> Callable[[int], dict[str, JSON]]:
    return lambda size: {"prompt": (text * (size // len(text) + 1))[:size]}


def _hostile() -> list[Shape]:
    return [
        *_loads(),
        *[
            Shape(f"{inputs}: exists({body})", f"payload.l.exists(x, {body})", payload)
            for inputs, payload in _LISTS.items()
            for body in _BODIES
        ],
        *[
            Shape(f"{inputs}: {source}", source, payload)
            for inputs, payload in _LISTS.items()
            for source in _LIST_SOURCES
        ],
        *[Shape(f"texts: {source}", source, _nasty_texts) for source in _TEXT_SOURCES],
        *[
            Shape(f"{inputs}: matches({pattern})", f"payload.a.matches(r'{pattern}')", payload)
            for inputs, payload in _MATCHED.items()
            for pattern in _PATTERNS
        ],
    ]


def _loads() -> list[Shape]:
    return [
        Shape(f"load {name}", "payload.l == 1 || has(payload.z)", payload)
        for name, payload in (*_LISTS.items(), *_DEEP.items())
    ]


def _nest(size: int, wrap: Callable[[JSON], JSON]) -> JSON:
    start: JSON = 1
    return reduce(lambda inner, _: wrap(inner), range(size), start)


def _list(item: Callable[[int], JSON]) -> Callable[[int], dict[str, JSON]]:
    return lambda size: {"l": [item(number) for number in range(min(size, 1 << 16))]}


_LISTS: dict[str, Callable[[int], dict[str, JSON]]] = {
    "numbers": _list(lambda _: 0),
    "large numbers": _list(lambda _: _LONG),
    "fractions": _list(lambda number: number + 0.1),
    "texts": _list(lambda number: f"{number}"),
    "longer texts": _list(lambda number: f"{number}" * 10),
    "texts with zeros": _list(lambda _: "a\0"),
    "quotes": _list(lambda _: '"'),
    "marks": _list(lambda _: ",:[{,:[{,:[{,:[{,:[{"),
    "Chinese": _list(lambda _: "漢字" * 4),
    "empty maps": _list(lambda _: {}),
    "maps": _list(lambda number: {"a": number}),
    "maps with zeros": _list(lambda number: {"a\0": number, "b": "\0"}),
    "wide maps": _list(lambda number: {"a": number, "b": 1, "c": 2, "d": 3}),
    "lists": _list(lambda number: [number]),
    "a map, decoded slowly": lambda size: {
        "l": {**{str(key): key for key in range(min(size, 1 << 16))}, "z": _LONG}
    },
    "lists of lists": lambda size: {"l": [[0] * 16] * (min(size, 1 << 16) // 16 + 1)},
    "times": _list(lambda _: "2024-01-01T00:00:00Z"),
}
_DEEP: dict[str, Callable[[int], dict[str, JSON]]] = {
    "deep lists": lambda size: {"l": [_nest(100, lambda inner: [inner])] * min(size, 1024)},
    "deep maps": lambda size: {"l": [_nest(100, lambda inner: {"k": inner})] * min(size, 1024)},
    "a text of quotes": lambda size: {"l": '"' * size},
    "a text of zeros": lambda size: {"l": "\0" * size},
    "a text of é": lambda size: {"l": "é" * size},
    "a text in a list": lambda size: {"l": [",:" * (size // 2)]},
    "quotes in a list": lambda size: {"l": ['",' * (size // 2)]},
}
_BODIES = (
    "false",
    "x == -1",
    "x != x",
    "x.a == -1",
    "x.nope == 1",
    "x.a.b.c.d == 1",
    "has(x.nope)",
    "x[0] == -1",
    "x[100] == -1",
    "x['nope'] == -1",
    "x.a == 5 && x.b == 6 || x.c == 7",
    "x == 1 && x == 2 && x == 3 && x == 4 || x == 5 || x == 6 || x == 7",
    "x + x + x + x + x + x + x + x == x",
    "x * 2 - 1 > 0 && x / 2 == 1 || x % 2 == 1",
    "x / 0 == 1",
    "string(x) + string(x) + string(x) == ''",
    "int(x) == -1",
    "double(x) == -1.0",
    "timestamp(x) == timestamp(0)",
    "timestamp(x).getFullYear() == 0",
    "duration(x) == duration('1s')",
    "bytes(x) == b''",
    "size(x) == -1",
    "x.contains('zz')",
    "x.startsWith('zz')",
    "x.matches('zz')",
    "x.matches('[yz]{4}')",
    "x in payload.l",
    "x in [1, 2, 3, 4, 5, 6]",
    "[x, x, x, x, x, x] == [1]",
    "[x, x, x, x, x, x] == [x, x, x, x, x, 'n']",
    "{'a': x, 'b': x, 'c': x}.d == 1",
    "{'a': x, 'b': x, 'c': x} == {'a': x, 'b': x, 'c': 'n'}",
    "{x: x} == {1: 1}",
    "type(x) == bool",
    "payload.l == x",
    "payload.l == payload.l && x == 'n'",
    "payload.l[0] == 'n'",
    "size(payload.l) == -1",
    "payload.l.exists(y, x == 'n')",
    "payload.l.exists(y, x == y && x == 'n')",
    "payload.l.exists(y, y.a == x.a && y.a == 'n')",
    "payload.l.map(y, y) == []",
    "[x].exists(y, [y].exists(z, z == 'n'))",
    "x.exists(y, y == 'n')",
    "x.exists(y, x[y] == 'n')",
    "x.map(y, y) == ['n']",
    "x.all(y, y.all(z, z == 'n')) && false",
)
_LIST_SOURCES = (
    "payload.l.map(x, x) == []",
    "payload.l.map(x, [x, x, x]) == []",
    "payload.l.map(x, x).map(x, x).map(x, x) == []",
    "payload.l.filter(x, true) == []",
    "payload.l.filter(x, x == x).size() == -1",
    "payload.l.exists_one(x, x == 'n')",
    "payload.l.all(x, x != 'n') && false",
    "payload.l + payload.l + payload.l + payload.l == []",
    "payload.l == payload.l && false",
    "[payload.l, payload.l].map(x, x + x).map(x, x + x + x) == []",
    "[payload.l].map(x, x + x + x + x)[0].exists(y, y == 'n')",
    "payload.l.map(x, payload.l) == []",
    "payload.exists(k, payload[k].exists(x, x == 'n'))",
    "payload == {'l': 1}",
)
_TEXT_SOURCES = (
    "payload.a.contains(payload.b)",
    "payload.a.contains('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab')",
    "payload.a.contains('ab')",
    "payload.a.contains('x') || payload.a.contains('y') || payload.a.contains('z')",
    "payload.a == payload.b",
    "payload.a + payload.a == payload.a + payload.b",
    "size(payload.a) == -1",
    "size(payload.a + payload.b + payload.a + payload.b) == -1",
    "payload.a.endsWith(payload.b)",
    "payload.a < payload.b",
    "payload.a in [payload.b, payload.b + 'a', payload.b + 'b']",
    "bytes(payload.a) == bytes(payload.b)",
    "string(bytes(payload.a)) == payload.b",
    "int(payload.a) == 1 || double(payload.a) == 1.0",
    "[payload.a].map(x, x + x + x).map(x, x + x + x)[0] == payload.a",
    "[payload.a, payload.a, payload.a].exists(x, x.contains(payload.b))",
    "{payload.a: 1, payload.b: 2} == {payload.b: 2}",
    "payload[payload.a] == 1",
    "duration(payload.a) == duration('1s') || timestamp(payload.a) == timestamp(0)",
)


def _nasty_texts(size: int) -> dict[str, JSON]:
    return {"a": "a" * size, "b": "a" * (size // 2) + "b"}


_PATTERNS = (
    "x",
    "secret|password|token",
    "(?i)secret|password|token",
    "aaaaaaaaaaaaaaaaaaaaaaaaaab",
    r"\d{3}-\d{2}-\d{4}",
    r"\bab\b.*\bba\b",
    "(a|b)*a(a|b)(a|b)(a|b)(a|b)(a|b)(a|b)(a|b)(a|b)(a|b)(a|b)x",
    "[ab]*a[ab]{5}x",
    "[ab]*a[ab]{10}x",
    "[ab]*a[ab]{14}x",
    "a.{3}x",
    "(a|b)*a.{4}x",
    "(.*)(.*)(.*)x",
    "(a{1,3}){1,3}x",
    "(a+)+b",
    "(?i)(ab?){8}x",
    "[^c]{5}x",
    "(a?){20}a{20}x",
    "^(a*)*(b*)*$",
    "[a-q][^u-z]{3}x",
)
_ALTERNATING = "".join(random.Random(1).choices("ab", k=1 << 16))
_MATCHED: dict[str, Callable[[int], dict[str, JSON]]] = {
    "one letter": lambda size: {"a": "a" * size},
    "two letters": lambda size: {"a": _ALTERNATING[:size]},
    "digits": lambda size: {"a": ("12-345-" * (size // 7 + 1))[:size]},
    "é": lambda size: {"a": "é" * size},
}


if __name__ == "__main__":
    main()
