"""One InvokeStream: calls go out, answers come back, each to its own call.

Everything here belongs to one event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import metadata
from math import inf
from typing import TYPE_CHECKING, Final

from sidehook import _wire
from sidehook._call import CallFailure, CallRequest, Verdict
from sidehook._client_calls import CallTable, Stray
from sidehook._client_errors import (
    again,
    broken,
    closed,
    deadline_exceeded,
    lost,
    other_version,
    overloaded,
    payload_too_large,
)
from sidehook._continuations import Sent
from sidehook._errors import MalformedError, SidecarError
from sidehook._frames import (
    Frame,
    FrameError,
    InvokeTag,
    Joiner,
    VerdictTag,
    encode_frame,
    pack,
    read_batch,
)
from sidehook._hello import CONTINUATIONS, SPLIT_FRAMES, ClientHello, SidecarHello
from sidehook._manifest import PROTOCOL_VERSION, Limits
from sidehook._mux import (
    LARGEST_BATCH_BYTES,
    MessageTooLargeError,
    Outbox,
    OutboxError,
    OutboxFullError,
    pump,
)
from sidehook._rpc import Metadata, Rpc, RpcEndedError

if TYPE_CHECKING:
    import grpc.aio

    from sidehook._client_stats import Tally

METHOD: Final = "/sidehook.v1.HookService/InvokeStream"

GRACE: Final = 0.25
"""Seconds past its budget until a call without an answer is given up here.

The sidecar answers before the budget is over, with a receipt; this is for one that
does not answer at all.
"""

MAX_WAITING: Final = 16 * 1024
"""Calls that may wait for a free place among those that the sidecar takes at once."""

LIMITS: Final = Limits(max_batch_bytes=LARGEST_BATCH_BYTES)
"""What a client takes on a stream."""

_MAX_SPLIT_ANSWERS: Final = 1024
_CLOSING_TIME: Final = 2.0
_SHORTEST_BUDGET: Final = 0.001


@dataclass(slots=True, eq=False)
class _Call:
    """A call under way; `budget` in seconds, given up at `until` in the loop's time."""

    answer: asyncio.Future[Verdict]
    request: CallRequest
    budget: float
    until: float
    was_whole: bool = False


