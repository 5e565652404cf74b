"""What the servicers use of gRPC: octets in, octets out, and a way to end with a status."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import grpc

RpcContext: TypeAlias = "grpc.aio.ServicerContext[bytes, bytes]"
"""One RPC, with its messages as octets."""

Read: TypeAlias = Callable[[], Awaitable[bytes | None]]
"""Gives the next message of a stream, None when the peer sends no more."""

Write: TypeAlias = Callable[[bytes], Awaitable[None]]
"""Sends one message of a stream; waits while the peer takes nothing."""


class PeerGoneError(Exception):
    """Nothing can be written any more: the peer is gone, or ended the RPC."""


def reader(context: RpcContext) -> Read:
    """Return the reading side of a stream.

    It also says None when the peer is gone; then the RPC's task is cancelled soon after.
    """

    async def read() -> bytes | None:
        # What stands for the end of the stream is not in grpc's type of it.
        message: object = await context.read()
        return message if isinstance(message, bytes) else None

    return read


def writer(context: RpcContext) -> Write:
    """Return the writing side of a stream. It raises PeerGoneError."""

    async def write(message: bytes) -> None:
        try:
            await context.write(message)
        except Exception as error:
            # gRPC has several errors for this, and does not export them.
            raise PeerGoneError("the peer is gone") from error

    return write


def seconds_left(context: RpcContext) -> float | None:
    """Return the time until the RPC's deadline, None when it has none."""
    # That it may be None is not in grpc's type of it.
    left: object = context.time_remaining()
    return left if isinstance(left, float) else None
