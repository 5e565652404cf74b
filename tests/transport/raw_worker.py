"""Workers that speak frames, and nothing but what a test tells them to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import Self, TypeAlias

import grpc
import grpc.aio

from sidehook import _wire
from sidehook._frames import (
    EventTag,
    Frame,
    Joiner,
    RunTag,
    decode_frame,
    encode_frame,
    pack,
    unpack,
)
from sidehook._hello import SPLIT_FRAMES, SidecarHello, WorkerHello
from sidehook._manifest import HookSpec, Limits, WorkerManifest
from sidehook._rpc import Rpc, RpcEndedError
from sidehook._run import HookResult, NothingToSay, Notice, RunRequest
from sidehook._types import Mode
from tests.transport.sidecar import HOOK_TYPE

PROCEED = HookResult(answer=NothingToSay())

Context: TypeAlias = "grpc.aio.ServicerContext[bytes, bytes]"


def a_manifest(
    *hooks: HookSpec,
    worker: str = "w",
    instance: str = "i1",
    limits: Limits | None = None,
    version: int = 1,
) -> WorkerManifest:
    return WorkerManifest(
        worker=worker,
        instance=instance,
        hooks=hooks or (a_spec("h"),),
        capabilities=frozenset({SPLIT_FRAMES}),
        limits=limits or Limits(),
        protocol_version=version,
    )


def a_spec(
    name: str,
    *,
    mode: Mode = Mode.SEQUENTIAL,
    hook_type: str = HOOK_TYPE,
    timeout: float = 20.0,
    idempotent: bool = False,
) -> HookSpec:
    return HookSpec(
        name=name, hook_type=hook_type, mode=mode, timeout=timeout, idempotent=idempotent
    )


class Frames:
    """The worker's end of a stream, frame by frame."""

    def __init__(
        self,
        read: Callable[[], Awaitable[object]],
        write: Callable[[bytes], Awaitable[object]],
    ) -> None:
        self._read = read
        self._write = write
        self._waiting: list[Frame] = []
        self._joiner = Joiner(64 * 1024 * 1024, 1024)

    async def send(self, *frames: Frame) -> None:
        """Sends frames in one batch."""
        await self._write(pack([encode_frame(frame) for frame in frames]))

    async def send_raw(self, batch: bytes) -> None:
        """Sends octets as they are."""
        await self._write(batch)

    async def next(self) -> Frame | None:
        """The next frame, None at the end of the stream."""
        while not self._waiting:
            batch = await self._read()
            if not isinstance(batch, bytes):
                return None
            for octets in unpack(batch):
                frame = self._joiner.feed(decode_frame(octets))
                if frame is not None:
                    self._waiting.append(frame)
        return self._waiting.pop(0)

    async def expect(self, tag: RunTag) -> Frame:
        """The next frame, which must be of this kind."""
        async with asyncio.timeout(10):
            frame = await self.next()
        assert frame is not None, "the stream ended"
        assert frame.tag == tag, f"frame {frame.tag} in place of {tag!r}"
        return frame

    async def hello(self) -> SidecarHello:
        return _wire.decode_sidecar_hello((await self.expect(RunTag.HELLO)).body)

    async def run(self) -> tuple[int, RunRequest]:
        """The id and the request of the next run."""
        frame = await self.expect(RunTag.RUN)
        return frame.id, _wire.decode_run(frame.body)

    async def notice(self) -> Notice:
        return _wire.decode_notice((await self.expect(RunTag.NOTICE)).body)

    async def answer(self, identity: int, result: HookResult = PROCEED) -> None:
        await self.send(
            Frame(identity, EventTag.STARTED, _wire.encode_started()),
            Frame(identity, EventTag.RESULT, _wire.encode_result(result)),
            Frame(identity, EventTag.END, b""),
        )


