"""A running sidecar with its sockets, and workers and applications that connect to it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Final

import grpc.aio

from sidehook import _wire as wire
from sidehook._call import CallAnswer
from sidehook._hello import RetireRequest
from sidehook._types import JSON
from sidehook_server.app import Addresses, Sidecar
from sidehook_server.config.model import Config
from sidehook_server.dispatch.dispatcher import DrainReport
from sidehook_server.dispatch.link import WorkerLink
from sidehook_server.ops.clock import MonotonicClock
from sidehook_server.ops.manifest_store import ManifestStore
from tests.conformance.language.answers import Answer
from tests.conformance.language.cases import Case, Runner
from tests.conformance.language.workers import Instance
from tests.conformance.runners import configuring
from tests.conformance.runners.actor import Actor
from tests.conformance.runners.book import Book, Seen
from tests.conformance.runners.caller import Caller, calling
from tests.conformance.runners.connections import (
    AttachedConnection,
    Connection,
    DialledConnection,
)
from tests.conformance.runners.patient_clock import OnTheirWay, PatientClock
from tests.conformance.runners.stage import DrainEnd, Refusal, Retired
from tests.unit.rpc.peers import channel_to, read_error, unary

_WITHIN: Final = 15.0
_LOOK_AGAIN: Final = 0.002
_RETIRE: Final = "/sidehook.v1.RegistryService/Retire"


class _Running:
    """A sidecar that runs, with a caller on a stream of its own."""

    def __init__(self, config: Config, actor_of: Callable[[WorkerLink], Actor | None]) -> None:
        self._config = config
        self._on_their_way = OnTheirWay(actor_of)
        self._stack = AsyncExitStack()
        self.sidecar: Sidecar
        self.addresses: Addresses
        self.caller: Caller

    async def start(self) -> None:
        """Starts it."""
        store = None
        if not self._config.dev:
            store = self._stack.enter_context(ManifestStore(Path(self._config.state_dir)))
        real = MonotonicClock(asyncio.get_running_loop())
        clock = PatientClock(real, self._on_their_way.was_one)
        self.sidecar = Sidecar(self._config, store, clock=clock)
        self._on_their_way.links = self.sidecar._links
        self._stack.push_async_callback(self.sidecar.close)
        self.addresses = await self.sidecar.start()
        channel = await self._stack.enter_async_context(channel_to(self.addresses.calls[0]))
        self.caller = await self._stack.enter_async_context(calling(channel))

    async def stop(self) -> None:
        """Stops it."""
        await self._stack.aclose()


class SidecarStage:
    """A sidecar over one of the two ways to be a worker."""

    is_exact = False

    def __init__(self, config: Config, runner: Runner, folder: Path) -> None:
        self.book = Book()
        self._config = config
        self._runner = runner
        self._folder = folder
        self._running = _Running(config, self._actor_at)
        self._connections: list[Connection] = []
        self._scopes: dict[str, AttachedConnection] = {}
        self._handles: dict[str, str] = {}
        self._numbers = count()
        self._draining: asyncio.Task[DrainReport] | None = None

    async def start(self, instances: list[Instance]) -> None:
        """Starts the sidecar and connects the instances."""
        if self._runner is Runner.DIAL:
            # They listen before the sidecar looks, which then need not look again.
            for instance in instances:
                await self._open(instance)
            await self._running.start()
        else:
            await self._running.start()
            for instance in instances:
                refusal = await self._open(instance)
                assert refusal is None, refusal
        assert await self.until(
            lambda: all(connection.actor.is_active for connection in self._connections)
        ), "a worker is not registered"

    async def stop(self) -> None:
        """Takes everything down."""
        if self._draining is not None:
            await self._draining
        for connection in (*self._connections, *self._scopes.values()):
            await connection.close()
        await self._running.stop()

    # Workers and applications that serve hooks.

    async def connect(self, instance: Instance) -> Refusal | None:
        refusal = await self._open(instance)
        if refusal is None:
            await self.until(lambda: self._actor_of(instance).actor.is_active)
        return refusal

    async def declare(self, instance: Instance) -> Refusal | None:
        connection = self._actor_of(instance)
        connection.actor.declare(instance)
        await self.until(lambda: connection.actor.is_active or connection.refusal is not None)
        return connection.refusal

    async def drop(self, worker: str, instance: str) -> None:
        connection = self._connection(worker, instance)
        self._connections.remove(connection)
        await connection.close()
        await self.until(lambda: instance not in self._instances(worker))

    async def goodbye(self, worker: str, instance: str) -> None:
        self._connection(worker, instance).actor.goodbye()
        await self.until(lambda: self._instances(worker).get(instance, True))

    async def enter(self, scope: str, instance: Instance) -> None:
        target = self._running.addresses.calls[0]
        connection = AttachedConnection(target, instance, self.book, scope=True)
        self._scopes[scope] = connection
        assert await connection.open() is None, connection.refusal
        self._handles[scope] = connection.handle

    async def leave(self, scope: str) -> None:
        live = self._live_scopes()
        await self._scopes.pop(scope).close()
        await self.until(lambda: self._live_scopes() < live)

    def handle(self, scope: str) -> str:
        return self._handles.get(scope, scope)

    async def _open(self, instance: Instance) -> Refusal | None:
        connection: Connection
        if self._runner is Runner.DIAL:
            socket = self._folder / "dialled" / f"{next(self._numbers)}.sock"
            connection = DialledConnection(socket, instance, self.book)
        else:
            target = self._running.addresses.workers[0]
            connection = AttachedConnection(target, instance, self.book)
        refusal = await connection.open()
        if refusal is None:
            self._connections.append(connection)
        return refusal

    def _actor_of(self, instance: Instance) -> Connection:
        return self._connection(instance.worker, instance.name)

    def _actor_at(self, link: WorkerLink) -> Actor | None:
        """Who plays at the other end of a link of the sidecar's."""
        everybody = (*self._scopes.values(), *reversed(self._connections))
        played = (connection.actor for connection in everybody)
        names = (link.worker, link.instance)
        return next((it for it in played if (it.instance.worker, it.instance.name) == names), None)

    def _connection(self, worker: str, instance: str) -> Connection:
        return next(
            connection
            for connection in reversed(self._connections)
            if (connection.actor.instance.worker, connection.actor.instance.name)
            == (worker, instance)
        )

    def _instances(self, worker: str) -> Mapping[str, bool]:
        """The instances that the sidecar has of a worker, and whether each drains."""
        known = self._running.sidecar._registry.current.workers.get(worker)
        links = known.links.values() if known is not None else ()
        return {link.manifest.instance: link.is_draining for link in links}

    def _live_scopes(self) -> int:
        return len(self._running.sidecar._registry.current.scopes.live)

    # Calls.

    async def begin(self, name: str, octets: bytes) -> None:
        await self._running.caller.begin(name, octets)

    def has(self, name: str) -> bool:
        dispatcher = self._running.sidecar._dispatcher
        there = {driver._call.call_id for driver in dispatcher._calls}
        return name in there or self._running.caller.is_answered(name)

    async def finish(self, name: str) -> CallAnswer:
        return await self._running.caller.finish(name)

    async def cancel(self, name: str) -> CallAnswer | None:
        before = self._in_flight()
        await self._running.caller.cancel(name)
        await self.until(lambda: self._in_flight() < before)
        return None

    def reply(self, seen: Seen, answer: Answer) -> None:
        connections = (*self._connections, *self._scopes.values())
        assert any(connection.actor.reply(seen, answer) for connection in connections)

    def _in_flight(self) -> int:
        return self._running.sidecar._dispatcher.in_flight

    # The operator.

    async def retire(self, worker: str, hook: str) -> Retired | Refusal:
        request = wire.encode_retire_request(RetireRequest(worker=worker, hook=hook))
        async with channel_to(self._running.addresses.workers[0]) as channel:
            try:
                return Retired(wire.decode_retire_response(await unary(channel, _RETIRE, request)))
            except grpc.aio.AioRpcError as error:
                _, failure, _ = read_error(error)
                return Refusal(failure.reason, failure.message)

    async def drain(self) -> None:
        sidecar = self._running.sidecar
        self._draining = asyncio.create_task(sidecar.drain())
        await self.until(lambda: sidecar._dispatcher.draining)

    async def drained(self) -> DrainEnd:
        assert self._draining is not None, "a sidecar drains before it is drained"
        report = await self._draining
        return DrainEnd(report.cut_calls, len(report.undelivered))

    async def restart(self) -> None:
        for connection in (*self._connections, *self._scopes.values()):
            await connection.close()
        self._connections.clear()
        self._scopes.clear()
        await self._running.stop()
        self._running = _Running(self._config, self._actor_at)
        await self._running.start()

    def page(self, path: str) -> bytes:
        return self._running.sidecar._admin._pages[path]().body

    # Time.

    async def advance(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def until(self, condition: Callable[[], bool]) -> bool:
        deadline = time.monotonic() + _WITHIN
        while not condition():
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(_LOOK_AGAIN)
        return True


@asynccontextmanager
async def sidecar_stage(case: Case, folder: Path, *, runner: Runner) -> AsyncIterator[SidecarStage]:
    """A stage on which the workers of a case are connected."""
    # It takes as long again as the case, and every part runs under it in a test of its own.
    asyncio.get_running_loop().set_debug(False)
    said: dict[str, JSON] = dict(case.configuration)
    if runner is Runner.DIAL:
        (folder / "dialled").mkdir()
        said["worker_sockets"] = {"directory": "dialled"}
    stage = SidecarStage(configuring.load(said, folder), runner, folder)
    try:
        await stage.start(
            [worker.instance(name) for worker in case.workers.values() for name in worker.instances]
        )
        yield stage
    finally:
        await stage.stop()
