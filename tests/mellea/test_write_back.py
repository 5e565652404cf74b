"""What hooks change, seen where it counts: at the model's server and in the application."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from sidehook._call import CallRequest
from tests.mellea.conftest import App
from tests.mellea.shapes import decoded, writable_fields

pytest.importorskip("mellea.plugins", reason="needs mellea: make test-mellea")

from mellea.backends.model_options import ModelOption
from mellea.backends.tools import MelleaTool
from mellea.core import CBlock, Requirement
from mellea.plugins import PluginViolationError, plugin_scope
from mellea.stdlib import functional
from mellea.stdlib.requirements import req, simple_validate
from mellea.stdlib.sampling import RejectionSamplingStrategy, RepairTemplateStrategy
from pydantic import BaseModel

from sidehook.integrations.mellea import Choices, RemoteHooks, violation_of
from sidehook.testing import FakeSidecar
from tests.mellea.model import ToolCalls
from tests.mellea.provoke import ADD, SUBTRACT, call_tool, chat, run, validate


class Colour(BaseModel):
    """A format that an application has."""

    name: str


class Season(BaseModel):
    """A format that hooks may choose."""

    month: int


@dataclass(frozen=True)
class Made:
    """What a tool returns that is no JSON. mellea's plugins see a deep copy of it."""

    how: str


def fails(_text: str) -> bool:
    return False


def patient() -> Any:
    return RejectionSamplingStrategy(loop_budget=2)


def hooked(fake: FakeSidecar, **terms: Any) -> Any:
    return plugin_scope(RemoteHooks(fake.target, **terms))


def changing(name: str, change: Callable[[Any], Any]) -> Callable[[CallRequest], dict[str, Any]]:
    """What answers a call with one field changed."""
    return lambda request: {name: change(decoded(request.fields)[name])}


# One test for each writable field; the last test makes sure of that.


def write_session_pre_init__model_id(app: App, fake: FakeSidecar) -> None:
    fake.answer("session_pre_init", {"model_id": "another-model"})
    with hooked(fake):
        app.session().instruct("Hello.", strategy=None)
    assert app.model.requests[-1]["model"] == "another-model"


def write_session_pre_init__model_options(app: App, fake: FakeSidecar) -> None:
    fake.answer("session_pre_init", {"model_options": {"temperature": 0.5}})
    with hooked(fake):
        app.session().instruct("Hello.", strategy=None)
    assert app.model.requests[-1]["temperature"] == 0.5


def write_component_pre_execute__requirements(app: App, fake: FakeSidecar) -> None:
    polite, short, long = req("Be polite."), req("Be short."), req("Be long.")
    fake.answer(
        "component_pre_execute",
        changing("requirements", lambda sent: [{"description": "Be kind."}, sent[1], sent[0]]),
    )
    app.model.say("fine", "yes", "yes", "yes")
    with hooked(fake):
        app.session().instruct("Hello.", requirements=[polite, short, long], strategy=patient())
    (start,) = [call for call in fake.calls if call.hook_type == "sampling_loop_start"]
    # mellea makes a set of them, whose order is nobody's.
    described = {one["description"] for one in decoded(start.fields)["requirements"]}
    assert described == {"Be kind.", "Be short.", "Be polite."}


def write_component_pre_execute__model_options(app: App, fake: FakeSidecar) -> None:
    fake.answer(
        "component_pre_execute",
        changing("model_options", lambda sent: {"temperature": 0.7, **sent}),
    )
    with hooked(fake):
        app.session().instruct("Hello.", strategy=None, model_options={ModelOption.SEED: 7})
    request = app.model.requests[-1]
    assert (request["temperature"], request["seed"]) == (0.7, 7)


def write_component_pre_execute__format(app: App, fake: FakeSidecar) -> None:
    fake.answer("component_pre_execute", {"format": {"name": "Season"}})
    app.model.say('{"month": 1}')
    with hooked(fake, choices=Choices(formats=[Season])):
        app.session().instruct("Hello.", strategy=None, format=Colour)
    assert app.model.requests[-1]["response_format"]["json_schema"]["name"] == "Season"


