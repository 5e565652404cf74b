"""Nothing that an expression or a payload holds takes the process down."""

from __future__ import annotations

import contextlib
import gc
import threading
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidehook._types import Value, ValueKind
from sidehook_server.conditions import (
    ConditionError,
    ConditionLimits,
    ConditionSyntaxError,
    compile_condition,
)
from tests.unit.conditions.scripted import NOBODY, holds

WITHOUT_LIMITS = ConditionLimits(
    source=10**7,
    depth=10**6,
    macros=10**6,
    macro_nesting=10**6,
    patterns=10**6,
    pattern=10**6,
    steps=10**15,
)
DEPTHS = (40, 300, 3000, 30_000)
SHAPES: dict[str, Callable[[int], str]] = {
    "parentheses": lambda n: "(" * n + "true" + ")" * n,
    "open parentheses": lambda n: "(" * n,
    "negations": lambda n: "!" * n + "true",
    "minus": lambda n: "-" * n + "1 == 1",
    "sums": lambda n: "+".join(["1"] * n) + " == 1",
    "ands": lambda n: " && ".join(["true"] * n),
    "choices": lambda n: "true ? true : " * n + "false",
    "fields": lambda n: "payload" + ".a" * n + " == 1",
    "indices": lambda n: "payload.a" + "[0]" * n + " == 1",
    "lists": lambda n: "[" * n + "]" * n + " == 1",
    "maps": lambda n: "{1: " * n + "1" + "}" * n + " == 1",
    "calls": lambda n: "size(" * n + "payload.a" + ")" * n + " == 1",
    "macros in macros": lambda n: "[1].all(x, " * n + "true" + ")" * n,
    "chained macros": lambda n: "[1]" + ".map(x, x)" * n + " == []",
    "quotes": lambda n: "'" * n,
    "escapes": lambda n: "'" + "\\" * n + "'",
    "one long name": lambda n: "a" * n,
    "one long number": lambda n: "1" * n + " == 1",
    "comments": lambda n: "//" * n + "\n" * n,
}


@pytest.mark.parametrize("limits", [ConditionLimits(), WITHOUT_LIMITS], ids=["limits", "none"])
@pytest.mark.parametrize("shape", SHAPES)
def test_deep_and_long_expressions_are_answered_or_refused(
    shape: str, limits: ConditionLimits
) -> None:
    for depth in DEPTHS:
        with contextlib.suppress(ConditionSyntaxError, ConditionError):
            holds(SHAPES[shape](depth), a=1, limits=limits)


WORDS = (
    "payload payload.a context.tenant end end.code hook_type x 1 1.5 2u 'a' b'a' null true ( ) [ ] "
    "{ } , . : ? + - * / % ! == != < > <= >= && || in has( all( exists( map( filter( size( "
    "matches( type( int( string( timestamp( dyn( .all(x, .map(x, .exists(x, .matches( \\ \" ' \n"
)


@given(st.lists(st.sampled_from(WORDS.split(" ")), max_size=30).map(" ".join))
def test_any_jumble_of_words_is_answered_or_refused(source: str) -> None:
    with contextlib.suppress(ConditionSyntaxError, ConditionError):
        holds(source, a=[{"a": 1}], limits=WITHOUT_LIMITS)


@given(st.text(max_size=60))
def test_any_text_is_answered_or_refused(source: str) -> None:
    with contextlib.suppress(ConditionSyntaxError, ConditionError):
        holds(source, a=1)


@given(st.text(st.sampled_from("ab()[]{}*+?|^$\\.,-:1290<>=!PpQEux\0é"), max_size=24))
def test_any_regular_expression_is_answered_or_refused(pattern: str) -> None:
    written = "".join(f"\\U{ord(character):08x}" for character in pattern)
    with contextlib.suppress(ConditionSyntaxError, ConditionError):
        holds(f"payload.a.matches('{written}')", a="abab" * 8)


@given(st.binary(max_size=80))
def test_any_octets_in_a_field_are_answered_or_an_error(octets: bytes) -> None:
    with contextlib.suppress(ConditionError):
        holds("payload.a == payload.a && payload.a.x == 1", broken={"a": octets})


DEEP = {
    "lists": b"[" * 1000 + b"]" * 1000,
    "maps": b'{"a":' * 1000 + b"1" + b"}" * 1000,
    "more than the decoder takes": b"[" * 100_000,
}


@pytest.mark.parametrize("octets", DEEP.values(), ids=DEEP)
def test_deep_values_are_an_error(octets: bytes) -> None:
    with pytest.raises(ConditionError):
        holds("payload.a == payload.a", broken={"a": octets}, limits=WITHOUT_LIMITS)


def test_values_as_deep_as_allowed_are_compared_on_a_small_stack() -> None:
    octets = b"[" * 128 + b"]" * 128
    answers: list[bool] = []

    def ask() -> None:
        answers.append(
            holds("payload.a == payload.b && payload.a != [1]", broken={"a": octets, "b": octets})
        )

    before = threading.stack_size(256 * 1024)
    try:
        thread = threading.Thread(target=ask)
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join(timeout=30)
    assert answers == [True]


def test_names_that_are_hostile_are_only_names() -> None:
    condition = compile_condition("payload.size() == 3 && payload.exists(k, k == '__class__')")
    fields = {name: Value(ValueKind.JSON, b"1") for name in ("__class__", "é", "x" * 10_000)}
    assert condition.holds(hook_type="", fields=fields, context=NOBODY)


def test_a_condition_is_asked_many_times_without_keeping_anything() -> None:
    condition = compile_condition("payload.l.map(x, x + 'a').size() == 3 || payload.l == null")
    fields = {"l": Value(ValueKind.JSON, b'["a", "b\\u0000", null]')}

    def ask() -> None:
        for _ in range(200):
            with contextlib.suppress(ConditionError):
                condition.holds(hook_type="", fields=fields, context=NOBODY)

    ask()
    gc.collect()
    before = len(gc.get_objects())
    ask()
    gc.collect()
    assert len(gc.get_objects()) <= before + 50


def test_threads_may_ask_one_condition_at_once() -> None:
    condition = compile_condition("payload.l.exists(x, x == 'c')")
    fields = {"l": Value(ValueKind.JSON, b'["a", "b", "c"]')}
    answers: list[bool] = []

    def ask() -> None:
        answers.extend(
            condition.holds(hook_type="", fields=fields, context=NOBODY) for _ in range(100)
        )

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert answers == [True] * 400
