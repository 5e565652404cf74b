"""Attaching to a sidecar: one stream that the worker opens, its hello to its goodbye."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import MappingProxyType, TracebackType
from typing import Self

import grpc
import grpc.aio

from sidehook import _silence
from sidehook._call import CallFailure
from sidehook._hello import SidecarHello
from sidehook._manifest import Limits
from sidehook._rpc import Rpc, RpcEndedError
from sidehook._tls import Tls
from sidehook._tls_credentials import channel_credentials, channel_options
from sidehook._token import bearer
from sidehook.worker._dispatch import Dispatcher
from sidehook.worker._errors import DisconnectedError, RefusedError, WorkerError
from sidehook.worker._runs import RunsStats
from sidehook.worker._stream import RunStream

_ATTACH = "/sidehook.v1.RegistryService/Attach"

_HELLO_TIMEOUT = 10.0
_GRACE = 10.0
_LINGER = 0.2
_CLOSE_TIMEOUT = 2.0

# Answers that the same manifest would get again; every other one is worth another attempt.
_REFUSALS: Mapping[str, str] = MappingProxyType(
    {
        "INVALID_ARGUMENT": "the sidecar does not accept the manifest",
        "FAILED_PRECONDITION": "the sidecar does not accept the worker",
        "PERMISSION_DENIED": "the sidecar does not let this worker register",
        "UNAUTHENTICATED": "the sidecar does not know who this worker is",
        "UNIMPLEMENTED": "workers cannot register here",
    }
)


def open_channel(target: str, limits: Limits, tls: Tls | None = None) -> grpc.aio.Channel:
    """Return a channel that connects at once or fails at once: the caller tries again.

    Raises TlsError for certificates that cannot be used.
    """
    options = (
        ("grpc.max_receive_message_length", limits.max_message_bytes + limits.max_batch_bytes),
        ("grpc.max_send_message_length", -1),
        # The sidecar is on this machine or inside the cluster, never behind a web proxy.
        ("grpc.enable_http_proxy", 0),
        # Else a new channel inherits the waiting time of the one that failed before.
        ("grpc.use_local_subchannel_pool", 1),
        *_silence.pinged(target),
    )
    if tls is None:
        return grpc.aio.insecure_channel(target, options=options)
    return grpc.aio.secure_channel(
        target, channel_credentials(tls), options=(*options, *channel_options(tls))
    )


class AttachSession:
    """One attached stream. Entering it attaches, leaving it says goodbye.

    Serves the runs of `dispatcher` from the moment it is entered until it is left or
    the sidecar ends the stream. With `scope_only` the hooks are for one scope: the
    handle is `hello.scope_handle`, and they are gone when the session is left. `token`
    is what the sidecar's configuration binds the worker's name to, None for nothing.

    Entering raises RefusedError when the sidecar does not accept the manifest,
    UnknownProtocolError when it speaks another version, and DisconnectedError when it
    cannot be reached or says nothing for `hello_timeout` seconds. Leaving finishes the
    runs under way within `grace` seconds, and those that come within `linger` seconds of
    the goodbye, which they crossed; leaving by an exception cancels them.
    """

    def __init__(
        self,
        channel: grpc.aio.Channel,
        dispatcher: Dispatcher,
        *,
        scope_only: bool = False,
        token: str | None = None,
        hello_timeout: float = _HELLO_TIMEOUT,
        grace: float = _GRACE,
        linger: float = _LINGER,
    ) -> None:
        self._channel = channel
        self._metadata = () if token is None else bearer(token)
        self._stream = RunStream(
            dispatcher, read=self._read, write=self._write, scope_only=scope_only
        )
        self._hello_timeout = hello_timeout
        self._grace = grace
        # No run can be on its way to a scope that no call names any more.
        self._linger = 0.0 if scope_only else linger
        self._rpc: Rpc
        self._hello: SidecarHello

    @property
    def hello(self) -> SidecarHello:
        """How the sidecar introduced itself; with `scope_only` it has the scope's handle."""
        return self._hello

    @property
    def stats(self) -> RunsStats:
        """What went through the stream."""
        return self._stream.runs.stats

    async def __aenter__(self) -> Self:
        self._rpc = Rpc(self._channel, _ATTACH, metadata=self._metadata)
        await self._stream.__aenter__()
        try:
            self._stream.greet()
            self._hello = await self._stream.hello(self._hello_timeout)
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                await self._leave()
        finally:
            await self._close()

    async def active(self) -> None:
        """Wait until the sidecar says that every application knows the hooks."""
        await self._stream.runs.active.wait()

    async def ended(self) -> None:
        """Wait until the sidecar ends the stream; raises DisconnectedError when it breaks."""
        await self._stream.ended()

    async def _leave(self) -> None:
        await self._stream.leave("the worker stops", grace=self._grace, linger=self._linger)
        try:
            await self._rpc.done_writing()
            async with asyncio.timeout(_CLOSE_TIMEOUT):
                await self._stream.ended()
        except (TimeoutError, WorkerError, RpcEndedError, asyncio.InvalidStateError):
            # The goodbye is said and the runs are done; how the stream ends is all the same.
            return

    async def _close(self) -> None:
        self._rpc.cancel()
        await self._stream.__aexit__(None, None, None)
        # gRPC keeps the connection for as long as anybody has the call, and this session and
        # its stream know each other: else it would stay until the garbage is collected.
        del self._rpc

    async def _read(self) -> bytes | None:
        try:
            return await self._rpc.read()
        except RpcEndedError as error:
            if error.code == "OK":
                return None
            raise _translated(error) from error

    async def _write(self, batch: bytes) -> None:
        try:
            await self._rpc.write(batch)
        except RpcEndedError as error:
            # Why it broke is what reading says.
            raise DisconnectedError("the stream to the sidecar is closed") from error


def _translated(error: RpcEndedError) -> WorkerError:
    failure = error.failure or CallFailure(reason=error.code, message=error.why)
    refusal = _REFUSALS.get(error.code)
    if refusal is None:
        return DisconnectedError(f"{error.code}: {failure.message or 'no reason given'}")
    problems = "\n  ".join(_problems(failure))
    return RefusedError(
        f"{refusal} ({failure.reason}):\n  {problems}",
        reason=failure.reason,
        metadata=failure.metadata,
    )


def _problems(failure: CallFailure) -> list[str]:
    """Return every problem that the sidecar named, in its order."""
    numbered = {
        int(number): text
        for name, text in failure.metadata.items()
        if (number := name.removeprefix("problem_")).isdecimal() and number != name
    }
    if numbered:
        return [text for _, text in sorted(numbered.items())]
    named = [f"{name}: {text}" for name, text in sorted(failure.metadata.items())]
    return [failure.message or "no reason given", *named]