def write_component_pre_execute__strategy(app: App, fake: FakeSidecar) -> None:
    strategy = patient()
    fake.answer(
        "component_pre_execute",
        changing("strategy", lambda sent: {**sent, "loop_budget": 3}),
    )
    with hooked(fake):
        app.session().instruct(
            "Hello.",
            requirements=[req("Fail.", validation_fn=simple_validate(fails))],
            strategy=strategy,
        )
    assert len(app.model.requests) == 3
    assert strategy.loop_budget == 2


def write_component_pre_execute__tool_calls_enabled(app: App, fake: FakeSidecar) -> None:
    fake.answer("component_pre_execute", {"tool_calls_enabled": True})
    with hooked(fake):
        app.session().instruct("Hello.", strategy=None, model_options={ModelOption.TOOLS: [ADD]})
    assert app.model.requests[-1]["tools"][0]["function"]["name"] == "add"


def write_generation_pre_call__model_options(app: App, fake: FakeSidecar) -> None:
    fake.answer("generation_pre_call", {"model_options": {}})
    with hooked(fake):
        app.session().instruct("Hello.", strategy=None, model_options={ModelOption.SEED: 7})
    assert "seed" not in app.model.requests[-1]


def write_generation_pre_call__format(app: App, fake: FakeSidecar) -> None:
    fake.answer("generation_pre_call", {"format": None})
    with hooked(fake):
        app.session().instruct("Hello.", strategy=None, format=Colour)
    assert "response_format" not in app.model.requests[-1]


def write_generation_pre_call__tool_calls(app: App, fake: FakeSidecar) -> None:
    fake.answer("generation_pre_call", {"tool_calls": False})
    with hooked(fake):
        call_tool(app)
    assert not app.model.requests[-1]["tools"]


def _batch(app: App, **terms: Any) -> None:
    session = app.session()
    run(session, session.backend.generate_from_raw([CBlock("Hello.")], session.ctx, **terms))


def write_generation_batch_pre_call__model_options(app: App, fake: FakeSidecar) -> None:
    fake.answer("generation_batch_pre_call", {"model_options": {"temperature": 0.1}})
    with hooked(fake):
        _batch(app)
    assert app.model.requests[-1]["temperature"] == 0.1


def write_generation_batch_pre_call__format(app: App, fake: FakeSidecar) -> None:
    fake.answer("generation_batch_pre_call", {"format": {"name": "Season"}})
    with hooked(fake, choices=Choices(formats=[Season])):
        _batch(app, format=Colour)
    assert "month" in str(app.model.requests[-1]["guided_json"])


def write_generation_batch_pre_call__tool_calls(app: App, fake: FakeSidecar) -> None:
    fake.answer("generation_batch_pre_call", {"tool_calls": True})
    seen: list[bool] = []
    session = app.session()
    generate = session.backend._generate_from_raw

    async def watched(*args: Any, **terms: Any) -> Any:
        seen.append(terms["tool_calls"])
        return await generate(*args, **{**terms, "tool_calls": False})

    session.backend._generate_from_raw = watched
    with hooked(fake):
        run(session, session.backend.generate_from_raw([CBlock("Hello.")], session.ctx))
    assert seen == [True]


def write_validation_pre_check__requirements(app: App, fake: FakeSidecar) -> None:
    fake.answer("validation_pre_check", {"requirements": []})
    with hooked(fake):
        assert validate(app) == []


def write_validation_pre_check__model_options(app: App, fake: FakeSidecar) -> None:
    fake.answer("validation_pre_check", {"model_options": {"temperature": 0.3}})
    with hooked(fake):
        validate(app)
    assert app.model.requests[-1]["temperature"] == 0.3


def write_validation_post_check__results(app: App, fake: FakeSidecar) -> None:
    fake.answer(
        "validation_post_check",
        changing(
            "results",
            lambda sent: [{"passed": False, "reason": "not like this", "score": 0.5}, sent[1]],
        ),
    )
    with hooked(fake):
        first, second = validate(app)
    assert (bool(first), first.reason, first.score) == (False, "not like this", 0.5)
    assert bool(second)


