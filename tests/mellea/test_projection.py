"""How live objects of mellea cross, and that what crosses comes back as it was."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidehook._payload import Payload
from sidehook._types import JSON
from tests.mellea.shapes import PROJECTIONS, misshapen_value

pytest.importorskip("mellea.plugins", reason="needs mellea: make test-mellea")

from mellea.core import CBlock, ModelOutputThunk, Requirement, ValidationResult
from mellea.core.base import (
    AudioBlock,
    AudioUrlBlock,
    GenerateLog,
    ImageBlock,
    ImageUrlBlock,
    ModelToolCall,
    TemplateRepresentation,
)
from mellea.stdlib.components import Document, Instruction, Message, SimpleComponent, ToolMessage
from mellea.stdlib.context import ChatContext, SimpleContext
from mellea.stdlib.sampling import RejectionSamplingStrategy
from mellea.stdlib.streaming import ChunkEvent
from pydantic import BaseModel

from sidehook.integrations.mellea._crossing import Crossing, ProjectionError
from sidehook.integrations.mellea._projection import PROJECTORS, project, project_value
from tests.mellea.provoke import ADD

PNG = "iVBORw0KGgo="

texts = st.text(st.characters(categories=None), max_size=12)
"""Any text that Python can hold, lone surrogates included."""

numbers = st.integers() | st.floats(allow_nan=True, allow_infinity=True)
anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | numbers | texts | st.builds(object) | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


class Colour(BaseModel):
    name: str


def outputs() -> st.SearchStrategy[Any]:
    return st.builds(ModelOutputThunk, st.none() | texts)


def tool_calls() -> st.SearchStrategy[Any]:
    args = st.dictionaries(texts, anything, max_size=3)
    return st.builds(
        ModelToolCall, name=texts, func=st.just(ADD), args=args, tool_call_id=st.none() | texts
    )


def requirements() -> st.SearchStrategy[Any]:
    checks = st.none() | st.just(lambda _: ValidationResult(True))
    return st.builds(Requirement, st.none() | texts, checks, check_only=st.booleans())


def results() -> st.SearchStrategy[Any]:
    errors = st.none() | st.builds(ValueError, texts)
    return st.builds(
        ValidationResult,
        st.booleans(),
        reason=st.none() | texts,
        score=st.none() | st.floats(),
        error=errors,
    )


def components() -> st.SearchStrategy[Any]:
    roles = st.sampled_from(["user", "system", "assistant", "tool"])
    return (
        st.builds(CBlock, st.none() | texts)
        | st.builds(Message, roles, texts)
        | st.builds(Document, texts, st.none() | texts)
        | st.builds(lambda text: SimpleComponent(part=CBlock(text)), texts)
        | st.builds(lambda text: Instruction(description=CBlock(text)), texts)
        | outputs()
        | requirements()
    )


def contexts() -> st.SearchStrategy[Any]:
    def grown(entries: list[Any]) -> Any:
        context: Any = ChatContext()
        for entry in entries:
            context = context.add(entry)
        return context

    return st.builds(grown, st.lists(components(), max_size=5)) | st.builds(SimpleContext)


LIVE: Mapping[str, st.SearchStrategy[Any]] = {
    "string": texts,
    "integer": st.integers(min_value=0, max_value=2**63),
    "number": st.floats(allow_nan=False, allow_infinity=False),
    "boolean": st.booleans(),
    "json": anything,
    "object": st.dictionaries(texts, anything, max_size=3),
    "model_options": st.dictionaries(texts, anything, max_size=3),
    "component": components(),
    "context": contexts(),
    "requirement": requirements(),
    "validation_result": results(),
    "checked_requirement": st.tuples(requirements(), results()),
    "model_output": outputs(),
    "output_format": st.just(Colour),
    "sampling_strategy": st.builds(
        lambda budget: RejectionSamplingStrategy(loop_budget=budget), st.integers(1, 9)
    ),
    "tool_call": tool_calls(),
    "tool_message": tool_calls().flatmap(
        lambda call: st.builds(
            ToolMessage, st.just("tool"), texts, anything, texts, st.just(call.args), st.just(call)
        )
    ),
    "generate_log": st.builds(
        GenerateLog,
        date=st.none() | st.datetimes(datetime.datetime.fromisoformat("1971-01-01")),
        prompt=texts,
        backend=st.none() | texts,
        model_options=st.none() | st.dictionaries(texts, anything, max_size=3),
        is_final_result=st.none() | st.booleans(),
    ),
    "exception": st.builds(ValueError, texts),
    "stream_event": st.builds(ChunkEvent, texts, st.integers(0, 9), st.just(1)),
}


def test_every_projection_has_live_values_to_try() -> None:
    assert set(LIVE) == set(PROJECTORS)
    assert set(PROJECTIONS) - set(PROJECTORS) == {"attachment", "opaque"}


@pytest.mark.parametrize("type_name", LIVE)
@given(data=st.data())
def test_whatever_is_projected_can_cross_and_has_the_shape_of_the_catalogue(
    type_name: str, data: st.DataObject
) -> None:
    crossing = Crossing(entries=2)
    projected = project_value(data.draw(LIVE[type_name]), type_name, crossing)
    back = Payload.from_values({"value": projected})["value"]
    assert back == projected
    assert misshapen_value(type_name, projected) == []


@given(anything)
def test_a_value_that_comes_back_as_it_went_is_the_value_itself(value: Any) -> None:
    opaques = Crossing().opaques
    sent = opaques.sent(value)
    assert opaques.live(sent, sent, value) is value


@given(st.dictionaries(texts, anything, max_size=4), st.data())
def test_what_hooks_leave_alone_beside_a_change_is_the_value_itself(
    value: dict[str, Any], data: st.DataObject
) -> None:
    opaques = Crossing().opaques
    sent = opaques.members(value)
    kept = {name for name in sent if data.draw(st.booleans())}
    received: dict[str, JSON] = {**{name: sent[name] for name in kept}, "$new": 1}
    live = opaques.live(received, sent, value)
    assert isinstance(live, dict)
    assert live.keys() == kept | {"$new"}
    assert all(live[name] is value[name] for name in kept)


@pytest.mark.parametrize(
    "value",
    [math.nan, math.inf, 2**64, object(), {1: 2}, {"$opaque": "o0"}, "\ud800", print, {1}],
    ids=repr,
)
def test_what_json_cannot_carry_crosses_as_a_handle(value: object) -> None:
    opaques = Crossing().opaques
    sent = opaques.sent([value, "text"])
    assert isinstance(sent, list)
    assert isinstance(sent[0], dict)
    assert sent[0]["type"] == type(value).__name__
    moved = opaques.live(["text", {"$opaque": sent[0]["$opaque"]}], sent, [value, "text"])
    assert isinstance(moved, list)
    assert moved[1] is value


def test_a_value_nested_too_deeply_crosses_as_a_handle_from_there_on() -> None:
    value: Any = "bottom"
    for _ in range(500):
        value = [value]
    opaques = Crossing().opaques
    sent = opaques.sent(value)
    Payload.from_values({"value": sent})
    assert opaques.live(sent, sent, value) is value


def test_the_text_behind_a_handle_is_short_and_harmless() -> None:
    class Rude:
        def __repr__(self) -> str:
            raise RuntimeError("no")

    sent = Crossing().opaques.sent([Rude(), range(3), "x\ud800" * 999])
    assert isinstance(sent, list)
    shown = [one["repr"] for one in sent if isinstance(one, dict)]
    assert shown[:2] == ["<Rude without a repr>", "range(0, 3)"]
    assert len(str(shown[2])) <= 256


def conversation(length: int) -> Any:
    context: Any = ChatContext()
    for number in range(length):
        context = context.add(Message("user", f"message {number}"))
    return context


def projected_context(value: Any, entries: int) -> dict[str, Any]:
    projected = project_value(value, "context", Crossing(entries=entries))
    assert isinstance(projected, dict)
    return projected


@pytest.mark.parametrize("entries", [0, 1, 3, 5, 9])
def test_only_the_newest_entries_of_a_context_cross(entries: int) -> None:
    projected = projected_context(conversation(5), entries)
    texts = [entry["text"] for entry in projected["entries"]]
    assert texts == [f"message {number}" for number in range(5)][max(0, 5 - entries) :]
    assert projected["total"] == 5
    assert (projected["left_out"] is None) == (entries >= 5)


def test_the_mark_of_what_is_left_out_tells_whether_it_changed() -> None:
    once, again = (projected_context(conversation(5), 2)["left_out"] for _ in range(2))
    assert once == again
    assert len(once) == 64
    longer = conversation(1).add(Message("user", "another"))
    assert projected_context(longer.add(CBlock("new")).add(CBlock("new")), 2)["left_out"] != once


def test_a_context_without_a_linear_view_crosses_with_its_length() -> None:
    class Tangled(ChatContext):  # type: ignore[misc] # mellea is not installed where mypy runs
        def view_for_generation(self) -> None:
            return None

    tangled = Tangled().add(CBlock("one")).add(CBlock("two"))
    assert projected_context(tangled, 9) == {
        "type": "Tangled",
        "entries": None,
        "total": 2,
        "left_out": None,
    }


@pytest.mark.parametrize(
    ("block", "attachment"),
    [
        (ImageBlock(PNG), {"kind": "image", "url": None, "format": "png", "size": 12}),
        (
            ImageUrlBlock("https://example.org/a.gif"),
            {"kind": "image", "url": "https://example.org/a.gif", "format": None, "size": None},
        ),
        (AudioBlock("AAAA", "wav"), {"kind": "audio", "url": None, "format": "wav", "size": 4}),
        (
            AudioUrlBlock("https://example.org/a", "mp3"),
            {"kind": "audio", "url": "https://example.org/a", "format": "mp3", "size": None},
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_images_and_sound_cross_without_their_octets(block: Any, attachment: Any) -> None:
    projected = project_value(block, "component", Crossing())
    assert isinstance(projected, dict)
    assert (projected["text"], projected["attachments"]) == (None, [attachment])


def test_an_image_of_a_message_crosses_beside_its_text() -> None:
    projected = project_value(
        Message("user", "what is this?", images=[ImageBlock(PNG)]), "component", Crossing()
    )
    assert isinstance(projected, dict)
    assert (projected["role"], projected["text"]) == ("user", "what is this?")
    assert [one["kind"] for one in projected["attachments"]] == ["image"]  # type: ignore[index, union-attr, call-overload] # JSON


def test_the_documents_of_a_message_cross_with_it() -> None:
    message = Message("user", "sum up", documents=[Document("all is well", "Report")])
    projected = project_value(message, "component", Crossing())
    assert isinstance(projected, dict)
    assert "all is well" in str(projected["args"])
    assert projected["text"] == "sum up"


def test_blocks_inside_a_component_cross_as_their_text() -> None:
    instruction = Instruction(
        description=CBlock("Translate."),
        grounding_context={"text": CBlock("bonjour")},
        prefix=CBlock("English:"),
    )
    projected = project_value(instruction, "component", Crossing())
    assert isinstance(projected, dict)
    args = projected["args"]
    assert isinstance(args, dict)
    assert args["grounding_context"] == {"text": "bonjour"}
    assert args["prefix"] == "English:"


class Nested(SimpleComponent):  # type: ignore[misc] # mellea is not installed where mypy runs
    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.inner = inner

    def format_for_llm(self) -> Any:
        return TemplateRepresentation(obj=self, args={"inner": self.inner})


def test_a_component_whose_content_cannot_be_shown_is_no_empty_one() -> None:
    value: Any = CBlock("secret")
    for _ in range(20):
        value = Nested(value)
    with pytest.raises(ProjectionError, match="nested too deeply"):
        project_value(value, "component", Crossing())


def test_a_component_that_cannot_be_rendered_does_not_cross_and_no_text_of_it_does() -> None:
    class Broken(SimpleComponent):  # type: ignore[misc] # mellea is not installed where mypy runs
        def format_for_llm(self) -> Any:
            raise RuntimeError("a secret")

    with pytest.raises(ProjectionError, match=r"field action .* RuntimeError") as caught:
        project("component_pre_execute", _Fields(action=Broken()), Crossing())
    assert "a secret" not in str(caught.value)


class _Fields:
    """A payload with some of its fields; the others are null."""

    def __init__(self, **fields: Any) -> None:
        self._fields = fields

    def __getattr__(self, name: str) -> Any:
        return self.__dict__["_fields"].get(name)


def test_an_output_that_is_not_complete_crosses_as_far_as_it_is_there() -> None:
    output = ModelOutputThunk(None)
    output._underlying_value = "half an ans"
    projected = project_value(output, "model_output", Crossing())
    assert isinstance(projected, dict)
    assert (projected["computed"], projected["value"]) == (False, "half an ans")


def test_an_error_whose_text_is_broken_still_crosses() -> None:
    class Mute(Exception):  # noqa: N818 - it is named for what it does
        def __str__(self) -> str:
            raise RuntimeError("no")

    projected = project_value(Mute(), "exception", Crossing())
    assert projected == {"type": "Mute", "module": __name__, "message": ""}


def test_a_requirement_as_an_action_crosses_as_its_description() -> None:
    projected = project_value(Requirement("Be kind."), "component", Crossing())
    assert isinstance(projected, dict)
    assert (projected["type"], projected["text"]) == ("Requirement", "Be kind.")
