import asyncio
import json
import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import grpc.aio
import pytest

from sidehook.v1 import hook_pb2, payload_pb2, worker_service_pb2
from tests.polyglot.workers import (
    DEADLINE_SECONDS,
    TOOL_IS_MISSING,
    Language,
    RunningWorker,
    json_value,
    run_request,
    running,
    start,
    step,
)

# The first test builds the worker, which takes a minute where it never was built before.
pytestmark = [pytest.mark.polyglot, pytest.mark.timeout(600)]

NEVER_MS = 600_000

VALUES_THAT_MUST_SURVIVE = [
    "1152921504606846977",
    "18446744073709551615",
    "-9223372036854775808",
    "256",
    "1.0",
    "-0.0",
    "1e-7",
    "1E400",
    "0.1000000000000000055511151231257827",
    "true",
    "null",
    '""',
    '"<b> & \\u2028 \\"\\\\ \u00fc \U0001f600"',
    "[]",
    "{}",
    '[1.0, 1, [1152921504606846977, {"a": 2.50}]]',
    '{"a": {"b": {"c": 1152921504606846977, "d": 3.0, "e": null}}, "256": 256, "": 1}',
    '{"__proto__": {"x": 1.0}, "constructor": 2, "toJSON": "f", "isLosslessNumber": true}',
]


@pytest.fixture(params=["unix", "tcp"])
def address(request: pytest.FixtureRequest, socket_folder: Path) -> str:
    return "127.0.0.1:0" if request.param == "tcp" else _socket_address(socket_folder)


@pytest.fixture
async def worker(executable: Path, address: str) -> AsyncIterator[RunningWorker]:
    async with running(executable, address) as started:
        yield started


def _socket_address(folder: Path) -> str:
    return f"unix://{folder}/worker.sock"


def _exact(text: bytes) -> dict[str, object]:
    """Decode a JSON object with each number as its kind and its text, so that 1.0 is not 1."""
    decoded = json.loads(
        text, parse_int=lambda text: ("integer", text), parse_float=lambda text: ("float", text)
    )
    assert isinstance(decoded, dict)
    return decoded


def _names_set(spec: hook_pb2.HookSpec) -> set[str]:
    return {field.name for field, _ in spec.ListFields()}


async def _refusal(
    worker: RunningWorker, request: worker_service_pb2.RunRequest
) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await worker.stub.Run(request, timeout=DEADLINE_SECONDS)
    return raised.value


async def _start_run(
    worker: RunningWorker, hook: str
) -> "grpc.aio.UnaryUnaryCall[worker_service_pb2.RunRequest, worker_service_pb2.RunResponse]":
    """Start a run, and return it when the worker has it."""
    call = worker.stub.Run(run_request(hook, call_id="call-7"), timeout=DEADLINE_SECONDS)
    # It travels behind the run on the same connection.
    await worker.stub.Describe(worker_service_pb2.DescribeRequest(), timeout=DEADLINE_SECONDS)
    return call


async def _end(process: asyncio.subprocess.Process) -> int:
    return await asyncio.wait_for(process.wait(), DEADLINE_SECONDS)


async def test_describe_names_the_worker_and_the_terms_of_its_hooks(
    worker: RunningWorker, language: Language
) -> None:
    request = worker_service_pb2.DescribeRequest(protocol_version=1, sidecar="test")
    manifest = (await worker.stub.Describe(request, timeout=DEADLINE_SECONDS)).manifest
    assert manifest.protocol_version == 1
    assert manifest.worker == language.worker
    assert str(worker.process.pid) in manifest.instance
    assert [(spec.name, spec.hook_type, spec.mode) for spec in manifest.hooks] == [
        (language.hook("tag"), "component_pre_execute", hook_pb2.MODE_TRANSFORM),
        (language.hook("guard"), "component_pre_execute", hook_pb2.MODE_CONCURRENT),
        (language.hook("fail"), "tool_post_invoke", hook_pb2.MODE_AUDIT),
    ]


async def test_describe_leaves_unset_what_has_its_default(
    worker: RunningWorker, language: Language
) -> None:
    request = worker_service_pb2.DescribeRequest(protocol_version=1)
    manifest = (await worker.stub.Describe(request, timeout=DEADLINE_SECONDS)).manifest
    tag, guard, fail = manifest.hooks
    assert tag.priority == language.priority
    assert list(tag.fields.names) == ["model_options"]
    assert list(guard.fields.names) == ["component_type"]
    always = {"name", "hook_type", "mode", "description"}
    assert _names_set(tag) == always | {"priority", "fields", "idempotent"}
    assert _names_set(guard) == always | {"fields", "idempotent"}
    assert _names_set(fail) == always
    assert not manifest.HasField("limits")
    assert list(manifest.capabilities) == []


