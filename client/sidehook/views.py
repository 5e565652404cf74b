"""Typed views of the payloads in the catalogue. Generated from proto/catalogue/hook_types.yaml.

A view is the payload with its fields as typed attributes. The shapes of the values
that stand for live objects are in docs/hook-types.md.
"""

# ruff: noqa: E501 - descriptions are long

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import cast

from sidehook._catalogue import HookType
from sidehook._payload import Payload
from sidehook._types import JSON


class SessionPreInit(Payload):
    """The payload of `session_pre_init`.

    Runs before a session's backend is built.
    """

    __slots__ = ()

    @property
    def session_id(self) -> str:
        """The id that the session will have."""
        return cast("str", self["session_id"])

    @property
    def backend_name(self) -> str:
        """The backend that was asked for, such as `openai`."""
        return cast("str", self["backend_name"])

    @property
    def model_id(self) -> str:
        """Writable. The model the backend will be built with."""
        return cast("str", self["model_id"])

    @property
    def model_options(self) -> Mapping[str, JSON] | None:
        """Writable. Options that hold for the whole session."""
        return cast("Mapping[str, JSON] | None", self["model_options"])

    @property
    def context_type(self) -> str:
        """Class name of the session's context."""
        return cast("str", self["context_type"])


class SessionPostInit(Payload):
    """The payload of `session_post_init`.

    Runs when a session is ready for its first use.
    """

    __slots__ = ()

    @property
    def session_id(self) -> str:
        """The session's id."""
        return cast("str", self["session_id"])

    @property
    def model_id(self) -> str:
        """The model the backend was built with."""
        return cast("str", self["model_id"])

    @property
    def context(self) -> Mapping[str, JSON]:
        """The context the session starts from."""
        return cast("Mapping[str, JSON]", self["context"])


class SessionReset(Payload):
    """The payload of `session_reset`.

    Runs before a session throws its context away and starts from an empty one.
    """

    __slots__ = ()

    @property
    def previous_context(self) -> Mapping[str, JSON]:
        """The context that is about to be dropped."""
        return cast("Mapping[str, JSON]", self["previous_context"])


class SessionCleanup(Payload):
    """The payload of `session_cleanup`.

    Runs when a session ends, before its own plugins are unregistered.
    """

    __slots__ = ()

    @property
    def session_id(self) -> str:
        """The session's id."""
        return cast("str", self["session_id"])

    @property
    def context(self) -> Mapping[str, JSON]:
        """The context at the end."""
        return cast("Mapping[str, JSON]", self["context"])

    @property
    def interaction_count(self) -> int:
        """How many turns with the model the session has committed."""
        return cast("int", self["interaction_count"])

    @property
    def exception(self) -> Mapping[str, JSON] | None:
        """The error that ended the session; null for a normal end."""
        return cast("Mapping[str, JSON] | None", self["exception"])


class ComponentPreExecute(Payload):
    """The payload of `component_pre_execute`.

    Runs before a component is handed to the model, once for each act.
    """

    __slots__ = ()

    @property
    def action_id(self) -> str:
        """Ties this payload to the component's later hooks."""
        return cast("str", self["action_id"])

    @property
    def component_type(self) -> str:
        """Class name of the component, such as `Instruction`."""
        return cast("str", self["component_type"])

    @property
    def action(self) -> Mapping[str, JSON]:
        """The component that will be executed."""
        return cast("Mapping[str, JSON]", self["action"])

    @property
    def context_view(self) -> Mapping[str, JSON] | None:
        """What of the context the model will see; null when it has no linear view."""
        return cast("Mapping[str, JSON] | None", self["context_view"])

    @property
    def requirements(self) -> Sequence[Mapping[str, JSON]]:
        """Writable. Requirements the result will be checked against. mellea does not take an empty list in exchange for a full one."""
        return cast("Sequence[Mapping[str, JSON]]", self["requirements"])

    @property
    def model_options(self) -> Mapping[str, JSON]:
        """Writable. Options for this execution. mellea does not take an empty object in exchange for a full one."""
        return cast("Mapping[str, JSON]", self["model_options"])

    @property
    def format(self) -> Mapping[str, JSON] | None:
        """Writable. Schema the output must follow; null when it is free text."""
        return cast("Mapping[str, JSON] | None", self["format"])

    @property
    def strategy(self) -> Mapping[str, JSON] | None:
        """Writable. How to sample and repair; null for one attempt. mellea does not take null in exchange for a strategy."""
        return cast("Mapping[str, JSON] | None", self["strategy"])

    @property
    def tool_calls_enabled(self) -> bool:
        """Writable. The model may call tools."""
        return cast("bool", self["tool_calls_enabled"])


class ComponentPostSuccess(Payload):
    """The payload of `component_post_success`.

    Runs after a component was executed and its result is there.
    """

    __slots__ = ()

    @property
    def action_id(self) -> str:
        """The id that component_pre_execute had."""
        return cast("str", self["action_id"])

    @property
    def component_type(self) -> str:
        """Class name of the component."""
        return cast("str", self["component_type"])

    @property
    def action(self) -> Mapping[str, JSON]:
        """The component that was executed."""
        return cast("Mapping[str, JSON]", self["action"])

    @property
    def result(self) -> Mapping[str, JSON]:
        """What the model answered."""
        return cast("Mapping[str, JSON]", self["result"])

    @property
    def context_before(self) -> Mapping[str, JSON]:
        """The context before the execution."""
        return cast("Mapping[str, JSON]", self["context_before"])

    @property
    def context_after(self) -> Mapping[str, JSON]:
        """The context with the action and its result."""
        return cast("Mapping[str, JSON]", self["context_after"])

    @property
    def generate_log(self) -> Mapping[str, JSON] | None:
        """Record of the last generation; null when there is none."""
        return cast("Mapping[str, JSON] | None", self["generate_log"])

    @property
    def sampling_results(self) -> Sequence[Mapping[str, JSON]] | None:
        """Every attempt of the sampling strategy; null without one."""
        return cast("Sequence[Mapping[str, JSON]] | None", self["sampling_results"])

    @property
    def sampling_success(self) -> bool | None:
        """The strategy found a result that passes; null without one."""
        return cast("bool | None", self["sampling_success"])

    @property
    def latency_ms(self) -> int:
        """Time the execution took in milliseconds."""
        return cast("int", self["latency_ms"])


