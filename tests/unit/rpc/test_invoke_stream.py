"""InvokeStream, frame by frame, over a real socket."""

import asyncio
from dataclasses import replace
from pathlib import Path

import grpc
import grpc.aio
import pytest

from sidehook import _wire as wire
from sidehook._call import CallAnswer, CallFailure, CallRequest, Proceed, Receipt, Violation
from sidehook._frames import (
    Frame,
    InvokeTag,
    RunTag,
    VerdictTag,
    decode_frame,
    encode_frame,
    pack,
    split,
    unpack,
)
from sidehook._hello import CONTINUATIONS, SPLIT_FRAMES, ClientHello, SidecarHello
from sidehook._manifest import Limits
from sidehook._rpc import RpcEndedError
from sidehook._run import HookResult, NothingToSay, Patch
from sidehook._types import Value, ValueKind
from sidehook_server.dispatch.dispatcher import CallHandle
from sidehook_server.dispatch.driver import OnAnswer
from sidehook_server.rpc.invoke_stream import InvokeStream, StreamServices
from tests.transport.raw_worker import a_manifest, a_spec
from tests.unit.rpc.peers import (
    HOOK_TYPE,
    CallStream,
    Running,
    a_call,
    active_worker,
    channel_to,
    invoke_frame,
    read_end,
    running_sidecar,
)

PROCEED = HookResult(answer=NothingToSay())
GUARDED = a_manifest(a_spec("guard", hook_type=HOOK_TYPE))


async def ended_with(stream: CallStream) -> tuple[grpc.StatusCode, str, str]:
    """How the stream ends: code, reason and message."""
    with pytest.raises(RpcEndedError) as caught:
        await stream.end()
    code, failure = read_end(caught.value)
    return code, failure.reason, failure.message


async def test_the_sidecar_says_hello_and_answers(channel: grpc.aio.Channel) -> None:
    stream = CallStream(channel)
    hello = await stream.greet()
    assert hello.protocol_version == 1
    assert hello.sidecar.startswith("sidecar-")
    assert hello.capabilities == {CONTINUATIONS, SPLIT_FRAMES}
    assert hello.limits.max_message_bytes == 17 * 1024 * 1024

    await stream.send(invoke_frame(1, a_call(call_id="mine")))

    number, answer = await stream.answer()
    assert number == 1
    assert answer.outcome == Proceed({})
    assert answer.receipt.call_id == "mine"


async def test_calls_may_come_with_the_hello(channel: grpc.aio.Channel) -> None:
    stream = CallStream(channel)
    hello = Frame(0, InvokeTag.HELLO, wire.encode_client_hello(ClientHello()))
    await stream.send(hello, invoke_frame(1, a_call()), invoke_frame(2, a_call()))
    first = await stream.next()
    assert first is not None
    assert first.tag == VerdictTag.HELLO
    assert [(await stream.answer())[0] for _ in range(2)] == [1, 2]


async def test_a_client_that_speaks_another_version_is_refused(channel: grpc.aio.Channel) -> None:
    stream = CallStream(channel)
    hello = wire.encode_client_hello(ClientHello(protocol_version=2))
    await stream.send(Frame(0, InvokeTag.HELLO, hello))
    code, reason, message = await ended_with(stream)
    assert (code, reason) == (grpc.StatusCode.FAILED_PRECONDITION, "UNKNOWN_PROTOCOL_VERSION")
    assert "version 2" in message
    assert "upgrade the older" in message


@pytest.mark.parametrize(
    "batch",
    [
        b"",
        b"\xff\xff",
        b"\x0a\x01\xff",
        encode_frame(Frame(1, InvokeTag.INVOKE, b"")),
    ],
    ids=["empty", "no batch", "no frame", "a call"],
)
async def test_a_stream_that_does_not_begin_with_a_hello_is_refused(
    channel: grpc.aio.Channel, batch: bytes
) -> None:
    stream = CallStream(channel)
    await stream.call.write(batch)
    code, reason, _ = await ended_with(stream)
    assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED_REQUEST")


@pytest.mark.parametrize("limits", [Limits(max_batch_bytes=10), Limits(max_message_bytes=100)])
async def test_limits_that_hold_no_answer_are_refused(
    channel: grpc.aio.Channel, limits: Limits
) -> None:
    stream = CallStream(channel)
    hello = wire.encode_client_hello(ClientHello(limits=limits))
    await stream.send(Frame(0, InvokeTag.HELLO, hello))
    assert (await ended_with(stream))[1] == "MALFORMED_REQUEST"


