"""The sidecar's side of both ways to be a worker, on stock generated code and a real socket.

The SDK's own wire code is used for nothing but the details of a status: what the fakes
understand, a sidecar that somebody else wrote understands too.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import grpc
import grpc.aio

from sidehook._call import CallFailure
from sidehook._wire import encode_status
from sidehook.v1 import (
    context_pb2,
    hook_pb2,
    payload_pb2,
    registry_service_pb2,
    registry_service_pb2_grpc,
    stream_pb2,
    worker_service_pb2,
    worker_service_pb2_grpc,
)
from tests.worker.waiting import DEADLINE

EventKind: TypeAlias = Literal[
    "hello", "result", "part", "started", "extend", "end", "goodbye", "manifest"
]


def fields_of(values: Mapping[str, object]) -> payload_pb2.Payload:
    """A payload of JSON values; bytes travel raw."""
    payload = payload_pb2.Payload()
    for name, value in values.items():
        if isinstance(value, bytes):
            payload.fields[name].raw = value
        else:
            payload.fields[name].json = json.dumps(value).encode()
    return payload


def values_of(payload: payload_pb2.Payload) -> dict[str, Any]:
    """The values of a payload or patch."""
    return {
        name: value.raw if value.HasField("raw") else json.loads(value.json)
        for name, value in payload.fields.items()
    }


def run_request(
    hook: str,
    values: Mapping[str, object] | None = None,
    *,
    hook_type: str = "component_pre_execute",
    mode: hook_pb2.Mode.ValueType = hook_pb2.MODE_SEQUENTIAL,
    state: Mapping[str, bytes] | None = None,
    seconds: int = 5,
    call_id: str = "call-1",
) -> worker_service_pb2.RunRequest:
    """One run of one hook."""
    run = worker_service_pb2.HookRun(
        hook=hook,
        mode=mode,
        may_block=True,
        may_modify=True,
        on_error=hook_pb2.ErrorPolicy(default_action=hook_pb2.ON_ERROR_FAIL),
        on_rejected=hook_pb2.ON_REJECTED_DROP,
    )
    run.timeout.FromSeconds(seconds)
    request = worker_service_pb2.RunRequest(
        call_id=call_id,
        hook_type=hook_type,
        steps=[worker_service_pb2.RunStep(hooks=[run])],
        payload=fields_of(values or {}),
        context=context_pb2.CallContext(
            request_id="request-1",
            session_id="session-1",
            tenant="acme",
            user="ada",
            labels={"app": "demo"},
            state=state or {},
            scopes=["guardrails"],
        ),
        idempotency_key="key-1",
    )
    request.time_left.FromSeconds(seconds)
    return request


class SidecarEnd:
    """The sidecar's end of one stream of runs: sends run frames, keeps event frames."""

    def __init__(self, write: Callable[[list[bytes]], Awaitable[None]]) -> None:
        self._write = write
        self._changed = asyncio.Condition()
        self._next_id = 0
        self.events: list[worker_service_pb2.EventFrame] = []
        self.half_closed = False

    async def take(self, frames: Iterable[bytes]) -> None:
        async with self._changed:
            self.events += map(worker_service_pb2.EventFrame.FromString, frames)
            self._changed.notify_all()

    async def close(self) -> None:
        async with self._changed:
            self.half_closed = True
            self._changed.notify_all()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE), self._changed:
            await self._changed.wait_for(holds)

    async def send(self, *frames: worker_service_pb2.RunFrame) -> None:
        await self.send_raw(*(frame.SerializeToString() for frame in frames))

    async def send_raw(self, *frames: bytes) -> None:
        await self._write(list(frames))

    async def hello(
        self, version: int = 1, *, handle: str = "", limits: stream_pb2.Limits | None = None
    ) -> None:
        hello = stream_pb2.SidecarHello(
            protocol_version=version,
            sidecar="fake",
            capabilities=["split_frames"],
            scope_handle=handle,
            limits=limits,
        )
        await self.send(worker_service_pb2.RunFrame(hello=hello))

    async def notice(self, code: str, **fields: Any) -> None:
        notice = worker_service_pb2.Notice(code=code, **fields)
        await self.send(worker_service_pb2.RunFrame(notice=notice))

    async def start(self, request: worker_service_pb2.RunRequest) -> int:
        """Send a run; return its id."""
        self._next_id += 1
        await self.send(worker_service_pb2.RunFrame(id=self._next_id, run=request))
        return self._next_id

    async def cancel(self, run: int, *, index: int | None = None) -> None:
        cancel = worker_service_pb2.CancelRun(index=index)
        await self.send(worker_service_pb2.RunFrame(id=run, cancel=cancel))

    def seen(self, kind: EventKind, run: int = 0) -> list[worker_service_pb2.EventFrame]:
        return [e for e in self.events if e.id == run and e.WhichOneof("body") == kind]

    async def event(self, kind: EventKind, run: int = 0) -> worker_service_pb2.EventFrame:
        await self.until(lambda: bool(self.seen(kind, run)))
        return self.seen(kind, run)[0]

    async def result(self, run: int) -> worker_service_pb2.HookResult:
        """The result of a run, once the worker said that nothing more comes."""
        await self.event("end", run)
        parts = b"".join(event.part for event in self.seen("part", run))
        if parts:
            return worker_service_pb2.HookResult.FromString(parts)
        (only,) = self.seen("result", run)
        return only.result

    async def call(self, request: worker_service_pb2.RunRequest) -> worker_service_pb2.HookResult:
        return await self.result(await self.start(request))


