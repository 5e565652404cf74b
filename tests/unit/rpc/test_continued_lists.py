"""Calls whose long lists go on from what their stream carried before."""

from __future__ import annotations

import asyncio

import grpc
import grpc.aio

from sidehook import _wire as wire
from sidehook import aio
from sidehook._call import CallContext, CallFailure, CallRequest, Proceed
from sidehook._continuations import Sent
from sidehook._frames import Frame, InvokeTag, VerdictTag, decode_frame, encode_frame, pack, unpack
from sidehook._hello import ClientHello, SidecarHello
from sidehook._list_values import ListValue
from sidehook._payload import Payload
from sidehook.v1 import hook_service_pb2
from sidehook_server.dispatch.dispatcher import CallHandle
from sidehook_server.dispatch.driver import OnAnswer
from sidehook_server.rpc.invoke_stream import InvokeStream, StreamServices
from tests.transport.raw_worker import a_manifest, a_spec
from tests.unit.rpc.peers import (
    HOOK_TYPE,
    CallStream,
    Running,
    active_worker,
)

GUARDED = a_manifest(a_spec("guard", hook_type=HOOK_TYPE))


def chat(turns: int, text: str = "x" * 500) -> ListValue:
    payload = Payload.from_values({"chat": [f"{turn} {text}" for turn in range(turns)]})
    value = payload.wire_fields["chat"]
    assert isinstance(value, ListValue)
    return value


def a_turn(value: ListValue) -> CallRequest:
    return CallRequest(
        hook_type=HOOK_TYPE,
        fields={"chat": value},
        call_id="c",
        budget=10.0,
        context=CallContext(session_id="s"),
    )


def invoke(number: int, call: CallRequest, sent: Sent | None) -> Frame:
    return Frame(number, InvokeTag.INVOKE, wire.encode_invoke(call, sent=sent))


async def test_the_worker_sees_the_whole_list_of_which_only_the_end_came(
    sidecar: Running, channel: grpc.aio.Channel
) -> None:
    async with active_worker(sidecar, GUARDED) as worker:
        stream, sent = CallStream(channel), Sent()
        await stream.greet()
        sizes = []
        for number, turns in enumerate((40, 41, 42), start=1):
            frame = invoke(number, a_turn(chat(turns)), sent)
            sizes.append(len(frame.body))
            await stream.send(frame)
            run, request = await worker.run()
            assert request.fields == {"chat": chat(turns)}
            await worker.answer(run)
            assert (await stream.answer())[0] == number
        assert sizes[0] > 20_000
        assert max(sizes[1:]) < 1_000


async def test_what_is_not_known_is_asked_for_and_nothing_has_begun(
    channel: grpc.aio.Channel,
) -> None:
    stream, sent = CallStream(channel), Sent()
    await stream.greet()
    wire.encode_invoke(a_turn(chat(40)), sent=sent)

    await stream.send(invoke(1, a_turn(chat(41)), sent))
    need = await stream.next()
    assert need is not None
    assert (need.id, need.tag) == (1, VerdictTag.NEED)
    assert wire.decode_need(need.body) == ("chat",)

    await stream.send(invoke(1, a_turn(chat(41)), None))
    number, answer = await stream.answer()
    assert (number, answer.outcome) == (1, Proceed({}))


async def test_a_list_of_a_call_without_a_session_goes_on_from_nothing(
    channel: grpc.aio.Channel,
) -> None:
    octets = wire.encode_invoke(a_turn(chat(40)), sent=Sent())
    call = hook_service_pb2.InvokeRequest.FromString(octets)
    assert call.payload.fields["chat"].HasField("continuation")
    call.context.ClearField("session_id")
    stream = CallStream(channel)
    await stream.greet()
    await stream.send(Frame(1, InvokeTag.INVOKE, call.SerializeToString()))
    number, failure = await stream.failure()
    assert (number, failure.reason) == (1, "MALFORMED_REQUEST")
    assert "continues a list that is not kept" in failure.message


class _Never:
    """Takes calls and answers none."""

    draining = False

    def start(self, request: CallRequest, on_answer: OnAnswer) -> CallHandle:
        return self

    def cancel(self) -> None:
        pass


async def test_the_calls_of_a_stream_hold_what_their_lists_really_are() -> None:
    """A few octets may stand for megabytes; it is the megabytes that are bounded."""
    batches: asyncio.Queue[bytes | None] = asyncio.Queue()
    written: asyncio.Queue[bytes] = asyncio.Queue()
    services = StreamServices(
        calls=_Never(), hello=SidecarHello(), dropped=lambda _: None, max_call_bytes=45_000
    )
    sent = Sent()
    hello = Frame(0, InvokeTag.HELLO, wire.encode_client_hello(ClientHello()))
    calls = [invoke(number, a_turn(chat(40)), sent) for number in (1, 2, 3)]
    assert len(calls[2].body) < 100
    batches.put_nowait(pack([encode_frame(frame) for frame in (hello, *calls)]))
    serving = asyncio.create_task(InvokeStream(services).serve(batches.get, written.put))
    assert unpack(await written.get()), "the hello"
    (answer,) = [decode_frame(octets) for octets in unpack(await written.get())]
    assert answer.id == 3
    outcome = wire.decode_answer(answer.body).outcome
    assert isinstance(outcome, CallFailure)
    assert outcome.reason == "OVERLOADED"
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)


async def test_a_client_sends_what_it_is_asked_for(sidecar: Running) -> None:
    """The second call overtakes the parts of the first, which it goes on from."""
    turns = [f"{turn} " + "x" * 50_000 for turn in range(40)]
    async with active_worker(sidecar, GUARDED) as worker, aio.Client(sidecar.calls) as client:
        await client.connect()
        with client.session("s"):
            calls = [
                asyncio.create_task(client.invoke(HOOK_TYPE, chat=turns[:length]))
                for length in (39, 40)
            ]
        seen = []
        for _ in calls:
            run, request = await worker.run()
            seen.append(request.fields["chat"].octets)
            await worker.answer(run)
        payloads = await asyncio.gather(*calls)
    assert [payload["chat"] for payload in payloads] == [turns[:39], turns[:40]]
    assert sorted(seen, key=len) == [payload.wire_fields["chat"].octets for payload in payloads]
    assert client.stats.frames_malformed == 0
