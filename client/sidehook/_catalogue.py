"""The hook types of the catalogue. Generated from proto/catalogue/hook_types.yaml."""

# ruff: noqa: E501, S105 - descriptions are long, and no name here is a password

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from sidehook._hook_type_info import FieldInfo, HookTypeInfo


class HookType(StrEnum):
    """The names of the known hook types.

    Each equals its name as a string. A hook type of the application's own, not among
    these, is a plain string wherever one of these is taken.
    """

    SESSION_PRE_INIT = "session_pre_init"
    """Runs before a session's backend is built."""

    SESSION_POST_INIT = "session_post_init"
    """Runs when a session is ready for its first use."""

    SESSION_RESET = "session_reset"
    """Runs before a session throws its context away and starts from an empty one."""

    SESSION_CLEANUP = "session_cleanup"
    """Runs when a session ends, before its own plugins are unregistered."""

    COMPONENT_PRE_EXECUTE = "component_pre_execute"
    """Runs before a component is handed to the model, once for each act."""

    COMPONENT_POST_SUCCESS = "component_post_success"
    """Runs after a component was executed and its result is there."""

    COMPONENT_POST_ERROR = "component_post_error"
    """Runs after the execution of a component failed, before the error reaches the caller."""

    GENERATION_PRE_CALL = "generation_pre_call"
    """Runs before a backend sends one request to its model."""

    GENERATION_POST_CALL = "generation_post_call"
    """Runs when a generation is complete and its text is known."""

    GENERATION_ERROR = "generation_error"
    """Runs when the backend failed, before the error reaches the caller."""

    GENERATION_BATCH_PRE_CALL = "generation_batch_pre_call"
    """Runs before a backend sends one request for a batch of actions."""

    GENERATION_BATCH_POST_CALL = "generation_batch_post_call"
    """Runs when a batch of generations is complete."""

    GENERATION_BATCH_ERROR = "generation_batch_error"
    """Runs when the request for a batch failed, before the error reaches the caller."""

    GENERATION_EVENT = "generation_event"
    """Runs at a milestone within a generation. Streamed chunks are among them when MELLEA_GENERATION_CHUNK_EVENTS is set."""

    VALIDATION_PRE_CHECK = "validation_pre_check"
    """Runs before an output is checked against its requirements."""

    VALIDATION_POST_CHECK = "validation_post_check"
    """Runs after an output was checked, or the check failed."""

    SAMPLING_LOOP_START = "sampling_loop_start"
    """Runs before a sampling strategy makes its first attempt."""

    SAMPLING_ITERATION = "sampling_iteration"
    """Runs after each attempt of a sampling loop was made and checked."""

    SAMPLING_REPAIR = "sampling_repair"
    """Runs after a failed attempt was turned into the action of the next one."""

    SAMPLING_LOOP_END = "sampling_loop_end"
    """Runs when a sampling loop ends, with a result, out of budget, or with an error."""

    TOOL_PRE_INVOKE = "tool_pre_invoke"
    """Runs before a tool that the model asked for is called."""

    TOOL_POST_INVOKE = "tool_post_invoke"
    """Runs after a tool was called, also when it raised."""

    ADAPTER_FUNCTION_INVOCATION_COMPLETE = "adapter_function_invocation_complete"
    """Runs when one use of an adapter function has ended. mellea swallows a block here."""

    ADAPTER_FUNCTION_PHASE_COMPLETE = "adapter_function_phase_complete"
    """Runs when one phase of an adapter function has ended. mellea swallows a block here."""

    STREAMING_START = "streaming_start"
    """Runs before a stream asks the model for its first chunk."""

    STREAMING_EVENT = "streaming_event"
    """Runs for each event of a stream, a chunk of text among them."""

    STREAMING_END = "streaming_end"
    """Runs when a stream has ended, also after a failed check or an error."""

    CPEX_TOOL_PRE_INVOKE = "cpex.tool_pre_invoke"
    """Runs before a gateway calls a tool."""

    CPEX_TOOL_POST_INVOKE = "cpex.tool_post_invoke"
    """Runs after a gateway called a tool."""

    CPEX_PROMPT_PRE_FETCH = "cpex.prompt_pre_fetch"
    """Runs before a prompt template is fetched and filled in."""

    CPEX_PROMPT_POST_FETCH = "cpex.prompt_post_fetch"
    """Runs after a prompt template was fetched and filled in."""

    CPEX_RESOURCE_PRE_FETCH = "cpex.resource_pre_fetch"
    """Runs before a resource is fetched."""

    CPEX_RESOURCE_POST_FETCH = "cpex.resource_post_fetch"
    """Runs after a resource was fetched."""

    CPEX_AGENT_PRE_INVOKE = "cpex.agent_pre_invoke"
    """Runs before a gateway calls an agent."""

    CPEX_AGENT_POST_INVOKE = "cpex.agent_post_invoke"
    """Runs after a gateway called an agent."""

    CPEX_HTTP_PRE_REQUEST = "cpex.http_pre_request"
    """Runs before a gateway authenticates an HTTP request."""

    CPEX_HTTP_POST_REQUEST = "cpex.http_post_request"
    """Runs after a gateway handled an HTTP request, before the response is sent."""

    CPEX_HTTP_AUTH_RESOLVE_USER = "cpex.http_auth_resolve_user"
    """Asks who the user of an HTTP request is."""

    CPEX_HTTP_AUTH_CHECK_PERMISSION = "cpex.http_auth_check_permission"
    """Asks whether a user may do something."""

    CPEX_IDENTITY_RESOLVE = "cpex.identity_resolve"
    """Asks whose credential came with a request."""

    CPEX_TOKEN_DELEGATE = "cpex.token_delegate"
    """Asks for the credential with which to call a tool on the caller's behalf."""

    CPEX_EVALUATE = "cpex.evaluate"
    """Asks for a judgement of one message."""

    CPEX_CMF_TOOL_PRE_INVOKE = "cpex.cmf.tool_pre_invoke"
    """Runs before a tool is called, with the call as a message."""

    CPEX_CMF_TOOL_POST_INVOKE = "cpex.cmf.tool_post_invoke"
    """Runs after a tool was called, with its result as a message."""

    CPEX_CMF_LLM_INPUT = "cpex.cmf.llm_input"
    """Runs before a message goes to a model."""

    CPEX_CMF_LLM_OUTPUT = "cpex.cmf.llm_output"
    """Runs after a message came from a model."""

    CPEX_CMF_PROMPT_PRE_FETCH = "cpex.cmf.prompt_pre_fetch"
    """Runs before a prompt template is fetched, with the request as a message."""

    CPEX_CMF_PROMPT_POST_FETCH = "cpex.cmf.prompt_post_fetch"
    """Runs after a prompt template was fetched, with the prompt as a message."""

    CPEX_CMF_RESOURCE_PRE_FETCH = "cpex.cmf.resource_pre_fetch"
    """Runs before a resource is fetched, with the request as a message."""

    CPEX_CMF_RESOURCE_POST_FETCH = "cpex.cmf.resource_post_fetch"
    """Runs after a resource was fetched, with the resource as a message."""