async def test_a_patch_holds_the_changed_field_and_every_other_member_as_it_was(
    worker: RunningWorker, language: Language
) -> None:
    members = ", ".join(
        f'"member {index}": {text}' for index, text in enumerate(VALUES_THAT_MUST_SURVIVE)
    )
    text = f"{{{members}}}"
    result = await worker.run(
        language.hook("tag"),
        {"model_options": json_value(text), "component_type": json_value('"Instruction"')},
    )
    assert result.WhichOneof("answer") == "patch"
    assert list(result.patch.fields) == ["model_options"]
    before = _exact(text.encode())
    after = _exact(result.patch.fields["model_options"].json)
    assert after.pop(f"{language.code}_seen") is True
    assert after == before


@pytest.mark.parametrize("options", ["{}", "null", '{"go_seen": false, "ts_seen": 1}'])
async def test_options_that_are_empty_or_were_tagged_before_are_tagged(
    worker: RunningWorker, language: Language, options: str
) -> None:
    result = await worker.run(language.hook("tag"), {"model_options": json_value(options)})
    patched = json.loads(result.patch.fields["model_options"].json)
    assert patched == {**(json.loads(options) or {}), f"{language.code}_seen": True}


async def test_a_payload_without_options_gets_them(
    worker: RunningWorker, language: Language
) -> None:
    result = await worker.run(language.hook("tag"), {})
    assert json.loads(result.patch.fields["model_options"].json) == {f"{language.code}_seen": True}


@pytest.mark.parametrize(
    "value",
    [
        json_value('["SECRET"]'),
        json_value("1152921504606846977"),
        json_value('{"SECRET": }'),
        payload_pb2.Value(json=b'{"SECRET": "\xff"}'),
        payload_pb2.Value(raw=b'{"SECRET": 1}'),
    ],
    ids=["array", "number", "not JSON", "not UTF-8", "raw"],
)
async def test_options_that_are_no_json_object_are_a_failure_that_quotes_nothing(
    worker: RunningWorker, language: Language, value: payload_pb2.Value
) -> None:
    result = await worker.run(language.hook("tag"), {"model_options": value})
    assert result.WhichOneof("answer") == "error"
    assert result.error.failure_class == hook_pb2.FAILURE_CLASS_RAISED
    assert result.error.code == "UNEXPECTED_FIELD"
    assert "model_options" in result.error.message
    assert b"SECRET" not in result.SerializeToString()


@pytest.mark.parametrize("dash", ["-", "\\u002d"])
async def test_a_forbidden_word_is_blocked_however_it_is_spelled(
    worker: RunningWorker, language: Language, dash: str
) -> None:
    text = f'"Forbidden{dash}{language.code}"'
    result = await worker.run(language.hook("guard"), {"component_type": json_value(text)})
    assert result.WhichOneof("answer") == "block"
    assert result.block.code == "FORBIDDEN_WORD"
    assert result.block.reason
    assert json.loads(result.block.details) == {"word": f"Forbidden-{language.code}"}


@pytest.mark.parametrize("text", ['"Instruction"', '"Forbidden-cobol"', '""', "null"])
async def test_any_other_word_proceeds(
    worker: RunningWorker, language: Language, text: str
) -> None:
    result = await worker.run(language.hook("guard"), {"component_type": json_value(text)})
    assert result.WhichOneof("answer") == "proceed"


async def test_a_failure_is_an_error_and_no_block(
    worker: RunningWorker, language: Language
) -> None:
    result = await worker.run(language.hook("fail"), {})
    assert result.WhichOneof("answer") == "error"
    assert result.error.failure_class == hook_pb2.FAILURE_CLASS_RAISED
    assert result.error.code == "ALWAYS_FAILS"
    assert language.hook("fail") in result.error.message


async def test_an_unknown_hook_is_refused_by_name(
    worker: RunningWorker, language: Language
) -> None:
    refusal = await _refusal(worker, run_request("absent"))
    assert refusal.code() is grpc.StatusCode.NOT_FOUND
    assert '"absent"' in (refusal.details() or "")
    assert language.hook("guard") in (refusal.details() or "")


async def test_a_run_of_anything_but_one_hook_is_refused(
    worker: RunningWorker, language: Language
) -> None:
    tag, guard = language.hook("tag"), language.hook("guard")
    for steps in ([], [step()], [step(tag, guard)], [step(tag), step(guard)]):
        refusal = await _refusal(worker, worker_service_pb2.RunRequest(steps=steps))
        assert refusal.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert "one step with one hook" in (refusal.details() or "")


async def test_the_stream_is_unimplemented(worker: RunningWorker) -> None:
    stream = worker.stub.RunStream(timeout=DEADLINE_SECONDS)
    assert await stream.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_payload_as_large_as_a_worker_without_limits_must_take_is_taken(
    worker: RunningWorker, language: Language
) -> None:
    text = "x" * (16 * 1024 * 1024 - 64)
    options = json_value(json.dumps({"text": text}))
    result = await worker.run(language.hook("tag"), {"model_options": options})
    assert json.loads(result.patch.fields["model_options"].json)["text"] == text