@dataclass
class Script:
    """How a fake registry treats the next worker that attaches."""

    version: int = 1
    scope_handle: str = ""
    active: bool = True
    refuse: CallFailure | None = None
    limits: stream_pb2.Limits | None = None


class FakeRegistry(registry_service_pb2_grpc.RegistryServiceServicer):
    """A sidecar to attach to. `ends` holds the stream of each worker that attached."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.script = Script()
        self.ends: list[SidecarEnd] = []
        self.attempts = 0
        self._attached = asyncio.Condition()
        self._server: grpc.aio.Server | None = None

    async def start(self) -> None:
        self._server = grpc.aio.server()
        registry_service_pb2_grpc.add_RegistryServiceServicer_to_server(self, self._server)
        self._server.add_insecure_port(self.target)
        await self._server.start()

    async def stop(self) -> None:
        """Go away at once, as a sidecar that was killed."""
        if self._server is not None:
            await self._server.stop(None)

    async def worker(self, number: int = 1) -> SidecarEnd:
        """The stream of the n-th worker that attached, once its hello is there."""
        async with asyncio.timeout(DEADLINE), self._attached:
            await self._attached.wait_for(lambda: len(self.ends) >= number)
        return self.ends[number - 1]

    async def refused(self, count: int = 1) -> None:
        """Until so many attempts to attach were seen."""
        async with asyncio.timeout(DEADLINE), self._attached:
            await self._attached.wait_for(lambda: self.attempts >= count)

    async def Retire(  # noqa: N802 - named by the contract
        self,
        request: registry_service_pb2.RetireRequest,
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> registry_service_pb2.RetireResponse:
        return registry_service_pb2.RetireResponse()

    async def Attach(  # type: ignore[override]  # noqa: N802 - named so; writes to the context
        self,
        request_iterator: AsyncIterator[registry_service_pb2.AttachRequest],
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> None:
        script = self.script

        async def write(frames: list[bytes]) -> None:
            await context.write(registry_service_pb2.AttachResponse(frames=frames))

        end = SidecarEnd(write)
        await end.take((await anext(aiter(request_iterator))).frames)
        async with self._attached:
            self.attempts += 1
            self._attached.notify_all()
        if script.refuse is not None:
            status = encode_status(script.refuse, None)
            details = (("grpc-status-details-bin", status.details),)
            await context.abort(grpc.StatusCode[status.code], status.message, details)
        await end.hello(script.version, handle=script.scope_handle, limits=script.limits)
        if script.active:
            await end.notice("HOOKS_ACTIVE")
        async with self._attached:
            self.ends.append(end)
            self._attached.notify_all()
        await self._read(request_iterator, end)

    async def _read(
        self, requests: AsyncIterator[registry_service_pb2.AttachRequest], end: SidecarEnd
    ) -> None:
        async for request in requests:
            await end.take(request.frames)
        await end.close()


@asynccontextmanager
async def fake_registry(target: str) -> AsyncIterator[FakeRegistry]:
    """A registry that runs until the end of the block."""
    registry = FakeRegistry(target)
    await registry.start()
    try:
        yield registry
    finally:
        await registry.stop()


@dataclass
class Dialler:
    """A sidecar that dials a worker."""

    stub: worker_service_pb2_grpc.WorkerServiceAsyncStub
    streams: list[asyncio.Task[None]] = field(default_factory=list)

    async def describe(self) -> hook_pb2.WorkerManifest:
        request = worker_service_pb2.DescribeRequest(protocol_version=1, sidecar="fake")
        return (await self.stub.Describe(request, timeout=DEADLINE)).manifest

    async def stream(self, version: int = 1) -> SidecarEnd:
        """Open a stream of runs and say hello."""
        call = self.stub.RunStream()

        async def write(frames: list[bytes]) -> None:
            await call.write(worker_service_pb2.RunStreamRequest(frames=frames))

        end = SidecarEnd(write)

        async def read() -> None:
            try:
                async for response in call:
                    await end.take(response.frames)
            except (grpc.aio.AioRpcError, asyncio.CancelledError):
                return
            finally:
                await end.close()

        self.streams.append(asyncio.create_task(read()))
        await end.hello(version)
        return end


@asynccontextmanager
async def dial(target: str) -> AsyncIterator[Dialler]:
    """Dial a worker until the end of the block."""
    unlimited = [("grpc.max_receive_message_length", -1)]
    async with grpc.aio.insecure_channel(target, options=unlimited) as channel:
        await asyncio.wait_for(channel.channel_ready(), DEADLINE)
        dialler = Dialler(worker_service_pb2_grpc.WorkerServiceStub(channel))
        try:
            yield dialler
        finally:
            for stream in dialler.streams:
                stream.cancel()
            await asyncio.gather(*dialler.streams, return_exceptions=True)
