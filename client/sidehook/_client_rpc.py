"""How a stream of gRPC is read and how it ends, said once for every stream of the client."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import grpc
import grpc.aio

from sidehook import _wire
from sidehook._call import CallFailure
from sidehook._errors import MalformedError

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(eq=False)
class RpcEndedError(Exception):
    """A stream ended. `code` is gRPC's name of the status, `failure` the sidecar's own word."""

    code: str
    why: str
    failure: CallFailure | None = None


async def next_message(rpc: grpc.aio.StreamStreamCall[bytes, bytes]) -> bytes:
    """Return the next message of a stream. Raises RpcEndedError when there is none."""
    try:
        message = await rpc.read()
    except grpc.aio.AioRpcError as error:
        raise rpc_end(error) from error
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        # Not this task was cancelled but the stream, by this client.
        raise RpcEndedError("CANCELLED", "this client closed the stream") from None
    if not isinstance(message, bytes):
        raise RpcEndedError("OK", "the sidecar closed the stream")
    return message


async def send(rpc: grpc.aio.StreamStreamCall[bytes, bytes], message: bytes) -> None:
    """Write a message. Raises RpcEndedError when the stream has ended."""
    try:
        await rpc.write(message)
    except grpc.aio.AioRpcError as error:
        raise rpc_end(error) from error
    except asyncio.InvalidStateError as error:
        raise RpcEndedError("UNKNOWN", "the stream has ended") from error


def rpc_end(error: grpc.aio.AioRpcError) -> RpcEndedError:
    """Return what a non-OK status says."""
    code, text = error.code().name, error.details() or ""
    failure = _failure(code, text, error.trailing_metadata() or ())
    return RpcEndedError(code, _short(text) or f"gRPC status {code}", failure)


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


def _short(text: str) -> str:
    """The cause alone, of gRPC's account of a connection that failed."""
    if "failed to connect" not in text:
        return text
    return text.rpartition(": ")[2].strip()