async def test_a_bad_frame_does_not_take_its_neighbours_with_it(channel: grpc.aio.Channel) -> None:
    stream = CallStream(channel)
    await stream.greet()
    await stream.send_raw(
        encode_frame(invoke_frame(1, a_call())),
        b"\xff\xff\xff",
        encode_frame(Frame(2, InvokeTag.INVOKE, b"\xff\xff")),
        b"\x08\x03",
        encode_frame(Frame(4, 99, b"from the future")),
        encode_frame(invoke_frame(5, a_call())),
    )
    answers = dict([await stream.answer() for _ in range(4)])
    assert sorted(answers) == [1, 2, 3, 5]
    assert answers[1].outcome == answers[5].outcome == Proceed({})
    for number in (2, 3):
        outcome = answers[number].outcome
        assert not isinstance(outcome, (Proceed, Violation))
        assert outcome.reason == "MALFORMED_REQUEST"
        assert not outcome.started


async def test_a_batch_that_cannot_be_parsed_ends_the_stream(channel: grpc.aio.Channel) -> None:
    stream = CallStream(channel)
    await stream.greet()
    await stream.call.write(b"\xff\xff")
    assert (await ended_with(stream))[1] == "MALFORMED_REQUEST"


async def test_a_call_in_another_version_is_refused_alone(channel: grpc.aio.Channel) -> None:
    stream = CallStream(channel)
    await stream.greet()
    other_version = wire.encode_invoke(a_call()) + b"\x40\x02"
    await stream.send(Frame(1, InvokeTag.INVOKE, other_version), invoke_frame(2, a_call()))
    assert (await stream.failure())[1].reason == "UNKNOWN_PROTOCOL_VERSION"
    assert (await stream.answer())[0] == 2


@pytest.mark.parametrize("hook_type", ["", "nobody_declared_this"])
async def test_a_hook_type_that_is_not_declared_is_refused_by_name(
    channel: grpc.aio.Channel, hook_type: str
) -> None:
    stream = CallStream(channel)
    await stream.greet()
    await stream.send(invoke_frame(1, a_call(hook_type)))
    _, failure = await stream.failure()
    assert failure.reason == "UNKNOWN_HOOK_TYPE"
    assert hook_type in failure.message


async def test_an_id_that_is_under_way_is_answered_once(
    sidecar: Running, channel: grpc.aio.Channel
) -> None:
    async with active_worker(sidecar, GUARDED) as worker:
        stream = CallStream(channel)
        await stream.greet()
        await stream.send(invoke_frame(1, a_call()))
        run, _ = await worker.run()
        await stream.send(invoke_frame(1, a_call()), invoke_frame(2, a_call()))
        # Once the second call is at its worker, the repeat that came before it was read.
        second, _ = await worker.run()
        await worker.answer(run)
        await worker.answer(second)
        assert [(await stream.answer())[0] for _ in range(2)] == [1, 2]
        await stream.call.done_writing()
        assert await stream.next() is None


async def test_a_cancelled_call_is_cancelled_at_its_worker_and_not_answered(
    sidecar: Running, channel: grpc.aio.Channel
) -> None:
    async with active_worker(sidecar, GUARDED) as worker:
        stream = CallStream(channel)
        await stream.greet()
        await stream.send(invoke_frame(1, a_call()))
        run, _ = await worker.run()
        await stream.send(Frame(1, InvokeTag.CANCEL, b""), invoke_frame(2, a_call()))
        assert (await worker.expect(RunTag.CANCEL)).id == run
        await worker.answer((await worker.run())[0])
        number, _ = await stream.answer()
        assert number == 2


async def test_a_stream_that_breaks_cancels_its_calls(
    sidecar: Running, channel: grpc.aio.Channel
) -> None:
    async with active_worker(sidecar, GUARDED) as worker:
        stream = CallStream(channel)
        await stream.greet()
        await stream.send(invoke_frame(1, a_call()))
        run, _ = await worker.run()
        stream.call.cancel()
        assert (await worker.expect(RunTag.CANCEL)).id == run


async def test_a_client_that_half_closes_still_gets_its_answers(
    sidecar: Running, channel: grpc.aio.Channel
) -> None:
    async with active_worker(sidecar, GUARDED) as worker:
        stream = CallStream(channel)
        await stream.greet()
        await stream.send(invoke_frame(1, a_call()))
        run, _ = await worker.run()
        await stream.call.done_writing()
        await worker.answer(run)
        assert (await stream.answer())[0] == 1
        assert await stream.next() is None


