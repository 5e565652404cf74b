"""A connection ends when its client is done with it, whether or not garbage is collected."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import grpc
import pytest

from sidehook import CallFailure, Client, SidecarError, aio
from sidehook.testing._fake_sidecar import FakeSidecar
from tests.client.test_spread import Name, calls, ready, spread_over
from tests.client.waiting import until
from tests.passage import Passage

pytestmark = pytest.mark.skipif(
    tuple(map(int, grpc.__version__.split(".")[:2])) < (1, 85),
    reason="grpcio 1.76 keeps a closed channel in a cycle of its own, 1.85 does not",
)


class Door:
    """A Unix socket before the sidecar's, which counts the connections that are open."""

    def __init__(self, path: Path, onward: str) -> None:
        self.target = f"unix://{path}"
        self.accepted = 0
        self.open = 0
        self._path = path
        self._onward = onward.removeprefix("unix://")
        self._passage = Passage()

    async def __aenter__(self) -> Door:
        self._server = await asyncio.start_unix_server(self._accept, self._path)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._passage.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        self.open += 1
        far = await asyncio.open_unix_connection(self._onward)
        self._passage.join((reader, writer), far, left=self._left)

    def _left(self) -> None:
        self.open -= 1


@pytest.fixture
async def door(fake: FakeSidecar, socket_folder: Path) -> AsyncIterator[Door]:
    async with Door(socket_folder / "door.sock", fake.target) as door:
        yield door


@pytest.fixture(autouse=True)
def no_garbage_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


async def one_call(client: aio.Client, fake: FakeSidecar) -> None:
    assert await client.invoke("t", n=1) == {"n": 1}


async def a_call_that_fails(client: aio.Client, fake: FakeSidecar) -> None:
    fake.answer("t", CallFailure(reason="HOOK_FAILED", message="as the test wants it"))
    with pytest.raises(SidecarError):
        await client.invoke("t")


async def a_call_that_is_cancelled(client: aio.Client, fake: FakeSidecar) -> None:
    fake.hold("t")
    call = asyncio.create_task(client.invoke("t"))
    await asyncio.to_thread(fake.next_call)
    call.cancel()
    await asyncio.wait({call})


async def a_call_under_way(client: aio.Client, fake: FakeSidecar) -> None:
    fake.hold("t")
    call = asyncio.create_task(client.invoke("t"))
    await asyncio.to_thread(fake.next_call)
    await client.close()
    with pytest.raises(SidecarError):
        await call


async def no_call(client: aio.Client, fake: FakeSidecar) -> None:
    await client.connect()


WAYS = (one_call, a_call_that_fails, a_call_that_is_cancelled, a_call_under_way, no_call)


@pytest.mark.parametrize("use", WAYS, ids=lambda use: use.__name__)
async def test_a_client_that_is_closed_has_no_connection(
    fake: FakeSidecar, door: Door, use: Callable[[aio.Client, FakeSidecar], Awaitable[None]]
) -> None:
    client = aio.Client(door.target)
    await use(client, fake)
    assert door.open == 1
    await client.close()
    await until(lambda: door.open == 0)


async def test_a_blocking_client_that_is_closed_has_no_connection(door: Door) -> None:
    client = Client(door.target)
    assert await asyncio.to_thread(client.invoke, "t", n=1) == {"n": 1}
    assert door.open == 1
    await asyncio.to_thread(client.close)
    await until(lambda: door.open == 0)


async def test_a_client_of_another_loop_that_is_closed_has_no_connection(door: Door) -> None:
    client = aio.Client(door.target)
    await client.connect()
    await asyncio.to_thread(asyncio.run, client.connect())
    assert door.open == 2
    await client.close()
    await until(lambda: door.open == 0)


async def test_a_connection_that_the_sidecar_drains_ends_with_its_last_call(
    fake: FakeSidecar, door: Door
) -> None:
    fake.hold("t")
    async with aio.Client(door.target) as client:
        call = asyncio.create_task(client.invoke("t"))
        held = await asyncio.to_thread(fake.next_call)
        fake.drain()
        await until(lambda: client.stats.connections == 2)
        assert door.open == 2
        held.answer({"n": 1})
        await call
        await until(lambda: door.open == 1)


async def test_a_connection_that_was_lost_leaves_nothing_behind(
    fake: FakeSidecar, door: Door
) -> None:
    async with aio.Client(door.target) as client:
        await client.connect()
        fake.drop()
        await until(lambda: client.stats.connections == 2)
        await until(lambda: door.open == 1)


async def test_a_client_that_cannot_enter_leaves_no_connection(
    fake: FakeSidecar, door: Door
) -> None:
    fake.refuse_calls(CallFailure(reason="CALLER_FORBIDDEN", message="as the test wants it"))
    client = aio.Client(door.target)
    with pytest.raises(SidecarError):
        await client.connect()
    await client.close()
    assert door.accepted
    await until(lambda: door.open == 0)


@pytest.mark.parametrize("how", ["closed", "address gone"])
async def test_a_connection_of_several_ends_with_the_client_or_when_its_address_is_gone(
    fake: FakeSidecar, door: Door, how: str
) -> None:
    with FakeSidecar() as other:
        name = Name(fake, other)
        name.targets = frozenset({door.target, other.target})
        async with spread_over(name) as spread:
            await ready(spread, 2)
            await calls(spread, 4)
            assert door.open == 1
            if how == "closed":
                await spread.close()
            else:
                name.targets = frozenset({other.target})
                spread._look_again.set()
            await until(lambda: door.open == 0)
