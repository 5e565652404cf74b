"""Live objects of mellea, projected by the adapter, as an unchanged hook reads them."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sidehook.testing import run_hook

pytest.importorskip("mellea", reason="needs mellea: make .venv-mellea/.synced, and its pytest")

from mellea.core import (
    CBlock,
    GenerateLog,
    ModelOutputThunk,
    ModelToolCall,
    Requirement,
    ValidationResult,
)
from mellea.core.requirement import PartialValidationResult, PartialValidationSummary
from mellea.plugins.hooks.component import ComponentPostSuccessPayload, ComponentPreExecutePayload
from mellea.plugins.hooks.generation import GenerationPreCallPayload
from mellea.plugins.hooks.sampling import SamplingIterationPayload, SamplingLoopEndPayload
from mellea.plugins.hooks.streaming import StreamingEventPayload
from mellea.plugins.hooks.tool import ToolPostInvokePayload, ToolPreInvokePayload
from mellea.plugins.hooks.validation import ValidationPostCheckPayload
from mellea.stdlib.components import Instruction, Message
from mellea.stdlib.components.chat import ToolMessage
from mellea.stdlib.context import ChatContext
from mellea.stdlib.sampling import RejectionSamplingStrategy
from mellea.stdlib.streaming import ChunkEvent, FullValidationEvent, QuickCheckEvent
from pydantic import BaseModel

from sidehook.integrations.mellea._crossing import Crossing
from sidehook.integrations.mellea._projection import project
from tests.mellea.served import BEFORE, hook_in


class Colour(BaseModel):
    name: str


class Weather:
    """Stands for a tool of the application."""

    name = "weather"
    as_json_tool: Any = {"type": "function", "function": {"name": "weather"}}  # noqa: RUF012 - as in mellea

    def run(self, **arguments: object) -> str:
        raise AssertionError("the tool is the application's to call")


def call() -> ModelToolCall:
    return ModelToolCall("weather", Weather(), {"city": "Rome", "ask": len}, "call-1")


def result(hook_type: str, live: Any, folder: Path, body: str) -> Any:
    """Run a hook with this body on what crosses of a live payload."""
    sent = project(hook_type, live, Crossing(entries=3))
    answer = run_hook(hook_in(folder, body, hook_type.upper()), sent)
    assert answer.failure is None, answer.failure
    return answer


def test_a_component_reads_like_the_one_it_stands_for(tmp_path: Path) -> None:
    live = ComponentPreExecutePayload(
        component_type="Instruction",
        action=Instruction(
            "Name a colour.", requirements=["short"], grounding_context={"doc": "Red is one."}
        ),
        context_view=[Message("user", "hi"), CBlock("text")],
        requirements=[Requirement("short"), Requirement("good", validation_fn=lambda _: None)],
        format=Colour,
        strategy=RejectionSamplingStrategy(loop_budget=3),
    )
    result(
        "component_pre_execute",
        live,
        tmp_path,
        """
        from mellea.core import CBlock, Component, Requirement, SamplingStrategy
        from mellea.stdlib.components import Instruction, Message

        action = payload.action
        assert isinstance(action, Instruction) and isinstance(action, Component)
        assert not isinstance(action, Message)
        assert action.__class__.__name__ == type(action).__name__ == "Instruction"
        assert str(action._description) == "Name a colour."
        assert isinstance(action._description, CBlock)
        assert str(action._grounding_context["doc"]) == "Red is one."
        assert "Name a colour." in str(action.format_for_llm())
        assert action.format_for_llm().args["requirements"] == ["short"]
        assert action.images is None

        message, block = payload.context_view
        match message:
            case Message(role="user", content="hi"): ...
            case _: raise AssertionError(message)
        assert str(message.format_for_llm().args["content"]) == "hi"
        assert (block.value, str(block)) == ("text", "text")
        assert isinstance(block, CBlock) and not hasattr(block, "format_for_llm")

        first, second = payload.requirements
        assert isinstance(first, Requirement)
        assert (first.description, first.check_only, first.validation_fn) == ("short", False, None)
        assert not hasattr(second, "validation_fn")

        assert payload.format.__name__ == "Colour"
        assert payload.format.model_json_schema()["properties"].keys() == {"name"}
        assert isinstance(payload.strategy, SamplingStrategy)
        assert (type(payload.strategy).__name__, payload.strategy.loop_budget) == (
            "RejectionSamplingStrategy", 3)
        """,
    )


def test_a_conversation_that_crossed_whole_is_a_list(tmp_path: Path) -> None:
    context = ChatContext().add(Message("user", "one")).add(ModelOutputThunk("two"))
    live = GenerationPreCallPayload(action=CBlock("three"), context=context)
    result(
        "generation_pre_call",
        live,
        tmp_path,
        """
        from mellea.core import Context, ModelOutputThunk
        assert isinstance(payload.context, Context)
        view = payload.context.view_for_generation()
        assert [type(entry).__name__ for entry in view] == ["Message", "ModelOutputThunk"]
        assert (view[1].value, view[1].is_computed()) == ("two", True)
        assert isinstance(view[1], ModelOutputThunk)
        """,
    )


def test_some_entries_of_a_conversation_are_never_taken_for_all(tmp_path: Path) -> None:
    context = ChatContext()
    for number in range(5):
        context = context.add(Message("user", str(number)))
    live = GenerationPreCallPayload(action=CBlock("next"), context=context)
    result(
        "generation_pre_call",
        live,
        tmp_path,
        """
        view = payload.context.view_for_generation()
        assert view and view[-1].content == "4"
        assert [entry.content for entry in view[-3:]] == ["2", "3", "4"]
        for use in (len, list, lambda v: v[0], lambda v: v[-4], lambda v: v[:2],
                    lambda v: "x" in v, lambda v: list(reversed(v)), lambda v: v + []):
            try:
                use(view)
            except AttributeError as error:
                assert "the newest 3 of 5 entries" in str(error)
                assert "docs/mellea.md#projections" in str(error)
            else:
                raise AssertionError(use)
        """,
    )


def test_an_output_reads_like_the_one_it_stands_for(tmp_path: Path) -> None:
    output = ModelOutputThunk("Red.", tool_calls=[call()])
    output.generation.usage = {"total_tokens": 7}
    output.generation.model = "small"
    live = ComponentPostSuccessPayload(
        action=CBlock("a"),
        result=output,
        context_before=ChatContext(),
        context_after=ChatContext(),
        generate_log=GenerateLog(date=datetime.now(UTC), prompt="p", backend="b"),
        sampling_results=[ModelOutputThunk(None)],
    )
    result(
        "component_post_success",
        live,
        tmp_path,
        """
        from mellea.core import ModelOutputThunk, ModelToolCall
        out = payload.result
        assert isinstance(out, ModelOutputThunk)
        assert (out.value, str(out), out.is_computed()) == ("Red.", "Red.", True)
        assert (out.generation.usage["total_tokens"], out.generation.model) == (7, "small")
        (wanted,) = out.tool_calls
        assert isinstance(wanted, ModelToolCall) and wanted.name == "weather"
        assert payload.generate_log.date.tzinfo and payload.generate_log.prompt == "p"
        (attempt,) = payload.sampling_results
        assert not attempt.is_computed() and attempt.tool_calls is None
        for part in ("raw", "parsed_repr"):
            try:
                getattr(out, part)
            except AttributeError as error:
                assert f"payload.result.{part} is not there" in str(error)
                assert "docs/mellea.md#projections" in str(error)
            else:
                raise AssertionError(part)
        """,
    )


def test_a_tool_call_is_changed_with_dataclasses_replace(tmp_path: Path) -> None:
    changed = result(
        "tool_pre_invoke",
        ToolPreInvokePayload(model_tool_call=call()),
        tmp_path,
        """
        import dataclasses
        before = payload.model_tool_call
        assert before.func.name == "weather"
        assert before.func.as_json_tool["type"] == "function"
        after = dataclasses.replace(before, args={**before.args, "city": "Oslo"})
        return modify(payload, model_tool_call=after)
        """,
    ).changed["model_tool_call"]
    assert changed["args"]["city"] == "Oslo"
    assert changed["args"]["ask"]["$opaque"]
    assert (changed["name"], changed["tool_call_id"]) == ("weather", "call-1")


@pytest.mark.parametrize(
    "body",
    [
        "payload.model_tool_call.name = 'other'",
        "payload.model_tool_call.args['city'] = 'Oslo'",
        "payload.model_tool_call.call_func()",
        "payload.model_tool_call.func.run()",
        "payload.model_tool_call.args['ask']('x')",
        "import dataclasses\n"
        "return modify(payload, model_tool_call=dataclasses.replace("
        "payload.model_tool_call, func=print))",
    ],
)
def test_a_tool_can_neither_be_changed_nor_called_nor_replaced(tmp_path: Path, body: str) -> None:
    sent = project("tool_pre_invoke", ToolPreInvokePayload(model_tool_call=call()), Crossing())
    failure = run_hook(hook_in(tmp_path, body, "TOOL_PRE_INVOKE"), sent).failure
    assert failure is not None
    assert failure.code in {"ReadOnlyError", "TypeError", "NotProjectedError", "CannotCrossError"}


def test_the_output_of_a_tool_and_its_error_are_there(tmp_path: Path) -> None:
    live = ToolPostInvokePayload(
        model_tool_call=call(),
        tool_output={"degrees": 20},
        tool_message=ToolMessage("tool", "20", 20, "weather", {"city": "Rome"}, call()),
        success=False,
        error=TimeoutError("too slow"),
    )
    changed = result(
        "tool_post_invoke",
        live,
        tmp_path,
        """
        import logging
        from mellea.stdlib.components.chat import ToolMessage
        assert isinstance(payload.error, TimeoutError) and not isinstance(payload.error, KeyError)
        assert (str(payload.error), repr(payload.error)) == (
            "too slow", "TimeoutError('too slow')")
        logging.getLogger("t").error("failed", exc_info=payload.error)
        assert isinstance(payload.tool_message, ToolMessage)
        assert payload.tool_message.arguments == {"city": "Rome"}
        return modify(payload, tool_output={**payload.tool_output, "unit": "C"})
        """,
    ).changed
    assert changed == {"tool_output": {"degrees": 20, "unit": "C"}}


def test_requirements_come_with_their_results(tmp_path: Path) -> None:
    pairs = [(Requirement("a"), ValidationResult(False, reason="no", score=0.5))]
    iteration = SamplingIterationPayload(
        action=CBlock("a"), result=ModelOutputThunk("r"), validation_results=pairs
    )
    body = """
    from mellea.core import Requirement, ValidationResult
    ((wanted, verdict),) = {pairs}
    assert isinstance(wanted, Requirement) and isinstance(verdict, ValidationResult)
    assert not verdict and not verdict.as_bool()
    assert (verdict.reason, verdict.score, verdict.error) == ("no", 0.5, None)
    """
    result(
        "sampling_iteration", iteration, tmp_path, body.format(pairs="payload.validation_results")
    )
    end = SamplingLoopEndPayload(all_validations=[pairs])
    result("sampling_loop_end", end, tmp_path, body.format(pairs="payload.all_validations[0]"))


def test_results_of_checks_are_replaced_one_by_one(tmp_path: Path) -> None:
    live = ValidationPostCheckPayload(
        requirements=[Requirement("a"), Requirement("b")],
        results=[ValidationResult(True, reason="kept"), ValidationResult(True)],
    )
    changed = result(
        "validation_post_check",
        live,
        tmp_path,
        """
        from mellea.core import ValidationResult
        results = [payload.results[0], ValidationResult(False, reason="too long", score=0.1)]
        return modify(payload, results=results)
        """,
    ).changed
    kept, new = changed["results"]
    assert (kept["index"], kept["passed"], kept["reason"]) == (0, True, "kept")
    assert new == {"passed": False, "reason": "too long", "score": 0.1}


@pytest.mark.parametrize(
    ("event", "body"),
    [
        (
            ChunkEvent(text="abc", chunk_index=2, attempt=1),
            "assert isinstance(event, m.ChunkEvent) and event.text == 'abc'",
        ),
        (
            FullValidationEvent(attempt=1, passed=False, results=[ValidationResult(False)]),
            "assert isinstance(event, m.FullValidationEvent) and not event.results[0].as_bool()",
        ),
        (
            QuickCheckEvent(
                chunk_index=0,
                attempt=1,
                passed=False,
                results=[
                    PartialValidationSummary.from_results(
                        [PartialValidationResult("fail", reason="no")]
                    )
                ],
            ),
            "assert (event.results[0].success, event.results[0].reason) == ('fail', 'no')",
        ),
    ],
)
def test_events_of_a_stream_are_told_apart_by_their_class(
    tmp_path: Path, event: Any, body: str
) -> None:
    head = "import mellea.stdlib.streaming as m\nevent = payload.event\n"
    result("streaming_event", StreamingEventPayload(event=event), tmp_path, head + body)


def test_requirements_are_kept_dropped_reordered_and_added(tmp_path: Path) -> None:
    hook = hook_in(
        tmp_path,
        """
        from mellea.core import Requirement
        first, second = payload.requirements
        return modify(payload, requirements=[second, Requirement("polite")])
        """,
    )
    changed = run_hook(hook, BEFORE).changed["requirements"]
    assert isinstance(changed, list)
    second = BEFORE["requirements"]
    assert isinstance(second, list)
    assert changed == [second[1], {"description": "polite"}]


@pytest.mark.parametrize(
    ("body", "written"),
    [
        ("format=None", {"format": None}),
        ("format=Other", {"format": {"name": "Other"}}),
        (
            "strategy=RejectionSamplingStrategy(loop_budget=5)",
            {
                "strategy": {
                    "type": "RejectionSamplingStrategy",
                    "loop_budget": 5,
                    "concurrency_budget": 1,
                }
            },
        ),
        ("action=payload.action", {}),
        ("component_type='Other'", {"component_type": "Other"}),
        ("invented=1", {"invented": 1}),
    ],
)
def test_what_a_hook_writes_crosses_by_name_and_the_sidecar_judges_it(
    tmp_path: Path, body: str, written: dict[str, object]
) -> None:
    hook = hook_in(
        tmp_path,
        f"""
        from mellea.stdlib.sampling import RejectionSamplingStrategy
        from pydantic import BaseModel
        class Other(BaseModel): ...
        return modify(payload, {body})
        """,
    )
    assert run_hook(hook, BEFORE).changed == written


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("requirements=[Requirement('a', validation_fn=print)]", "with validation_fn"),
        ("requirements=[Requirement('a', check_only=True)]", "with check_only"),
        ("requirements=[Requirement(None)]", "by its description alone"),
        ("requirements=['a', object()]", "an object of class object cannot go"),
        ("format=int", "the class int is no format"),
        (
            "strategy=RejectionSamplingStrategy(requirements=[Requirement('a')])",
            "this one has requirements",
        ),
        ("model_options={'f': print}", r"model_options\['f'\]: an object of class"),
    ],
)
def test_what_cannot_cross_back_is_a_failure_that_names_it(
    tmp_path: Path, body: str, problem: str, caplog: pytest.LogCaptureFixture
) -> None:
    hook = hook_in(
        tmp_path,
        f"""
        from mellea.core import Requirement
        from mellea.stdlib.sampling import RejectionSamplingStrategy
        return modify(payload, {body})
        """,
    )
    failure = run_hook(hook, BEFORE).failure
    assert failure is not None
    assert failure.code == "CannotCrossError"
    assert problem.replace("\\", "") in caplog.text


def test_a_deep_copy_of_a_payload_is_no_change(tmp_path: Path) -> None:
    hook = hook_in(tmp_path, "return PluginResult(modified_payload=payload.model_copy(deep=True))")
    assert run_hook(hook, BEFORE).proceeded


def test_the_copy_of_a_tool_call_is_one_of_mellea_s_own(tmp_path: Path) -> None:
    body = """
    import copy
    for made in (copy.copy(payload.model_tool_call), copy.deepcopy(payload.model_tool_call)):
        made.args = {"city": "Oslo"}
        assert made.name == "weather"
    """
    result("tool_pre_invoke", ToolPreInvokePayload(model_tool_call=call()), tmp_path, body)
