"""One asyncio client used from several event loops and threads, and after a fork."""

import asyncio
import multiprocessing
import threading
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection

import pytest

import sidehook
from sidehook import SidecarError, Violation, ViolationError, aio
from sidehook.testing._fake_sidecar import FakeSidecar
from tests.client.test_invoke import echo
from tests.client.waiting import WAIT, block_until

FORK = multiprocessing.get_context("fork")


def test_a_client_works_on_one_loop_after_another(fake: FakeSidecar) -> None:
    client = aio.Client(fake.target)
    for n in range(3):
        assert asyncio.run(client.invoke("t", n=n)) == {"n": n}
    asyncio.run(client.close())


def test_a_client_works_on_many_loops_at_once(fake: FakeSidecar) -> None:
    fake.answer("t", echo)
    client = aio.Client(fake.target)
    together = threading.Barrier(6)

    async def many(start: int) -> list[int]:
        together.wait(WAIT)
        numbers = range(start, start + 20)
        payloads = await asyncio.gather(*(client.invoke("t", n=n) for n in numbers))
        return [payload.echo for payload in payloads]

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda start: asyncio.run(many(start)), range(0, 600, 100)))
    assert answers == [list(range(start, start + 20)) for start in range(0, 600, 100)]
    asyncio.run(client.close())


async def test_errors_and_scopes_are_the_same_from_another_loop(
    client: aio.Client, fake: FakeSidecar
) -> None:
    fake.answer("t", Violation(reason="no", hook="h", worker="w"))

    async def elsewhere() -> None:
        with client.session("s"), client.scope("a"), pytest.raises(ViolationError):
            await client.invoke("t")

    await client.invoke("home")
    await asyncio.to_thread(asyncio.run, elsewhere())
    assert fake.calls[-1].context.scopes == ("a",)
    assert fake.calls[-1].context.session_id == "s"


async def test_cancelling_on_another_loop_cancels_at_the_sidecar(
    client: aio.Client, fake: FakeSidecar
) -> None:
    fake.hold("t")

    async def elsewhere() -> None:
        task = asyncio.create_task(client.invoke("t"))
        held = await asyncio.to_thread(fake.next_call)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(held.cancelled.wait, WAIT)

    await client.invoke("home")
    await asyncio.to_thread(asyncio.run, elsewhere())
    assert client.stats.calls_cancelled == 1


def test_closing_on_another_loop_closes_every_connection(fake: FakeSidecar) -> None:
    client = aio.Client(fake.target)

    async def first() -> None:
        await client.invoke("t")
        await asyncio.to_thread(asyncio.run, client.invoke("t"))
        assert fake.streams == 2
        await asyncio.to_thread(asyncio.run, client.close())
        with pytest.raises(SidecarError, match="closed"):
            await client.invoke("t")

    asyncio.run(first())
    block_until(lambda: fake.streams == 0)


def test_a_connected_client_refuses_to_be_used_in_a_forked_process(fake: FakeSidecar) -> None:
    with sidehook.Client(fake.target) as client:
        client.invoke("t")
        assert _in_child(client).startswith("FORKED: this client was connected in process")
        assert client.invoke("t", n=1) == {"n": 1}, "the parent goes on"


def test_an_asyncio_client_refuses_too(fake: FakeSidecar) -> None:
    client = aio.Client(fake.target)
    asyncio.run(client.invoke("t"))
    assert _in_child(client).startswith("FORKED: ")
    asyncio.run(client.close())


def _in_child(client: sidehook.Client | aio.Client) -> str:
    """What using the client says in a child process, and that closing it there does no harm."""
    ours, theirs = FORK.Pipe()
    child = FORK.Process(target=_use, args=(client, theirs))
    child.start()
    theirs.close()
    assert ours.poll(WAIT), "the child says nothing"
    said: str = ours.recv()
    child.join(WAIT)
    assert child.exitcode == 0
    return said


def _use(client: sidehook.Client | aio.Client, said: Connection) -> None:
    try:
        if isinstance(client, sidehook.Client):
            client.invoke("t")
        else:
            asyncio.run(client.invoke("t"))
    except SidecarError as error:
        said.send(f"{error.reason}: {error}")
    finally:
        if isinstance(client, sidehook.Client):
            client.close()
        else:
            asyncio.run(client.close())
