"""HookService: what applications call. Octets in, octets out; `sidehook._wire` does the parsing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import grpc

from sidehook import _wire as wire
from sidehook._call import CallFailure, CallRequest
from sidehook._errors import MalformedError
from sidehook._manifest import PROTOCOL_VERSION
from sidehook_server.dispatch.dispatcher import Dispatcher
from sidehook_server.rpc.callers import AllowedCalls, Caller, Callers
from sidehook_server.rpc.context import (
    PeerGoneError,
    Read,
    RpcContext,
    Write,
    reader,
    seconds_left,
    writer,
)
from sidehook_server.rpc.invoke_stream import (
    InvokeStream,
    StreamServices,
)
from sidehook_server.rpc.live_list import Holder, LiveList
from sidehook_server.rpc.peer import is_on_socket
from sidehook_server.rpc.status import abort, malformed, other_version
from sidehook_server.rpc.stream_age import growing_old
from sidehook_server.rpc.stream_failures import malformed_call

SERVICE: Final = "sidehook.v1.HookService"

_log: Final = logging.getLogger("sidehook.rpc")


class HookService:
    """Serves calls and the live list. `default_budget` gives the seconds of a call without one.

    A stream of calls over the network grows as old as `max_stream_age` seconds.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        services: StreamServices,
        live_list: LiveList,
        callers: Callers,
        *,
        default_budget: Callable[[], float],
        max_stream_age: float | None = None,
    ) -> None:
        self._dispatcher = dispatcher
        self._services = services
        self._live_list = live_list
        self._callers = callers
        self._default_budget = default_budget
        self._max_stream_age = max_stream_age
        self._streams: dict[InvokeStream, asyncio.Future[None]] = {}
        self._watchers: dict[asyncio.Task[CallFailure | None], None] = {}

    @property
    def streams(self) -> int:
        """How many streams of calls are open."""
        return len(self._streams)

    def handler(self) -> grpc.GenericRpcHandler:
        """What a gRPC server takes."""
        return grpc.method_handlers_generic_handler(
            SERVICE,
            {
                "Invoke": grpc.unary_unary_rpc_method_handler(self.invoke),
                "InvokeStream": grpc.stream_stream_rpc_method_handler(self.invoke_stream),
                "WatchHooks": grpc.stream_stream_rpc_method_handler(self.watch_hooks),
            },
        )

    def announce_draining(self) -> None:
        """Tell every client that new calls are refused from now on."""
        for stream in self._streams:
            stream.announce_draining()

    async def left(self, *, within: float) -> None:
        """Wait until every client that is there now has left, for `within` seconds at most.

        Calls that crossed the word that the sidecar drains are refused until then. A stream
        that ended before it read them would leave them without an answer.
        """
        ends = list(self._streams.values())
        if ends:
            await asyncio.wait(ends, timeout=within)

    def finish(self) -> None:
        """End every stream; calls under way are answered first."""
        for stream in self._streams:
            stream.finish()
        for watcher in self._watchers:
            watcher.cancel()

    async def invoke(self, octets: bytes, context: RpcContext) -> bytes:
        """Decide one call. A block is OK; a failure is a status."""
        try:
            request = wire.decode_invoke(octets)
        except MalformedError as error:
            await abort(context, malformed_call(error))
        answer = self._callers.caller(context).refusal(request)
        if answer is None:
            answer = await self._dispatcher.invoke(self._within(request, context))
        if isinstance(answer.outcome, CallFailure):
            await abort(context, answer.outcome, answer.receipt)
        return wire.encode_answer(answer)

    def _within(self, request: CallRequest, context: RpcContext) -> CallRequest:
        """The call with no more time than the RPC has, so that its answer comes before its end."""
        left = seconds_left(context)
        if left is None:
            return request
        budget = self._default_budget() if request.budget is None else request.budget
        # A deadline that has passed on the way still gets its answer in the log.
        return replace(request, budget=min(budget, max(left, 0.001)))

    async def invoke_stream(self, _requests: object, context: RpcContext) -> None:
        """Decide many calls on one stream."""
        calls = AllowedCalls(self._services.calls, self._callers.caller(context))
        stream = InvokeStream(replace(self._services, calls=calls))
        ended = self._streams[stream] = asyncio.get_running_loop().create_future()
        refusal: CallFailure | None = None
        max_age = None if is_on_socket(context) else self._max_stream_age
        try:
            with growing_old(stream, max_age):
                refusal = await stream.serve(reader(context), writer(context))
        except* PeerGoneError:
            # Its calls are cancelled.
            _log.debug("call_stream_lost")
        finally:
            del self._streams[stream]
            ended.set_result(None)
        if refusal is not None:
            _log.warning(
                "call_stream_refused reason=%s message=%r", refusal.reason, refusal.message
            )
            await abort(context, refusal)

    async def watch_hooks(self, _requests: object, context: RpcContext) -> None:
        """Keep one client's live list fresh until it goes."""
        holder = self._live_list.join()
        listening = asyncio.create_task(_listen(holder, reader(context)))
        self._watchers[listening] = None
        try:
            async with asyncio.TaskGroup() as tasks:
                caller = self._callers.caller(context)
                speaking = tasks.create_task(_speak(holder, caller, writer(context)))
                await asyncio.wait((listening,))
                speaking.cancel()
        except* PeerGoneError:
            _log.debug("watch_stream_lost")
        finally:
            self._live_list.leave(holder)
            del self._watchers[listening]
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
        failure = None if listening.cancelled() else listening.result()
        if failure is not None:
            await abort(context, failure)


async def _listen(holder: Holder, read: Read) -> CallFailure | None:
    """Take probes until the client sends no more, or something that is none."""
    is_first = True
    while (octets := await read()) is not None:
        try:
            probe = wire.decode_watch_request(octets)
        except MalformedError as error:
            return malformed(str(error))
        if is_first and probe.protocol_version != PROTOCOL_VERSION:
            return other_version("client", probe.protocol_version)
        is_first = False
        holder.probe(probe)
    return None


async def _speak(holder: Holder, caller: Caller, write: Write) -> None:
    while True:
        await write(wire.encode_watch_response(caller.sees(await holder.next())))