class AttachedWorker(Frames):
    """A worker that attaches to `target`. Leaving the context ends its stream at once."""

    def __init__(self, target: str) -> None:
        self._channel = grpc.aio.insecure_channel(
            target,
            options=[
                ("grpc.use_local_subchannel_pool", 1),
                ("grpc.max_receive_message_length", -1),
            ],
        )
        self.call = Rpc(self._channel, "/sidehook.v1.RegistryService/Attach")
        super().__init__(self._receive, self._transmit)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.call.cancel()
        await self._channel.close()

    async def _receive(self) -> object:
        try:
            return await self.call.read()
        except RpcEndedError as error:
            if error.code == "OK":
                return grpc.aio.EOF
            raise

    async def _transmit(self, batch: bytes) -> None:
        # A sidecar that refuses may be quicker than the hello; reading says what it said.
        with suppress(RpcEndedError):
            await self.call.write(batch)

    async def introduce(
        self, manifest: WorkerManifest | None = None, *, scope_only: bool = False
    ) -> None:
        hello = WorkerHello(manifest=manifest or a_manifest(), scope_only=scope_only)
        await self.send(Frame(0, EventTag.HELLO, _wire.encode_worker_hello(hello)))

    async def attach(
        self, manifest: WorkerManifest | None = None, *, scope_only: bool = False
    ) -> SidecarHello:
        """Says hello, and waits for the sidecar's."""
        await self.introduce(manifest, scope_only=scope_only)
        return await self.hello()

    async def refusal(self) -> str:
        """What the sidecar says when it ends the stream."""
        try:
            async with asyncio.timeout(10):
                while await self.next() is not None:
                    pass
        except RpcEndedError as error:
            return error.why
        return ""


OnRun = Callable[[RunRequest, Context], Awaitable[HookResult]]


class ListeningWorker:
    """A worker to be dialled. With `stream` it serves RunStream, else single runs only.

    On a stream, `on_stream` has the stream to itself once the hellos are said.
    """

    def __init__(self, manifest: WorkerManifest | None = None) -> None:
        self.manifest = manifest or a_manifest()
        self.on_run: OnRun | None = None
        self.on_stream: Callable[[Frames], Awaitable[None]] | None = None
        self.on_describe: Callable[[Context], Awaitable[None]] | None = None
        self.runs: list[RunRequest] = []
        self.cancelled = 0
        self.described = 0
        self.streams = 0

    @asynccontextmanager
    async def listening(self, address: str) -> AsyncIterator[str]:
        """Serves at an address, and gives the target with the port that was free."""
        handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
            "Describe": grpc.unary_unary_rpc_method_handler(self._describe),
            "Run": grpc.unary_unary_rpc_method_handler(self._run),
        }
        if self.on_stream is not None:
            handlers["RunStream"] = grpc.stream_stream_rpc_method_handler(self._run_stream)
        server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("sidehook.v1.WorkerService", handlers),)
        )
        port = server.add_insecure_port(address)
        await server.start()
        try:
            yield address if address.startswith("unix:") else f"127.0.0.1:{port}"
        finally:
            await server.stop(None)

    async def _describe(self, _octets: bytes, context: Context) -> bytes:
        self.described += 1
        if self.on_describe is not None:
            await self.on_describe(context)
        return _wire.encode_describe_response(self.manifest)

    async def _run(self, octets: bytes, context: Context) -> bytes:
        request = _wire.decode_run(octets)
        self.runs.append(request)
        try:
            result = PROCEED if self.on_run is None else await self.on_run(request, context)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return _wire.encode_run_response(result)

    async def _run_stream(self, _requests: object, context: Context) -> None:
        self.streams += 1

        async def read() -> object:
            return await context.read()

        async def write(batch: bytes) -> None:
            await context.write(batch)

        frames = Frames(read, write)
        await frames.hello()
        hello = WorkerHello(manifest=self.manifest)
        await frames.send(Frame(0, EventTag.HELLO, _wire.encode_worker_hello(hello)))
        assert self.on_stream is not None, "it is served only when it is set"
        with suppress(asyncio.CancelledError):
            await self.on_stream(frames)