class ComponentPostError(Payload):
    """The payload of `component_post_error`.

    Runs after the execution of a component failed, before the error reaches the caller.
    """

    __slots__ = ()

    @property
    def action_id(self) -> str:
        """The id that component_pre_execute had."""
        return cast("str", self["action_id"])

    @property
    def component_type(self) -> str:
        """Class name of the component."""
        return cast("str", self["component_type"])

    @property
    def action(self) -> Mapping[str, JSON]:
        """The component that was being executed."""
        return cast("Mapping[str, JSON]", self["action"])

    @property
    def error(self) -> Mapping[str, JSON]:
        """The error."""
        return cast("Mapping[str, JSON]", self["error"])

    @property
    def error_type(self) -> str:
        """Class name of the error."""
        return cast("str", self["error_type"])

    @property
    def stack_trace(self) -> str:
        """The traceback as text."""
        return cast("str", self["stack_trace"])

    @property
    def context(self) -> Mapping[str, JSON]:
        """The context at the time of the error."""
        return cast("Mapping[str, JSON]", self["context"])

    @property
    def model_options(self) -> Mapping[str, JSON]:
        """The options that were in effect."""
        return cast("Mapping[str, JSON]", self["model_options"])


class GenerationPreCall(Payload):
    """The payload of `generation_pre_call`.

    Runs before a backend sends one request to its model.
    """

    __slots__ = ()

    @property
    def action(self) -> Mapping[str, JSON]:
        """What is about to be sent."""
        return cast("Mapping[str, JSON]", self["action"])

    @property
    def context(self) -> Mapping[str, JSON]:
        """The context it is sent with."""
        return cast("Mapping[str, JSON]", self["context"])

    @property
    def model_options(self) -> Mapping[str, JSON]:
        """Writable. Options for this request."""
        return cast("Mapping[str, JSON]", self["model_options"])

    @property
    def format(self) -> Mapping[str, JSON] | None:
        """Writable. Schema the output must follow; null when it is free text."""
        return cast("Mapping[str, JSON] | None", self["format"])

    @property
    def tool_calls(self) -> bool:
        """Writable. The model may call tools in this request."""
        return cast("bool", self["tool_calls"])

    @property
    def generation_id(self) -> str | None:
        """Ties this payload to the later hooks of the same generation."""
        return cast("str | None", self["generation_id"])

    @property
    def model(self) -> str | None:
        """The model that is called."""
        return cast("str | None", self["model"])

    @property
    def provider(self) -> str | None:
        """The provider that serves it, such as `openai`."""
        return cast("str | None", self["provider"])


class GenerationPostCall(Payload):
    """The payload of `generation_post_call`.

    Runs when a generation is complete and its text is known.
    """

    __slots__ = ()

    @property
    def prompt(self) -> JSON:
        """The prompt as it was sent, a string or a list of chat messages."""
        return cast("JSON", self["prompt"])

    @property
    def model_output(self) -> Mapping[str, JSON]:
        """The complete output."""
        return cast("Mapping[str, JSON]", self["model_output"])

    @property
    def latency_ms(self) -> float:
        """Milliseconds from the request until the output was complete."""
        return cast("float", self["latency_ms"])

    @property
    def generation_id(self) -> str | None:
        """The id that generation_pre_call had."""
        return cast("str | None", self["generation_id"])


class GenerationError(Payload):
    """The payload of `generation_error`.

    Runs when the backend failed, before the error reaches the caller.
    """

    __slots__ = ()

    @property
    def exception(self) -> Mapping[str, JSON]:
        """The error."""
        return cast("Mapping[str, JSON]", self["exception"])

    @property
    def model_output(self) -> Mapping[str, JSON] | None:
        """What there was of the output; null when no request was made."""
        return cast("Mapping[str, JSON] | None", self["model_output"])

    @property
    def generation_id(self) -> str | None:
        """The id that generation_pre_call had."""
        return cast("str | None", self["generation_id"])

    @property
    def latency_ms(self) -> float:
        """Milliseconds from the request to the error; 0.0 when no request was made."""
        return cast("float", self["latency_ms"])


class GenerationBatchPreCall(Payload):
    """The payload of `generation_batch_pre_call`.

    Runs before a backend sends one request for a batch of actions.
    """

    __slots__ = ()

    @property
    def actions(self) -> Sequence[Mapping[str, JSON]]:
        """What is about to be sent."""
        return cast("Sequence[Mapping[str, JSON]]", self["actions"])

    @property
    def generation_id(self) -> str | None:
        """Ties this payload to the later hooks of the same batch."""
        return cast("str | None", self["generation_id"])

    @property
    def model_options(self) -> Mapping[str, JSON]:
        """Writable. Options for this request."""
        return cast("Mapping[str, JSON]", self["model_options"])

    @property
    def format(self) -> Mapping[str, JSON] | None:
        """Writable. Schema the outputs must follow; null when they are free text."""
        return cast("Mapping[str, JSON] | None", self["format"])

    @property
    def tool_calls(self) -> bool:
        """Writable. The model may call tools in this request."""
        return cast("bool", self["tool_calls"])

    @property
    def num_actions(self) -> int:
        """How many actions the batch has."""
        return cast("int", self["num_actions"])

    @property
    def model(self) -> str | None:
        """The model that is called."""
        return cast("str | None", self["model"])

    @property
    def provider(self) -> str | None:
        """The provider that serves it."""
        return cast("str | None", self["provider"])


class GenerationBatchPostCall(Payload):
    """The payload of `generation_batch_post_call`.

    Runs when a batch of generations is complete.
    """

    __slots__ = ()

    @property
    def generation_id(self) -> str | None:
        """The id that generation_batch_pre_call had."""
        return cast("str | None", self["generation_id"])

    @property
    def model_outputs(self) -> Sequence[Mapping[str, JSON]]:
        """The outputs in the order of the batch."""
        return cast("Sequence[Mapping[str, JSON]]", self["model_outputs"])

    @property
    def usage(self) -> Mapping[str, JSON] | None:
        """Tokens used by the whole batch; null when the provider does not say."""
        return cast("Mapping[str, JSON] | None", self["usage"])

    @property
    def model(self) -> str | None:
        """The model that was called."""
        return cast("str | None", self["model"])

    @property
    def provider(self) -> str | None:
        """The provider that served it."""
        return cast("str | None", self["provider"])

    @property
    def latency_ms(self) -> float:
        """Time the request took in milliseconds."""
        return cast("float", self["latency_ms"])


