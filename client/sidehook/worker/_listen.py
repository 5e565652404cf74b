"""Listening for sidecars that dial: a small gRPC server in front of a dispatcher."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, NoReturn, Self, TypeAlias

import grpc
import grpc.aio

from sidehook import _wire
from sidehook._errors import MalformedError
from sidehook._manifest import PROTOCOL_VERSION
from sidehook._tls import Tls
from sidehook._tls_credentials import server_credentials
from sidehook.worker._address import ListenAddress
from sidehook.worker._dispatch import Dispatcher
from sidehook.worker._errors import AddressError, DisconnectedError, UnknownProtocolError
from sidehook.worker._health import Health
from sidehook.worker._stop import unless_stopped
from sidehook.worker._stream import RunStream

_SERVICE = "sidehook.v1.WorkerService"
_HELLO_TIMEOUT = 10.0
_LINGER = 0.2
_LAST_WORDS = 1.0

_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class WorkerService:
    """Answers Describe, Run and RunStream for the hooks of `dispatcher`."""

    def __init__(self, dispatcher: Dispatcher, *, grace: float) -> None:
        self._dispatcher = dispatcher
        self._grace = grace
        self._stopping = asyncio.Event()
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def handlers(self) -> grpc.GenericRpcHandler:
        """What a server needs to serve this; messages are octets both ways."""
        return grpc.method_handlers_generic_handler(
            _SERVICE,
            {
                "Describe": grpc.unary_unary_rpc_method_handler(self.describe),
                "Run": grpc.unary_unary_rpc_method_handler(self.run),
                "RunStream": grpc.stream_stream_rpc_method_handler(self.run_stream),
            },
        )

    def stop(self) -> None:
        """Say goodbye on every stream; the streams end when their runs are done. Idempotent."""
        self._stopping.set()

    async def finished(self, within: float) -> None:
        """Wait until no stream is open and no run is under way, at most so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._idle.wait()

    async def describe(self, octets: bytes, context: _Context) -> bytes:
        """Answer with the manifest, to a sidecar that speaks this contract."""
        try:
            request = _wire.decode_describe_request(octets)
        except MalformedError as error:
            await _refuse(context, grpc.StatusCode.INVALID_ARGUMENT, str(error))
        if request.protocol_version != PROTOCOL_VERSION:
            await _refuse(
                context,
                grpc.StatusCode.FAILED_PRECONDITION,
                f"UNKNOWN_PROTOCOL_VERSION: the sidecar speaks version {request.protocol_version} "
                f"of the contract and worker {self._dispatcher.worker} speaks {PROTOCOL_VERSION}",
            )
        await self._refuse_when_stopping(context)
        return _wire.encode_describe_response(self._dispatcher.manifest())

    async def run(self, octets: bytes, context: _Context) -> bytes:
        """Run one hook. A call that the sidecar cancels cancels this task, and the hook."""
        try:
            request = _wire.decode_run(octets)
        except MalformedError as error:
            await _refuse(context, grpc.StatusCode.INVALID_ARGUMENT, str(error))
        # Also while it stops: a sidecar that sent it could not give it to another any more.
        with self._counted():
            return _wire.encode_run_response(await self._dispatcher.run(request))

    async def run_stream(self, requests: AsyncIterator[bytes], context: _Context) -> None:
        """Serve one stream of runs until the sidecar or this worker leaves."""

        async def read() -> bytes | None:
            return await anext(requests, None)

        await self._refuse_when_stopping(context)
        with self._counted():
            await self._serve(read, context)

    async def _serve(self, read: Callable[[], Awaitable[bytes | None]], context: _Context) -> None:
        async with RunStream(self._dispatcher, read=read, write=context.write) as stream:
            try:
                await stream.hello(_HELLO_TIMEOUT)
                stream.greet()
                await self._until_over(stream)
            except UnknownProtocolError as error:
                await _refuse(
                    context,
                    grpc.StatusCode.FAILED_PRECONDITION,
                    f"UNKNOWN_PROTOCOL_VERSION: {error}",
                )
            except DisconnectedError as error:
                await _refuse(context, grpc.StatusCode.INVALID_ARGUMENT, str(error))

    async def _refuse_when_stopping(self, context: _Context) -> None:
        """To a sidecar that looks for the worker now, it is gone."""
        if self._stopping.is_set():
            await _refuse(context, grpc.StatusCode.UNAVAILABLE, "the worker stops")

    @contextmanager
    def _counted(self) -> Iterator[None]:
        self._under_way += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()

    async def _until_over(self, stream: RunStream) -> None:
        await unless_stopped(self._stopping, stream.ended())
        # Also for a sidecar that half-closed: it still gets what is under way.
        await stream.leave("the worker stops", grace=self._grace, linger=_LINGER)


class Listener:
    """A server at `address` from entering to leaving; leaving finishes what is under way.

    With `tls` it speaks TLS there. Entering raises AddressError when the address cannot
    be had, and TlsError. `target` is where it really listens, with the port that was free.
    """

    def __init__(
        self,
        address: ListenAddress,
        dispatcher: Dispatcher,
        *,
        grace: float,
        tls: Tls | None = None,
    ) -> None:
        self._address = address
        self._tls = tls
        self._grace = grace
        self._service = WorkerService(dispatcher, grace=grace)
        self._health = Health(_SERVICE)
        limits = dispatcher.limits
        self._server = grpc.aio.server(
            options=[
                (
                    "grpc.max_receive_message_length",
                    limits.max_message_bytes + limits.max_batch_bytes,
                ),
                ("grpc.max_send_message_length", -1),
                # Else two workers share a port and each gets half of the runs.
                ("grpc.so_reuseport", 0),
            ]
        )
        self._server.add_generic_rpc_handlers((self._service.handlers, self._health.handlers))
        self._inode = 0
        self.target = address.target

    async def __aenter__(self) -> Self:
        self._address.take_over()
        try:
            port = self._bind(self._address.target)
        except RuntimeError as error:
            raise AddressError(
                self._address.target, "it cannot be listened on; is it in use, or not ours?"
            ) from error
        await self._server.start()
        if self._address.path is None:
            self.target = f"{self._address.target.rpartition(':')[0]}:{port}"
        else:
            self._inode = os.stat(self._address.path).st_ino
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._service.stop()
        self._health.drain()
        left = None
        try:
            if kind is None:
                # The server is there until then, so that whoever asks hears that it drains.
                await self._service.finished(self._grace)
                left = _LAST_WORDS
        finally:
            await self._server.stop(left)
            self._remove_socket()

    def _bind(self, target: str) -> int:
        if self._tls is None:
            return self._server.add_insecure_port(target)
        return self._server.add_secure_port(target, server_credentials(self._tls))

    def _remove_socket(self) -> None:
        path = self._address.path
        try:
            if path is not None and os.stat(path).st_ino == self._inode:
                path.unlink()
        except FileNotFoundError:
            return


async def _refuse(context: _Context, code: grpc.StatusCode, message: str) -> NoReturn:
    await context.abort(code, message)
    raise AssertionError("abort returned")
