"""One client's stream of calls: frames in, answers out, no task for any single call."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from sidehook import _wire as wire
from sidehook._call import CallAnswer, CallFailure, CallRequest, Receipt, size_of
from sidehook._continuations import Received, UnknownItemsError
from sidehook._errors import MalformedError
from sidehook._frames import (
    Frame,
    FrameError,
    InvokeTag,
    Joiner,
    JoinerFullError,
    VerdictTag,
    read_batch,
)
from sidehook._hello import SPLIT_FRAMES, ClientHello, SidecarHello
from sidehook._manifest import PROTOCOL_VERSION
from sidehook._mux import (
    DEFAULT_PENDING_BYTES,
    LARGEST_BATCH_BYTES,
    MessageTooLargeError,
    Outbox,
    OutboxClosedError,
    OutboxFullError,
    pump,
)
from sidehook_server.dispatch.dispatcher import CallHandle
from sidehook_server.dispatch.driver import OnAnswer
from sidehook_server.dispatch.observer import FrameDrop
from sidehook_server.rpc.context import Read, Write
from sidehook_server.rpc.status import malformed, other_version
from sidehook_server.rpc.stream_failures import (
    answer_too_large,
    malformed_call,
    no_bytes,
    no_credit,
    no_room,
    not_reading,
)

_log: Final = logging.getLogger("sidehook.rpc")

_MAX_OPEN_MESSAGES: Final = 256
# Room for every failure with its receipt, so that there is always something to say.
_SMALLEST_MESSAGE: Final = 16 * 1024


class StreamRefusedError(Exception):
    """Nothing on the stream can be answered any more; it ends with this failure."""

    def __init__(self, failure: CallFailure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class Calls(Protocol):
    """Takes calls (`dispatch.dispatcher.Dispatcher`)."""

    @property
    def draining(self) -> bool:
        """Whether new calls are refused."""

    def start(self, request: CallRequest, on_answer: OnAnswer) -> CallHandle:
        """Begin a call; `on_answer` is called exactly once, perhaps before this returns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamServices:
    """What every stream of calls needs.

    `dropped` counts frames that lead to no answer. A client has `hello_seconds` to say
    hello, may have calls of `max_call_bytes` under way, and is cut off when
    `max_pending_bytes` wait for it to read.
    """

    calls: Calls
    hello: SidecarHello
    dropped: Callable[[FrameDrop], None]
    hello_seconds: float = 10.0
    max_call_bytes: int = 256 * 1024 * 1024
    max_pending_bytes: int = DEFAULT_PENDING_BYTES