class GenerationBatchError(Payload):
    """The payload of `generation_batch_error`.

    Runs when the request for a batch failed, before the error reaches the caller.
    """

    __slots__ = ()

    @property
    def generation_id(self) -> str | None:
        """The id that generation_batch_pre_call had."""
        return cast("str | None", self["generation_id"])

    @property
    def exception(self) -> Mapping[str, JSON]:
        """The error."""
        return cast("Mapping[str, JSON]", self["exception"])

    @property
    def model(self) -> str | None:
        """The model that was called."""
        return cast("str | None", self["model"])

    @property
    def provider(self) -> str | None:
        """The provider that serves it."""
        return cast("str | None", self["provider"])

    @property
    def latency_ms(self) -> float:
        """Milliseconds from the request to the error."""
        return cast("float", self["latency_ms"])


class GenerationEvent(Payload):
    """The payload of `generation_event`.

    Runs at a milestone within a generation. Streamed chunks are among them when MELLEA_GENERATION_CHUNK_EVENTS is set.
    """

    __slots__ = ()

    @property
    def generation_id(self) -> str | None:
        """The id that generation_pre_call had."""
        return cast("str | None", self["generation_id"])

    @property
    def event_name(self) -> str:
        """Which milestone it is, such as `chunk_processed`."""
        return cast("str", self["event_name"])

    @property
    def model(self) -> str | None:
        """The model that is called."""
        return cast("str | None", self["model"])

    @property
    def provider(self) -> str | None:
        """The provider that serves it."""
        return cast("str | None", self["provider"])

    @property
    def data(self) -> Mapping[str, JSON]:
        """Values of the milestone; which ones depends on its name."""
        return cast("Mapping[str, JSON]", self["data"])


class ValidationPreCheck(Payload):
    """The payload of `validation_pre_check`.

    Runs before an output is checked against its requirements.
    """

    __slots__ = ()

    @property
    def validation_id(self) -> str:
        """Ties this payload to validation_post_check."""
        return cast("str", self["validation_id"])

    @property
    def requirements(self) -> Sequence[Mapping[str, JSON]]:
        """Writable. The requirements to check; with an empty list nothing is checked."""
        return cast("Sequence[Mapping[str, JSON]]", self["requirements"])

    @property
    def target(self) -> Mapping[str, JSON] | None:
        """What is checked; null when it is the whole context."""
        return cast("Mapping[str, JSON] | None", self["target"])

    @property
    def context(self) -> Mapping[str, JSON]:
        """The context the checks read."""
        return cast("Mapping[str, JSON]", self["context"])

    @property
    def model_options(self) -> Mapping[str, JSON]:
        """Writable. Options for checks that ask a model. mellea does not take an empty object in exchange for a full one."""
        return cast("Mapping[str, JSON]", self["model_options"])


class ValidationPostCheck(Payload):
    """The payload of `validation_post_check`.

    Runs after an output was checked, or the check failed.
    """

    __slots__ = ()

    @property
    def validation_id(self) -> str:
        """The id that validation_pre_check had."""
        return cast("str", self["validation_id"])

    @property
    def requirements(self) -> Sequence[Mapping[str, JSON]]:
        """The requirements that were checked."""
        return cast("Sequence[Mapping[str, JSON]]", self["requirements"])

    @property
    def results(self) -> Sequence[Mapping[str, JSON]]:
        """Writable. One result for each requirement in its order; empty when the check failed."""
        return cast("Sequence[Mapping[str, JSON]]", self["results"])

    @property
    def all_validations_passed(self) -> bool:
        """Writable. Every requirement passed. mellea takes a change and never reads it."""
        return cast("bool", self["all_validations_passed"])

    @property
    def passed_count(self) -> int:
        """How many requirements passed."""
        return cast("int", self["passed_count"])

    @property
    def failed_count(self) -> int:
        """How many did not."""
        return cast("int", self["failed_count"])

    @property
    def exception(self) -> Mapping[str, JSON] | None:
        """The error that ended the check; null when it completed."""
        return cast("Mapping[str, JSON] | None", self["exception"])


class SamplingLoopStart(Payload):
    """The payload of `sampling_loop_start`.

    Runs before a sampling strategy makes its first attempt.
    """

    __slots__ = ()

    @property
    def sampling_id(self) -> str:
        """Ties this payload to the later hooks of the same loop."""
        return cast("str", self["sampling_id"])

    @property
    def strategy_name(self) -> str:
        """Class name of the strategy."""
        return cast("str", self["strategy_name"])

    @property
    def action(self) -> Mapping[str, JSON]:
        """What is sampled."""
        return cast("Mapping[str, JSON]", self["action"])

    @property
    def context(self) -> Mapping[str, JSON]:
        """The context the loop starts from."""
        return cast("Mapping[str, JSON]", self["context"])

    @property
    def requirements(self) -> Sequence[Mapping[str, JSON]]:
        """The requirements an attempt must pass."""
        return cast("Sequence[Mapping[str, JSON]]", self["requirements"])

    @property
    def loop_budget(self) -> int:
        """Writable. How many attempts the loop may make; at least 1."""
        return cast("int", self["loop_budget"])


class SamplingIteration(Payload):
    """The payload of `sampling_iteration`.

    Runs after each attempt of a sampling loop was made and checked.
    """

    __slots__ = ()

    @property
    def sampling_id(self) -> str:
        """The id that sampling_loop_start had."""
        return cast("str", self["sampling_id"])

    @property
    def strategy_name(self) -> str:
        """Class name of the strategy."""
        return cast("str", self["strategy_name"])

    @property
    def iteration(self) -> int:
        """Number of the attempt from 1; not in order when attempts run side by side."""
        return cast("int", self["iteration"])

    @property
    def action(self) -> Mapping[str, JSON]:
        """What was sampled in this attempt."""
        return cast("Mapping[str, JSON]", self["action"])

    @property
    def result(self) -> Mapping[str, JSON]:
        """What the model answered."""
        return cast("Mapping[str, JSON]", self["result"])

    @property
    def validation_results(self) -> Sequence[Mapping[str, JSON]]:
        """Each requirement with its result."""
        return cast("Sequence[Mapping[str, JSON]]", self["validation_results"])

    @property
    def all_validations_passed(self) -> bool:
        """Every requirement passed."""
        return cast("bool", self["all_validations_passed"])

    @property
    def valid_count(self) -> int:
        """How many requirements passed."""
        return cast("int", self["valid_count"])

    @property
    def total_count(self) -> int:
        """How many were checked."""
        return cast("int", self["total_count"])


