"""WatchHooks over a real socket, and from when on hooks count as active (rule 30)."""

import asyncio
from pathlib import Path

import grpc
import grpc.aio
import pytest

from sidehook import _wire as wire
from sidehook._hook_list import HookList, WatchRequest, WatchResponse
from sidehook._rpc import Rpc, RpcEndedError
from tests.transport.raw_worker import AttachedWorker, a_manifest, a_spec
from tests.unit.rpc.peers import (
    HOOK_SERVICE,
    HOOK_TYPE,
    Running,
    active_worker,
    channel_to,
    next_message,
    read_end,
    running_sidecar,
)

GUARDED = a_manifest(a_spec("guard", hook_type=HOOK_TYPE))


class Watcher:
    """A client that keeps a live list."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.call = Rpc(channel, f"{HOOK_SERVICE}/WatchHooks")

    async def probe(self, number: int, applied: int = 0, *, version: int = 1) -> None:
        request = WatchRequest(probe=number, applied_version=applied, protocol_version=version)
        await self.call.write(wire.encode_watch_request(request))

    async def next(self) -> WatchResponse | None:
        async with asyncio.timeout(10):
            octets = await next_message(self.call)
        return None if octets is None else wire.decode_watch_response(octets)

    async def list(self) -> HookList:
        """The next list that is sent."""
        while (response := await self.next()) is not None:
            if response.hook_list is not None:
                return response.hook_list
        raise AssertionError("the stream ended")


async def test_the_first_answer_has_the_whole_list(channel: grpc.aio.Channel) -> None:
    watcher = Watcher(channel)
    await watcher.probe(5)
    response = await watcher.next()
    assert response is not None
    assert (response.probe, response.lease) == (5, 2.0)
    assert response.hook_list is not None
    assert response.hook_list.complete
    assert response.hook_list.sidecar.startswith("sidecar-")
    assert not response.hook_list.types[HOOK_TYPE].has_hooks


async def test_hooks_of_a_new_worker_appear_unasked(
    sidecar: Running, channel: grpc.aio.Channel
) -> None:
    watcher = Watcher(channel)
    await watcher.probe(1)
    before = await watcher.list()
    async with AttachedWorker(sidecar.workers) as worker:
        await worker.attach(GUARDED)
        after = await watcher.list()
    assert after.version > before.version
    assert after.types[HOOK_TYPE].has_hooks


async def test_a_worker_is_told_that_its_hooks_are_active_only_when_every_client_knows_them(
    socket_folder: Path,
) -> None:
    yaml = """
        listen: {admin: off}
        limits: {list_lease: 1h}
    """
    async with (
        running_sidecar(socket_folder, yaml) as running,
        channel_to(running.calls) as channel,
        AttachedWorker(running.workers) as worker,
    ):
        watcher = Watcher(channel)
        await watcher.probe(1)
        first = await watcher.list()
        await watcher.probe(2, applied=first.version)
        await watcher.next()
        await worker.attach(GUARDED)
        second = await watcher.list()
        told = asyncio.create_task(worker.notice())
        await watcher.probe(3, applied=first.version)
        await watcher.next()
        assert not told.done()
        await watcher.probe(4, applied=second.version)
        assert (await told).code == "HOOKS_ACTIVE"


async def test_a_client_that_is_silent_is_waited_for_no_longer_than_its_lease(
    socket_folder: Path,
) -> None:
    yaml = """
        listen: {admin: off}
        limits: {list_lease: 200ms}
    """
    async with (
        running_sidecar(socket_folder, yaml) as running,
        channel_to(running.calls) as channel,
    ):
        watcher = Watcher(channel)
        await watcher.probe(1)
        await watcher.list()
        async with active_worker(running, GUARDED):
            pass


async def test_a_client_of_another_version_is_refused(channel: grpc.aio.Channel) -> None:
    watcher = Watcher(channel)
    await watcher.probe(1, version=9)
    with pytest.raises(RpcEndedError) as caught:
        await watcher.next()
    code, failure = read_end(caught.value)
    assert code is grpc.StatusCode.FAILED_PRECONDITION
    assert failure.reason == "UNKNOWN_PROTOCOL_VERSION"


async def test_octets_that_are_no_probe_end_the_stream(channel: grpc.aio.Channel) -> None:
    watcher = Watcher(channel)
    await watcher.call.write(b"\xff\xff")
    with pytest.raises(RpcEndedError) as caught:
        await watcher.next()
    assert read_end(caught.value)[1].reason == "MALFORMED_REQUEST"


async def test_the_stream_ends_in_order_with_the_sidecar(
    sidecar: Running, channel: grpc.aio.Channel
) -> None:
    watcher = Watcher(channel)
    await watcher.probe(1)
    await watcher.list()
    await sidecar.sidecar.drain()
    await sidecar.sidecar.close()
    assert await watcher.next() is None
