"""Every hook type of mellea through a real call of mellea, as the sidecar receives it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.mellea.conftest import App
from tests.mellea.shapes import decoded, misshapen

pytest.importorskip("mellea.plugins", reason="needs mellea: make test-mellea")

from mellea.plugins import plugin_scope

from sidehook.integrations.mellea import RemoteHooks
from sidehook.integrations.mellea._adapter import HOOK_TYPES
from sidehook.testing import FakeSidecar
from tests.mellea.provoke import PROVOKE

# What is in some call of the type; what mellea makes up, such as an id, is left out.
EXPECTED: Mapping[str, Mapping[str, Any]] = {
    "session_pre_init": {
        "backend_name": "openai",
        "model_id": "stub-model",
        "model_options": None,
        "context_type": "SimpleContext",
    },
    "session_post_init": {"model_id": "stub-model"},
    "session_reset": {},
    "session_cleanup": {
        "interaction_count": 1,
        "exception": {
            "type": "LookupError",
            "module": "builtins",
            "message": "nothing here",
        },
    },
    "component_pre_execute": {
        "component_type": "Instruction",
        "model_options": {"@@@seed@@@": 7},
        "requirements": [],
        "format": None,
        "strategy": {
            "type": "RejectionSamplingStrategy",
            "loop_budget": 2,
            "concurrency_budget": 1,
        },
        "tool_calls_enabled": False,
    },
    "component_post_success": {"component_type": "Instruction", "sampling_success": True},
    "component_post_error": {"error_type": "BadRequestError"},
    "generation_pre_call": {
        "tool_calls": True,
        "model": "stub-model",
        "provider": "openai",
        "format": None,
    },
    "generation_post_call": {"prompt": [{"role": "user", "content": "What is 1 + 2?"}]},
    "generation_error": {},
    "generation_batch_pre_call": {"num_actions": 2, "tool_calls": False},
    "generation_batch_post_call": {"provider": "openai"},
    "generation_batch_error": {"model": "stub-model", "provider": "openai"},
    "generation_event": {"event_name": "chunk_processed", "provider": "openai"},
    "validation_pre_check": {},
    "validation_post_check": {
        "all_validations_passed": True,
        "passed_count": 2,
        "failed_count": 0,
        "exception": None,
    },
    "sampling_loop_start": {"strategy_name": "RejectionSamplingStrategy", "loop_budget": 2},
    "sampling_iteration": {"iteration": 2, "all_validations_passed": True, "valid_count": 1},
    "sampling_repair": {"repair_iteration": 1},
    "sampling_loop_end": {"success": True, "iterations_used": 2, "exception": None},
    "tool_pre_invoke": {"is_control_flow": False},
    "tool_post_invoke": {"tool_output": 3, "success": True, "error": None},
    "adapter_function_invocation_complete": {
        "name": "answerability",
        "revision": "v1",
        "binding_type": "local_file",
        "adapter_type": "lora",
        "outcome": "error",
        "error": {"type": "LookupError", "module": "builtins", "message": "no weights"},
    },
    "adapter_function_phase_complete": {"name": "answerability", "phase": "deactivate"},
    "streaming_start": {
        "has_requirements": True,
        "requirement_count": 1,
        "chunking_strategy": "WordChunking",
    },
    "streaming_event": {},
    "streaming_end": {"success": True, "full_text_length": 12, "exception": None},
}


def received(hook_type: str, app: App, fake: FakeSidecar) -> list[dict[str, Any]]:
    """Provoke a hook type, and return the payloads that the sidecar received of it."""
    with plugin_scope(RemoteHooks(fake.target)):
        PROVOKE[hook_type](app)
    return [decoded(call.fields) for call in fake.calls if call.hook_type == hook_type]


@pytest.fixture(autouse=True)
def _chunks_are_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MELLEA_GENERATION_CHUNK_EVENTS", "1")


def test_every_hook_type_of_mellea_is_provoked() -> None:
    assert set(PROVOKE) == set(EXPECTED) == set(HOOK_TYPES)


@pytest.mark.parametrize("hook_type", HOOK_TYPES)
def test_a_call_of_mellea_reaches_the_sidecar_in_the_shape_of_the_catalogue(
    hook_type: str, app: App, fake: FakeSidecar
) -> None:
    payloads = received(hook_type, app, fake)
    assert payloads != []
    assert [fault for payload in payloads for fault in misshapen(hook_type, payload)] == []
    expected = EXPECTED[hook_type]
    assert expected in [{name: payload[name] for name in expected} for payload in payloads]


def test_an_action_crosses_with_what_it_gives_to_its_template(app: App, fake: FakeSidecar) -> None:
    (payload,) = received("component_pre_execute", app, fake)
    assert payload["action"]["type"] == "Instruction"
    assert payload["action"]["kind"] == "component"
    assert payload["action"]["args"]["description"] == "Name a colour."


def test_a_context_crosses_entry_by_entry(app: App, fake: FakeSidecar) -> None:
    (payload,) = received("session_reset", app, fake)
    context = payload["previous_context"]
    assert (context["type"], context["total"], context["left_out"]) == ("ChatContext", 2, None)
    question, answer = context["entries"]
    assert question["args"]["description"] == "Greet me."
    assert (answer["kind"], answer["role"], answer["text"]) == ("output", "assistant", "hello")


def test_a_tool_call_crosses_with_its_arguments_and_schema(app: App, fake: FakeSidecar) -> None:
    (payload,) = received("tool_pre_invoke", app, fake)
    call = payload["model_tool_call"]
    assert (call["name"], call["args"]) == ("add", {"first": 1, "second": 2})
    assert call["tool_call_id"] == "call-0"
    assert call["json_schema"]["function"]["name"] == "add"


def test_the_message_of_a_tool_crosses_as_the_model_will_read_it(
    app: App, fake: FakeSidecar
) -> None:
    (payload,) = received("tool_post_invoke", app, fake)
    assert payload["tool_message"] == {
        "role": "tool",
        "content": "3",
        "name": "add",
        "arguments": {"first": 1, "second": 2},
    }


def test_an_output_crosses_with_tokens_and_provider(app: App, fake: FakeSidecar) -> None:
    outputs = [
        payload["model_outputs"] for payload in received("generation_batch_post_call", app, fake)
    ]
    assert [[output["value"] for output in batch] for batch in outputs] == [["one", "two"]]
    payload = received("generation_post_call", app, fake)[-1]
    assert payload["model_output"]["usage"]["total_tokens"] == 7
    assert payload["model_output"]["response_model"] == "stub-model-v1"
    assert [call["name"] for call in payload["model_output"]["tool_calls"]] == ["add"]


def test_requirements_cross_with_their_place_and_kind(app: App, fake: FakeSidecar) -> None:
    (payload,) = received("validation_pre_check", app, fake)
    polite, short = payload["requirements"]
    assert (polite["index"], polite["description"]) == (0, "Be polite.")
    assert (polite["has_validation_fn"], short["has_validation_fn"]) == (False, True)
    assert short["index"] == 1


def test_the_attempts_of_a_loop_cross_with_the_result_of_every_check(
    app: App, fake: FakeSidecar
) -> None:
    (payload,) = received("sampling_loop_end", app, fake)
    assert [output["value"] for output in payload["all_results"]] == ["short", "long enough"]
    passed = [[one["result"]["passed"] for one in checks] for checks in payload["all_validations"]]
    assert passed == [[False], [True]]
    assert payload["final_result"]["value"] == "long enough"


def test_a_repair_crosses_with_what_failed_and_what_is_tried_next(
    app: App, fake: FakeSidecar
) -> None:
    (payload,) = received("sampling_repair", app, fake)
    assert payload["failed_result"]["value"] == "short"
    assert payload["failed_validations"][0]["requirement"]["description"] == "Be long."
    assert payload["repair_action"]["args"]["description"] == "Name a colour."


def test_a_stream_crosses_event_by_event(app: App, fake: FakeSidecar) -> None:
    payloads = received("streaming_event", app, fake)
    kinds = [payload["event"]["type"] for payload in payloads]
    assert kinds[-3:] == ["StreamingDoneEvent", "FullValidationEvent", "CompletedEvent"]
    words = [p["event"]["text"] for p in payloads if p["event"]["type"] == "ChunkEvent"]
    assert words == ["red", "and", "blue"]
    (check, *_) = [p for p in payloads if p["event"]["type"] == "QuickCheckEvent"]
    assert check["event"]["results"] == [{"success": "unknown", "reason": None}]
    assert check["requirements"][0]["description"] == "Name colours."


def test_an_error_crosses_with_its_class_and_text(app: App, fake: FakeSidecar) -> None:
    for payload in received("generation_error", app, fake):
        assert payload["exception"]["type"] == "BadRequestError"
        assert payload["exception"]["module"].startswith("openai")
        assert "400" in payload["exception"]["message"]
