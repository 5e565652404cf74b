"""The work of one evaluation is bounded by its input, before it is done."""

from __future__ import annotations

import pytest

from sidehook._call import CallContext
from sidehook._types import JSON
from sidehook_server.conditions import ConditionError, ConditionLimits, ConditionSyntaxError
from tests.unit.conditions.scripted import holds


def test_more_octets_than_the_limit_are_refused_and_counted_by_what_is_named() -> None:
    limits = ConditionLimits(octets=100)
    assert not holds("payload.a == 'x'", a="y" * 60, b="y" * 1000, limits=limits)
    with pytest.raises(ConditionError, match=r"looks at \d+ octets, and may look at 100"):
        holds("payload.a == payload.b", a="y" * 60, b="y" * 60, limits=limits)
    with pytest.raises(ConditionError, match="may look at 100"):
        holds("payload.a == b''", a=b"y" * 101, limits=limits)


def test_labels_scopes_and_state_count_when_they_are_named() -> None:
    context = CallContext(
        tenant="acme",
        labels={"a": "y" * 200},
        scopes=("y" * 200,),
        state={"k": b'"%s"' % (b"y" * 200)},
    )
    limits = ConditionLimits(octets=100)
    assert holds("context.tenant == 'acme'", context=context, limits=limits)
    for source in (
        "context.labels.a == ''",
        "'x' in context.scopes",
        "context.state.k == ''",
        "context.labels.exists(k, k == '')",
    ):
        with pytest.raises(ConditionError, match="may look at 100"):
            holds(source, context=context, limits=limits)
    assert holds("has(context.state.k)", context=context, limits=limits)


NUMBERS: list[JSON] = [0] * 20_000


@pytest.mark.parametrize(
    "source",
    [
        "payload.l == []",
        "payload.l.exists(x, x == 1)",
        "payload.l.exists(x, payload.l.exists(y, x + y == 1))",
        "payload.l.map(x, x) == []",
        "size(payload.l) == 1",
    ],
)
def test_a_long_list_is_refused_before_it_is_decoded(source: str) -> None:
    with pytest.raises(ConditionError, match="could take more than 1000000 steps"):
        holds(source, l=NUMBERS)


def test_a_short_list_is_not() -> None:
    assert holds("payload.l.exists(x, x == 99)", l=list(range(100)))


def test_marks_inside_texts_are_no_values() -> None:
    text = '[1, {"a": 2}], "\\' * 1000
    assert holds("payload.l[0].size() > 10000 && payload.l[1] == 1", l=[text, 1])


def test_nested_loops_over_parts_are_cheaper_than_loops_over_everything() -> None:
    chat: list[JSON] = [{"parts": ["one", "two"]} for _ in range(60)]
    assert holds("payload.m.exists(m, m.parts.exists(p, p == 'two'))", m=chat)
    with pytest.raises(ConditionError, match="could take more"):
        holds("payload.m.exists(m, payload.m.exists(n, n == 1 && m == 1))", m=chat)


GROWING = ".map(x, x + x + x + x + x + x + x + x)"


def test_text_cannot_be_made_to_grow() -> None:
    with pytest.raises(ConditionError, match="could take more"):
        holds("[payload.a]" + GROWING * 2 + "[0].size() == 1", a="a" * 30_000)
    with pytest.raises(ConditionSyntaxError, match="even a small payload could take more"):
        holds("['a']" + GROWING * 8 + "[0].size() == 1")


def test_lists_cannot_be_made_to_grow() -> None:
    with pytest.raises(ConditionError, match="could take more"):
        holds("[payload.l]" + GROWING * 2 + "[0].size() == 1", l=[1] * 50)
    with pytest.raises(ConditionSyntaxError, match="even a small payload could take more"):
        holds("[[1]]" + GROWING * 8 + "[0].size() == 1")


def test_a_text_of_the_payload_sought_in_another_pays_for_both() -> None:
    assert not holds("payload.a.contains('aab')", a="a" * 20_000)
    with pytest.raises(ConditionError, match="could take more"):
        holds("payload.a.contains(payload.b)", a="a" * 20_000, b="a" * 10_000 + "b")


def test_words_are_matched_in_longer_texts_than_patterns() -> None:
    text = "lorem ipsum " * 1500
    assert not holds("payload.a.matches('secret|password')", a=text)
    with pytest.raises(ConditionError, match="could take more"):
        holds("payload.a.matches('(a|b)*a(a|b)(a|b)x')", a=text)


def test_an_operator_can_allow_more_work() -> None:
    limits = ConditionLimits(steps=100_000_000)
    assert not holds("payload.l.exists(x, x == 1)", l=[0] * 5000, limits=limits)
    assert holds("payload.l.map(x, x).size() == 500", l=[0] * 500, limits=limits)


def test_the_library_bounds_loops_as_well() -> None:
    limits = ConditionLimits(steps=10**12)
    with pytest.raises(ConditionError, match="more than 10000 steps in its macros"):
        holds("payload.l.exists(x, x == 1)", l=[0] * 10_001, limits=limits)