def _fields(*fields: FieldInfo) -> Mapping[str, FieldInfo]:
    return MappingProxyType({field.name: field for field in fields})


CATALOGUE: Mapping[str, HookTypeInfo] = MappingProxyType(
    {
        HookType.SESSION_PRE_INIT: HookTypeInfo(
            name="session_pre_init",
            source="mellea",
            description="Runs before a session's backend is built.",
            blockable=True,
            fields=_fields(
                FieldInfo(
                    name="session_id",
                    type="string",
                    description="The id that the session will have.",
                ),
                FieldInfo(
                    name="backend_name",
                    type="string",
                    description="The backend that was asked for, such as `openai`.",
                ),
                FieldInfo(
                    name="model_id",
                    type="string",
                    writable=True,
                    description="The model the backend will be built with.",
                ),
                FieldInfo(
                    name="model_options",
                    type="model_options",
                    nullable=True,
                    writable=True,
                    description="Options that hold for the whole session.",
                ),
                FieldInfo(
                    name="context_type",
                    type="string",
                    description="Class name of the session's context.",
                ),
            ),
            writable=frozenset({"model_id", "model_options"}),
        ),
        HookType.SESSION_POST_INIT: HookTypeInfo(
            name="session_post_init",
            source="mellea",
            description="Runs when a session is ready for its first use.",
            blockable=True,
            fields=_fields(
                FieldInfo(name="session_id", type="string", description="The session's id."),
                FieldInfo(
                    name="model_id",
                    type="string",
                    description="The model the backend was built with.",
                ),
                FieldInfo(
                    name="context",
                    type="context",
                    description="The context the session starts from.",
                ),
            ),
            writable=frozenset(),
        ),
        HookType.SESSION_RESET: HookTypeInfo(
            name="session_reset",
            source="mellea",
            description="Runs before a session throws its context away and starts from an empty one.",
            blockable=True,
            fields=_fields(
                FieldInfo(
                    name="previous_context",
                    type="context",
                    description="The context that is about to be dropped.",
                ),
            ),
            writable=frozenset(),
        ),
        HookType.SESSION_CLEANUP: HookTypeInfo(
            name="session_cleanup",
            source="mellea",
            description="Runs when a session ends, before its own plugins are unregistered.",
            blockable=True,
            fields=_fields(
                FieldInfo(name="session_id", type="string", description="The session's id."),
                FieldInfo(name="context", type="context", description="The context at the end."),
                FieldInfo(
                    name="interaction_count",
                    type="integer",
                    description="How many turns with the model the session has committed.",
                ),
                FieldInfo(
                    name="exception",
                    type="exception",
                    nullable=True,
                    description="The error that ended the session; null for a normal end.",
                ),
            ),
            writable=frozenset(),
        ),
        HookType.COMPONENT_PRE_EXECUTE: HookTypeInfo(
            name="component_pre_execute",
            source="mellea",
            description="Runs before a component is handed to the model, once for each act.",
            blockable=True,
            fields=_fields(
                FieldInfo(
                    name="action_id",
                    type="string",
                    description="Ties this payload to the component's later hooks.",
                ),
                FieldInfo(
                    name="component_type",
                    type="string",
                    description="Class name of the component, such as `Instruction`.",
                ),
                FieldInfo(
                    name="action",
                    type="component",
                    description="The component that will be executed.",
                ),
                FieldInfo(
                    name="context_view",
                    type="context",
                    nullable=True,
                    description="What of the context the model will see; null when it has no linear view.",
                ),
                FieldInfo(
                    name="requirements",
                    type="requirement[]",
                    writable=True,
                    description="Requirements the result will be checked against.",
                ),
                FieldInfo(
                    name="model_options",
                    type="model_options",
                    writable=True,
                    description="Options for this execution.",
                ),
                FieldInfo(
                    name="format",
                    type="output_format",
                    nullable=True,
                    writable=True,
                    description="Schema the output must follow; null when it is free text.",
                ),
                FieldInfo(
                    name="strategy",
                    type="sampling_strategy",
                    nullable=True,
                    writable=True,
                    description="How to sample and repair; null for one attempt.",
                ),
                FieldInfo(
                    name="tool_calls_enabled",
                    type="boolean",
                    writable=True,
                    description="The model may call tools.",
                ),
            ),
            writable=frozenset(
                {"requirements", "model_options", "format", "strategy", "tool_calls_enabled"}
            ),
        ),
        HookType.COMPONENT_POST_SUCCESS: HookTypeInfo(
            name="component_post_success",
            source="mellea",
            description="Runs after a component was executed and its result is there.",
            blockable=True,
            fields=_fields(
                FieldInfo(
                    name="action_id",
                    type="string",
                    description="The id that component_pre_execute had.",
                ),
                FieldInfo(
                    name="component_type", type="string", description="Class name of the component."
                ),
                FieldInfo(
                    name="action", type="component", description="The component that was executed."
                ),
                FieldInfo(
                    name="result", type="model_output", description="What the model answered."
                ),
                FieldInfo(
                    name="context_before",
                    type="context",
                    description="The context before the execution.",
                ),
                FieldInfo(
                    name="context_after",
                    type="context",
                    description="The context with the action and its result.",
                ),
                FieldInfo(
                    name="generate_log",
                    type="generate_log",
                    nullable=True,
                    description="Record of the last generation; null when there is none.",
                ),
                FieldInfo(
                    name="sampling_results",
                    type="model_output[]",
                    nullable=True,
                    description="Every attempt of the sampling strategy; null without one.",
                ),
                FieldInfo(
                    name="sampling_success",
                    type="boolean",
                    nullable=True,
                    description="The strategy found a result that passes; null without one.",
                ),
                FieldInfo(
                    name="latency_ms",
                    type="integer",
                    description="Time the execution took in milliseconds.",
                ),
            ),
            writable=frozenset(),
        ),
        HookType.COMPONENT_POST_ERROR: HookTypeInfo(
            name="component_post_error",
            source="mellea",
            description="Runs after the execution of a component failed, before the error reaches the caller.",
            blockable=True,
            fields=_fields(
                FieldInfo(
                    name="action_id",
                    type="string",
                    description="The id that component_pre_execute had.",
                ),
                FieldInfo(
                    name="component_type", type="string", description="Class name of the component."
                ),
                FieldInfo(
                    name="action",
                    type="component",
                    description="The component that was being executed.",
                ),
                FieldInfo(name="error", type="exception", description="The error."),
                FieldInfo(name="error_type", type="string", description="Class name of the error."),
                FieldInfo(name="stack_trace", type="string", description="The traceback as text."),
                FieldInfo(
                    name="context",
                    type="context",
                    description="The context at the time of the error.",
                ),
                FieldInfo(
                    name="model_options",
                    type="model_options",
                    description="The options that were in effect.",
                ),
            ),
            writable=frozenset(),
        ),
        HookType.GENERATION_PRE_CALL: HookTypeInfo(
            name="generation_pre_call",
            source="mellea",
            description="Runs before a backend sends one request to its model.",
            blockable=True,
            fields=_fields(
                FieldInfo(name="action", type="component", description="What is about to be sent."),
                FieldInfo(
                    name="context", type="context", description="The context it is sent with."
                ),
                FieldInfo(
                    name="model_options",
                    type="model_options",
                    writable=True,
                    description="Options for this request.",
                ),
                FieldInfo(
                    name="format",
                    type="output_format",
                    nullable=True,
                    writable=True,
                    description="Schema the output must follow; null when it is free text.",
                ),
                FieldInfo(
                    name="tool_calls",
                    type="boolean",
                    writable=True,
                    description="The model may call tools in this request.",
                ),
                FieldInfo(
                    name="generation_id",
                    type="string",
                    nullable=True,
                    description="Ties this payload to the later hooks of the same generation.",
                ),
                FieldInfo(
                    name="model",
                    type="string",
                    nullable=True,
                    description="The model that is called.",
                ),
                FieldInfo(
                    name="provider",
                    type="string",
                    nullable=True,
                    description="The provider that serves it, such as `openai`.",
                ),
            ),
            writable=frozenset({"model_options", "format", "tool_calls"}),
        ),
        HookType.GENERATION_POST_CALL: HookTypeInfo(
            name="generation_post_call",
            source="mellea",
            description="Runs when a generation is complete and its text is known.",
            blockable=True,
            fields=_fields(
                FieldInfo(
                    name="prompt",
                    type="json",
                    description="The prompt as it was sent, a string or a list of chat messages.",
                ),
                FieldInfo(
                    name="model_output", type="model_output", description="The complete output."
                ),
                FieldInfo(
                    name="latency_ms",
                    type="number",
                    description="Milliseconds from the request until the output was complete.",
                ),
                FieldInfo(
                    name="generation_id",
                    type="string",
                    nullable=True,
                    description="The id that generation_pre_call had.",
                ),
            ),
            writable=frozenset(),
        ),
        HookType.GENERATION_ERROR: HookTypeInfo(
            name="generation_error",
            source="mellea",
            description="Runs when the backend failed, before the error reaches the caller.",
            blockable=True,
            fields=_fields(
                FieldInfo(name="exception", type="exception", description="The error."),
                FieldInfo(
                    name="model_output",
                    type="model_output",
                    nullable=True,
                    description="What there was of the output; null when no request was made.",
                ),
                FieldInfo(
                    name="generation_id",
                    type="string",
                    nullable=True,
                    description="The id that generation_pre_call had.",
                ),
                FieldInfo(
                    name="latency_ms",
                    type="number",
                    description="Milliseconds from the request to the error; 0.0 when no request was made.",
                ),
            ),
            writable=frozenset(),
        ),
        HookType.GENERATION_BATCH_PRE_CALL: HookTypeInfo(
            name="generation_batch_pre_call",
            source="mellea",
            description="Runs before a backend sends one request for a batch of actions.",
            blockable=True,
            fields=_fields(
                FieldInfo(
                    name="actions", type="component[]", description="What is about to be sent."
                ),
                FieldInfo(
                    name="generation_id",
                    type="string",
                    nullable=True,
                    description="Ties this payload to the later hooks of the same batch.",
                ),
                FieldInfo(
                    name="model_options",
                    type="model_options",
                    writable=True,
                    description="Options for this request.",
                ),
                FieldInfo(
                    name="format",
                    type="output_format",
                    nullable=True,
                    writable=True,
                    description="Schema the outputs must follow; null when they are free text.",
                ),
                FieldInfo(
                    name="tool_calls",
                    type="boolean",
                    writable=True,
                    description="The model may call tools in this request.",
                ),
                FieldInfo(
                    name="num_actions",
                    type="integer",
                    description="How many actions the batch has.",
                ),
                FieldInfo(
                    name="model",
                    type="string",
                    nullable=True,
                    description="The model that is called.",
                ),
                FieldInfo(
                    name="provider",
                    type="string",
                    nullable=True,
                    description="The provider that serves it.",
                ),
            ),
            writable=frozenset({"model_options", "format", "tool_calls"}),
        ),
        HookType.GENERATION_BATCH_POST_CALL: HookTypeInfo(
            name="generation_batch_post_call",
            source="mellea",
            description="Runs when a batch of generations is complete.",
            blockable=True,
            fields=_fields(
                FieldInfo(
                    name="generation_id",
                    type="string",
                    nullable=True,
                    description="The id that generation_batch_pre_call had.",
                ),
                FieldInfo(
                    name="model_outputs",
                    type="model_output[]",
                    description="The outputs in the order of the batch.",
                ),
                FieldInfo(
                    name="usage",
                    type="object",
                    nullable=True,
                    description="Tokens used by the whole batch; null when the provider does not say.",
                ),
                FieldInfo(
                    name="model",
                    type="string",
                    nullable=True,
                    description="The model that was called.",
                ),
                FieldInfo(
                    name="provider",
                    type="string",
                    nullable=True,
                    description="The provider that served it.",
                ),
                FieldInfo(
                    name="latency_ms",
                    type="number",
                    description="Time the request took in milliseconds.",
                ),
            ),
            writable=frozenset(),
        ),
        HookType.GENERATION_BATCH_ERROR: HookTypeInfo(
            name="generation_batch_error",
            source="mellea",
            description="Runs when the request for a batch failed, before the error reaches the caller.",
            blockable=True,
            fields=_fields(
                FieldInfo(
                    name="generation_id",
                    type="string",
                    nullable=True,
                    description="The id that generation_batch_pre_call had.",
                ),
                FieldInfo(name="exception", type="exception", description="The error."),
                FieldInfo(
                    name="model",
                    type="string",
                    nullable=True,
                    description="The model that was called.",
                ),
                FieldInfo(
                    name="provider",
                    type="string",
                    nullable=True,
                    description="The provider that serves it.",
                ),
                FieldInfo(
                    name="latency_ms",
                    type="number",
                    description="Milliseconds from the request to the error.",
                ),
            ),
            writable=frozenset(),
        ),
        HookType.GENERATION_EVENT: HookTypeInfo(
            name="generation_event",
            source="mellea",
            description="Runs at a milestone within a generation.",
            blockable=True,
            fields=_fields(
                FieldInfo(
                    name="generation_id",
                    type="string",
                    nullable=True,
                    description="The id that generation_pre_call had.",
                ),
                FieldInfo(
                    name="event_name",
                    type="string",
                    description="Which milestone it is, such as `chunk_processed`.",
                ),
                FieldInfo(
                    name="model",
                    type="string",
                    nullable=True,
                    description="The model that is called.",
                ),
                FieldInfo(
                    name="provider",
                    type="string",
                    nullable=True,
                    description="The provider that serves it.",
                ),
                FieldInfo(
                    name="data",
                    type="object",
                    description="Values of the milestone; which ones depends on its name.",
                ),
            ),
            writable=frozenset(),
        ),
        HookType.VALIDATION_PRE_CHECK: HookTypeInfo(
            name="validation_pre_check",
            source="mellea",
            description="Runs before an output is checked against its requirements.",
            blockable=True,
            fields=_fields(
                FieldInfo(
                    name="validation_id",
                    type="string",
                    description="Ties this payload to validation_post_check.",
                ),
                FieldInfo(
                    name="requirements",
                    type="requirement[]",
                    writable=True,
                    description="The requirements to check; with an empty list nothing is checked.",
                ),
                FieldInfo(
                    name="target",
                    type="component",
                    nullable=True,
                    description="What is checked; null when it is the whole context.",
                ),
                FieldInfo(
                    name="context", type="context", description="The context the checks read."
                ),
                FieldInfo(
                    name="model_options",
                    type="model_options",
                    writable=True,
                    description="Options for checks that ask a model.",
                ),
            ),
            writable=frozenset({"requirements", "model_options"}),
        ),
        HookType.VALIDATION_POST_CHECK: HookTypeInfo(
            name="validation_post_check",
            source="mellea",
            description="Runs after an output was checked, or the check failed.",
            blockable=True,
            fields=_fields(
                FieldInfo(
                    name="validation_id",
                    type="string",
                    description="The id that validation_pre_check had.",
                ),
                FieldInfo(
                    name="requirements",
                    type="requirement[]",
                    description="The requirements that were checked.",
                ),
                FieldInfo(
                    name="results",
                    type="validation_result[]",
                    writable=True,
                    description="One result for each requirement in its order; empty when the check failed.",
                ),
                FieldInfo(
                    name="all_validations_passed",
                    type="boolean",
                    writable=True,
                    description="Every requirement passed.",
                ),
                FieldInfo(
                    name="passed_count", type="integer", description="How many requirements passed."
                ),
                FieldInfo(name="failed_count", type="integer", description="How many did not."),
                FieldInfo(
                    name="exception",
                    type="exception",
                    nullable=True,
                    description="The error that ended the check; null when it completed.",
                ),
            ),
            writable=frozenset({"results", "all_validations_passed"}),
        ),
        HookType.SAMPLING_LOOP_START: HookTypeInfo(
            name="sampling_loop_start",
            source="mellea",
            description="Runs before a sampling strategy makes its first attempt.",
            blockable=True,
            fields=_fields(
                FieldInfo(
                    name="sampling_id",
                    type="string",
                    description="Ties this payload to the later hooks of the same loop.",
                ),
                FieldInfo(
                    name="strategy_name", type="string", description="Class name of the strategy."
                ),
                FieldInfo(name="action", type="component", description="What is sampled."),
                FieldInfo(
                    name="context", type="context", description="The context the loop starts from."
                ),
                FieldInfo(
                    name="requirements",
                    type="requirement[]",
                    description="The requirements an attempt must pass.",
                ),
                FieldInfo(
                    name="loop_budget",
                    type="integer",
                    writable=True,
                    description="How many attempts the loop may make; at least 1.",
                ),
            ),
            writable=frozenset({"loop_budget"}),
        ),
        HookType.SAMPLING_ITERATION: HookTypeInfo(
            name="sampling_iteration",
            source="mellea",
            description="Runs after each attempt of a sampling loop was made and checked.",
            blockable=True,
            fields=_fields(
                FieldInfo(
                    name="sampling_id",
                    type="string",
                    description="The id that sampling_loop_start had.",
                ),
                FieldInfo(
                    name="strategy_name", type="string", description="Class name of the strategy."
                ),
                FieldInfo(
                    name="iteration",
                    type="integer",
                    description="Number of the attempt from 1; not in order when attempts run side by side.",
                ),
                FieldInfo(
                    name="action", type="component", description="What was sampled in this attempt."
                ),
                FieldInfo(
                    name="result", type="model_output", description="What the model answered."
                ),
                FieldInfo(
                    name="validation_results",
                    type="checked_requirement[]",
                    description="Each requirement with its result.",
                ),
                FieldInfo(
                    name="all_validations_passed",
                    type="boolean",
                    description="Every requirement passed.",
                ),
                FieldInfo(
                    name="valid_count", type="integer", description="How many requirements passed."
                ),
                FieldInfo(name="total_count", type="integer", description="How many were checked."),
            ),
            writable=frozenset(),
        ),
        HookType.SAMPLING_REPAIR: HookTypeInfo(
            name="sampling_repair",
            source="mellea",
            description="Runs after a failed attempt was turned into the action of the next one.",
            blockable=True,
            fields=_fields(
                FieldInfo(
                    name="sampling_id",
                    type="string",
                    description="The id that sampling_loop_start had.",
                ),
                FieldInfo(
                    name="repair_type",
                    type="string",
                    description="Kind of repair; which ones there are depends on the strategy.",
                ),
                FieldInfo(
                    name="failed_action", type="component", description="The action that failed."
                ),
                FieldInfo(
                    name="failed_result", type="model_output", description="The output that failed."
                ),
                FieldInfo(
                    name="failed_validations",
                    type="checked_requirement[]",
                    description="Each requirement of the failed attempt with its result.",
                ),
                FieldInfo(
                    name="repair_action",
                    type="component",
                    description="The action of the next attempt.",
                ),
                FieldInfo(
                    name="repair_context",
                    type="context",
                    description="The context of the next attempt.",
                ),
                FieldInfo(
                    name="repair_iteration",
                    type="integer",
                    description="Number of the attempt that failed from 1.",
                ),
            ),
            writable=frozenset(),
        ),
        HookType.SAMPLING_LOOP_END: HookTypeInfo(
            name="sampling_loop_end",
            source="mellea",
            description="Runs when a sampling loop ends, with a result, out of budget, or with an error.",
            blockable=True,
            fields=_fields(
                FieldInfo(
                    name="sampling_id",
                    type="string",
                    description="The id that sampling_loop_start had.",
                ),
                FieldInfo(
                    name="strategy_name", type="string", description="Class name of the strategy."
                ),
                FieldInfo(
                    name="success",
                    type="boolean",
                    description="At least one attempt passed every requirement.",
                ),
                FieldInfo(
                    name="iterations_used",
                    type="integer",
                    description="How many attempts were completed; 0 after an error.",
                ),
                FieldInfo(
                    name="final_result",
                    type="model_output",
                    nullable=True,
                    description="The output that was chosen; null after an error.",
                ),
                FieldInfo(
                    name="final_action",
                    type="component",
                    nullable=True,
                    description="The action that led to it; null after an error.",
                ),
                FieldInfo(
                    name="final_context",
                    type="context",
                    nullable=True,
                    description="The context that goes with it; null after an error.",
                ),
                FieldInfo(
                    name="failure_reason",
                    type="string",
                    nullable=True,
                    description="Why there is no success; null when there is or an error says why.",
                ),
                FieldInfo(
                    name="exception",
                    type="exception",
                    nullable=True,
                    description="The error that ended the loop; null when it completed.",
                ),
                FieldInfo(
                    name="all_results",
                    type="model_output[]",
                    description="The output of every attempt.",
                ),
                FieldInfo(
                    name="all_validations",
                    type="checked_requirement[][]",
                    description="For every attempt its requirements with their results.",
                ),
            ),
            writable=frozenset(),
        ),
        HookType.TOOL_PRE_INVOKE: HookTypeInfo(
            name="tool_pre_invoke",
            source="mellea",
            description="Runs before a tool that the model asked for is called.",
            blockable=True,
            fields=_fields(
                FieldInfo(
                    name="tool_invocation_id",
                    type="string",
                    description="Ties this payload to tool_post_invoke.",
                ),
                FieldInfo(
                    name="model_tool_call",
                    type="tool_call",
                    writable=True,
                    description="The call that is about to be made.",
                ),
                FieldInfo(
                    name="is_control_flow",
                    type="boolean",
                    description="The tool steers the framework itself and does no work.",
                ),
            ),
            writable=frozenset({"model_tool_call"}),
        ),
        HookType.TOOL_POST_INVOKE: HookTypeInfo(
            name="tool_post_invoke",
            source="mellea",
            description="Runs after a tool was called, also when it raised.",
            blockable=True,
            fields=_fields(
                FieldInfo(
                    name="tool_invocation_id",
                    type="string",
                    description="The id that tool_pre_invoke had.",
                ),
                FieldInfo(
                    name="model_tool_call", type="tool_call", description="The call that was made."
                ),
                FieldInfo(
                    name="tool_output",
                    type="json",
                    writable=True,
                    description="What the tool returned.",
                ),
                FieldInfo(
                    name="tool_message",
                    type="tool_message",
                    description="The message that will tell the model.",
                ),
                FieldInfo(
                    name="execution_time_ms",
                    type="integer",
                    description="Time the tool took in milliseconds.",
                ),
                FieldInfo(name="success", type="boolean", description="The tool did not raise."),
                FieldInfo(
                    name="error",
                    type="exception",
                    nullable=True,
                    description="What it raised; null when it did not.",
                ),
                FieldInfo(
                    name="is_control_flow",
                    type="boolean",
                    description="The tool steers the framework itself and does no work.",
                ),
            ),
            writable=frozenset({"tool_output"}),
        ),
        HookType.ADAPTER_FUNCTION_INVOCATION_COMPLETE: HookTypeInfo(
            name="adapter_function_invocation_complete",
            source="mellea",
            description="Runs when one use of an adapter function has ended.",
            blockable=False,
            fields=_fields(
                FieldInfo(
                    name="name",
                    type="string",
                    description="Name of the adapter function, such as `answerability`.",
                ),
                FieldInfo(
                    name="revision",
                    type="string",
                    nullable=True,
                    description="Pinned revision of the adapter; null when it has none.",
                ),
                FieldInfo(
                    name="binding_type",
                    type="string",
                    description="Where the weights are, such as `local_file` or `embedded`.",
                ),
                FieldInfo(
                    name="adapter_type",
                    type="string",
                    description="How the adapter works, such as `lora`.",
                ),
                FieldInfo(
                    name="outcome",
                    type="string",
                    description="How it ended: `success`, `schema_error` or `error`.",
                ),
                FieldInfo(
                    name="error",
                    type="exception",
                    nullable=True,
                    description="The error; null on success.",
                ),
            ),
            writable=frozenset(),
        ),
        HookType.ADAPTER_FUNCTION_PHASE_COMPLETE: HookTypeInfo(
            name="adapter_function_phase_complete",
            source="mellea",
            description="Runs when one phase of an adapter function has ended.",
            blockable=False,
            fields=_fields(
                FieldInfo(name="name", type="string", description="Name of the adapter function."),
                FieldInfo(
                    name="phase",
                    type="string",
                    description="The phase: `prepare`, `activate`, `generate`, `parse` or `deactivate`.",
                ),
                FieldInfo(
                    name="duration_ms",
                    type="number",
                    description="Time the phase took in milliseconds.",
                ),
            ),
            writable=frozenset(),
        ),
        HookType.STREAMING_START: HookTypeInfo(
            name="streaming_start",
            source="mellea",
            description="Runs before a stream asks the model for its first chunk.",
            blockable=True,
            fields=_fields(
                FieldInfo(
                    name="streaming_id",
                    type="string",
                    description="Ties this payload to the later hooks of the same stream.",
                ),
                FieldInfo(
                    name="has_requirements",
                    type="boolean",
                    description="The stream is checked while it runs.",
                ),
                FieldInfo(
                    name="requirement_count",
                    type="integer",
                    description="How many requirements check it.",
                ),
                FieldInfo(
                    name="chunking_strategy",
                    type="string",
                    description="Class name of the chunking, or `none`.",
                ),
            ),
            writable=frozenset(),
        ),
        HookType.STREAMING_EVENT: HookTypeInfo(
            name="streaming_event",
            source="mellea",
            description="Runs for each event of a stream, a chunk of text among them.",
            blockable=True,
            fields=_fields(
                FieldInfo(
                    name="streaming_id",
                    type="string",
                    description="The id that streaming_start had.",
                ),
                FieldInfo(name="event", type="stream_event", description="The event."),
                FieldInfo(
                    name="requirements",
                    type="requirement[]",
                    description="For a quick check the requirements in the order of its results; else empty.",
                ),
            ),
            writable=frozenset(),
        ),
        HookType.STREAMING_END: HookTypeInfo(
            name="streaming_end",
            source="mellea",
            description="Runs when a stream has ended, also after a failed check or an error.",
            blockable=True,
            fields=_fields(
                FieldInfo(
                    name="streaming_id",
                    type="string",
                    description="The id that streaming_start had.",
                ),
                FieldInfo(
                    name="success",
                    type="boolean",
                    description="The stream ran to its end and every check passed.",
                ),
                FieldInfo(
                    name="failure_reason",
                    type="string",
                    nullable=True,
                    description="Which check failed; null on success or after an error.",
                ),
                FieldInfo(
                    name="exception",
                    type="exception",
                    nullable=True,
                    description="The error that ended it; null without one.",
                ),
                FieldInfo(
                    name="model",
                    type="string",
                    nullable=True,
                    description="The model that was called.",
                ),
                FieldInfo(
                    name="provider",
                    type="string",
                    nullable=True,
                    description="The provider that serves it.",
                ),
                FieldInfo(
                    name="full_text_length",
                    type="integer",
                    description="How many characters had been streamed.",
                ),
            ),
            writable=frozenset(),
        ),
        HookType.CPEX_TOOL_PRE_INVOKE: HookTypeInfo(
            name="cpex.tool_pre_invoke",
            source="cpex",
            description="Runs before a gateway calls a tool.",
            blockable=True,
            fields=_fields(
                FieldInfo(
                    name="name", type="string", writable=True, description="Name of the tool."
                ),
                FieldInfo(
                    name="args",
                    type="object",
                    nullable=True,
                    writable=True,
                    description="Arguments of the call.",
                ),
                FieldInfo(
                    name="headers",
                    type="string_map",
                    nullable=True,
                    writable=True,
                    description="HTTP headers that are passed through; null without any.",
                ),
            ),
            writable=frozenset({"name", "args", "headers"}),
        ),
        HookType.CPEX_TOOL_POST_INVOKE: HookTypeInfo(
            name="cpex.tool_post_invoke",
            source="cpex",
            description="Runs after a gateway called a tool.",
            blockable=True,
            fields=_fields(
                FieldInfo(name="name", type="string", description="Name of the tool."),
                FieldInfo(
                    name="result", type="json", writable=True, description="What the tool returned."
                ),
            ),
            writable=frozenset({"result"}),
        ),
        HookType.CPEX_PROMPT_PRE_FETCH: HookTypeInfo(
            name="cpex.prompt_pre_fetch",
            source="cpex",
            description="Runs before a prompt template is fetched and filled in.",
            blockable=True,
            fields=_fields(
                FieldInfo(name="prompt_id", type="string", description="Id of the template."),
                FieldInfo(
                    name="args",
                    type="string_map",
                    nullable=True,
                    writable=True,
                    description="Values for the template.",
                ),
            ),
            writable=frozenset({"args"}),
        ),
        HookType.CPEX_PROMPT_POST_FETCH: HookTypeInfo(
            name="cpex.prompt_post_fetch",
            source="cpex",
            description="Runs after a prompt template was fetched and filled in.",
            blockable=True,
            fields=_fields(
                FieldInfo(name="prompt_id", type="string", description="Id of the template."),
                FieldInfo(
                    name="result",
                    type="json",
                    writable=True,
                    description="The prompt with its messages.",
                ),
            ),
            writable=frozenset({"result"}),
        ),
        HookType.CPEX_RESOURCE_PRE_FETCH: HookTypeInfo(
            name="cpex.resource_pre_fetch",
            source="cpex",
            description="Runs before a resource is fetched.",
            blockable=True,
            fields=_fields(
                FieldInfo(
                    name="uri", type="string", writable=True, description="Address of the resource."
                ),
                FieldInfo(
                    name="metadata",
                    type="object",
                    nullable=True,
                    writable=True,
                    description="Details of the request.",
                ),
            ),
            writable=frozenset({"uri", "metadata"}),
        ),
        HookType.CPEX_RESOURCE_POST_FETCH: HookTypeInfo(
            name="cpex.resource_post_fetch",
            source="cpex",
            description="Runs after a resource was fetched.",
            blockable=True,
            fields=_fields(
                FieldInfo(name="uri", type="string", description="Address of the resource."),
                FieldInfo(
                    name="content", type="json", writable=True, description="What was fetched."
                ),
            ),
            writable=frozenset({"content"}),
        ),
        HookType.CPEX_AGENT_PRE_INVOKE: HookTypeInfo(
            name="cpex.agent_pre_invoke",
            source="cpex",
            description="Runs before a gateway calls an agent.",
            blockable=True,
            fields=_fields(
                FieldInfo(
                    name="agent_id",
                    type="string",
                    writable=True,
                    description="Id of the agent; changing it routes the call to another one.",
                ),
                FieldInfo(
                    name="messages", type="object[]", writable=True, description="The conversation."
                ),
                FieldInfo(
                    name="tools",
                    type="string[]",
                    nullable=True,
                    writable=True,
                    description="Names of the tools the agent may use; null when nobody says.",
                ),
                FieldInfo(
                    name="headers",
                    type="string_map",
                    nullable=True,
                    writable=True,
                    description="HTTP headers that are passed through; null without any.",
                ),
                FieldInfo(
                    name="model",
                    type="string",
                    nullable=True,
                    writable=True,
                    description="Model to use in place of the agent's own; null to keep it.",
                ),
                FieldInfo(
                    name="system_prompt",
                    type="string",
                    nullable=True,
                    writable=True,
                    description="Instructions for the agent; null for its own.",
                ),
                FieldInfo(
                    name="parameters",
                    type="object",
                    nullable=True,
                    writable=True,
                    description="Options of the model, such as `temperature`.",
                ),
            ),
            writable=frozenset(
                {"agent_id", "messages", "tools", "headers", "model", "system_prompt", "parameters"}
            ),
        ),
        HookType.CPEX_AGENT_POST_INVOKE: HookTypeInfo(
            name="cpex.agent_post_invoke",
            source="cpex",
            description="Runs after a gateway called an agent.",
            blockable=True,
            fields=_fields(
                FieldInfo(name="agent_id", type="string", description="Id of the agent."),
                FieldInfo(
                    name="messages",
                    type="object[]",
                    writable=True,
                    description="The messages it answered with.",
                ),
                FieldInfo(
                    name="tool_calls",
                    type="object[]",
                    nullable=True,
                    writable=True,
                    description="The tools it called; null when nobody says.",
                ),
            ),
            writable=frozenset({"messages", "tool_calls"}),
        ),
        HookType.CPEX_HTTP_PRE_REQUEST: HookTypeInfo(
            name="cpex.http_pre_request",
            source="cpex",
            description="Runs before a gateway authenticates an HTTP request.",
            blockable=True,
            fields=_fields(
                FieldInfo(name="path", type="string", description="Path of the request."),
                FieldInfo(name="method", type="string", description="HTTP method."),
                FieldInfo(
                    name="client_host",
                    type="string",
                    nullable=True,
                    description="Address of the client; null when unknown.",
                ),
                FieldInfo(
                    name="client_port",
                    type="integer",
                    nullable=True,
                    description="Port of the client; null when unknown.",
                ),
                FieldInfo(
                    name="headers",
                    type="string_map",
                    writable=True,
                    description="Headers of the request.",
                ),
            ),
            writable=frozenset({"headers"}),
        ),
        HookType.CPEX_HTTP_POST_REQUEST: HookTypeInfo(
            name="cpex.http_post_request",
            source="cpex",
            description="Runs after a gateway handled an HTTP request, before the response is sent.",
            blockable=True,
            fields=_fields(
                FieldInfo(name="path", type="string", description="Path of the request."),
                FieldInfo(name="method", type="string", description="HTTP method."),
                FieldInfo(
                    name="client_host",
                    type="string",
                    nullable=True,
                    description="Address of the client; null when unknown.",
                ),
                FieldInfo(
                    name="client_port",
                    type="integer",
                    nullable=True,
                    description="Port of the client; null when unknown.",
                ),
                FieldInfo(name="headers", type="string_map", description="Headers of the request."),
                FieldInfo(
                    name="response_headers",
                    type="string_map",
                    nullable=True,
                    writable=True,
                    description="Headers of the response; null when unknown.",
                ),
                FieldInfo(
                    name="status_code",
                    type="integer",
                    nullable=True,
                    description="Status of the response; null when unknown.",
                ),
            ),
            writable=frozenset({"response_headers"}),
        ),
        HookType.CPEX_HTTP_AUTH_RESOLVE_USER: HookTypeInfo(
            name="cpex.http_auth_resolve_user",
            source="cpex",
            description="Asks who the user of an HTTP request is.",
            blockable=True,
            fields=_fields(
                FieldInfo(
                    name="credentials",
                    type="object",
                    nullable=True,
                    description="The request's credentials; null without any.",
                ),
                FieldInfo(name="headers", type="string_map", description="Headers of the request."),
                FieldInfo(
                    name="client_host",
                    type="string",
                    nullable=True,
                    description="Address of the client; null when unknown.",
                ),
                FieldInfo(
                    name="client_port",
                    type="integer",
                    nullable=True,
                    description="Port of the client; null when unknown.",
                ),
                FieldInfo(
                    name="user",
                    type="object",
                    writable=True,
                    answer=True,
                    description="The user that the hook found.",
                ),
            ),
            writable=frozenset({"user"}),
        ),
        HookType.CPEX_HTTP_AUTH_CHECK_PERMISSION: HookTypeInfo(
            name="cpex.http_auth_check_permission",
            source="cpex",
            description="Asks whether a user may do something.",
            blockable=True,
            fields=_fields(
                FieldInfo(
                    name="user_email", type="string", description="E-mail address of the user."
                ),
                FieldInfo(
                    name="permission",
                    type="string",
                    description="The permission that is needed, such as `tools.read`.",
                ),
                FieldInfo(
                    name="resource_type",
                    type="string",
                    nullable=True,
                    description="Kind of thing it is needed for; null when unknown.",
                ),
                FieldInfo(
                    name="team_id",
                    type="string",
                    nullable=True,
                    description="Team on whose behalf; null without one.",
                ),
                FieldInfo(
                    name="is_admin", type="boolean", description="The user is an administrator."
                ),
                FieldInfo(
                    name="auth_method",
                    type="string",
                    nullable=True,
                    description="How the user was authenticated; null when unknown.",
                ),
                FieldInfo(
                    name="client_host",
                    type="string",
                    nullable=True,
                    description="Address of the client; null when unknown.",
                ),
                FieldInfo(
                    name="user_agent",
                    type="string",
                    nullable=True,
                    description="User agent of the client; null when unknown.",
                ),
                FieldInfo(
                    name="granted",
                    type="boolean",
                    writable=True,
                    answer=True,
                    description="The hook grants the permission.",
                ),
                FieldInfo(
                    name="reason",
                    type="string",
                    nullable=True,
                    writable=True,
                    answer=True,
                    description="Why.",
                ),
            ),
            writable=frozenset({"granted", "reason"}),
        ),
        HookType.CPEX_IDENTITY_RESOLVE: HookTypeInfo(
            name="cpex.identity_resolve",
            source="cpex",
            description="Asks whose credential came with a request.",
            blockable=True,
            fields=_fields(
                FieldInfo(
                    name="raw_token", type="string", description="The credential itself; a secret."
                ),
                FieldInfo(
                    name="source",
                    type="string",
                    description="Where it came from, such as `bearer` or `mtls`.",
                ),
                FieldInfo(name="headers", type="string_map", description="Headers of the request."),
                FieldInfo(
                    name="client_host",
                    type="string",
                    nullable=True,
                    description="Address of the client; null when unknown.",
                ),
                FieldInfo(
                    name="client_port",
                    type="integer",
                    nullable=True,
                    description="Port of the client; null when unknown.",
                ),
                FieldInfo(
                    name="subject",
                    type="object",
                    nullable=True,
                    writable=True,
                    answer=True,
                    description="The identity that the hook found; null when it rejects the credential.",
                ),
                FieldInfo(
                    name="delegation",
                    type="object",
                    nullable=True,
                    writable=True,
                    answer=True,
                    description="On whose behalf the identity acts; null when nobody's.",
                ),
                FieldInfo(
                    name="rejected",
                    type="boolean",
                    writable=True,
                    answer=True,
                    description="The hook rejects the credential.",
                ),
                FieldInfo(
                    name="reject_status",
                    type="integer",
                    writable=True,
                    answer=True,
                    description="HTTP status of the rejection, 401 or 403.",
                ),
                FieldInfo(
                    name="reject_reason",
                    type="string",
                    writable=True,
                    answer=True,
                    description="Why it is rejected.",
                ),
                FieldInfo(
                    name="raw_claims",
                    type="object",
                    writable=True,
                    answer=True,
                    description="Everything the credential says.",
                ),
            ),
            writable=frozenset(
                {
                    "subject",
                    "delegation",
                    "rejected",
                    "reject_status",
                    "reject_reason",
                    "raw_claims",
                }
            ),
        ),
        HookType.CPEX_TOKEN_DELEGATE: HookTypeInfo(
            name="cpex.token_delegate",
            source="cpex",
            description="Asks for the credential with which to call a tool on the caller's behalf.",
            blockable=True,
            fields=_fields(
                FieldInfo(
                    name="target_name",
                    type="string",
                    description="The tool, agent or resource that will be called.",
                ),
                FieldInfo(
                    name="target_type",
                    type="string",
                    description="Its kind: `tool`, `agent`, `resource` or `service`.",
                ),
                FieldInfo(
                    name="target_audience",
                    type="string",
                    nullable=True,
                    description="Audience the credential must be for; null when any will do.",
                ),
                FieldInfo(
                    name="required_permissions",
                    type="string[]",
                    description="Permissions it must carry.",
                ),
                FieldInfo(
                    name="trust_domain",
                    type="string",
                    nullable=True,
                    description="Domain of the target; null when unknown.",
                ),
                FieldInfo(
                    name="auth_enforced_by",
                    type="string",
                    description="Who checks it: `caller`, `target` or `both`.",
                ),
                FieldInfo(
                    name="route_attenuation",
                    type="object",
                    nullable=True,
                    description="How its rights are to be narrowed; null when not at all.",
                ),
                FieldInfo(
                    name="bearer_token",
                    type="string",
                    nullable=True,
                    description="The caller's own credential; a secret; null without one.",
                ),
                FieldInfo(
                    name="delegated_token",
                    type="string",
                    nullable=True,
                    writable=True,
                    answer=True,
                    description="The credential for the target; a secret.",
                ),
                FieldInfo(
                    name="delegation_update",
                    type="object",
                    writable=True,
                    answer=True,
                    description="The chain of delegation with this step in it.",
                ),
                FieldInfo(
                    name="forwarded_headers",
                    type="string_map",
                    writable=True,
                    answer=True,
                    description="Headers to send to the target.",
                ),
                FieldInfo(
                    name="cache_key",
                    type="string",
                    nullable=True,
                    writable=True,
                    answer=True,
                    description="Name under which the credential may be kept.",
                ),
                FieldInfo(
                    name="cache_ttl",
                    type="integer",
                    nullable=True,
                    writable=True,
                    answer=True,
                    description="Seconds for which it may be kept.",
                ),
            ),
            writable=frozenset(
                {
                    "delegated_token",
                    "delegation_update",
                    "forwarded_headers",
                    "cache_key",
                    "cache_ttl",
                }
            ),
        ),
        HookType.CPEX_EVALUATE: HookTypeInfo(
            name="cpex.evaluate",
            source="cpex",
            description="Asks for a judgement of one message.",
            blockable=True,
            fields=_fields(
                FieldInfo(
                    name="message",
                    type="object",
                    writable=True,
                    description="The message with its role and the parts of its content.",
                ),
                FieldInfo(
                    name="hook",
                    type="string",
                    description="Where in the pipeline the message is, such as `llm_input`.",
                ),
            ),
            writable=frozenset({"message"}),
        ),
        HookType.CPEX_CMF_TOOL_PRE_INVOKE: HookTypeInfo(
            name="cpex.cmf.tool_pre_invoke",
            source="cpex",
            description="Runs before a tool is called, with the call as a message.",
            blockable=True,
            fields=_fields(
                FieldInfo(
                    name="message",
                    type="object",
                    writable=True,
                    description="The message with its role and the parts of its content.",
                ),
                FieldInfo(
                    name="hook",
                    type="string",
                    description="Where in the pipeline the message is, such as `llm_input`.",
                ),
            ),
            writable=frozenset({"message"}),
        ),
        HookType.CPEX_CMF_TOOL_POST_INVOKE: HookTypeInfo(
            name="cpex.cmf.tool_post_invoke",
            source="cpex",
            description="Runs after a tool was called, with its result as a message.",
            blockable=True,
            fields=_fields(
                FieldInfo(
                    name="message",
                    type="object",
                    writable=True,
                    description="The message with its role and the parts of its content.",
                ),
                FieldInfo(
                    name="hook",
                    type="string",
                    description="Where in the pipeline the message is, such as `llm_input`.",
                ),
            ),
            writable=frozenset({"message"}),
        ),
        HookType.CPEX_CMF_LLM_INPUT: HookTypeInfo(
            name="cpex.cmf.llm_input",
            source="cpex",
            description="Runs before a message goes to a model.",
            blockable=True,
            fields=_fields(
                FieldInfo(
                    name="message",
                    type="object",
                    writable=True,
                    description="The message with its role and the parts of its content.",
                ),
                FieldInfo(
                    name="hook",
                    type="string",
                    description="Where in the pipeline the message is, such as `llm_input`.",
                ),
            ),
            writable=frozenset({"message"}),
        ),
        HookType.CPEX_CMF_LLM_OUTPUT: HookTypeInfo(
            name="cpex.cmf.llm_output",
            source="cpex",
            description="Runs after a message came from a model.",
            blockable=True,
            fields=_fields(
                FieldInfo(
                    name="message",
                    type="object",
                    writable=True,
                    description="The message with its role and the parts of its content.",
                ),
                FieldInfo(
                    name="hook",
                    type="string",
                    description="Where in the pipeline the message is, such as `llm_input`.",
                ),
            ),
            writable=frozenset({"message"}),
        ),
        HookType.CPEX_CMF_PROMPT_PRE_FETCH: HookTypeInfo(
            name="cpex.cmf.prompt_pre_fetch",
            source="cpex",
            description="Runs before a prompt template is fetched, with the request as a message.",
            blockable=True,
            fields=_fields(
                FieldInfo(
                    name="message",
                    type="object",
                    writable=True,
                    description="The message with its role and the parts of its content.",
                ),
                FieldInfo(
                    name="hook",
                    type="string",
                    description="Where in the pipeline the message is, such as `llm_input`.",
                ),
            ),
            writable=frozenset({"message"}),
        ),
        HookType.CPEX_CMF_PROMPT_POST_FETCH: HookTypeInfo(
            name="cpex.cmf.prompt_post_fetch",
            source="cpex",
            description="Runs after a prompt template was fetched, with the prompt as a message.",
            blockable=True,
            fields=_fields(
                FieldInfo(
                    name="message",
                    type="object",
                    writable=True,
                    description="The message with its role and the parts of its content.",
                ),
                FieldInfo(
                    name="hook",
                    type="string",
                    description="Where in the pipeline the message is, such as `llm_input`.",
                ),
            ),
            writable=frozenset({"message"}),
        ),
        HookType.CPEX_CMF_RESOURCE_PRE_FETCH: HookTypeInfo(
            name="cpex.cmf.resource_pre_fetch",
            source="cpex",
            description="Runs before a resource is fetched, with the request as a message.",
            blockable=True,
            fields=_fields(
                FieldInfo(
                    name="message",
                    type="object",
                    writable=True,
                    description="The message with its role and the parts of its content.",
                ),
                FieldInfo(
                    name="hook",
                    type="string",
                    description="Where in the pipeline the message is, such as `llm_input`.",
                ),
            ),
            writable=frozenset({"message"}),
        ),
        HookType.CPEX_CMF_RESOURCE_POST_FETCH: HookTypeInfo(
            name="cpex.cmf.resource_post_fetch",
            source="cpex",
            description="Runs after a resource was fetched, with the resource as a message.",
            blockable=True,
            fields=_fields(
                FieldInfo(
                    name="message",
                    type="object",
                    writable=True,
                    description="The message with its role and the parts of its content.",
                ),
                FieldInfo(
                    name="hook",
                    type="string",
                    description="Where in the pipeline the message is, such as `llm_input`.",
                ),
            ),
            writable=frozenset({"message"}),
        ),
    }
)
"""What is known of each hook type, by its name."""
