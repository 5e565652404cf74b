"""What is refused when a condition is compiled, with the position and what to do."""

from __future__ import annotations

import pytest

from sidehook_server.conditions import (
    ConditionLimits,
    ConditionSyntaxError,
    compile_condition,
    language,
    variables,
)


def problem(source: str, limits: ConditionLimits | None = None) -> str:
    with pytest.raises(ConditionSyntaxError) as caught:
        compile_condition(source, limits=limits or ConditionLimits())
    return caught.value.problem


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("payload.a ==", "line 1, column 13: Syntax error"),
        ("payload.a\n  == (1", "line 2, column 8: Syntax error"),
        ("nope == 1", "line 1, column 1: undeclared reference to 'nope': variables are payload"),
        ("true && nope.x", "line 1, column 13: undeclared reference to 'nope.x'"),
        (
            "context.tenent == 'a'",
            "column 8: undeclared reference to 'context.tenent': context has",
        ),
        ("context == 1", "context has request_id, session_id, tenant"),
        ("context.tenant == 1", "column 16: found no matching overload for '=='"),
        ("context.labels.team > 1", "applied to '(string, int)': convert one side"),
        ("hook_type + 1 == ''", "found no matching overload for '+'"),
        ("'a' in context.tenant", "found no matching overload for 'in'"),
        ("foo(1)", "undeclared reference to 'foo'"),
        ("payload.a.foo()", "undeclared reference to 'foo'"),
        ("1 + 1", "it is always a value of type int; a condition is true or false"),
        ("hook_type", "it is always a value of type string"),
        ("payload.l.map(x, x)", "it is always a value of type list"),
        ("has(context.tenant)", "it is always a value of type string"),
        ("payload['l'][0].all(x, x['y'].exists(z, z))", "dyn(…), or name it with a point"),
        ("end.outcom == 'x'", "end has outcome, hook, code and payload_withheld"),
        ("has(end.code)", "it is always a value of type string"),
        ("end.code == 1", "found no matching overload for '=='"),
        ("payload.a.matches(payload.b)", "column 18: a regular expression must be written out"),
        ("matches(payload.a, 'a' + 'b')", "a regular expression must be written out"),
        ("payload.a.matches('(a')", "no regular expression of RE2: missing )"),
        (r"payload.a.matches('\\pL+\\pL+')", "this regular expression is too expensive"),
        ("payload.a.matches('a{1000}')", "this regular expression is too expensive"),
        ("timestamp(0).getHours('Europe/Berlin') == 1", "getHours takes no time zone"),
        ("google.protobuf.Value{} == payload.a", "cannot be built here: use a map"),
        ("payload.l.all(payload, true)", "payload is the name of a variable"),
        ("[1].exists(end, end == 1)", "end is the name of a variable"),
        ("payload.?a == 1", "unsupported syntax '.?'"),
        ("cel.bind(x, 1, x == 1)", "undeclared reference to"),
        ("", "it is empty"),
        (" \n", "it is empty"),
        ("true //\0", "line 1, column 8: a character that is no text"),
        ("payload.a == '\ud800'", "line 1, column 15: a character that is no text"),
    ],
)
def test_what_is_wrong_is_refused_with_its_place_and_advice(source: str, said: str) -> None:
    assert said in problem(source)


@pytest.mark.parametrize(
    ("source", "limits", "said"),
    [
        ("true || true", ConditionLimits(source=11), "it has 12 characters, and may have 11"),
        ("1+1+1+1+1 == 5", ConditionLimits(depth=4), "line 1, column 2: nested more than 4 deep"),
        ("1" + "+1" * 200 + " == 5", ConditionLimits(), "nested too deeply"),
        ("(" * 300 + "true" + ")" * 300, ConditionLimits(), "nested too deeply"),
        (
            "payload.l.all(x, x) && payload.l.all(x, x)",
            ConditionLimits(macros=1),
            "more than 1 of all, exists",
        ),
        (
            "payload.l.all(x, x.all(y, y))",
            ConditionLimits(macro_nesting=1),
            "more than 1 macros stand in each other",
        ),
        (
            "hook_type.matches('a') || hook_type.matches('b')",
            ConditionLimits(patterns=1),
            "more than 1 regular expressions: join them with |",
        ),
        (
            "hook_type.matches('aaaa')",
            ConditionLimits(pattern=3),
            "a regular expression has at most 3 characters",
        ),
        (
            "payload.l.all(a, payload.l.all(b, payload.l.all(c, a.x + b.x == c.x)))",
            ConditionLimits(steps=30_000),
            "even a small payload could take more than 30000 steps",
        ),
    ],
)
def test_what_is_too_large_is_refused(source: str, limits: ConditionLimits, said: str) -> None:
    assert said in problem(source, limits)


def test_a_chain_of_macros_counts_each_of_them() -> None:
    source = "payload.l.map(x, x).map(x, x).map(x, x).map(x, x) == []"
    assert "more than 3 of" in problem(source, ConditionLimits(macros=3))
    compile_condition(source, limits=ConditionLimits(macros=4, macro_nesting=1))


def test_every_variable_of_the_language_can_be_handed_over() -> None:
    assert list(variables.VARIABLES) == list(language.VARIABLES)