async def test_one_call_more_than_the_stream_has_credit_for_is_overloaded(
    sidecar: Running, channel: grpc.aio.Channel
) -> None:
    async with active_worker(sidecar, GUARDED):
        stream = CallStream(channel)
        credit = (await stream.greet()).limits.max_in_flight
        calls = [invoke_frame(number, a_call()) for number in range(1, credit + 2)]
        for start in range(0, len(calls), 64):
            await stream.send(*calls[start : start + 64])
        number, failure = await stream.failure()
        assert number == credit + 1
        assert failure.reason == "OVERLOADED"
        assert failure.metadata == {"limit": str(credit)}
        assert not failure.started


async def test_large_messages_travel_in_parts_both_ways(
    sidecar: Running, channel: grpc.aio.Channel
) -> None:
    text = '"' + "x" * 1_000_000 + '"'
    value = Value(ValueKind.JSON, text.encode())
    async with active_worker(sidecar, GUARDED) as worker:
        stream = CallStream(channel)
        await stream.greet()
        call = a_call(fields={"model_tool_call": text})
        for frame in split(1, wire.encode_invoke(call), 60_000):
            await stream.send_raw(frame)
        run, request = await worker.run()
        assert request.fields["model_tool_call"] == value
        changed = Value(ValueKind.JSON, text.replace("x", "y").encode())
        await worker.answer(run, HookResult(answer=Patch({"model_tool_call": changed})))
        _, answer = await stream.answer()
        assert isinstance(answer.outcome, Proceed)
        assert answer.outcome.patch == {"model_tool_call": changed}


async def test_parts_with_a_gap_fail_their_call_and_no_other(channel: grpc.aio.Channel) -> None:
    stream = CallStream(channel)
    await stream.greet()
    parts = split(1, wire.encode_invoke(a_call(fields={"a": f'"{"x" * 500}"'})), 100)
    await stream.send_raw(parts[0], parts[2], *parts[3:], encode_frame(invoke_frame(2, a_call())))
    number, failure = await stream.failure()
    assert (number, failure.reason) == (1, "MALFORMED_REQUEST")
    assert (await stream.answer())[0] == 2


async def test_an_answer_that_is_too_long_for_the_client_is_a_failure_that_says_so(
    sidecar: Running, channel: grpc.aio.Channel
) -> None:
    async with active_worker(sidecar, GUARDED) as worker:
        stream = CallStream(channel)
        await stream.greet(ClientHello(limits=Limits(max_message_bytes=20_000)))
        await stream.send(invoke_frame(1, a_call()))
        run, _ = await worker.run()
        long = Value(ValueKind.JSON, b'"' + b"x" * 30_000 + b'"')
        await worker.answer(run, HookResult(answer=Patch({"model_tool_call": long})))
        _, failure = await stream.failure()
        assert failure.reason == "ANSWER_TOO_LARGE"
        assert failure.started
        assert failure.metadata["limit_bytes"] == "20000"


async def test_a_payload_over_the_limit_is_refused_before_any_hook_runs(
    socket_folder: Path,
) -> None:
    yaml = """
        listen: {admin: off}
        limits: {max_payload_bytes: 1KiB}
    """
    async with (
        running_sidecar(socket_folder, yaml) as running,
        active_worker(running, GUARDED) as worker,
        channel_to(running.calls) as channel,
    ):
        stream = CallStream(channel)
        await stream.greet()
        await stream.send(
            invoke_frame(1, a_call(fields={"a": f'"{"x" * 2000}"'})),
            invoke_frame(2, a_call(call_id="small")),
        )
        _, failure = await stream.failure()
        assert failure.reason == "PAYLOAD_TOO_LARGE"
        assert failure.metadata == {"payload_bytes": "2003", "limit_bytes": "1024"}
        _, request = await worker.run()
        assert request.call_id == "small"


async def test_draining_is_announced_and_calls_under_way_are_finished(
    sidecar: Running, channel: grpc.aio.Channel
) -> None:
    async with active_worker(sidecar, GUARDED) as worker:
        stream = CallStream(channel)
        await stream.greet()
        await stream.send(invoke_frame(1, a_call()))
        run, _ = await worker.run()

        draining = asyncio.create_task(sidecar.sidecar.drain())
        frame = await stream.next()
        assert frame is not None
        assert (frame.id, frame.tag) == (0, VerdictTag.DRAINING)
        await stream.send(invoke_frame(2, a_call()))
        assert (await stream.failure())[1].reason == "DRAINING"

        await worker.answer(run)
        assert (await stream.answer())[0] == 1
        report = await draining
        assert report.cut_calls == 0
        await sidecar.sidecar.close()
        assert await stream.next() is None