class SamplingRepair(Payload):
    """The payload of `sampling_repair`.

    Runs after a failed attempt was turned into the action of the next one.
    """

    __slots__ = ()

    @property
    def sampling_id(self) -> str:
        """The id that sampling_loop_start had."""
        return cast("str", self["sampling_id"])

    @property
    def repair_type(self) -> str:
        """Kind of repair; which ones there are depends on the strategy."""
        return cast("str", self["repair_type"])

    @property
    def failed_action(self) -> Mapping[str, JSON]:
        """The action that failed."""
        return cast("Mapping[str, JSON]", self["failed_action"])

    @property
    def failed_result(self) -> Mapping[str, JSON]:
        """The output that failed."""
        return cast("Mapping[str, JSON]", self["failed_result"])

    @property
    def failed_validations(self) -> Sequence[Mapping[str, JSON]]:
        """Each requirement of the failed attempt with its result."""
        return cast("Sequence[Mapping[str, JSON]]", self["failed_validations"])

    @property
    def repair_action(self) -> Mapping[str, JSON]:
        """The action of the next attempt."""
        return cast("Mapping[str, JSON]", self["repair_action"])

    @property
    def repair_context(self) -> Mapping[str, JSON]:
        """The context of the next attempt."""
        return cast("Mapping[str, JSON]", self["repair_context"])

    @property
    def repair_iteration(self) -> int:
        """Number of the attempt that failed from 1."""
        return cast("int", self["repair_iteration"])


class SamplingLoopEnd(Payload):
    """The payload of `sampling_loop_end`.

    Runs when a sampling loop ends, with a result, out of budget, or with an error.
    """

    __slots__ = ()

    @property
    def sampling_id(self) -> str:
        """The id that sampling_loop_start had."""
        return cast("str", self["sampling_id"])

    @property
    def strategy_name(self) -> str:
        """Class name of the strategy."""
        return cast("str", self["strategy_name"])

    @property
    def success(self) -> bool:
        """At least one attempt passed every requirement."""
        return cast("bool", self["success"])

    @property
    def iterations_used(self) -> int:
        """How many attempts were completed; 0 after an error."""
        return cast("int", self["iterations_used"])

    @property
    def final_result(self) -> Mapping[str, JSON] | None:
        """The output that was chosen; null after an error."""
        return cast("Mapping[str, JSON] | None", self["final_result"])

    @property
    def final_action(self) -> Mapping[str, JSON] | None:
        """The action that led to it; null after an error."""
        return cast("Mapping[str, JSON] | None", self["final_action"])

    @property
    def final_context(self) -> Mapping[str, JSON] | None:
        """The context that goes with it; null after an error."""
        return cast("Mapping[str, JSON] | None", self["final_context"])

    @property
    def failure_reason(self) -> str | None:
        """Why there is no success; null when there is or an error says why."""
        return cast("str | None", self["failure_reason"])

    @property
    def exception(self) -> Mapping[str, JSON] | None:
        """The error that ended the loop; null when it completed."""
        return cast("Mapping[str, JSON] | None", self["exception"])

    @property
    def all_results(self) -> Sequence[Mapping[str, JSON]]:
        """The output of every attempt."""
        return cast("Sequence[Mapping[str, JSON]]", self["all_results"])

    @property
    def all_validations(self) -> Sequence[Sequence[Mapping[str, JSON]]]:
        """For every attempt its requirements with their results."""
        return cast("Sequence[Sequence[Mapping[str, JSON]]]", self["all_validations"])


class ToolPreInvoke(Payload):
    """The payload of `tool_pre_invoke`.

    Runs before a tool that the model asked for is called.
    """

    __slots__ = ()

    @property
    def tool_invocation_id(self) -> str:
        """Ties this payload to tool_post_invoke."""
        return cast("str", self["tool_invocation_id"])

    @property
    def model_tool_call(self) -> Mapping[str, JSON]:
        """Writable. The call that is about to be made."""
        return cast("Mapping[str, JSON]", self["model_tool_call"])

    @property
    def is_control_flow(self) -> bool:
        """The tool steers the framework itself and does no work."""
        return cast("bool", self["is_control_flow"])


class ToolPostInvoke(Payload):
    """The payload of `tool_post_invoke`.

    Runs after a tool was called, also when it raised.
    """

    __slots__ = ()

    @property
    def tool_invocation_id(self) -> str:
        """The id that tool_pre_invoke had."""
        return cast("str", self["tool_invocation_id"])

    @property
    def model_tool_call(self) -> Mapping[str, JSON]:
        """The call that was made."""
        return cast("Mapping[str, JSON]", self["model_tool_call"])

    @property
    def tool_output(self) -> JSON:
        """Writable. What the tool returned. A value that is not JSON crosses as the projection `opaque`."""
        return cast("JSON", self["tool_output"])

    @property
    def tool_message(self) -> Mapping[str, JSON]:
        """The message that will tell the model."""
        return cast("Mapping[str, JSON]", self["tool_message"])

    @property
    def execution_time_ms(self) -> int:
        """Time the tool took in milliseconds."""
        return cast("int", self["execution_time_ms"])

    @property
    def success(self) -> bool:
        """The tool did not raise."""
        return cast("bool", self["success"])

    @property
    def error(self) -> Mapping[str, JSON] | None:
        """What it raised; null when it did not."""
        return cast("Mapping[str, JSON] | None", self["error"])

    @property
    def is_control_flow(self) -> bool:
        """The tool steers the framework itself and does no work."""
        return cast("bool", self["is_control_flow"])


class AdapterFunctionInvocationComplete(Payload):
    """The payload of `adapter_function_invocation_complete`.

    Runs when one use of an adapter function has ended. mellea swallows a block here.
    """

    __slots__ = ()

    @property
    def name(self) -> str:
        """Name of the adapter function, such as `answerability`."""
        return cast("str", self["name"])

    @property
    def revision(self) -> str | None:
        """Pinned revision of the adapter; null when it has none."""
        return cast("str | None", self["revision"])

    @property
    def binding_type(self) -> str:
        """Where the weights are, such as `local_file` or `embedded`."""
        return cast("str", self["binding_type"])

    @property
    def adapter_type(self) -> str:
        """How the adapter works, such as `lora`."""
        return cast("str", self["adapter_type"])

    @property
    def outcome(self) -> str:
        """How it ended: `success`, `schema_error` or `error`."""
        return cast("str", self["outcome"])

    @property
    def error(self) -> Mapping[str, JSON] | None:
        """The error; null on success."""
        return cast("Mapping[str, JSON] | None", self["error"])