def write_validation_post_check__all_validations_passed(app: App, fake: FakeSidecar) -> None:
    # Mellea takes it and never reads it: it has to follow from the results.
    fake.answer(
        "validation_post_check",
        lambda request: {
            "results": [{"passed": False} for _ in decoded(request.fields)["results"]],
            "all_validations_passed": False,
        },
    )
    with hooked(fake):
        assert [bool(result) for result in validate(app)] == [False, False]


def write_sampling_loop_start__loop_budget(app: App, fake: FakeSidecar) -> None:
    fake.answer("sampling_loop_start", {"loop_budget": 3})
    with hooked(fake):
        app.session().instruct(
            "Hello.",
            requirements=[req("Fail.", validation_fn=simple_validate(fails))],
            strategy=patient(),
        )
    assert len(app.model.requests) == 3


def write_tool_pre_invoke__model_tool_call(app: App, fake: FakeSidecar) -> None:
    fake.answer(
        "tool_pre_invoke",
        changing(
            "model_tool_call",
            lambda sent: {**sent, "name": "subtract", "args": {"first": 5, "second": 1}},
        ),
    )
    with hooked(fake, choices=Choices(tools=[SUBTRACT])):
        (message,) = call_tool(app)
    assert message.content == "4"


def write_tool_post_invoke__tool_output(app: App, fake: FakeSidecar) -> None:
    fake.answer("tool_post_invoke", {"tool_output": {"sum": [3]}})
    with hooked(fake):
        (message,) = call_tool(app)
    assert message._tool_output == {"sum": [3]}


WRITES: Mapping[tuple[str, str], Callable[[App, FakeSidecar], None]] = {
    (place[0], place[1]): function
    for name, function in list(globals().items())
    if (place := name.removeprefix("write_").split("__")) and name.startswith("write_")
}


def test_every_writable_field_of_mellea_is_written() -> None:
    assert set(WRITES) == set(writable_fields())


@pytest.mark.parametrize("place", WRITES, ids=".".join)
def test_a_change_of_a_field_takes_effect(
    place: tuple[str, str], app: App, fake: FakeSidecar
) -> None:
    WRITES[place](app, fake)


def test_what_no_hook_changed_is_the_application_s_own_object(app: App, fake: FakeSidecar) -> None:
    fake.answer(
        "component_pre_execute",
        changing("model_options", lambda sent: {**sent, "temperature": 0.7}),
    )
    app.model.say(ToolCalls([("add", {"first": 1, "second": 2})]))
    with hooked(fake):
        output = app.session().instruct(
            "What is 1 + 2?",
            model_options={ModelOption.TOOLS: [ADD]},
            tool_calls=True,
            strategy=None,
        )
    assert output.tool_calls[0].func is ADD
    assert app.model.requests[-1]["temperature"] == 0.7


def test_a_deleted_tool_is_not_offered_to_the_model(app: App, fake: FakeSidecar) -> None:
    def without_add(sent: dict[str, Any]) -> dict[str, Any]:
        tools = [tool for tool in sent[ModelOption.TOOLS] if tool["$opaque"] != "o0"]
        return {**sent, ModelOption.TOOLS: tools}

    fake.answer("component_pre_execute", changing("model_options", without_add))
    with hooked(fake):
        app.session().instruct(
            "Hello.",
            strategy=None,
            tool_calls=True,
            model_options={ModelOption.TOOLS: [ADD, SUBTRACT]},
        )
    offered = [tool["function"]["name"] for tool in app.model.requests[-1]["tools"]]
    assert offered == ["subtract"]


def test_a_tool_that_the_application_named_is_called_itself(app: App, fake: FakeSidecar) -> None:
    fake.answer(
        "tool_pre_invoke",
        changing("model_tool_call", lambda sent: {**sent, "args": {"first": 5, "second": 1}}),
    )
    with hooked(fake, choices=Choices(tools=[ADD])):
        (message,) = call_tool(app)
    assert message.content == "6"
    assert message._tool.func is ADD