class CallStream:
    """The calls on one stream.

    `open`, then `serve` until it ends. `leaving` is set once it takes no new calls,
    because the sidecar is `draining` or is gone.

    gRPC keeps the connection for as long as anybody has an RPC of it. So whatever knows
    this stream longer, such as the errors of its calls, must not find the RPC in it, and
    it must not be in a cycle, or the connection stays until the garbage is collected.
    """

    def __init__(self, target: str, tally: Tally) -> None:
        self.leaving = asyncio.Event()
        self.draining = False
        self.hello = SidecarHello()
        self._target = target
        self._tally = tally
        self._calls: CallTable[_Call] = CallTable()
        self._outbox = Outbox()
        self._slots = asyncio.Semaphore(self.hello.limits.max_in_flight)
        self._waiting = 0
        self._sweeper: asyncio.TimerHandle | None = None
        self._sweep_at = inf
        self._joiner = Joiner(LIMITS.max_message_bytes, _MAX_SPLIT_ANSWERS)
        self._sent: Sent | None = None
        self._last_moment: asyncio.TimerHandle | None = None

    @property
    def load(self) -> int:
        """How many calls are under way or wait for a place."""
        return len(self._calls) + self._waiting

    def leave(self) -> None:
        """Take no new calls, and end when those under way are over. Safe to call twice."""
        self.leaving.set()
        self._slots.release()
        self._close_when_left()

    async def open(self, channel: grpc.aio.Channel, metadata: Metadata = ()) -> None:
        """Open the stream and exchange hellos. `metadata` says who this client is.

        Raises RpcEndedError, MalformedError and ProtocolError.
        """
        self._rpc = Rpc(channel, METHOD, metadata=metadata)
        hello = ClientHello(sdk=_sdk(), limits=LIMITS, capabilities=frozenset({SPLIT_FRAMES}))
        frame = Frame(0, InvokeTag.HELLO, _wire.encode_client_hello(hello))
        await self._rpc.write(pack([encode_frame(frame)]))
        frames = read_batch(await self._rpc.read())
        first = frames[0] if frames else None
        if isinstance(first, FrameError):
            raise first
        if first is None or first.tag != VerdictTag.HELLO:
            raise broken(self._target, "its first frame is not a hello")
        self._take_hello(first)
        for other in frames[1:]:
            self._take(other)

    def _take_hello(self, frame: Frame) -> None:
        self.hello = hello = _wire.decode_sidecar_hello(frame.body)
        if hello.protocol_version != PROTOCOL_VERSION:
            raise other_version(self._target, hello.protocol_version)
        self._slots = asyncio.Semaphore(hello.limits.max_in_flight)
        self._sent = Sent() if CONTINUATIONS in hello.capabilities else None
        try:
            self._outbox.configure(
                max_batch_bytes=hello.limits.max_batch_bytes,
                split_frames=SPLIT_FRAMES in hello.capabilities,
                max_message_bytes=hello.limits.max_message_bytes,
            )
        except ValueError as error:
            raise broken(self._target, str(error)) from error

    async def serve(self) -> None:
        """Run the stream until it ends; then no call is left without an answer or an error."""
        writer = asyncio.create_task(self._write())
        writer.add_done_callback(self._writer_ended)
        error: SidecarError = closed()
        try:
            error = await self._read()
        finally:
            self.leaving.set()
            self._slots.release()
            self._outbox.close()
            for timer in (self._sweeper, self._last_moment):
                if timer is not None:
                    timer.cancel()
            self._rpc.cancel()
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
            del self._rpc
            for call in self._calls.close_all():
                _fail(call, again(error))

    async def ask(self, request: CallRequest, deadline: float) -> Verdict | None:
        """Send a call and wait for its answer until `deadline`, in the loop's time.

        None when the stream left before the call was sent: another stream may take it.
        Raises SidecarError. Cancelling it cancels the call.
        """
        if not await self._slot(deadline):
            return None
        try:
            return await self._asked(request, deadline)
        finally:
            self._slots.release()
            self._close_when_left()

    async def _slot(self, deadline: float) -> bool:
        if self._slots.locked():
            await self._wait_for_slot(deadline)
        else:
            await self._slots.acquire()
        if self.leaving.is_set():
            # Passes the word on to the next that waits.
            self._slots.release()
            return False
        return True

    async def _wait_for_slot(self, deadline: float) -> None:
        limit = self.hello.limits.max_in_flight
        if self._waiting >= MAX_WAITING:
            raise overloaded(
                f"{limit} calls are under way, which is all that the sidecar at {self._target} "
                f"takes at once, and {MAX_WAITING} wait; make fewer calls at once",
                target=self._target,
            )
        self._waiting += 1
        try:
            async with asyncio.timeout_at(deadline):
                await self._slots.acquire()
        except TimeoutError:
            raise overloaded(
                f"the budget ran out while the call waited for one of the {limit} that the "
                f"sidecar at {self._target} takes at once; make fewer calls at once",
                target=self._target,
            ) from None
        finally:
            self._waiting -= 1

    async def _asked(self, request: CallRequest, deadline: float) -> Verdict:
        loop = asyncio.get_running_loop()
        left, octets = self._encoded(request, deadline)
        budget = left if request.budget is None else request.budget
        call = _Call(loop.create_future(), request, budget, deadline + GRACE)
        call_id = self._calls.open(call)
        self._sweep_by(call.until)
        try:
            self._send(call_id, octets, request.hook_type)
            self._tally.add("calls")
            return await call.answer
        except asyncio.CancelledError:
            self._tally.add("calls_cancelled")
            if call.answer.done() and not call.answer.cancelled():
                # Looked at, so that asyncio does not report it as never retrieved.
                call.answer.exception()
            raise
        finally:
            self._give_up(call_id)

    def _encoded(self, request: CallRequest, deadline: float) -> tuple[float, bytes]:
        """The seconds that are left, and the call with these as its budget."""
        left = max(deadline - asyncio.get_running_loop().time(), _SHORTEST_BUDGET)
        return left, _wire.encode_invoke(request, budget=left, sent=self._sent)

    def _sweep_by(self, moment: float) -> None:
        """Look for calls without an answer at `moment`: one timer for all, at the earliest."""
        if moment < self._sweep_at:
            if self._sweeper is not None:
                self._sweeper.cancel()
            self._sweep_at = moment
            self._sweeper = asyncio.get_running_loop().call_at(moment, self._sweep)

    def _sweep(self) -> None:
        now = asyncio.get_running_loop().time()
        self._sweeper, self._sweep_at = None, inf
        for call_id, call in self._calls.under_way():
            if call.until <= now:
                self._expire(call_id)
            else:
                self._sweep_by(call.until)

    def _send(self, call_id: int, octets: bytes, hook_type: str) -> None:
        try:
            self._outbox.put(call_id, InvokeTag.INVOKE, octets)
        except OutboxError as error:
            # Closed first: the sidecar need not hear that it is cancelled.
            self._calls.close(call_id)
            if isinstance(error, MessageTooLargeError):
                raise payload_too_large(hook_type, error.size, error.limit) from error
            raise overloaded(
                f"the sidecar at {self._target} reads more slowly than this client sends: {error}",
                target=self._target,
            ) from error

    def _give_up(self, call_id: int) -> _Call | None:
        """Cancel a call that is still under way, here and in the sidecar."""
        call = self._calls.close(call_id)
        if isinstance(call, Stray):
            return None
        self._joiner.drop(call_id)
        self._outbox.cancel(call_id)
        try:
            self._outbox.put(call_id, InvokeTag.CANCEL)
        except OutboxFullError:
            # A sidecar that does not even read cancellations is lost.
            self._rpc.cancel()
        except OutboxError:
            # The stream is closing, and takes the call with it.
            pass
        return call

    def _expire(self, call_id: int) -> None:
        call = self._give_up(call_id)
        if call is not None:
            self._tally.add("calls_expired")
            _fail(call, deadline_exceeded(self._target, call.budget))

    def _writer_ended(self, _: asyncio.Task[None]) -> None:
        # Without a writer no answer comes, and the reader must not wait for one for ever.
        if not self._outbox.closed:
            self._rpc.cancel()

    async def _write(self) -> None:
        await pump(self._outbox, self._rpc.write)
        await self._rpc.done_writing()

    async def _read(self) -> SidecarError:
        """Take in frames until the stream ends; return why calls under way get no answer."""
        try:
            while True:
                for frame in read_batch(await self._rpc.read()):
                    self._take(frame)
        except MalformedError as error:
            return broken(self._target, str(error), started=True)
        except RpcEndedError as end:
            return lost(self._target, end.why)

    def _take(self, read: Frame | FrameError) -> None:
        """Act on one frame. A bad one takes nothing with it but its own call."""
        try:
            if isinstance(read, FrameError):
                raise read
            frame = self._joiner.feed(read)
            if frame is not None:
                _TAKERS.get(frame.tag, CallStream._unknown)(self, frame)
        except MalformedError as error:
            self._tally.add("frames_malformed")
            if isinstance(error, FrameError) and error.id:
                self._fail_call(error.id, broken(self._target, str(error), started=True))

    def _answered(self, frame: Frame) -> None:
        try:
            answer = _wire.decode_verdict(frame.body)
        except MalformedError as error:
            raise FrameError(str(error), id=frame.id) from error
        call = self._calls.close(frame.id)
        if isinstance(call, Stray):
            self._tally.add(call.value)
        elif not call.answer.done():
            call.answer.set_result(answer)

    def _needed(self, frame: Frame) -> None:
        """The sidecar lacks what a call goes on from: it is sent again, whole."""
        call = self._calls.find(frame.id)
        if isinstance(call, Stray):
            self._tally.add(call.value)
            return
        fields = _wire.decode_need(frame.body)
        if call.was_whole or self._sent is None:
            raise FrameError(f"fields {fields} of a call that was sent whole", id=frame.id)
        call.was_whole = True
        request = call.request
        _wire.forget_lists(request.context, request.fields, self._sent)
        _, octets = self._encoded(request, call.until - GRACE)
        try:
            self._send(frame.id, octets, request.hook_type)
        except SidecarError as error:
            _fail(call, error)

    def _drain(self, _: Frame) -> None:
        self.draining = True
        self.leave()

    def _unknown(self, frame: Frame) -> None:
        raise FrameError(f"a frame of unknown kind {frame.tag}")

    def _fail_call(self, call_id: int, error: SidecarError) -> None:
        call = self._calls.close(call_id)
        if isinstance(call, Stray):
            self._tally.add(call.value)
        else:
            _fail(call, error)

    def _close_when_left(self) -> None:
        """Half-close a stream that takes no calls and has none left, and see it end."""
        if self.leaving.is_set() and not self._calls and not self._outbox.closed:
            self._outbox.close()
            loop = asyncio.get_running_loop()
            self._last_moment = loop.call_later(_CLOSING_TIME, self._rpc.cancel)


