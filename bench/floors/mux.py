"""The bare multiplexed relay: our frames, outbox and pump over gRPC streams, and nothing else.

`… worker WORKERS_TARGET`, `… relay ADDRESS WORKERS_ADDRESS`, `… caller TARGET` (orders on
stdin). As with the sidecar the worker attaches and the caller opens one stream. Bodies are
forwarded unparsed under a number of the relay's own; the JSON is encoded once, by the caller.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Final

import grpc
import grpc.aio
import orjson
import uvloop

from bench import payloads
from bench.driver import Order, Report, WrongResultError, drive, obey
from bench.floors.unary import OPTIONS
from sidehook._frames import MESSAGE, FrameError, Joiner, read_batch
from sidehook._mux import LARGEST_BATCH_BYTES, Ids, Outbox, pump
from sidehook._process import at_rest
from sidehook._tuning import Tuning

_SERVICE: Final = "bench.Floor"
_MOST_BYTES: Final = 64 * 1024 * 1024
_MOST_OPEN: Final = 4096

OnMessage = Callable[[int, bytes], None]
Read = Callable[[], Awaitable[Any]]
Write = Callable[[bytes], Awaitable[None]]


async def _converse(outbox: Outbox, read: Read, write: Write, on_message: OnMessage) -> None:
    """Run one end of a stream until the other end leaves."""
    joiner = Joiner(_MOST_BYTES, _MOST_OPEN)
    writing = asyncio.create_task(pump(outbox, write))
    try:
        while isinstance(batch := await read(), bytes):
            for whole in read_batch(batch):
                if isinstance(whole, FrameError):
                    raise whole
                frame = joiner.feed(whole)
                if frame is not None:
                    on_message(frame.id, frame.body)
    finally:
        outbox.close()
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)


def _outbox() -> Outbox:
    return Outbox(LARGEST_BATCH_BYTES, _MOST_BYTES)


async def _dial(target: str, method: str, outbox: Outbox, on_message: OnMessage) -> None:
    async with grpc.aio.insecure_channel(target, options=OPTIONS) as channel:
        stream: grpc.aio.StreamStreamCall[bytes, bytes] = channel.stream_stream(
            f"/{_SERVICE}/{method}"
        )()
        await _converse(outbox, stream.read, stream.write, on_message)


async def worker(target: str) -> None:
    """Send everything back."""
    outbox = _outbox()
    at_rest(Tuning())
    print("READY", flush=True)
    await _dial(target, "Attach", outbox, lambda number, body: outbox.put(number, MESSAGE, body))


class Relay:
    """Hands every call to the worker, and its answer to whoever asked."""

    def __init__(self) -> None:
        self._ids = Ids()
        self._to_worker = _outbox()
        self._calls: dict[int, tuple[Outbox, int]] = {}

    async def attach(self, _requests: object, context: Any) -> None:
        """The worker's stream."""
        await _converse(self._to_worker, context.read, context.write, self._answered)

    async def call(self, _requests: object, context: Any) -> None:
        """A caller's stream."""
        to_caller = _outbox()

        def called(number: int, body: bytes) -> None:
            own = self._ids.next()
            self._calls[own] = (to_caller, number)
            self._to_worker.put(own, MESSAGE, body)

        await _converse(to_caller, context.read, context.write, called)

    def _answered(self, own: int, body: bytes) -> None:
        to_caller, number = self._calls.pop(own)
        to_caller.put(number, MESSAGE, body)


async def relay(address: str, workers_address: str) -> None:
    """Serve until the process is told to stop."""
    between = Relay()
    server = grpc.aio.server(options=OPTIONS)
    handlers: dict[str, Any] = {
        "Call": grpc.stream_stream_rpc_method_handler(between.call),
        "Attach": grpc.stream_stream_rpc_method_handler(between.attach),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, handlers),))
    server.add_insecure_port(address)
    server.add_insecure_port(workers_address)
    await server.start()
    at_rest(Tuning())
    print("READY", flush=True)
    await server.wait_for_termination()


async def caller(target: str) -> None:
    """The measured application."""
    loop = asyncio.get_running_loop()
    outbox, ids = _outbox(), Ids()
    waiting: dict[int, asyncio.Future[bytes]] = {}
    stream = asyncio.create_task(
        _dial(target, "Call", outbox, lambda number, body: waiting.pop(number).set_result(body))
    )

    async def rounds(order: Order) -> Report:
        payload = payloads.fields_of(order.terms["size"])

        async def call() -> None:
            body = orjson.dumps(payload)
            number = ids.next()
            waiting[number] = answer = loop.create_future()
            outbox.put(number, MESSAGE, body)
            if await answer != body:
                raise WrongResultError("another body came back")

        return await drive(call, order)

    await obey(rounds)
    stream.cancel()
    await asyncio.gather(stream, return_exceptions=True)


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