class InvokeStream:
    """Serves one stream. Used from the event loop's thread only."""

    def __init__(self, services: StreamServices) -> None:
        self._services = services
        limits = services.hello.limits
        self._max_in_flight = limits.max_in_flight
        self._joiner = Joiner(limits.max_message_bytes, _MAX_OPEN_MESSAGES)
        self._outbox = Outbox(max_pending_bytes=services.max_pending_bytes)
        self._received = Received()
        self._calls: dict[int, _Call] = {}
        self._call_bytes = 0
        self._idle = asyncio.Event()
        self._server: asyncio.Task[object] | None = None
        self._receiving: asyncio.Task[None] | None = None
        self._finishing = False
        self._refusal: CallFailure | None = None
        self._overrun: OutboxFullError | None = None

    async def serve(self, read: Read, write: Write) -> CallFailure | None:
        """Answer calls until the client sends no more and every answer is on its way.

        Returns why the stream must end with a failure, if it must: no hello, an unknown
        version, a batch that cannot be parsed, or a client that reads nothing. Cancelling
        it, or a write that fails, cancels the calls under way; what `write` raises comes
        in an exception group.
        """
        try:
            rest = await self._greet(read)
        except StreamRefusedError as error:
            return error.failure
        if rest is None:
            return None
        try:
            async with asyncio.TaskGroup() as tasks:
                self._server = asyncio.current_task()
                tasks.create_task(pump(self._outbox, write))
                self._receiving = tasks.create_task(self._receive(rest, read))
                if self._finishing:
                    self._receiving.cancel()
                try:
                    await asyncio.wait((self._receiving,))
                    await self._answer_all()
                finally:
                    self._cancel_all()
                    self._outbox.close()
        except asyncio.CancelledError:
            if self._overrun is None:
                raise
            self._refusal = not_reading(self._overrun)
        return self._refusal

    def announce_draining(self) -> None:
        """Tell the client to make new calls on another stream."""
        try:
            if not self._outbox.closed:
                self._outbox.put(0, VerdictTag.DRAINING)
        except OutboxFullError as error:
            self._give_up(error)

    def finish(self) -> None:
        """Take no more frames; end the stream once every answer is on its way."""
        self._finishing = True
        if self._receiving is not None:
            self._receiving.cancel()

    async def _greet(self, read: Read) -> list[Frame | FrameError] | None:
        """Exchange hellos; return the frames that came with the client's, None when it left."""
        within = self._services.hello_seconds
        try:
            async with asyncio.timeout(within):
                batch = await read()
        except TimeoutError:
            raise StreamRefusedError(malformed(f"no hello within {within:g} s")) from None
        if batch is None:
            return None
        frames = _frames(batch)
        if not frames:
            raise StreamRefusedError(malformed("the stream began without a hello"))
        self._keep_to(_hello(frames[0]))
        self._outbox.put(0, VerdictTag.HELLO, wire.encode_sidecar_hello(self._services.hello))
        if self._services.calls.draining:
            self.announce_draining()
        return frames[1:]

    def _keep_to(self, hello: ClientHello) -> None:
        if hello.protocol_version != PROTOCOL_VERSION:
            raise StreamRefusedError(other_version("client", hello.protocol_version))
        if hello.limits.max_message_bytes < _SMALLEST_MESSAGE:
            raise StreamRefusedError(
                malformed(f"the limits of the hello: a message needs {_SMALLEST_MESSAGE} bytes")
            )
        try:
            self._outbox.configure(
                max_batch_bytes=min(hello.limits.max_batch_bytes, LARGEST_BATCH_BYTES),
                split_frames=SPLIT_FRAMES in hello.capabilities,
                max_message_bytes=hello.limits.max_message_bytes,
            )
        except ValueError as error:
            raise StreamRefusedError(malformed(f"the limits of the hello: {error}")) from error

    async def _receive(self, frames: list[Frame | FrameError], read: Read) -> None:
        self._take(frames)
        try:
            while (batch := await read()) is not None:
                self._take(_frames(batch))
        except StreamRefusedError as error:
            self._cancel_all()
            self._refusal = error.failure

    def _take(self, frames: list[Frame | FrameError]) -> None:
        for read in frames:
            if isinstance(read, FrameError):
                self._refuse(read)
                continue
            try:
                frame = self._joiner.feed(read)
            except FrameError as error:
                self._refuse(error)
            else:
                if frame is not None:
                    self._act_on(frame)

    def _act_on(self, frame: Frame) -> None:
        if frame.tag == InvokeTag.INVOKE and frame.id > 0:
            self._invoke(frame)
        elif frame.tag == InvokeTag.CANCEL:
            self._cancel(frame.id)
        else:
            self._services.dropped(FrameDrop.UNEXPECTED)

    def _invoke(self, frame: Frame) -> None:
        if frame.id in self._calls:
            # Its first use is under way and will be answered; a second answer to one id
            # would be taken for the first.
            self._services.dropped(FrameDrop.UNEXPECTED)
            return
        if failure := self._no_room_for(len(frame.body)):
            self._put_failure(frame.id, failure)
            return
        try:
            request = wire.decode_invoke(frame.body, self._received)
        except MalformedError as error:
            self._put_failure(frame.id, malformed_call(error))
            return
        except UnknownItemsError as error:
            self._ask_for(frame.id, error.field)
            return
        # A list that goes on from what came before is larger than the frame that says so.
        size = max(len(frame.body), size_of(request.fields))
        if failure := self._no_room_for(size):
            self._put_failure(frame.id, failure)
            return
        self._start(frame.id, request, size)

    def _no_room_for(self, size: int) -> CallFailure | None:
        if len(self._calls) >= self._max_in_flight:
            return no_credit(self._max_in_flight)
        # One call alone always has room.
        if self._calls and self._call_bytes + size > self._services.max_call_bytes:
            return no_bytes(self._services.max_call_bytes)
        return None

    def _start(self, number: int, request: CallRequest, size: int) -> None:
        call = self._calls[number] = _Call(size)
        self._call_bytes += size
        call.handle = self._services.calls.start(
            request, lambda answer: self._answered(number, answer)
        )

    def _over(self, number: int) -> _Call | None:
        """A call that is not under way any more, None when it was not."""
        call = self._calls.pop(number, None)
        if call is not None:
            self._call_bytes -= call.size
            self._look()
        return call

    def _cancel(self, number: int) -> None:
        self._joiner.drop(number)
        self._outbox.cancel(number)
        call = self._over(number)
        if call is not None:
            call.cancel()

    def _answered(self, number: int, answer: CallAnswer) -> None:
        # Nobody on this stream waits for the answer of a call that was cancelled.
        if self._over(number) is not None:
            self._put(number, answer)

    def _put(self, call: int, answer: CallAnswer) -> None:
        try:
            self._outbox.put(call, VerdictTag.ANSWER, wire.encode_answer(answer))
        except MessageTooLargeError as error:
            self._put_failure(call, answer_too_large(error), answer.receipt)
        except OutboxClosedError:
            _log.debug("answer_dropped call_id=%s", answer.receipt.call_id)
        except OutboxFullError as error:
            self._give_up(error)

    def _ask_for(self, call: int, field: str) -> None:
        try:
            self._outbox.put(call, VerdictTag.NEED, wire.encode_need(field))
        except OutboxFullError as error:
            self._give_up(error)

    def _put_failure(self, call: int, failure: CallFailure, receipt: Receipt | None = None) -> None:
        receipt = wire.cut_receipt(receipt or Receipt(call_id=""), wire.MAX_RECEIPT_BYTES)
        octets = wire.encode_answer(CallAnswer(failure, receipt))
        try:
            self._outbox.put(call, VerdictTag.ANSWER, octets)
        except OutboxFullError as error:
            self._give_up(error)

    def _refuse(self, error: FrameError) -> None:
        if error.id == 0 or error.id in self._calls:
            self._services.dropped(FrameDrop.MALFORMED)
            return
        is_full = isinstance(error, JoinerFullError)
        self._put_failure(error.id, no_room(error) if is_full else malformed(str(error)))

    def _give_up(self, error: OutboxFullError) -> None:
        """The client reads nothing, and what waits for it has reached its limit."""
        if self._overrun is None and self._server is not None:
            self._overrun = error
            self._server.cancel()

    async def _answer_all(self) -> None:
        self._look()
        await self._idle.wait()

    def _look(self) -> None:
        if self._calls:
            self._idle.clear()
        else:
            self._idle.set()

    def _cancel_all(self) -> None:
        for number in tuple(self._calls):
            call = self._over(number)
            if call is not None:
                call.cancel()


class _Call:
    """One call under way, and the bytes it came in."""

    __slots__ = ("handle", "size")

    def __init__(self, size: int) -> None:
        self.size = size
        self.handle: CallHandle | None = None

    def cancel(self) -> None:
        """The client does not want it any more."""
        if self.handle is not None:
            self.handle.cancel()


def _frames(batch: bytes) -> list[Frame | FrameError]:
    try:
        return read_batch(batch)
    except FrameError as error:
        raise StreamRefusedError(malformed(f"a batch that cannot be parsed: {error}")) from error


def _hello(frame: Frame | FrameError) -> ClientHello:
    if isinstance(frame, FrameError):
        raise StreamRefusedError(malformed(str(frame))) from frame
    if frame.tag != InvokeTag.HELLO or frame.id != 0:
        raise StreamRefusedError(malformed("the first frame of the stream is not a hello"))
    try:
        return wire.decode_client_hello(frame.body)
    except MalformedError as error:
        raise StreamRefusedError(malformed(str(error))) from error
