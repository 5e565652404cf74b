"""A sidecar of its transports and its dispatcher, with nothing else around them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import grpc.aio

from sidehook._call import CallAnswer, CallRequest
from sidehook._manifest import Limits
from sidehook._types import Value, ValueKind
from sidehook_server.config.model import Config, Listen, WorkerConfig
from sidehook_server.dispatch.dispatcher import CallHandle, Dispatcher
from sidehook_server.dispatch.links import LinkTable
from sidehook_server.registry.effects import Effect, TellWorker
from sidehook_server.registry.holder import RegistryHolder
from sidehook_server.registry.identity import STRANGER, Peer
from sidehook_server.registry.transitions import new_registry
from sidehook_server.transport.attach import AttachHost
from sidehook_server.transport.crew import Runner
from sidehook_server.transport.dial import DialTimes
from sidehook_server.transport.errors import RefusedError
from sidehook_server.transport.registrar import Registrar
from sidehook_server.transport.session import Local
from tests.unit.dispatch.fakes import Recorder

HOOK_TYPE = "component_pre_execute"

QUICK = DialTimes(
    first_wait=0.01, longest_wait=0.05, answer=2.0, poll=0.05, lookup=0.05, hasty_lookup=0.01
)
"""Times for tests, in which nobody wants to wait for a worker to be dialled again."""


async def until(condition: Callable[[], object], *, within: float = 10.0) -> None:
    """Waits until something holds that other tasks bring about."""
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 - there is no event for every condition
            await asyncio.sleep(0.005)


class Sidecar:
    """Everything between a call and its workers, on this loop."""

    def __init__(
        self,
        *workers: WorkerConfig,
        limits: Limits | None = None,
        manifest_seconds: float = 1.0,
    ) -> None:
        config = Config(
            listen=Listen(socket="", workers_socket=""),
            state_dir="",
            workers={worker.name: worker for worker in workers},
        )
        self.holder = RegistryHolder(new_registry(config))
        self.links = LinkTable()
        self.seen = Recorder()
        self.holder.subscribe(self._on_effect)
        self.local = Local(
            sidecar="test-sidecar",
            registrar=Registrar(self.holder, self.links),
            observer=self.seen,
            limits=limits or Limits(),
            manifest_seconds=manifest_seconds,
        )
        self.host = AttachHost(self.local, hello_timeout=1.0)
        self.dispatcher = Dispatcher(
            registry=lambda: self.holder.current,
            links=self.links,
            clock=asyncio.get_running_loop(),
            observer=self.seen,
        )
        self.holder.subscribe(lambda _: self.dispatcher.look_again())

    def start(
        self, *, call_id: str = "call-1", handles: tuple[str, ...] = (), **texts: str
    ) -> tuple[CallHandle, asyncio.Future[CallAnswer]]:
        """Begins a call; its handle, and its answer to come."""
        fields = {name: Value(ValueKind.JSON, text.encode()) for name, text in texts.items()}
        answer: asyncio.Future[CallAnswer] = asyncio.get_running_loop().create_future()
        request = CallRequest(
            hook_type=HOOK_TYPE, fields=fields, call_id=call_id, scope_handles=handles
        )
        return self.dispatcher.start(request, answer.set_result), answer

    async def invoke(
        self, *, call_id: str = "call-1", handles: tuple[str, ...] = (), **texts: str
    ) -> CallAnswer:
        """Makes a call and waits for its answer."""
        _, answer = self.start(call_id=call_id, handles=handles, **texts)
        return await answer

    async def connected(self, count: int = 1) -> None:
        """Waits until so many links are there."""
        await until(lambda: len(self.links) == count)

    def draining(self, worker: str = "w") -> list[bool]:
        """Of every link of a worker, whether it gets no new runs."""
        links = self.holder.current.workers[worker].links.values()
        return [link.is_draining for link in links]

    def _on_effect(self, effect: Effect) -> None:
        if isinstance(effect, TellWorker) and (link := self.links.get(effect.link_id)):
            link.notify(effect.notice)


@asynccontextmanager
async def attach_server(
    sidecar: Sidecar, path: Path, *, scopes_only: bool = False, peer: Peer = STRANGER
) -> AsyncIterator[str]:
    """RegistryService.Attach on a Unix socket; its target."""

    async def attach(_requests: object, context: grpc.aio.ServicerContext[bytes, bytes]) -> None:
        async def read() -> bytes | None:
            message: object = await context.read()
            return message if isinstance(message, bytes) else None

        try:
            await sidecar.host.serve(read, context.write, scopes_only=scopes_only, peer=peer)
        except RefusedError as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))

    server = grpc.aio.server()
    server.add_generic_rpc_handlers(
        (
            grpc.method_handlers_generic_handler(
                "sidehook.v1.RegistryService",
                {"Attach": grpc.stream_stream_rpc_method_handler(attach)},
            ),
        )
    )
    server.add_insecure_port(f"unix:{path}")
    await server.start()
    try:
        yield f"unix:{path}"
    finally:
        await server.stop(None)


@asynccontextmanager
async def running(runner: Runner) -> AsyncIterator[None]:
    """Keeps a dialer or a folder running."""
    task = asyncio.create_task(runner.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