def test_a_strategy_is_chosen_by_name(app: App, fake: FakeSidecar) -> None:
    chosen = RepairTemplateStrategy(loop_budget=1)
    fake.answer("component_pre_execute", {"strategy": {"type": "RepairTemplateStrategy"}})
    with hooked(fake, choices=Choices(strategies=[chosen])):
        app.session().instruct("Hello.", strategy=patient())
    names = [
        decoded(call.fields)["strategy_name"]
        for call in fake.calls
        if call.hook_type == "sampling_loop_start"
    ]
    assert names == ["RepairTemplateStrategy"]


REFUSED: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "requirements that are cleared": ("component_pre_execute", {"requirements": []}),
    "options that are cleared": ("component_pre_execute", {"model_options": {}}),
    "a strategy that is taken away": ("component_pre_execute", {"strategy": None}),
    "a strategy that nobody named": ("component_pre_execute", {"strategy": {"type": "Other"}}),
    "a format that nobody named": ("component_pre_execute", {"format": {"name": "Other"}}),
    "a budget of nothing": ("sampling_loop_start", {"loop_budget": 0}),
    "a budget that is no integer": ("sampling_loop_start", {"loop_budget": 1.5}),
    "a flag that is no boolean": ("component_pre_execute", {"tool_calls_enabled": 1}),
    "options that are no object": ("generation_pre_call", {"model_options": [1]}),
    "options that are null": ("generation_pre_call", {"model_options": None}),
    "an opaque value that nobody sent": (
        "generation_pre_call",
        {"model_options": {"tools": {"$opaque": "o99"}}},
    ),
    "a requirement that is not there": ("component_pre_execute", {"requirements": [{"index": 9}]}),
    "a requirement that stands twice": (
        "component_pre_execute",
        {"requirements": [{"index": 0}, {"index": 0}]},
    ),
    "a requirement that is rewritten": (
        "component_pre_execute",
        {"requirements": [{"index": 0, "description": "Anything goes."}]},
    ),
    "results that say something else": (
        "validation_post_check",
        {"all_validations_passed": False},
    ),
    "results that are too many": (
        "validation_post_check",
        {"results": [{"passed": True}, {"passed": True}]},
    ),
    "a field that hooks may not write": ("component_pre_execute", {"component_type": "Other"}),
    "a field that mellea does not know": ("component_pre_execute", {"colour": "red"}),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_change_that_mellea_cannot_apply_blocks(what: str, app: App, fake: FakeSidecar) -> None:
    hook_type, change = REFUSED[what]
    fake.answer(hook_type, change)
    with hooked(fake), pytest.raises(PluginViolationError) as caught:
        app.session().instruct(
            "Hello.",
            requirements=[Requirement("Be.", validation_fn=simple_validate(lambda _: True))],
            strategy=patient(),
            model_options={ModelOption.SEED: 7},
        )
    assert caught.value.code == "MERGE_FAILED"
    violation = violation_of(caught.value)
    assert violation is not None
    assert violation.details == {"field": next(iter(change))}
    assert violation.hook_type == hook_type


def test_a_requirement_without_a_strategy_to_check_it_blocks(app: App, fake: FakeSidecar) -> None:
    fake.answer("component_pre_execute", {"requirements": [{"description": "Be kind."}]})
    with hooked(fake), pytest.raises(PluginViolationError, match="without a sampling strategy"):
        app.session().instruct("Hello.", strategy=None)


def test_a_session_s_options_may_be_taken_away(app: App, fake: FakeSidecar) -> None:
    fake.answer("session_pre_init", {"model_options": None})
    with hooked(fake):
        app.session(model_options={"temperature": 0.5}).instruct("Hello.", strategy=None)
    assert "temperature" not in app.model.requests[-1]


def test_a_tool_s_output_that_is_no_json_is_kept_by_its_handle(app: App, fake: FakeSidecar) -> None:
    session = chat(app)
    made = Made("by a tool")
    app.model.say(ToolCalls([("make", {})]))
    tool = MelleaTool("make", lambda: made, {"type": "function", "function": {"name": "make"}})
    output = session.instruct(
        "Make it.", model_options={ModelOption.TOOLS: [tool]}, tool_calls=True, strategy=None
    )
    fake.answer("tool_post_invoke", changing("tool_output", lambda sent: {"made": sent}))
    with hooked(fake):
        (message,) = functional.call_tools(output, session.backend)
    assert message._tool_output == {"made": made}
