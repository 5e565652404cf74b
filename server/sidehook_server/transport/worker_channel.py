"""A connection with a worker that the sidecar dials, and the questions it answers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

import grpc
import grpc.aio

from sidehook import _silence, _wire
from sidehook._errors import MalformedError
from sidehook._hello import DescribeRequest
from sidehook._manifest import Limits, WorkerManifest
from sidehook._rpc import Rpc, RpcEndedError, cause
from sidehook._tls import Tls, TlsError
from sidehook._tls_credentials import channel_credentials, channel_options
from sidehook_server.transport.errors import (
    RefusedError,
    TransportError,
    WorkerSilentError,
    WorkerUnreachableError,
)
from sidehook_server.transport.session import check_version
from sidehook_server.transport.unary_link import UnaryMethod

_SERVICE: Final = "/sidehook.v1.WorkerService"

_BY_CODE: Final[Mapping[str, type[WorkerUnreachableError]]] = {
    grpc.StatusCode.UNAVAILABLE.name: WorkerUnreachableError,
    grpc.StatusCode.CANCELLED.name: WorkerUnreachableError,
    grpc.StatusCode.DEADLINE_EXCEEDED.name: WorkerSilentError,
}
"""Statuses that mean a connection in trouble; with any other one the worker says no."""


class NoRunStreamError(Exception):
    """The worker serves single runs only."""


class WorkerChannel:
    """One gRPC channel to one worker. As a context manager it closes with all its RPCs.

    `tls` None: in plain text. Raises WorkerUnreachableError for certificates that cannot
    be used.
    """

    def __init__(self, target: str, limits: Limits, tls: Tls | None = None) -> None:
        self._channel = _opened(target, limits, tls)
        self._describe: UnaryMethod = self._channel.unary_unary(
            f"{_SERVICE}/Describe", request_serializer=None, response_deserializer=None
        )
        self.run: Final[UnaryMethod] = self._channel.unary_unary(
            f"{_SERVICE}/Run", request_serializer=None, response_deserializer=None
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._channel.close()

    async def describe(self, *, sidecar: str, within: float) -> WorkerManifest:
        """The worker's manifest, asked for `within` so many seconds.

        Raises WorkerUnreachableError when it does not answer, and RefusedError for an
        answer that cannot be accepted.
        """
        request = _wire.encode_describe_request(DescribeRequest(sidecar=sidecar))
        try:
            manifest = _wire.decode_describe_response(await self._describe(request, timeout=within))
        except grpc.aio.AioRpcError as error:
            raise _translated(error) from error
        except MalformedError as error:
            raise RefusedError(
                "MALFORMED_REQUEST", (f"its answer to Describe: {error}",)
            ) from error
        check_version(manifest)
        return manifest

    def run_stream(self) -> RunStream:
        """Opens a stream of runs."""
        return RunStream(Rpc(self._channel, f"{_SERVICE}/RunStream"))


def _opened(target: str, limits: Limits, tls: Tls | None) -> grpc.aio.Channel:
    options = (
        ("grpc.max_receive_message_length", limits.max_message_bytes + limits.max_batch_bytes),
        ("grpc.max_send_message_length", -1),
        # Else a new channel inherits the waiting time of the one that failed before.
        ("grpc.use_local_subchannel_pool", 1),
        *_silence.ACKNOWLEDGED,
    )
    if tls is None:
        return grpc.aio.insecure_channel(target, options=options)
    try:
        credentials = channel_credentials(tls)
    except TlsError as error:
        raise WorkerUnreachableError(f"TLS cannot be spoken: {error}") from error
    return grpc.aio.secure_channel(target, credentials, options=(*options, *channel_options(tls)))


class RunStream:
    """One RunStream RPC as messages in and out."""

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc

    async def read(self) -> bytes | None:
        """The next message, None at the end.

        Raises NoRunStreamError, or WorkerUnreachableError when the stream broke.
        """
        try:
            return await self._rpc.read()
        except RpcEndedError as ended:
            if ended.code == grpc.StatusCode.OK.name:
                return None
            if ended.code == grpc.StatusCode.UNIMPLEMENTED.name:
                raise NoRunStreamError from ended
            raise _error(ended.code, ended.why) from ended

    async def write(self, batch: bytes) -> None:
        """Sends one message. Raises RpcEndedError when the stream is over."""
        await self._rpc.write(batch)

    async def finish(self, *, within: float) -> None:
        """Sends no more, and lets the worker read what it was sent: for so many seconds at most."""
        with suppress(RpcEndedError, TimeoutError):
            async with asyncio.timeout(within):
                await self._rpc.done_writing()
                while True:
                    await self._rpc.read()

    def cancel(self) -> None:
        """Ends the stream."""
        self._rpc.cancel()


def _translated(error: grpc.aio.AioRpcError) -> TransportError:
    return _error(error.code().name, cause(error.details() or "") or "no details")


def _error(code: str, why: str) -> TransportError:
    kind = _BY_CODE.get(code)
    what = f"{code}: {why}"
    return RefusedError(code, (what,)) if kind is None else kind(what)