async def test_a_cancelled_run_stops(executable: Path, address: str, language: Language) -> None:
    async with running(executable, address, delay_ms=NEVER_MS) as worker:
        call = await _start_run(worker, language.hook("tag"))
        assert call.cancel()
        assert "call_id=call-7" in await worker.logged("cancelled")


async def test_a_run_stops_at_its_deadline(
    executable: Path, address: str, language: Language
) -> None:
    async with running(executable, address, delay_ms=NEVER_MS) as worker:
        await worker.stub.Describe(worker_service_pb2.DescribeRequest(), timeout=DEADLINE_SECONDS)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await worker.stub.Run(run_request(language.hook("tag"), call_id="call-8"), timeout=1.0)
        # Both ends end the call at its deadline, and what the worker's end sends may come first.
        assert raised.value.code() in (
            grpc.StatusCode.DEADLINE_EXCEEDED,
            grpc.StatusCode.CANCELLED,
        )
        assert "call_id=call-8" in await worker.logged("cancelled")


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
async def test_a_worker_that_is_told_to_stop_exits_with_0(
    worker: RunningWorker, signal_number: signal.Signals
) -> None:
    await worker.stub.Describe(worker_service_pb2.DescribeRequest(), timeout=DEADLINE_SECONDS)
    worker.process.send_signal(signal_number)
    assert await _end(worker.process) == 0


async def test_a_worker_that_is_told_to_stop_finishes_the_run_under_way(
    executable: Path, address: str, language: Language
) -> None:
    async with running(executable, address, delay_ms=500) as worker:
        call = await _start_run(worker, language.hook("guard"))
        worker.process.terminate()
        response = await call
        assert response.result.WhichOneof("answer") == "proceed"
        assert await _end(worker.process) == 0


async def test_a_stopped_worker_takes_its_socket_away(
    executable: Path, socket_folder: Path
) -> None:
    async with running(executable, _socket_address(socket_folder)) as worker:
        assert (socket_folder / "worker.sock").is_socket()
        worker.process.terminate()
        assert await _end(worker.process) == 0
    assert os.listdir(socket_folder) == []


async def test_a_worker_takes_over_the_socket_that_a_killed_one_left_behind(
    executable: Path, socket_folder: Path, language: Language
) -> None:
    address = _socket_address(socket_folder)
    async with running(executable, address) as killed:
        killed.process.kill()
        await _end(killed.process)
    assert (socket_folder / "worker.sock").is_socket()
    async with running(executable, address) as worker:
        result = await worker.run(language.hook("guard"), {})
        assert result.WhichOneof("answer") == "proceed"


async def test_a_worker_leaves_a_socket_alone_that_another_one_serves(
    executable: Path, socket_folder: Path, language: Language
) -> None:
    address = _socket_address(socket_folder)
    async with running(executable, address) as worker:
        second = await start(executable, address)
        _, complaint = await asyncio.wait_for(second.communicate(), DEADLINE_SECONDS)
        assert second.returncode == 1
        assert "another process serves" in complaint.decode()
        result = await worker.run(language.hook("guard"), {})
        assert result.WhichOneof("answer") == "proceed"


async def test_a_worker_does_not_mistake_a_file_for_a_stale_socket(
    executable: Path, socket_folder: Path
) -> None:
    (socket_folder / "worker.sock").write_text("precious")
    process = await start(executable, _socket_address(socket_folder))
    await asyncio.wait_for(process.communicate(), DEADLINE_SECONDS)
    assert process.returncode == 1
    assert (socket_folder / "worker.sock").read_text() == "precious"


@pytest.mark.parametrize("arguments", [[], ["--listen"], ["--nonsense"]], ids=" ".join)
def test_a_faulty_command_line_is_answered_with_the_usage(
    executable: Path, arguments: list[str]
) -> None:
    ended = subprocess.run(
        [executable, *arguments],
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )
    assert ended.returncode == 2
    assert "listen" in ended.stderr


def test_a_build_without_the_language_names_what_is_missing(
    language: Language, tmp_path: Path
) -> None:
    for tool in ("basename", "bash", "cat", "dirname", "find", "head", "sed", "sort"):
        found = shutil.which(tool)
        assert found is not None
        (tmp_path / tool).symlink_to(found)
    ended = subprocess.run(
        [tmp_path / "bash", language.folder / "build.sh"],
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": str(tmp_path)},
        timeout=DEADLINE_SECONDS,
        check=False,
    )
    assert ended.returncode == TOOL_IS_MISSING
    assert "is missing: install" in ended.stderr