class AdapterFunctionPhaseComplete(Payload):
    """The payload of `adapter_function_phase_complete`.

    Runs when one phase of an adapter function has ended. mellea swallows a block here.
    """

    __slots__ = ()

    @property
    def name(self) -> str:
        """Name of the adapter function."""
        return cast("str", self["name"])

    @property
    def phase(self) -> str:
        """The phase: `prepare`, `activate`, `generate`, `parse` or `deactivate`."""
        return cast("str", self["phase"])

    @property
    def duration_ms(self) -> float:
        """Time the phase took in milliseconds."""
        return cast("float", self["duration_ms"])


class StreamingStart(Payload):
    """The payload of `streaming_start`.

    Runs before a stream asks the model for its first chunk.
    """

    __slots__ = ()

    @property
    def streaming_id(self) -> str:
        """Ties this payload to the later hooks of the same stream."""
        return cast("str", self["streaming_id"])

    @property
    def has_requirements(self) -> bool:
        """The stream is checked while it runs."""
        return cast("bool", self["has_requirements"])

    @property
    def requirement_count(self) -> int:
        """How many requirements check it."""
        return cast("int", self["requirement_count"])

    @property
    def chunking_strategy(self) -> str:
        """Class name of the chunking, or `none`."""
        return cast("str", self["chunking_strategy"])


class StreamingEvent(Payload):
    """The payload of `streaming_event`.

    Runs for each event of a stream, a chunk of text among them.
    """

    __slots__ = ()

    @property
    def streaming_id(self) -> str:
        """The id that streaming_start had."""
        return cast("str", self["streaming_id"])

    @property
    def event(self) -> Mapping[str, JSON]:
        """The event."""
        return cast("Mapping[str, JSON]", self["event"])

    @property
    def requirements(self) -> Sequence[Mapping[str, JSON]]:
        """For a quick check the requirements in the order of its results; else empty."""
        return cast("Sequence[Mapping[str, JSON]]", self["requirements"])


class StreamingEnd(Payload):
    """The payload of `streaming_end`.

    Runs when a stream has ended, also after a failed check or an error.
    """

    __slots__ = ()

    @property
    def streaming_id(self) -> str:
        """The id that streaming_start had."""
        return cast("str", self["streaming_id"])

    @property
    def success(self) -> bool:
        """The stream ran to its end and every check passed."""
        return cast("bool", self["success"])

    @property
    def failure_reason(self) -> str | None:
        """Which check failed; null on success or after an error."""
        return cast("str | None", self["failure_reason"])

    @property
    def exception(self) -> Mapping[str, JSON] | None:
        """The error that ended it; null without one."""
        return cast("Mapping[str, JSON] | None", self["exception"])

    @property
    def model(self) -> str | None:
        """The model that was called."""
        return cast("str | None", self["model"])

    @property
    def provider(self) -> str | None:
        """The provider that serves it."""
        return cast("str | None", self["provider"])

    @property
    def full_text_length(self) -> int:
        """How many characters had been streamed."""
        return cast("int", self["full_text_length"])


class CpexToolPreInvoke(Payload):
    """The payload of `cpex.tool_pre_invoke`.

    Runs before a gateway calls a tool.
    """

    __slots__ = ()

    @property
    def name(self) -> str:
        """Writable. Name of the tool."""
        return cast("str", self["name"])

    @property
    def args(self) -> Mapping[str, JSON] | None:
        """Writable. Arguments of the call."""
        return cast("Mapping[str, JSON] | None", self["args"])

    @property
    def headers(self) -> Mapping[str, str] | None:
        """Writable. HTTP headers that are passed through; null without any."""
        return cast("Mapping[str, str] | None", self["headers"])


class CpexToolPostInvoke(Payload):
    """The payload of `cpex.tool_post_invoke`.

    Runs after a gateway called a tool.
    """

    __slots__ = ()

    @property
    def name(self) -> str:
        """Name of the tool."""
        return cast("str", self["name"])

    @property
    def result(self) -> JSON:
        """Writable. What the tool returned."""
        return cast("JSON", self["result"])


class CpexPromptPreFetch(Payload):
    """The payload of `cpex.prompt_pre_fetch`.

    Runs before a prompt template is fetched and filled in.
    """

    __slots__ = ()

    @property
    def prompt_id(self) -> str:
        """Id of the template."""
        return cast("str", self["prompt_id"])

    @property
    def args(self) -> Mapping[str, str] | None:
        """Writable. Values for the template."""
        return cast("Mapping[str, str] | None", self["args"])


class CpexPromptPostFetch(Payload):
    """The payload of `cpex.prompt_post_fetch`.

    Runs after a prompt template was fetched and filled in.
    """

    __slots__ = ()

    @property
    def prompt_id(self) -> str:
        """Id of the template."""
        return cast("str", self["prompt_id"])

    @property
    def result(self) -> JSON:
        """Writable. The prompt with its messages."""
        return cast("JSON", self["result"])


class CpexResourcePreFetch(Payload):
    """The payload of `cpex.resource_pre_fetch`.

    Runs before a resource is fetched.
    """

    __slots__ = ()

    @property
    def uri(self) -> str:
        """Writable. Address of the resource."""
        return cast("str", self["uri"])

    @property
    def metadata(self) -> Mapping[str, JSON] | None:
        """Writable. Details of the request."""
        return cast("Mapping[str, JSON] | None", self["metadata"])


class CpexResourcePostFetch(Payload):
    """The payload of `cpex.resource_post_fetch`.

    Runs after a resource was fetched.
    """

    __slots__ = ()

    @property
    def uri(self) -> str:
        """Address of the resource."""
        return cast("str", self["uri"])

    @property
    def content(self) -> JSON:
        """Writable. What was fetched."""
        return cast("JSON", self["content"])