_TAKERS: Final[Mapping[int, Callable[[CallStream, Frame], None]]] = {
    VerdictTag.ANSWER: CallStream._answered,  # noqa: SLF001 - the class's own table
    VerdictTag.DRAINING: CallStream._drain,  # noqa: SLF001 - the class's own table
    VerdictTag.NEED: CallStream._needed,  # noqa: SLF001 - the class's own table
}


async def ask_any(
    find: Callable[[], Awaitable[CallStream]], request: CallRequest, deadline: float
) -> Verdict:
    """Ask the stream that `find` gives, and another one when that one takes no more calls.

    A draining sidecar starts no hook for a call that crossed its word on the way, so that
    one may go elsewhere too. Raises SidecarError, and what `find` raises.
    """
    while True:
        stream = await find()
        answer = await stream.ask(request, deadline)
        if answer is None:
            continue
        if not (stream.draining and _is_turned_away(answer)):
            return answer
        if request.unguarded_calls:
            # It counted them all the same.
            request = replace(request, unguarded_calls=0)


def _is_turned_away(answer: Verdict) -> bool:
    return isinstance(answer.outcome, CallFailure) and answer.outcome.reason == "DRAINING"


@cache
def _sdk() -> str:
    return f"sidehook-python/{metadata.version('sidehook')}"


def _fail(call: _Call, error: SidecarError) -> None:
    if not call.answer.done():
        call.answer.set_exception(error)
