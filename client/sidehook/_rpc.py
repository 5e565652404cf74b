"""A stream of octets over gRPC: read, written, and how it ended."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias, TypeVar

import grpc
import grpc.aio

from sidehook import _wire
from sidehook._call import CallFailure
from sidehook._errors import MalformedError

if TYPE_CHECKING:
    from collections.abc import Iterable

T = TypeVar("T")

Metadata: TypeAlias = "tuple[tuple[str, str], ...]"
"""What goes with an RPC besides its messages: authorization."""

_LOST_RACE: Final = "Internal error from Core"
"""What gRPC says of a write that lost the race against the end of its stream."""

_WAIT: Final = 0.01
_MOST_WAITS: Final = 50


@dataclass(eq=False)
class RpcEndedError(Exception):
    """A stream ended. `code` is gRPC's name of the status, `failure` the sidecar's own word."""

    code: str
    why: str
    failure: CallFailure | None = None


class _Status(NamedTuple):
    code: str
    text: str
    metadata: Iterable[tuple[str, str | bytes]]


class Rpc:
    """One bidirectional stream. Its messages are octets, and belong to the caller to parse."""

    def __init__(
        self,
        channel: grpc.aio.Channel,
        method: str,
        *,
        metadata: Metadata = (),
    ) -> None:
        opened: grpc.aio.StreamStreamCall[bytes, bytes] = channel.stream_stream(method)(
            metadata=grpc.aio.Metadata(*metadata)
        )
        self._call = opened
        self._status: _Status | None = None
        self._call.add_done_callback(self._ended)

    async def read(self) -> bytes:
        """Return the next message. Raises RpcEndedError when there is none."""
        try:
            message = await self._call.read()
        except grpc.aio.AioRpcError as error:
            raise await self._end() from error
        except asyncio.CancelledError:
            if _is_cancelled():
                raise
            # Not this task was cancelled but the stream, by this client.
            raise RpcEndedError("CANCELLED", "this client closed the stream") from None
        if not isinstance(message, bytes):
            raise RpcEndedError("OK", "the sidecar closed the stream")
        return message

    async def write(self, message: bytes) -> None:
        """Send a message; waits while the other side does not read. Raises RpcEndedError."""
        try:
            await self._call.write(message)
        except grpc.aio.AioRpcError as error:
            raise await self._end() from error
        except asyncio.InvalidStateError as error:
            raise RpcEndedError("UNKNOWN", "the stream has ended") from error

    async def done_writing(self) -> None:
        """Say that nothing more is written. Does nothing on a stream that has ended."""
        await self._call.done_writing()

    def cancel(self) -> None:
        """End the stream at once. Safe to call twice."""
        self._call.cancel()

    def _ended(self, _: object) -> None:
        """Keep the status that the other side gave.

        A write that loses the race against the end of its stream makes gRPC put an error
        of its own over that status, a moment later or earlier.
        """
        if self._status is None or self._status.text == _LOST_RACE:
            call = self._call
            self._status = _Status(
                _at_once(call.code()).name,
                _at_once(call.details()) or "",
                _at_once(call.trailing_metadata()) or (),
            )

    async def _end(self) -> RpcEndedError:
        for _ in range(_MOST_WAITS):
            if self._status is not None and self._status.text != _LOST_RACE:
                break
            await asyncio.sleep(_WAIT)
        code, text, metadata = self._status or _Status("UNKNOWN", "", ())
        why = cause(text) or f"gRPC status {code}"
        return RpcEndedError(code, why, _failure(code, text, metadata))


def _is_cancelled() -> bool:
    """Whether somebody cancelled the task that runs, or none does.

    Asked in a frame of its own: one that has its own task among its variables keeps
    itself, and the connection with it, once that task holds its exception.
    """
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


def _at_once(ready: Coroutine[Any, Any, T]) -> T:
    """Return what a coroutine gives that does not wait: parts of the status of an ended call."""
    try:
        ready.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    raise RuntimeError("the status of a call that ended is not there")


def _failure(
    code: str, text: str, metadata: Iterable[tuple[str, str | bytes]]
) -> CallFailure | None:
    details = next((value for key, value in metadata if key == _wire.STATUS_DETAILS_KEY), None)
    if not isinstance(details, bytes):
        return None
    try:
        failure, _ = _wire.decode_status(code, text, details)
    except MalformedError:
        return None
    return failure


def cause(text: str) -> str:
    """The cause alone, of gRPC's account of a connection that failed."""
    if "failed to connect" not in text:
        return text
    # Some releases of gRPC put the number of the error behind its name, or an "OK".
    last = re.sub(r" \(\d+\)$", "", text.removesuffix(": OK").rpartition(": ")[2].strip())
    said = next((sentence for sign, sentence in _TLS_CAUSES if sign in text), None)
    return last if said is None else f"{said} ({last})"


_TLS_CAUSES: Final = (
    ("CERTIFICATE_VERIFY_FAILED", "its certificate is not one that is trusted here"),
    ("Hostname Verification", "its certificate is for another name"),
    ("is not in peer certificate", "its certificate is for another name"),
    ("WRONG_VERSION_NUMBER", "it does not speak TLS"),
    (
        "Socket closed",
        "it hung up at once, as one does that speaks TLS when the other does not, or that wants "
        "a certificate and got none that it accepts",
    ),
)
"""What TLS means by the signs in gRPC's account."""