class CpexAgentPreInvoke(Payload):
    """The payload of `cpex.agent_pre_invoke`.

    Runs before a gateway calls an agent.
    """

    __slots__ = ()

    @property
    def agent_id(self) -> str:
        """Writable. Id of the agent; changing it routes the call to another one."""
        return cast("str", self["agent_id"])

    @property
    def messages(self) -> Sequence[Mapping[str, JSON]]:
        """Writable. The conversation."""
        return cast("Sequence[Mapping[str, JSON]]", self["messages"])

    @property
    def tools(self) -> Sequence[str] | None:
        """Writable. Names of the tools the agent may use; null when nobody says."""
        return cast("Sequence[str] | None", self["tools"])

    @property
    def headers(self) -> Mapping[str, str] | None:
        """Writable. HTTP headers that are passed through; null without any."""
        return cast("Mapping[str, str] | None", self["headers"])

    @property
    def model(self) -> str | None:
        """Writable. Model to use in place of the agent's own; null to keep it."""
        return cast("str | None", self["model"])

    @property
    def system_prompt(self) -> str | None:
        """Writable. Instructions for the agent; null for its own."""
        return cast("str | None", self["system_prompt"])

    @property
    def parameters(self) -> Mapping[str, JSON] | None:
        """Writable. Options of the model, such as `temperature`."""
        return cast("Mapping[str, JSON] | None", self["parameters"])


class CpexAgentPostInvoke(Payload):
    """The payload of `cpex.agent_post_invoke`.

    Runs after a gateway called an agent.
    """

    __slots__ = ()

    @property
    def agent_id(self) -> str:
        """Id of the agent."""
        return cast("str", self["agent_id"])

    @property
    def messages(self) -> Sequence[Mapping[str, JSON]]:
        """Writable. The messages it answered with."""
        return cast("Sequence[Mapping[str, JSON]]", self["messages"])

    @property
    def tool_calls(self) -> Sequence[Mapping[str, JSON]] | None:
        """Writable. The tools it called; null when nobody says."""
        return cast("Sequence[Mapping[str, JSON]] | None", self["tool_calls"])


class CpexHttpPreRequest(Payload):
    """The payload of `cpex.http_pre_request`.

    Runs before a gateway authenticates an HTTP request.
    """

    __slots__ = ()

    @property
    def path(self) -> str:
        """Path of the request."""
        return cast("str", self["path"])

    @property
    def method(self) -> str:
        """HTTP method."""
        return cast("str", self["method"])

    @property
    def client_host(self) -> str | None:
        """Address of the client; null when unknown."""
        return cast("str | None", self["client_host"])

    @property
    def client_port(self) -> int | None:
        """Port of the client; null when unknown."""
        return cast("int | None", self["client_port"])

    @property
    def headers(self) -> Mapping[str, str]:
        """Writable. Headers of the request."""
        return cast("Mapping[str, str]", self["headers"])


class CpexHttpPostRequest(Payload):
    """The payload of `cpex.http_post_request`.

    Runs after a gateway handled an HTTP request, before the response is sent.
    """

    __slots__ = ()

    @property
    def path(self) -> str:
        """Path of the request."""
        return cast("str", self["path"])

    @property
    def method(self) -> str:
        """HTTP method."""
        return cast("str", self["method"])

    @property
    def client_host(self) -> str | None:
        """Address of the client; null when unknown."""
        return cast("str | None", self["client_host"])

    @property
    def client_port(self) -> int | None:
        """Port of the client; null when unknown."""
        return cast("int | None", self["client_port"])

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers of the request."""
        return cast("Mapping[str, str]", self["headers"])

    @property
    def response_headers(self) -> Mapping[str, str] | None:
        """Writable. Headers of the response; null when unknown."""
        return cast("Mapping[str, str] | None", self["response_headers"])

    @property
    def status_code(self) -> int | None:
        """Status of the response; null when unknown."""
        return cast("int | None", self["status_code"])


class CpexHttpAuthResolveUser(Payload):
    """The payload of `cpex.http_auth_resolve_user`.

    Asks who the user of an HTTP request is.
    """

    __slots__ = ()

    @property
    def credentials(self) -> Mapping[str, JSON] | None:
        """The request's credentials; null without any."""
        return cast("Mapping[str, JSON] | None", self["credentials"])

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers of the request."""
        return cast("Mapping[str, str]", self["headers"])

    @property
    def client_host(self) -> str | None:
        """Address of the client; null when unknown."""
        return cast("str | None", self["client_host"])

    @property
    def client_port(self) -> int | None:
        """Port of the client; null when unknown."""
        return cast("int | None", self["client_port"])

    @property
    def user(self) -> Mapping[str, JSON] | None:
        """A hook's answer. The user that the hook found."""
        return cast("Mapping[str, JSON] | None", self.get("user"))


class CpexHttpAuthCheckPermission(Payload):
    """The payload of `cpex.http_auth_check_permission`.

    Asks whether a user may do something.
    """

    __slots__ = ()

    @property
    def user_email(self) -> str:
        """E-mail address of the user."""
        return cast("str", self["user_email"])

    @property
    def permission(self) -> str:
        """The permission that is needed, such as `tools.read`."""
        return cast("str", self["permission"])

    @property
    def resource_type(self) -> str | None:
        """Kind of thing it is needed for; null when unknown."""
        return cast("str | None", self["resource_type"])

    @property
    def team_id(self) -> str | None:
        """Team on whose behalf; null without one."""
        return cast("str | None", self["team_id"])

    @property
    def is_admin(self) -> bool:
        """The user is an administrator."""
        return cast("bool", self["is_admin"])

    @property
    def auth_method(self) -> str | None:
        """How the user was authenticated; null when unknown."""
        return cast("str | None", self["auth_method"])

    @property
    def client_host(self) -> str | None:
        """Address of the client; null when unknown."""
        return cast("str | None", self["client_host"])

    @property
    def user_agent(self) -> str | None:
        """User agent of the client; null when unknown."""
        return cast("str | None", self["user_agent"])

    @property
    def granted(self) -> bool | None:
        """A hook's answer. The hook grants the permission."""
        return cast("bool | None", self.get("granted"))

    @property
    def reason(self) -> str | None:
        """A hook's answer. Why."""
        return cast("str | None", self.get("reason"))


