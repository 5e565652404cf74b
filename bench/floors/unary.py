"""Bare grpc.aio, unary calls of octets, on uvloop: echo, and relay.

`… worker ADDRESS`, `… relay ADDRESS WORKER_TARGET`, `… caller TARGET` (orders on stdin).
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import Any, Final

import grpc
import grpc.aio
import orjson
import uvloop

from bench import payloads
from bench.driver import Order, Report, WrongResultError, drive, obey
from sidehook._process import at_rest
from sidehook._tuning import Tuning

METHOD: Final = "/bench.Floor/Call"
OPTIONS: Final = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
)

Answer = Callable[[bytes, Any], Awaitable[bytes]]


async def serve(address: str, answer: Answer) -> None:
    """Serve the one method until the process is told to stop."""
    server = grpc.aio.server(options=OPTIONS)
    handlers: dict[str, Any] = {"Call": grpc.unary_unary_rpc_method_handler(answer)}
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("bench.Floor", handlers),)
    )
    server.add_insecure_port(address)
    await server.start()
    at_rest(Tuning())
    print("READY", flush=True)
    await server.wait_for_termination()


async def worker(address: str) -> None:
    """Send everything back."""

    async def echo(body: bytes, _context: object) -> bytes:
        return body

    await serve(address, echo)


async def relay(address: str, target: str) -> None:
    """Ask the worker, and hand its answer back."""
    async with grpc.aio.insecure_channel(target, options=OPTIONS) as channel:
        ask: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(METHOD)

        async def forward(body: bytes, _context: object) -> bytes:
            return await ask(body)

        await serve(address, forward)


async def caller(target: str) -> None:
    """The measured application."""
    async with grpc.aio.insecure_channel(target, options=OPTIONS) as channel:
        ask: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(METHOD)

        async def rounds(order: Order) -> Report:
            payload = payloads.fields_of(order.terms["size"])

            async def call() -> None:
                body = orjson.dumps(payload)
                if await ask(body) != body:
                    raise WrongResultError("another body came back")

            return await drive(call, order)

        await obey(rounds)


_ROLES: Final[dict[str, Callable[..., Awaitable[None]]]] = {
    "worker": worker,
    "relay": relay,
    "caller": caller,
}


async def main() -> None:
    """Play the role that the command line names."""
    await _ROLES[sys.argv[1]](*sys.argv[2:])


if __name__ == "__main__":
    uvloop.run(main())
