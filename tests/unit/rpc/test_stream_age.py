"""Connections that have grown old, over real TCP: who is sent elsewhere; no call is lost."""

import asyncio
from pathlib import Path

import grpc

from sidehook import _wire as wire
from sidehook._call import Proceed
from sidehook._frames import VerdictTag
from sidehook_server.rpc.stream_age import growing_old
from tests.transport.raw_worker import a_manifest, a_spec
from tests.unit.rpc.peers import (
    HOOK_SERVICE,
    HOOK_TYPE,
    CallStream,
    a_call,
    active_worker,
    channel_to,
    invoke_frame,
    running_sidecar,
    unary,
)

GUARDED = a_manifest(a_spec("guard", hook_type=HOOK_TYPE))


def ageing(age: str) -> str:
    return f"listen: {{admin: off, tcp: '127.0.0.1:0', max_connection_age: {age}}}"


async def told_to_leave(stream: CallStream) -> None:
    frame = await stream.next()
    assert frame is not None
    assert (frame.id, frame.tag) == (0, VerdictTag.DRAINING)


async def test_an_old_stream_is_told_to_leave_and_still_answered(socket_folder: Path) -> None:
    async with (
        running_sidecar(socket_folder, ageing("50ms")) as running,
        channel_to(running.addresses.calls[1]) as channel,
    ):
        stream = CallStream(channel)
        await stream.greet()
        await told_to_leave(stream)
        await stream.send(invoke_frame(1, a_call()))
        number, answer = await stream.answer()
        assert (number, answer.outcome) == (1, Proceed({}))
        await stream.call.done_writing()
        await stream.end()


async def test_a_call_under_way_when_its_stream_grows_old_is_answered(socket_folder: Path) -> None:
    async with (
        running_sidecar(socket_folder, ageing("300ms")) as running,
        channel_to(running.addresses.calls[1]) as channel,
        active_worker(running, GUARDED) as worker,
    ):
        stream = CallStream(channel)
        await stream.greet()
        await stream.send(invoke_frame(1, a_call()))
        run, _ = await worker.run()
        await told_to_leave(stream)
        await stream.call.done_writing()
        await worker.answer(run)
        assert (await stream.answer())[1].outcome == Proceed({})
        await stream.end()


async def test_on_the_socket_nothing_grows_old(socket_folder: Path) -> None:
    async with (
        running_sidecar(socket_folder, ageing("50ms")) as running,
        channel_to(running.calls) as local,
        channel_to(running.addresses.calls[1]) as remote,
    ):
        beside = CallStream(local)
        await beside.greet()
        stream = CallStream(remote)
        await stream.greet()
        await told_to_leave(stream)
        await beside.send(invoke_frame(1, a_call()))
        assert (await beside.answer())[0] == 1


async def test_a_connection_of_single_calls_is_closed_when_it_is_old_and_made_anew(
    socket_folder: Path,
) -> None:
    call = wire.encode_invoke(a_call())
    async with (
        running_sidecar(socket_folder, ageing("50ms")) as running,
        channel_to(running.addresses.calls[1]) as channel,
        asyncio.timeout(10),
    ):
        for _ in range(3):
            answer = wire.decode_answer(await unary(channel, f"{HOOK_SERVICE}/Invoke", call))
            assert answer.outcome == Proceed({})
            await channel.wait_for_state_change(grpc.ChannelConnectivity.READY)


async def test_with_the_age_off_no_stream_is_told_to_leave() -> None:
    stream = Scripted()
    with growing_old(stream, None):
        await asyncio.sleep(0)
    assert stream.told == []


class Scripted:
    """A stream that keeps what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.over = asyncio.Event()

    def announce_draining(self) -> None:
        self.told.append("leave")

    def finish(self) -> None:
        self.told.append("finish")
        self.over.set()


async def test_a_client_that_does_not_leave_is_sent_away() -> None:
    stream = Scripted()
    with growing_old(stream, 0.01, leaving=0.01):
        async with asyncio.timeout(10):
            await stream.over.wait()
    assert stream.told == ["leave", "finish"]


async def test_a_stream_that_ended_is_told_nothing() -> None:
    stream, later = Scripted(), Scripted()
    with growing_old(stream, 0.01, leaving=0.01):
        pass
    with growing_old(later, 0.01, leaving=0.01):
        async with asyncio.timeout(10):
            await later.over.wait()
    assert stream.told == []