class CpexIdentityResolve(Payload):
    """The payload of `cpex.identity_resolve`.

    Asks whose credential came with a request.
    """

    __slots__ = ()

    @property
    def raw_token(self) -> str:
        """The credential itself; a secret."""
        return cast("str", self["raw_token"])

    @property
    def source(self) -> str:
        """Where it came from, such as `bearer` or `mtls`."""
        return cast("str", self["source"])

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers of the request."""
        return cast("Mapping[str, str]", self["headers"])

    @property
    def client_host(self) -> str | None:
        """Address of the client; null when unknown."""
        return cast("str | None", self["client_host"])

    @property
    def client_port(self) -> int | None:
        """Port of the client; null when unknown."""
        return cast("int | None", self["client_port"])

    @property
    def subject(self) -> Mapping[str, JSON] | None:
        """A hook's answer. The identity that the hook found; null when it rejects the credential."""
        return cast("Mapping[str, JSON] | None", self.get("subject"))

    @property
    def delegation(self) -> Mapping[str, JSON] | None:
        """A hook's answer. On whose behalf the identity acts; null when nobody's."""
        return cast("Mapping[str, JSON] | None", self.get("delegation"))

    @property
    def rejected(self) -> bool | None:
        """A hook's answer. The hook rejects the credential."""
        return cast("bool | None", self.get("rejected"))

    @property
    def reject_status(self) -> int | None:
        """A hook's answer. HTTP status of the rejection, 401 or 403."""
        return cast("int | None", self.get("reject_status"))

    @property
    def reject_reason(self) -> str | None:
        """A hook's answer. Why it is rejected."""
        return cast("str | None", self.get("reject_reason"))

    @property
    def raw_claims(self) -> Mapping[str, JSON] | None:
        """A hook's answer. Everything the credential says."""
        return cast("Mapping[str, JSON] | None", self.get("raw_claims"))


class CpexTokenDelegate(Payload):
    """The payload of `cpex.token_delegate`.

    Asks for the credential with which to call a tool on the caller's behalf.
    """

    __slots__ = ()

    @property
    def target_name(self) -> str:
        """The tool, agent or resource that will be called."""
        return cast("str", self["target_name"])

    @property
    def target_type(self) -> str:
        """Its kind: `tool`, `agent`, `resource` or `service`."""
        return cast("str", self["target_type"])

    @property
    def target_audience(self) -> str | None:
        """Audience the credential must be for; null when any will do."""
        return cast("str | None", self["target_audience"])

    @property
    def required_permissions(self) -> Sequence[str]:
        """Permissions it must carry."""
        return cast("Sequence[str]", self["required_permissions"])

    @property
    def trust_domain(self) -> str | None:
        """Domain of the target; null when unknown."""
        return cast("str | None", self["trust_domain"])

    @property
    def auth_enforced_by(self) -> str:
        """Who checks it: `caller`, `target` or `both`."""
        return cast("str", self["auth_enforced_by"])

    @property
    def route_attenuation(self) -> Mapping[str, JSON] | None:
        """How its rights are to be narrowed; null when not at all."""
        return cast("Mapping[str, JSON] | None", self["route_attenuation"])

    @property
    def bearer_token(self) -> str | None:
        """The caller's own credential; a secret; null without one."""
        return cast("str | None", self["bearer_token"])

    @property
    def delegated_token(self) -> str | None:
        """A hook's answer. The credential for the target; a secret."""
        return cast("str | None", self.get("delegated_token"))

    @property
    def delegation_update(self) -> Mapping[str, JSON] | None:
        """A hook's answer. The chain of delegation with this step in it."""
        return cast("Mapping[str, JSON] | None", self.get("delegation_update"))

    @property
    def forwarded_headers(self) -> Mapping[str, str] | None:
        """A hook's answer. Headers to send to the target."""
        return cast("Mapping[str, str] | None", self.get("forwarded_headers"))

    @property
    def cache_key(self) -> str | None:
        """A hook's answer. Name under which the credential may be kept."""
        return cast("str | None", self.get("cache_key"))

    @property
    def cache_ttl(self) -> int | None:
        """A hook's answer. Seconds for which it may be kept."""
        return cast("int | None", self.get("cache_ttl"))


class CpexEvaluate(Payload):
    """The payload of `cpex.evaluate`.

    Asks for a judgement of one message.
    """

    __slots__ = ()

    @property
    def message(self) -> Mapping[str, JSON]:
        """Writable. The message with its role and the parts of its content."""
        return cast("Mapping[str, JSON]", self["message"])

    @property
    def hook(self) -> str:
        """Where in the pipeline the message is, such as `llm_input`."""
        return cast("str", self["hook"])


class CpexCmfToolPreInvoke(Payload):
    """The payload of `cpex.cmf.tool_pre_invoke`.

    Runs before a tool is called, with the call as a message.
    """

    __slots__ = ()

    @property
    def message(self) -> Mapping[str, JSON]:
        """Writable. The message with its role and the parts of its content."""
        return cast("Mapping[str, JSON]", self["message"])

    @property
    def hook(self) -> str:
        """Where in the pipeline the message is, such as `llm_input`."""
        return cast("str", self["hook"])


class CpexCmfToolPostInvoke(Payload):
    """The payload of `cpex.cmf.tool_post_invoke`.

    Runs after a tool was called, with its result as a message.
    """

    __slots__ = ()

    @property
    def message(self) -> Mapping[str, JSON]:
        """Writable. The message with its role and the parts of its content."""
        return cast("Mapping[str, JSON]", self["message"])

    @property
    def hook(self) -> str:
        """Where in the pipeline the message is, such as `llm_input`."""
        return cast("str", self["hook"])


class CpexCmfLlmInput(Payload):
    """The payload of `cpex.cmf.llm_input`.

    Runs before a message goes to a model.
    """

    __slots__ = ()

    @property
    def message(self) -> Mapping[str, JSON]:
        """Writable. The message with its role and the parts of its content."""
        return cast("Mapping[str, JSON]", self["message"])

    @property
    def hook(self) -> str:
        """Where in the pipeline the message is, such as `llm_input`."""
        return cast("str", self["hook"])


class CpexCmfLlmOutput(Payload):
    """The payload of `cpex.cmf.llm_output`.

    Runs after a message came from a model.
    """

    __slots__ = ()

    @property
    def message(self) -> Mapping[str, JSON]:
        """Writable. The message with its role and the parts of its content."""
        return cast("Mapping[str, JSON]", self["message"])

    @property
    def hook(self) -> str:
        """Where in the pipeline the message is, such as `llm_input`."""
        return cast("str", self["hook"])


