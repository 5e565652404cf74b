"""The streams of the fake sidecar: frames in, frames out, in threads of gRPC's server."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from typing import TypeAlias

import grpc

from sidehook import _wire
from sidehook._call import CallFailure
from sidehook._errors import MalformedError
from sidehook._frames import Frame, Joiner, decode_frame, encode_frame, pack, split, unpack
from sidehook._manifest import Limits

Requests: TypeAlias = Iterator[bytes]

_MAX_PART = 64 * 1024
_MAX_OPEN = 1024


class Stream:
    """One stream of a client: what is sent to it, and how it ends."""

    def __init__(self) -> None:
        self._outgoing: queue.SimpleQueue[bytes | CallFailure | None] = queue.SimpleQueue()

    def send(self, message: bytes) -> None:
        """Send one stream message."""
        self._outgoing.put(message)

    def send_frame(self, frame: Frame) -> None:
        """Send one frame in a message of its own."""
        self.send(pack([encode_frame(frame)]))

    def send_message(self, id: int, body: bytes) -> None:  # noqa: A002 - the contract's word
        """Send a main message, in several frames when it is long."""
        for frame in split(id, body, _MAX_PART):
            self.send(pack([frame]))

    def end(self, failure: CallFailure | None = None) -> None:
        """End the stream: in good order, or with the status of `failure`."""
        self._outgoing.put(failure)

    def serve(self, context: grpc.ServicerContext) -> Iterator[bytes]:
        """Yield what is sent until the stream ends."""
        if not context.add_callback(self.end):
            # The client is gone already, and nothing would ever end the wait below.
            return
        while isinstance(message := self._outgoing.get(), bytes):
            yield message
        if message is not None:
            status = _wire.encode_status(message, None)
            context.set_trailing_metadata(((_wire.STATUS_DETAILS_KEY, status.details),))
            context.abort(grpc.StatusCode[status.code], status.message)

    def read(self, requests: Requests, take: Callable[[bytes], None]) -> None:
        """Give each message of the client to `take`, in a thread of its own, until the end."""
        threading.Thread(
            target=self._read, args=(requests, take), name="fake-sidecar-stream", daemon=True
        ).start()

    def _read(self, requests: Requests, take: Callable[[bytes], None]) -> None:
        try:
            for message in requests:
                take(message)
        except grpc.RpcError:
            # The client is gone; the callback of `serve` says so to the other side.
            return
        except MalformedError as error:
            self.end(CallFailure(reason="MALFORMED_REQUEST", message=str(error)))
        except Exception as error:
            # A script that raises: the test that wrote it sees it here and in its thread.
            self.end(CallFailure(reason="INTERNAL", message=f"the script raised {error!r}"))
            raise
        else:
            self.end()


def frames(take: Callable[[Frame], None]) -> Callable[[bytes], None]:
    """Return what takes stream messages apart and gives each whole frame to `take`."""
    joiner = Joiner(Limits().max_message_bytes, _MAX_OPEN)

    def take_message(message: bytes) -> None:
        for octets in unpack(message):
            frame = joiner.feed(decode_frame(octets))
            if frame is not None:
                take(frame)

    return take_message


def method(
    behaviour: Callable[[Requests, grpc.ServicerContext], Iterator[bytes]],
) -> grpc.RpcMethodHandler[bytes, bytes]:
    """Return a bidirectional method whose messages are octets."""
    return grpc.stream_stream_rpc_method_handler(behaviour)
