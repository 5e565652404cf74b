"""Applications that share sidecars over TCP: how their calls spread, as sidecars come and go."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

import sidehook
from sidehook import Payload, aio, hook
from tests.e2e.balancer import Balancer
from tests.e2e.conftest import StartSidecar, StartWorker
from tests.e2e.processes import Sidecar
from tests.e2e.waiting import until

TYPE = "component_pre_execute"
CLIENTS = 12
AGE = 1.0

GUARD = f"""
    from sidehook import hook

    @hook("{TYPE}")
    async def guard(payload, ctx): ...
"""


class Fleet:
    """Sidecars that dial one worker, by their name; all but the first ones come later."""

    def __init__(self, start: StartSidecar, worker: str) -> None:
        self._start = start
        self._worker = worker
        self._seen: dict[str, float] = {}
        self.sidecars: dict[str, Sidecar] = {}

    async def add(self, name: str, *, address: str = "127.0.0.1:0", age: str = "off") -> Sidecar:
        """Start a sidecar, ready to be asked."""
        listens = f"listen: {{tcp: '{address}', max_connection_age: {age}}}\n"
        dials = f"workers: [{{name: worker, target: '{self._worker}'}}]"
        sidecar = self.sidecars[name] = await self._start(listens + dials, name=name)
        await sidecar.until_metric("sidehook_workers_connected", 1, worker="worker")
        return sidecar

    async def shares(self) -> dict[str, float]:
        """Which part of the calls since the last look each sidecar got."""
        told = {name: await calls_of(each) for name, each in self.sidecars.items()}
        new = {name: count - self._seen.get(name, 0.0) for name, count in told.items()}
        self._seen = told
        return {name: count / max(1.0, sum(new.values())) for name, count in new.items()}


async def calls_of(sidecar: Sidecar) -> float:
    return await sidecar.metric("sidehook_calls_total")


class Load:
    """Clients that call all the time. An error of any call is the test's."""

    def __init__(self) -> None:
        self.made = 0
        self.clients: list[aio.Client] = []

    async def run(self, client: aio.Client) -> None:
        """Call until cancelled."""
        while True:
            payload = await client.invoke(TYPE, component_type="Instruction", model_options={})
            assert payload.receipt is not None
            assert [line.hook for line in payload.receipt.lines] == ["guard"]
            self.made += 1

    async def rounds(self, count: int = 40) -> None:
        """Wait until each client has made about so many calls more."""
        goal = self.made + count * len(self.clients)

        async def reached() -> bool:
            return self.made >= goal

        await until(reached)

    @property
    def connections(self) -> int:
        """How many connections were made by all of them together."""
        return sum(client.stats.connections for client in self.clients)


@asynccontextmanager
async def calling(target: str) -> AsyncIterator[Load]:
    """Clients that call while the block runs; the first call that fails ends it."""
    load = Load()
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
        for _ in range(CLIENTS):
            load.clients.append(await stack.enter_async_context(aio.Client(target, required=True)))
        running = [tasks.create_task(load.run(client)) for client in load.clients]
        await load.rounds(5)
        yield load
        for task in running:
            task.cancel()


@pytest.fixture
async def fleet(start_sidecar: StartSidecar, start_worker: StartWorker) -> Fleet:
    worker = await start_worker(None, GUARD, listen="127.0.0.1:0")
    return Fleet(start_sidecar, worker.target)


def free_address() -> str:
    """An address that nobody listens on now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{found.getsockname()[1]}"


async def test_every_client_shares_its_calls_out_and_no_call_fails_as_sidecars_come_and_go(
    fleet: Fleet,
) -> None:
    addresses = [free_address() for _ in range(3)]
    for name, address in zip("ab", addresses, strict=False):
        await fleet.add(name, address=address)
    async with calling(f"ipv4:{','.join(addresses)}") as load:
        await load.rounds()
        await fleet.shares()
        await load.rounds()
        assert (await fleet.shares()) == pytest.approx({"a": 0.5, "b": 0.5}, abs=0.1)

        await fleet.add("c", address=addresses[2])

        async def all_have_it() -> bool:
            return load.connections >= 3 * CLIENTS

        await until(all_have_it)
        await fleet.shares()
        await load.rounds()
        third = pytest.approx(1 / 3, abs=0.1)
        assert (await fleet.shares()) == {"a": third, "b": third, "c": third}

        gone = fleet.sidecars.pop("a")
        assert await gone.process.stop() == 0
        await fleet.shares()
        await load.rounds()
        assert (await fleet.shares()) == pytest.approx({"b": 0.5, "c": 0.5}, abs=0.1)
        assert sum(client.stats.connections_lost for client in load.clients) == 0


async def test_behind_one_address_a_sidecar_that_is_added_gets_its_share_when_connections_are_old(
    fleet: Fleet,
) -> None:
    first = [(await fleet.add(name, age=f"{AGE}s")).calls[1] for name in "ab"]
    async with Balancer(*first) as balancer, calling(balancer.target) as load:
        third = await fleet.add("c", age=f"{AGE}s")
        before = load.connections
        balancer.add(third.calls[1])
        assert await calls_of(third) == 0

        async def all_moved() -> bool:
            return load.connections >= before + CLIENTS

        await until(all_moved)
        await fleet.shares()
        await load.rounds()
        shares = await fleet.shares()
        assert all(share > 0.15 for share in shares.values()), shares
        assert sum(client.stats.connections_lost for client in load.clients) == 0


async def test_a_scope_of_the_application_s_own_is_known_where_its_calls_go(fleet: Fleet) -> None:
    addresses = [(await fleet.add(name)).calls[1] for name in "ab"]
    ran: list[str] = []

    @hook(TYPE)
    async def outer(payload: Payload, ctx: sidehook.Context) -> None:
        ran.append("outer")

    @hook(TYPE)
    async def inner(payload: Payload, ctx: sidehook.Context) -> None:
        ran.append("inner")

    async with aio.Client(f"ipv4:{','.join(addresses)}") as hooks:
        async with hooks.plugin_scope(outer), hooks.plugin_scope(inner):
            for _ in range(6):
                await hooks.invoke(TYPE, component_type="Instruction", model_options={})
                # From a thread, whose calls have connections of their own.
                await asyncio.to_thread(_call_from_another_loop, hooks)
        assert ran.count("outer") == ran.count("inner") == 12
        ran.clear()
        for _ in range(6):
            await hooks.invoke(TYPE, component_type="Instruction", model_options={})
        assert ran == []
    shares = await fleet.shares()
    assert sorted(shares.values()) == pytest.approx([3 / 18, 15 / 18])


def _call_from_another_loop(hooks: aio.Client) -> None:
    asyncio.run(_invoke(hooks))


async def _invoke(hooks: aio.Client) -> None:
    await hooks.invoke(TYPE, component_type="Instruction", model_options={})