async def test_a_call_that_crossed_the_word_of_a_stopping_sidecar_is_refused_and_not_lost(
    sidecar: Running, channel: grpc.aio.Channel
) -> None:
    stream = CallStream(channel)
    await stream.greet()

    async def stop() -> None:
        await sidecar.sidecar.drain()
        await sidecar.sidecar.close()

    stopping = asyncio.create_task(stop())
    frame = await stream.next()
    assert frame is not None
    assert (frame.id, frame.tag) == (0, VerdictTag.DRAINING)
    await stream.send(invoke_frame(1, a_call()))
    number, failure = await stream.failure()
    assert (number, failure.reason) == (1, "DRAINING")
    await stream.call.done_writing()
    await stream.end()
    await stopping


class _Never:
    """Takes calls and answers none."""

    draining = False

    def start(self, request: CallRequest, on_answer: OnAnswer) -> CallHandle:
        return self

    def cancel(self) -> None:
        pass


async def test_calls_under_way_are_bounded_in_bytes_too() -> None:
    batches: asyncio.Queue[bytes | None] = asyncio.Queue()
    written: asyncio.Queue[bytes] = asyncio.Queue()
    hello = Frame(0, InvokeTag.HELLO, wire.encode_client_hello(ClientHello()))
    large = a_call(fields={"a": f'"{"x" * 6000}"'})
    frames = [hello, *(invoke_frame(number, large) for number in (1, 2))]
    batches.put_nowait(pack([encode_frame(frame) for frame in frames]))
    services = replace(_services(), calls=_Never(), max_call_bytes=10_000)
    serving = asyncio.create_task(InvokeStream(services).serve(batches.get, written.put))
    assert unpack(await written.get()), "the hello"
    (answer,) = [decode_frame(octets) for octets in unpack(await written.get())]
    assert answer.id == 2
    outcome = wire.decode_answer(answer.body).outcome
    assert isinstance(outcome, CallFailure)
    assert (outcome.reason, outcome.metadata) == ("OVERLOADED", {"limit_bytes": "10000"})
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)


class _Echo:
    """Answers every call at once."""

    draining = False

    def start(self, request: CallRequest, on_answer: OnAnswer) -> CallHandle:
        on_answer(CallAnswer(Proceed(request.fields), Receipt(call_id=request.call_id)))
        return self

    def cancel(self) -> None:
        pass


def _services(*, hello_seconds: float = 10.0) -> StreamServices:
    return StreamServices(
        calls=_Echo(),
        hello=SidecarHello(),
        dropped=lambda _cause: None,
        hello_seconds=hello_seconds,
        max_pending_bytes=10_000,
    )


async def test_a_client_that_does_not_read_is_cut_off() -> None:
    batches: asyncio.Queue[bytes | None] = asyncio.Queue()
    hello = Frame(0, InvokeTag.HELLO, wire.encode_client_hello(ClientHello()))
    batches.put_nowait(pack([encode_frame(hello)]))
    for number in range(1, 20):
        call = a_call(fields={"a": f'"{"x" * 1000}"'})
        batches.put_nowait(pack([encode_frame(invoke_frame(number, call))]))

    async def write(_batch: bytes) -> None:
        await asyncio.Event().wait()

    failure = await InvokeStream(_services()).serve(batches.get, write)
    assert failure is not None
    assert failure.reason == "OVERLOADED"
    assert "does not read" in failure.message


async def test_a_client_that_leaves_before_its_hello_is_no_trouble(
    channel: grpc.aio.Channel,
) -> None:
    stream = CallStream(channel)
    await stream.call.done_writing()
    assert await stream.next() is None


async def test_a_client_that_says_nothing_is_cut_off() -> None:
    async def read() -> bytes | None:
        await asyncio.Event().wait()
        return None

    async def write(_batch: bytes) -> None:
        raise AssertionError("nothing is said before the client's hello")

    failure = await InvokeStream(_services(hello_seconds=0.01)).serve(read, write)
    assert failure is not None
    assert "no hello" in failure.message


async def test_a_stream_that_cannot_be_written_to_ends() -> None:
    hello = Frame(0, InvokeTag.HELLO, wire.encode_client_hello(ClientHello()))
    batches = iter([pack([encode_frame(hello)])])

    async def read() -> bytes | None:
        if (batch := next(batches, None)) is not None:
            return batch
        await asyncio.Event().wait()
        return None

    async def write(_batch: bytes) -> None:
        raise ConnectionResetError("gone")

    with pytest.RaisesGroup(ConnectionResetError):
        await InvokeStream(_services()).serve(read, write)
