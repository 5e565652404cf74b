"""What comes back, made live again: nothing is lost on the way, and nothing is made up."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidehook._types import JSON
from sidehook.testing import run_hook

pytest.importorskip("mellea.plugins", reason="needs mellea: make test-mellea")

from mellea.core import Requirement, ValidationResult
from mellea.core.base import ModelToolCall
from mellea.stdlib.sampling import RejectionSamplingStrategy
from mellea.stdlib.sampling.sofai import SOFAISamplingStrategy

import sidehook
from sidehook.integrations.mellea import Choices
from sidehook.integrations.mellea._crossing import Crossing
from sidehook.integrations.mellea._merge import MERGERS, MergeError, merged
from sidehook.integrations.mellea._projection import project_value
from tests.mellea.provoke import ADD, SUBTRACT
from tests.mellea.shapes import SOURCE, writable_fields

texts = st.text(max_size=8)

# The fields that a check looks at beside the one that is written.
BESIDE: Mapping[str, Any] = {"strategy": RejectionSamplingStrategy(), "results": []}


def write(
    hook_type: str,
    field: str,
    live: Any,
    change: Any,
    *,
    choices: Choices | None = None,
) -> Any:
    """Project one field, change what crossed, and merge it back."""
    type_name = SOURCE["hook_types"][hook_type]["fields"][field]["type"]
    crossing = Crossing()
    sent = project_value(live, type_name, crossing)
    received = change(sent)
    payload = SimpleNamespace(**{**BESIDE, field: live})
    changes: dict[str, tuple[JSON | bytes, JSON]] = {field: (received, sent)}
    return merged(hook_type, payload, changes, crossing.opaques, choices or Choices())[field]


def test_every_writable_type_has_a_way_back() -> None:
    types = {
        SOURCE["hook_types"][hook_type]["fields"][field]["type"]
        for hook_type, field in writable_fields()
    }
    assert set(MERGERS) == types


@given(st.lists(texts, max_size=5), st.data())
def test_requirements_are_kept_dropped_reordered_and_added(
    descriptions: list[str], data: st.DataObject
) -> None:
    live = [Requirement(description) for description in descriptions]
    order = data.draw(st.permutations(range(len(live))))
    kept = order[: data.draw(st.integers(0, len(order)))]
    items: list[Any] = [*kept, *data.draw(st.lists(texts, max_size=2))]
    items = data.draw(st.permutations(items))

    def change(sent: list[JSON]) -> list[JSON]:
        return [sent[one] if isinstance(one, int) else {"description": one} for one in items]

    made = write("validation_pre_check", "requirements", live, change)
    for item, requirement in zip(items, made, strict=True):
        if isinstance(item, int):
            assert requirement is live[item]
        else:
            assert (requirement.description, requirement.validation_fn) == (item, None)


@given(
    st.lists(st.booleans(), max_size=4),
    st.dictionaries(
        st.integers(0, 3),
        st.tuples(st.booleans(), st.none() | texts, st.none() | st.floats(0, 1)),
    ),
)
def test_results_are_replaced_one_by_one(
    passed: list[bool], written: dict[int, tuple[bool, str | None, float | None]]
) -> None:
    live = [ValidationResult(one, reason="as it was", thunk=object()) for one in passed]

    def change(sent: list[JSON]) -> list[JSON]:
        return [
            {"passed": written[n][0], "reason": written[n][1], "score": written[n][2]}
            if n in written
            else one
            for n, one in enumerate(sent)
        ]

    made = write("validation_post_check", "results", live, change)
    for number, result in enumerate(made):
        if number in written:
            assert (result.as_bool(), result.reason, result.score) == written[number]
        else:
            assert result is live[number]


@given(st.dictionaries(texts, st.integers() | st.text(), max_size=4), st.data())
def test_options_are_merged_name_by_name(options: dict[str, Any], data: st.DataObject) -> None:
    tool = object()
    live: dict[Any, Any] = {**options, "@@@tools@@@": [tool], 7: "no name in JSON"}
    gone = {name for name in options if data.draw(st.booleans())}

    def change(sent: dict[str, JSON]) -> dict[str, JSON]:
        left = {name: value for name, value in sent.items() if name not in gone}
        return {**left, "@@@new@@@": [1, {"deep": None}]}

    made = write("generation_pre_call", "model_options", live, change)
    left = {name: value for name, value in live.items() if name not in gone}
    assert made == left | {"@@@new@@@": [1, {"deep": None}]}
    assert made["@@@tools@@@"] is live["@@@tools@@@"]


def test_an_option_that_was_deleted_is_gone_also_when_it_is_opaque() -> None:
    made = write(
        "generation_pre_call", "model_options", {"tool": object(), "seed": 1}, lambda _: {"seed": 1}
    )
    assert made == {"seed": 1}


def test_an_opaque_value_can_move() -> None:
    tool = object()
    made = write(
        "generation_pre_call",
        "model_options",
        {"tools": {"add": tool}},
        lambda sent: {"tools": [sent["tools"]["add"]]},
    )
    assert made == {"tools": [tool]}
    assert made["tools"][0] is tool


def test_an_opaque_value_cannot_be_altered() -> None:
    with pytest.raises(MergeError, match="can be kept or left out"):
        write(
            "generation_pre_call",
            "model_options",
            {"tool": object()},
            lambda sent: {"tool": {**sent["tool"], "repr": "another"}},
        )


def test_what_a_hook_of_the_sdk_returns_comes_back() -> None:
    @sidehook.hook("generation_pre_call")
    def warm(payload: Any, _context: Any) -> Any:
        return sidehook.modify(payload, model_options={**payload.model_options, "temperature": 1.0})

    tool = object()
    made = write(
        "generation_pre_call",
        "model_options",
        {"tool": tool, "seed": 256},
        lambda sent: run_hook(warm, {"model_options": sent}).changed["model_options"],
    )
    assert made == {"tool": tool, "seed": 256, "temperature": 1.0}
    assert isinstance(made["seed"], int)


@pytest.mark.parametrize(
    ("field", "live", "received"),
    [
        ("model_options", {"logprobs": 1}, {"logprobs": True}),
        ("model_options", {"deep": [{"a": False}]}, {"deep": [{"a": 0}]}),
    ],
)
def test_a_change_that_python_does_not_see_is_not_dropped(
    field: str, live: Any, received: Any
) -> None:
    with pytest.raises(MergeError, match="cpex drops that"):
        write("generation_pre_call", field, live, lambda _: received)


@pytest.mark.parametrize("received", [b"", b"{}"])
def test_bytes_are_no_value_of_mellea(received: bytes) -> None:
    with pytest.raises(MergeError, match="bytes"):
        write("tool_post_invoke", "tool_output", 1, lambda _: received)


def call(**args: Any) -> Any:
    return ModelToolCall(name="add", func=ADD, args=args, tool_call_id="c1")


def test_arguments_of_a_tool_call_are_merged_and_the_rest_of_it_stays() -> None:
    opaque = object()
    live = call(first=1, second=2, third=opaque)
    made = write(
        "tool_pre_invoke",
        "model_tool_call",
        live,
        lambda sent: {"args": {"first": 9, "third": sent["args"]["third"]}},
    )
    assert made == ModelToolCall("add", ADD, {"first": 9, "third": opaque}, "c1")
    assert made is not live


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda _: {}, "arguments"),
        (lambda sent: {**sent, "args": []}, "arguments"),
        (lambda sent: {**sent, "name": "subtract"}, "tools"),
        (lambda sent: {**sent, "tool_call_id": "c2"}, "'tool_call_id' is not for hooks"),
        (lambda sent: {**sent, "json_schema": None}, "'json_schema' is not for hooks"),
        (lambda _: None, "null"),
        (lambda _: "add", "an object"),
    ],
)
def test_what_is_no_tool_call_is_refused(change: Any, problem: str) -> None:
    with pytest.raises(MergeError, match=problem):
        write("tool_pre_invoke", "model_tool_call", call(first=1), change)


def test_another_tool_is_called_when_the_application_named_it() -> None:
    made = write(
        "tool_pre_invoke",
        "model_tool_call",
        call(first=1),
        lambda sent: {**sent, "name": "subtract"},
        choices=Choices(tools=[SUBTRACT]),
    )
    assert (made.name, made.func, made.args) == ("subtract", SUBTRACT, {"first": 1})


def test_two_choices_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two of the tools are called add"):
        Choices(tools=[ADD, ADD])


def test_budgets_of_a_strategy_change_on_a_copy() -> None:
    live = RejectionSamplingStrategy(loop_budget=2, concurrency_budget=1)
    made = write(
        "component_pre_execute",
        "strategy",
        live,
        lambda sent: {**sent, "loop_budget": 5, "concurrency_budget": 3},
    )
    assert (made.loop_budget, made.concurrency_budget) == (5, 3)
    assert (live.loop_budget, live.concurrency_budget) == (2, 1)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda sent: {**sent, "loop_budget": 0}, "at least 1"),
        (lambda sent: {**sent, "loop_budget": True}, "at least 1"),
        (lambda sent: {**sent, "loop_budget": "2"}, "at least 1"),
        (lambda sent: {**sent, "patience": 3}, "has no patience"),
        (lambda _: {"loop_budget": 3}, "strategies"),
        (lambda _: [], "an object"),
    ],
)
def test_what_is_no_strategy_is_refused(change: Any, problem: str) -> None:
    with pytest.raises(MergeError, match=problem):
        write("component_pre_execute", "strategy", RejectionSamplingStrategy(), change)


def test_a_budget_that_a_strategy_does_not_have_is_refused() -> None:
    live = SOFAISamplingStrategy.__new__(SOFAISamplingStrategy)
    live.loop_budget = 2
    with pytest.raises(MergeError, match="has no concurrency_budget"):
        write(
            "component_pre_execute",
            "strategy",
            live,
            lambda sent: {**sent, "concurrency_budget": 2},
        )


@pytest.mark.parametrize(
    ("results", "problem"),
    [
        ([{"reason": "why not"}], "`passed`"),
        ([{"passed": 1}], "`passed`"),
        ([{"passed": False, "reason": 1}], "text or null"),
        ([{"passed": False, "score": True}], "a number or null"),
        ([{"passed": False, "index": 1}], "'index' is not for hooks"),
        ([{"passed": False, "colour": "red"}], "'colour' is not for hooks"),
        ([], "1 results"),
        ([None], "a list of objects"),
        ({}, "a list of objects"),
    ],
)
def test_what_are_no_results_is_refused(results: Any, problem: str) -> None:
    with pytest.raises(MergeError, match=problem):
        write("validation_post_check", "results", [ValidationResult(True)], lambda _: results)


def test_a_message_of_a_refusal_holds_no_payload_text() -> None:
    with pytest.raises(MergeError) as caught:
        write(
            "generation_pre_call",
            "model_options",
            {"key": "a secret"},
            lambda _: {"key": {"$opaque": "a secret"}},
        )
    assert "a secret" not in str(caught.value)
