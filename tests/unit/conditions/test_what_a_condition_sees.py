"""The payload, the context, the hook type, and how the call ended."""

from __future__ import annotations

import pytest

from sidehook._call import CallContext, CallEnd
from sidehook._types import CallOutcome
from sidehook_server.conditions import Condition, ConditionError, compile_condition
from tests.unit.conditions.scripted import holds

CONTEXT = CallContext(
    request_id="r1",
    session_id="s1",
    tenant="acme",
    user="ada",
    labels={"team": "search"},
    state={"guard/count": b"3", "shared.seen": b'["a"]', "guard/broken": b"{"},
    scopes=("guardrails",),
)
BLOCKED = CallEnd(outcome=CallOutcome.BLOCKED, hook="guard/pii", code="PII")


def test_fields_are_named_with_a_point_or_in_brackets() -> None:
    assert holds("payload.model == 'small' && payload['model'] == 'small'", model="small")


def test_a_field_that_is_absent_is_absent() -> None:
    assert not holds("has(payload.model)")
    assert not holds("'model' in payload")
    assert holds("has(payload.model) && 'model' in payload", model=None)


def test_reading_an_absent_field_is_an_error_that_says_what_to_ask() -> None:
    with pytest.raises(ConditionError, match=r"ask first: has\(payload\.x\)"):
        holds("payload.model == 'small'")


def test_the_payload_can_be_used_as_a_whole() -> None:
    assert holds("size(payload) == 2 && payload.exists(name, payload[name] == 7)", a=1, b=7)


def test_raw_values_are_bytes_with_every_octet() -> None:
    assert holds(r"payload.image == b'\x00\xff\x00' && size(payload.image) == 3", image=b"\0\xff\0")


def test_the_context_is_there_with_state_decoded() -> None:
    assert holds(
        "context.request_id == 'r1' && context.session_id == 's1' && context.tenant == 'acme'"
        " && context.user == 'ada' && context.labels.team == 'search'"
        " && 'guardrails' in context.scopes && context.state['guard/count'] == 3"
        " && context.state['shared.seen'].size() == 1",
        context=CONTEXT,
    )


def test_labels_and_state_can_be_asked_for() -> None:
    assert holds("has(context.labels.team) && !has(context.labels.other)", context=CONTEXT)
    assert holds("'guard/broken' in context.state && !('x' in context.state)", context=CONTEXT)


def test_state_that_is_named_and_broken_is_an_error_that_names_its_key() -> None:
    with pytest.raises(ConditionError, match="state 'guard/broken': not JSON"):
        holds("context.state['guard/broken'] == 1", context=CONTEXT)


def test_the_hook_type_is_there() -> None:
    assert holds("hook_type.startsWith('component_')")


def test_end_says_how_the_call_ended() -> None:
    assert holds(
        "end != null && end.outcome == 'blocked' && end.hook == 'guard/pii' && end.code == 'PII'"
        " && !end.payload_withheld",
        end=BLOCKED,
    )


def test_end_is_null_for_hooks_that_are_not_told() -> None:
    assert holds("end == null || end.outcome == 'blocked'")
    with pytest.raises(ConditionError, match="end is null"):
        holds("end.outcome == 'blocked'")


@pytest.mark.parametrize(
    ("source", "fields"),
    [
        ("payload.a == 1 && payload['b'] == 2 || has(payload.c) || 'd' in payload", set("abcd")),
        ("context.tenant == 'acme'", set()),
        ("payload.a.b.c == 1 && payload.list.exists(a, a.inner == 1)", {"a", "list"}),
        ("payload.exists(name, name == 'a')", None),
        ("payload[context.user] == 1", None),
        ("size(payload) > 1 && payload.a == 1", None),
        ("[payload].exists(p, p.a == 1)", None),
    ],
)
def test_a_condition_tells_which_fields_it_names(source: str, fields: set[str] | None) -> None:
    assert compile_condition(source).fields == fields


def test_conditions_are_equal_when_their_sources_are() -> None:
    one, same = compile_condition("payload.a == 1"), compile_condition("payload.a == 1")
    assert one == same
    assert len({one, same, compile_condition("payload.a==1")}) == 2
    assert isinstance(one, Condition)
    assert repr(one).startswith("Condition(source='payload.a == 1'")


def test_a_field_that_is_not_named_is_never_decoded() -> None:
    assert holds("payload.a == 1", a=1, broken={"b": b"{{{"})


def test_a_field_that_is_only_asked_for_is_never_decoded() -> None:
    assert holds("has(payload.b) && 'b' in payload", broken={"b": b"{{{"})


def test_a_named_field_that_is_broken_is_an_error_without_its_text() -> None:
    with pytest.raises(ConditionError) as caught:
        holds("payload.b == 1", broken={"b": b'{"secret'})
    assert caught.value.problem.startswith("field 'b': not JSON")
    assert "secret" not in caught.value.problem


@pytest.mark.parametrize("content", [1, "true", None, [True], 1.0])
def test_a_result_that_is_no_truth_is_an_error(content: int | str | None) -> None:
    with pytest.raises(ConditionError, match="neither true nor false"):
        holds("payload.a", a=content)


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("payload.text == 1 || payload.text > 1", "a type that an operator or function"),
        ("int(payload.text) == 1", "does not hold what it is converted to"),
        ("payload.map[payload.text] == 1", "a key is not there"),
        ("payload.list[7] == 1", "beyond the end of its list"),
        ("payload.list[payload.text] == 1", "beyond the end of its list"),
        ("payload.number / 0 == 1", "a division by zero"),
        ("payload.number + 9223372036854775807 == 1", "beyond the range"),
        ("payload.text.secret == 1", "something that has no fields"),
        ("timestamp(payload.text) == timestamp(0)", "does not hold what it is converted to"),
        ("payload.text ? true : false", "a type that an operator"),
        ("{payload.text: 1, payload.text: 2} == {}", "holds a key twice"),
        ("payload.text", "neither true nor false"),
    ],
)
def test_a_failed_evaluation_says_why_without_any_text_of_the_payload(
    source: str, problem: str
) -> None:
    with pytest.raises(ConditionError, match=problem) as caught:
        holds(source, text="hush hush", number=1, list=["hush"], map={"hush": 1})
    assert "hush" not in str(caught.value)