class CpexCmfPromptPreFetch(Payload):
    """The payload of `cpex.cmf.prompt_pre_fetch`.

    Runs before a prompt template is fetched, with the request as a message.
    """

    __slots__ = ()

    @property
    def message(self) -> Mapping[str, JSON]:
        """Writable. The message with its role and the parts of its content."""
        return cast("Mapping[str, JSON]", self["message"])

    @property
    def hook(self) -> str:
        """Where in the pipeline the message is, such as `llm_input`."""
        return cast("str", self["hook"])


class CpexCmfPromptPostFetch(Payload):
    """The payload of `cpex.cmf.prompt_post_fetch`.

    Runs after a prompt template was fetched, with the prompt as a message.
    """

    __slots__ = ()

    @property
    def message(self) -> Mapping[str, JSON]:
        """Writable. The message with its role and the parts of its content."""
        return cast("Mapping[str, JSON]", self["message"])

    @property
    def hook(self) -> str:
        """Where in the pipeline the message is, such as `llm_input`."""
        return cast("str", self["hook"])


class CpexCmfResourcePreFetch(Payload):
    """The payload of `cpex.cmf.resource_pre_fetch`.

    Runs before a resource is fetched, with the request as a message.
    """

    __slots__ = ()

    @property
    def message(self) -> Mapping[str, JSON]:
        """Writable. The message with its role and the parts of its content."""
        return cast("Mapping[str, JSON]", self["message"])

    @property
    def hook(self) -> str:
        """Where in the pipeline the message is, such as `llm_input`."""
        return cast("str", self["hook"])


class CpexCmfResourcePostFetch(Payload):
    """The payload of `cpex.cmf.resource_post_fetch`.

    Runs after a resource was fetched, with the resource as a message.
    """

    __slots__ = ()

    @property
    def message(self) -> Mapping[str, JSON]:
        """Writable. The message with its role and the parts of its content."""
        return cast("Mapping[str, JSON]", self["message"])

    @property
    def hook(self) -> str:
        """Where in the pipeline the message is, such as `llm_input`."""
        return cast("str", self["hook"])


VIEWS: Mapping[str, type[Payload]] = MappingProxyType(
    {
        HookType.SESSION_PRE_INIT: SessionPreInit,
        HookType.SESSION_POST_INIT: SessionPostInit,
        HookType.SESSION_RESET: SessionReset,
        HookType.SESSION_CLEANUP: SessionCleanup,
        HookType.COMPONENT_PRE_EXECUTE: ComponentPreExecute,
        HookType.COMPONENT_POST_SUCCESS: ComponentPostSuccess,
        HookType.COMPONENT_POST_ERROR: ComponentPostError,
        HookType.GENERATION_PRE_CALL: GenerationPreCall,
        HookType.GENERATION_POST_CALL: GenerationPostCall,
        HookType.GENERATION_ERROR: GenerationError,
        HookType.GENERATION_BATCH_PRE_CALL: GenerationBatchPreCall,
        HookType.GENERATION_BATCH_POST_CALL: GenerationBatchPostCall,
        HookType.GENERATION_BATCH_ERROR: GenerationBatchError,
        HookType.GENERATION_EVENT: GenerationEvent,
        HookType.VALIDATION_PRE_CHECK: ValidationPreCheck,
        HookType.VALIDATION_POST_CHECK: ValidationPostCheck,
        HookType.SAMPLING_LOOP_START: SamplingLoopStart,
        HookType.SAMPLING_ITERATION: SamplingIteration,
        HookType.SAMPLING_REPAIR: SamplingRepair,
        HookType.SAMPLING_LOOP_END: SamplingLoopEnd,
        HookType.TOOL_PRE_INVOKE: ToolPreInvoke,
        HookType.TOOL_POST_INVOKE: ToolPostInvoke,
        HookType.ADAPTER_FUNCTION_INVOCATION_COMPLETE: AdapterFunctionInvocationComplete,
        HookType.ADAPTER_FUNCTION_PHASE_COMPLETE: AdapterFunctionPhaseComplete,
        HookType.STREAMING_START: StreamingStart,
        HookType.STREAMING_EVENT: StreamingEvent,
        HookType.STREAMING_END: StreamingEnd,
        HookType.CPEX_TOOL_PRE_INVOKE: CpexToolPreInvoke,
        HookType.CPEX_TOOL_POST_INVOKE: CpexToolPostInvoke,
        HookType.CPEX_PROMPT_PRE_FETCH: CpexPromptPreFetch,
        HookType.CPEX_PROMPT_POST_FETCH: CpexPromptPostFetch,
        HookType.CPEX_RESOURCE_PRE_FETCH: CpexResourcePreFetch,
        HookType.CPEX_RESOURCE_POST_FETCH: CpexResourcePostFetch,
        HookType.CPEX_AGENT_PRE_INVOKE: CpexAgentPreInvoke,
        HookType.CPEX_AGENT_POST_INVOKE: CpexAgentPostInvoke,
        HookType.CPEX_HTTP_PRE_REQUEST: CpexHttpPreRequest,
        HookType.CPEX_HTTP_POST_REQUEST: CpexHttpPostRequest,
        HookType.CPEX_HTTP_AUTH_RESOLVE_USER: CpexHttpAuthResolveUser,
        HookType.CPEX_HTTP_AUTH_CHECK_PERMISSION: CpexHttpAuthCheckPermission,
        HookType.CPEX_IDENTITY_RESOLVE: CpexIdentityResolve,
        HookType.CPEX_TOKEN_DELEGATE: CpexTokenDelegate,
        HookType.CPEX_EVALUATE: CpexEvaluate,
        HookType.CPEX_CMF_TOOL_PRE_INVOKE: CpexCmfToolPreInvoke,
        HookType.CPEX_CMF_TOOL_POST_INVOKE: CpexCmfToolPostInvoke,
        HookType.CPEX_CMF_LLM_INPUT: CpexCmfLlmInput,
        HookType.CPEX_CMF_LLM_OUTPUT: CpexCmfLlmOutput,
        HookType.CPEX_CMF_PROMPT_PRE_FETCH: CpexCmfPromptPreFetch,
        HookType.CPEX_CMF_PROMPT_POST_FETCH: CpexCmfPromptPostFetch,
        HookType.CPEX_CMF_RESOURCE_PRE_FETCH: CpexCmfResourcePreFetch,
        HookType.CPEX_CMF_RESOURCE_POST_FETCH: CpexCmfResourcePostFetch,
    }
)
"""The view of each known hook type, by its name."""
