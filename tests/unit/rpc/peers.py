"""Clients that speak frames, and a whole sidecar in the test's own process to speak to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import grpc
import grpc.aio

from sidehook import _wire as wire
from sidehook._call import CallAnswer, CallFailure, CallRequest, Receipt
from sidehook._frames import (
    Frame,
    InvokeTag,
    Joiner,
    VerdictTag,
    decode_frame,
    encode_frame,
    pack,
    unpack,
)
from sidehook._hello import SPLIT_FRAMES, ClientHello, SidecarHello
from sidehook._manifest import WorkerManifest
from sidehook._rpc import Rpc, RpcEndedError
from sidehook._types import Value, ValueKind
from sidehook_server.app import Addresses, Sidecar
from sidehook_server.config.load import load_config
from tests.transport.raw_worker import AttachedWorker

HOOK_SERVICE = "/sidehook.v1.HookService"
HOOK_TYPE = "tool_pre_invoke"

UnaryCallable: TypeAlias = "grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]"


@dataclass(frozen=True)
class Running:
    """A sidecar in this process, and where it is reached."""

    sidecar: Sidecar
    addresses: Addresses

    @property
    def calls(self) -> str:
        return self.addresses.calls[0]

    @property
    def workers(self) -> str:
        return self.addresses.workers[0]


@asynccontextmanager
async def running_sidecar(folder: Path, yaml: str = "") -> AsyncIterator[Running]:
    """A sidecar with its sockets in the folder."""
    file = folder / "sidehook.yaml"
    file.write_text(yaml or "listen: {admin: off}")
    config = load_config(file, environment={"XDG_RUNTIME_DIR": str(folder)})
    sidecar = Sidecar(config, None)
    try:
        yield Running(sidecar, await sidecar.start())
    finally:
        await sidecar.close()


@asynccontextmanager
async def channel_to(target: str) -> AsyncIterator[grpc.aio.Channel]:
    options = [
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.max_receive_message_length", -1),
        ("grpc.max_send_message_length", -1),
    ]
    async with grpc.aio.insecure_channel(target, options=options) as channel:
        yield channel


async def unary(
    channel: grpc.aio.Channel, method: str, octets: bytes, *, within: float | None = None
) -> bytes:
    """The answer of a unary RPC, as octets."""
    call: UnaryCallable = channel.unary_unary(method)
    return await call(octets, timeout=within)


@asynccontextmanager
async def active_worker(
    running: Running, manifest: WorkerManifest
) -> AsyncIterator[AttachedWorker]:
    """A worker whose hooks every client knows; the test speaks its frames."""
    async with AttachedWorker(running.workers) as worker:
        await worker.attach(manifest)
        assert (await worker.notice()).code == "HOOKS_ACTIVE"
        yield worker


async def next_message(call: Rpc) -> bytes | None:
    """The next message, None when the stream ended with OK; else raises RpcEndedError."""
    try:
        return await call.read()
    except RpcEndedError as ended:
        if ended.code == grpc.StatusCode.OK.name:
            return None
        raise


def read_end(ended: RpcEndedError) -> tuple[grpc.StatusCode, CallFailure]:
    """The gRPC code of a stream that ended badly, and what the sidecar put into the status."""
    assert ended.failure is not None
    return grpc.StatusCode[ended.code], ended.failure


class CallStream:
    """The client's end of InvokeStream, frame by frame."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.call = Rpc(channel, f"{HOOK_SERVICE}/InvokeStream")
        self._joiner = Joiner(64 * 1024 * 1024, 1024)
        self._waiting: list[Frame] = []

    async def greet(self, hello: ClientHello | None = None) -> SidecarHello:
        """Exchange hellos."""
        hello = hello or ClientHello(capabilities=frozenset({SPLIT_FRAMES}))
        await self.send(Frame(0, InvokeTag.HELLO, wire.encode_client_hello(hello)))
        frame = await self.next()
        assert frame is not None
        assert (frame.id, frame.tag) == (0, VerdictTag.HELLO)
        return wire.decode_sidecar_hello(frame.body)

    async def send(self, *frames: Frame) -> None:
        """Send frames in one batch."""
        await self.call.write(pack([encode_frame(frame) for frame in frames]))

    async def send_raw(self, *frames: bytes) -> None:
        """Send octets as frames of one batch."""
        await self.call.write(pack(frames))

    async def next(self) -> Frame | None:
        """The next frame, None at the end of the stream; RpcEndedError for a bad end."""
        async with asyncio.timeout(10):
            return await self.frame()

    async def frame(self) -> Frame | None:
        """As `next`, for whoever waits as long as it takes."""
        while not self._waiting:
            batch = await next_message(self.call)
            if batch is None:
                return None
            joined = (self._joiner.feed(decode_frame(octets)) for octets in unpack(batch))
            self._waiting += [frame for frame in joined if frame is not None]
        return self._waiting.pop(0)

    async def end(self) -> None:
        """Read until the stream ends; raises when it ends badly."""
        while await self.next() is not None:
            pass

    async def answer(self) -> tuple[int, CallAnswer]:
        """The next answer, and the id of its call."""
        frame = await self.next()
        assert frame is not None, "the stream ended"
        assert frame.tag == VerdictTag.ANSWER, frame.tag
        return frame.id, wire.decode_answer(frame.body)

    async def failure(self) -> tuple[int, CallFailure]:
        """The next answer, which must be a failure, and the id of its call."""
        number, answer = await self.answer()
        assert isinstance(answer.outcome, CallFailure), answer.outcome
        return number, answer.outcome


def a_call(
    hook_type: str = HOOK_TYPE,
    *,
    fields: Mapping[str, str] | None = None,
    call_id: str = "",
    budget: float = 10.0,
    unguarded_calls: int = 0,
    scope_handles: tuple[str, ...] = (),
) -> CallRequest:
    """A call; `fields` are JSON texts."""
    values = {name: Value(ValueKind.JSON, text.encode()) for name, text in (fields or {}).items()}
    return CallRequest(
        hook_type=hook_type,
        fields=values,
        call_id=call_id,
        budget=budget,
        unguarded_calls=unguarded_calls,
        scope_handles=scope_handles,
    )


def invoke_frame(number: int, call: CallRequest) -> Frame:
    return Frame(number, InvokeTag.INVOKE, wire.encode_invoke(call))


def read_error(error: grpc.aio.AioRpcError) -> tuple[grpc.StatusCode, CallFailure, Receipt | None]:
    """The gRPC code, and what the sidecar put into the status."""
    trailer = dict(error.trailing_metadata() or ())[wire.STATUS_DETAILS_KEY]
    assert isinstance(trailer, bytes)
    failure, receipt = wire.decode_status(error.code().name, error.details() or "", trailer)
    return error.code(), failure, receipt
