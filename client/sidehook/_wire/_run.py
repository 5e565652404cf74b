"""Runs and what hooks answered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final, assert_never

from sidehook._call import CallEnd, Violation
from sidehook._continuations import Received, Sent
from sidehook._errors import EncodeError, MalformedError
from sidehook._run import (
    OWN_FAILURES,
    HookAnswer,
    HookFailure,
    HookResult,
    HookRun,
    NothingToSay,
    Patch,
    RunRequest,
    SharedSteps,
)
from sidehook._types import FailureClass
from sidehook._wire import _octets
from sidehook._wire._context import (
    context_octets,
    read_call_end,
    read_context,
    read_state,
    write_call_end,
    write_state,
)
from sidehook._wire._durations import read_duration, read_positive, write_duration
from sidehook._wire._enums import FAILURE_CLASSES, MODES, ON_REJECTED
from sidehook._wire._lists import completes, continues
from sidehook._wire._manifest import read_policy, write_policy
from sidehook._wire._payload import MAX_FIELDS, MAX_NAME_BYTES, read_payload, write_payload
from sidehook._wire._receipt import read_violation, write_violation
from sidehook._wire._scan import known_steps, remember_steps, scan_patch, scan_run
from sidehook._wire._schema import HookResult as ResultMessage
from sidehook._wire._schema import RunRequest as RunMessage
from sidehook._wire._schema import RunResponse, lone_surrogate, parse
from sidehook.v1 import worker_service_pb2

MAX_ANNOTATIONS: Final = 16
"""The annotations of one result."""

MAX_ANNOTATION_BYTES: Final = 256
"""The size of one annotation, name and text together."""

# What a hook with nothing to say answers, by its octets: most answers are this one.
_plain_results: dict[bytes, HookResult] = {}
_plain_octets: dict[int, bytes] = {}
_MOST_PLAIN: Final = 64


class MalformedResultError(MalformedError):
    """A result that breaks the contract; `index` says of which hook, None when unknown."""

    def __init__(self, error: MalformedError, index: int | None) -> None:
        super().__init__(error.what, error.problem)
        self.index = index


def encode_run(request: RunRequest, sent: Sent | None = None) -> bytes:
    """Serialize a run. A time left below 0 is written as 0.

    Its long lists travel without what was `sent` before, when that is given.
    """
    payload = _octets.payload(request.fields, continues(request.context, sent))
    context = context_octets(request.context)
    return b"".join(
        (
            _octets.text(b"\x0a", request.call_id),
            _octets.text(b"\x12", request.hook_type),
            _steps_octets(request.steps),
            _octets.head(b"\x22", len(payload)),
            payload,
            _octets.head(b"\x2a", len(context)),
            context,
            _octets.nested(b"\x32", _octets.duration(request.time_left)),
            b"" if request.call_end is None else _end_octets(request.call_end),
            _octets.text(b"\x42", request.idempotency_key),
            _optional(b"\x48", request.payload_room),
            _optional(b"\x50", request.state_room),
        )
    )


@lru_cache(maxsize=256)
def _end_octets(end: CallEnd) -> bytes:
    message = RunMessage()
    write_call_end(message.call_end, end)
    return message.SerializeToString()


def _optional(key: bytes, number: int | None) -> bytes:
    """A field of a number that is not the same as none when it is 0."""
    return b"" if number is None else key + _octets.varint(number)


def _steps_octets(steps: tuple[tuple[HookRun, ...], ...]) -> bytes:
    """The steps of a run, serialized as the part of it that they are."""
    if not isinstance(steps, SharedSteps):
        return _encode_steps(steps)
    if steps.octets is None:
        steps.octets = _encode_steps(steps)
    return steps.octets


def _encode_steps(steps: tuple[tuple[HookRun, ...], ...]) -> bytes:
    message = RunMessage()
    for step in steps:
        hooks = message.steps.add().hooks
        for hook in step:
            _write_hook_run(hooks.add(), hook)
    return message.SerializeToString()


def decode_run(octets: bytes, received: Received | None = None) -> RunRequest:
    """Parse a run. Raises MalformedError.

    Raises UnknownItemsError for lists that go on from what was not `received` before.
    """
    try:
        found = scan_run(octets)
    except (LookupError, UnicodeDecodeError):
        found = None
    return read_run(octets, received) if found is None else found


def read_run(octets: bytes, received: Received | None = None) -> RunRequest:
    """As `decode_run`, whatever the form of the octets."""
    message = parse(RunMessage, octets, "RunRequest")
    if not message.HasField("time_left"):
        raise MalformedError("RunRequest.time_left", "must be set")
    has_end = message.HasField("call_end")
    context = read_context(message.context, "RunRequest.context")
    lists = completes(context, received)
    return RunRequest(
        call_id=message.call_id,
        hook_type=message.hook_type,
        steps=_read_steps(message.steps),
        fields=read_payload(message.payload, "RunRequest.payload", lists),
        context=context,
        time_left=read_duration(message.time_left, "RunRequest.time_left"),
        call_end=read_call_end(message.call_end, "RunRequest.call_end") if has_end else None,
        idempotency_key=message.idempotency_key,
        payload_room=message.payload_room if message.HasField("payload_room") else None,
        state_room=message.state_room if message.HasField("state_room") else None,
    )


def encode_result(result: HookResult) -> bytes:
    """Serialize what a hook answered.

    Raises EncodeError: a bad field name, annotations over their limits, a lone surrogate.
    """
    answer = result.answer
    if _is_plain(result):
        return _plain(result)
    if isinstance(answer, Patch) and _says_no_more(result):
        patch = _octets.nested(b"\x1a", _octets.payload(answer.fields))
        return _octets.number(b"\x08", result.index) + patch
    message = ResultMessage()
    _write_result(message, result)
    return message.SerializeToString()


def _is_plain(result: HookResult) -> bool:
    """Whether a hook has nothing to say at all."""
    return (
        isinstance(result.answer, NothingToSay)
        and _says_no_more(result)
        and result.index < _MOST_PLAIN
    )


def _says_no_more(result: HookResult) -> bool:
    """Whether a result is its answer, and nothing besides."""
    return not (result.annotations or result.state or result.rejected_fields)


def _plain(result: HookResult) -> bytes:
    octets = _plain_octets.get(result.index)
    if octets is None:
        message = ResultMessage()
        _write_result(message, result)
        octets = _plain_octets[result.index] = message.SerializeToString()
    return octets


def decode_result(octets: bytes, *, hooks: int = 1) -> HookResult:
    """Parse what a hook answered, in a run of so many `hooks`.

    Raises MalformedResultError: none or two answers, an index outside the run, a broken
    patch.
    """
    plain = _plain_results.get(octets)
    if plain is not None and plain.index < hooks:
        return plain
    try:
        found = scan_patch(octets)
    except (LookupError, UnicodeDecodeError):
        found = None
    if found is not None and found[0] < hooks:
        return HookResult(answer=Patch(found[1]), index=found[0])
    return read_result(octets, hooks=hooks)


def read_result(octets: bytes, *, hooks: int = 1) -> HookResult:
    """As `decode_result`, whatever the form of the octets."""
    try:
        message = parse(ResultMessage, octets, "HookResult")
    except MalformedError as error:
        raise MalformedResultError(error, None) from error
    try:
        result = _read_result(message, hooks)
    except MalformedError as error:
        index = message.index if message.index < hooks else None
        raise MalformedResultError(error, index) from error
    if len(_plain_results) < _MOST_PLAIN and _is_plain(result):
        _plain_results[octets] = result
    return result


def encode_run_response(result: HookResult) -> bytes:
    """Serialize the answer to a unary run. Raises EncodeError as `encode_result` does."""
    message = RunResponse()
    _write_result(message.result, result)
    message.result.SetInParent()
    return message.SerializeToString()


def decode_run_response(octets: bytes) -> HookResult:
    """Parse the answer to a unary run, which is of one hook. Raises MalformedError."""
    return _read_result(parse(RunResponse, octets, "RunResponse").result, 1)


def _write_hook_run(target: worker_service_pb2.HookRun, hook: HookRun) -> None:
    target.hook = hook.hook
    target.mode = MODES.number(hook.mode)
    target.may_block = hook.may_block
    target.may_modify = hook.may_modify
    target.writable_fields.extend(sorted(hook.writable_fields))
    write_duration(target.timeout, hook.timeout)
    write_policy(target.on_error, hook.on_error)
    target.on_rejected = ON_REJECTED.number(hook.on_rejected)


def _read_steps(
    sources: Iterable[worker_service_pb2.RunStep],
) -> tuple[tuple[HookRun, ...], ...]:
    sources = tuple(sources)
    octets = b"".join([_octets.nested(b"\x1a", step.SerializeToString()) for step in sources])
    known = known_steps(octets)
    if known is not None:
        return known
    steps = tuple([tuple([_read_hook_run(hook) for hook in step.hooks]) for step in sources])
    if not steps or not all(steps):
        raise MalformedError("RunRequest.steps", "a run needs a step, and each step a hook")
    remember_steps(octets, steps)
    return steps


def _read_hook_run(source: worker_service_pb2.HookRun) -> HookRun:
    what = "RunRequest.steps.hooks"
    return HookRun(
        hook=source.hook,
        mode=MODES.member(source.mode, f"{what}.mode"),
        may_block=source.may_block,
        may_modify=source.may_modify,
        writable_fields=frozenset(source.writable_fields),
        timeout=read_positive(source.timeout, f"{what}.timeout"),
        on_error=read_policy(source.on_error, f"{what}.on_error"),
        on_rejected=ON_REJECTED.member(source.on_rejected, f"{what}.on_rejected"),
    )


def _write_result(target: worker_service_pb2.HookResult, result: HookResult) -> None:
    problem = _bad_annotations(result.annotations)
    if problem:
        raise EncodeError("annotations", problem)
    try:
        _write_checked(target, result)
    except UnicodeEncodeError as error:
        raise EncodeError("answer", lone_surrogate(error)) from None


def _write_checked(target: worker_service_pb2.HookResult, result: HookResult) -> None:
    target.index = result.index
    answer = result.answer
    match answer:
        case NothingToSay():
            target.proceed.SetInParent()
        case Patch():
            write_payload(target.patch, answer.fields)
        case Violation():
            write_violation(target.block, answer)
        case HookFailure():
            _write_hook_failure(target.error, answer)
        case _:
            assert_never(answer)
    write_state(target.state, result.state)
    if result.annotations:
        target.annotations.update(result.annotations)
    target.rejected_fields.extend(result.rejected_fields)


def _read_result(source: worker_service_pb2.HookResult, hooks: int) -> HookResult:
    if source.index >= hooks:
        raise MalformedError("HookResult.index", f"{source.index} in a run of {hooks} hooks")
    # Only what is small enough is looked into: a worker may send millions of each.
    if len(source.rejected_fields) > MAX_FIELDS:
        raise MalformedError("HookResult.rejected_fields", f"over {MAX_FIELDS} names")
    if any(len(name) > MAX_NAME_BYTES for name in source.rejected_fields):
        raise MalformedError("HookResult.rejected_fields", f"a name of over {MAX_NAME_BYTES} bytes")
    if len(source.annotations) > MAX_ANNOTATIONS:
        raise MalformedError("HookResult.annotations", f"over {MAX_ANNOTATIONS} entries")
    annotations = dict(source.annotations)
    problem = _bad_annotations(annotations)
    if problem:
        raise MalformedError("HookResult.annotations", problem)
    return HookResult(
        answer=_read_answer(source),
        index=source.index,
        state=read_state(source.state, "HookResult.state"),
        annotations=annotations,
        rejected_fields=tuple(source.rejected_fields),
    )


def _read_answer(source: worker_service_pb2.HookResult) -> HookAnswer:
    answers: list[HookAnswer] = []
    if source.HasField("proceed"):
        answers.append(NothingToSay())
    if source.HasField("patch"):
        answers.append(Patch(read_payload(source.patch, "HookResult.patch")))
    if source.HasField("block"):
        answers.append(read_violation(source.block))
    if source.HasField("error"):
        answers.append(_read_hook_failure(source.error))
    if len(answers) != 1:
        raise MalformedError("HookResult.answer", f"{len(answers)} are set in place of one")
    return answers[0]


def _bad_annotations(annotations: Mapping[str, str]) -> str | None:
    if len(annotations) > MAX_ANNOTATIONS:
        return f"over {MAX_ANNOTATIONS} entries"
    for name, text in annotations.items():
        if len(name) + len(text) > MAX_ANNOTATION_BYTES // 4 and (
            len(name.encode()) + len(text.encode()) > MAX_ANNOTATION_BYTES
        ):
            return f"an entry of over {MAX_ANNOTATION_BYTES} bytes"
    return None


def _write_hook_failure(target: worker_service_pb2.HookError, failure: HookFailure) -> None:
    target.failure_class = FAILURE_CLASSES.number(failure.failure_class)
    target.code = failure.code
    target.message = failure.message
    target.SetInParent()


def _read_hook_failure(source: worker_service_pb2.HookError) -> HookFailure:
    given = FAILURE_CLASSES.find(source.failure_class)
    return HookFailure(
        failure_class=given if given in OWN_FAILURES else FailureClass.RAISED,
        code=source.code,
        message=source.message,
    )
