"""The floor of any relay: length-prefixed messages on Unix sockets, on uvloop.

`… worker SOCKET`, `… relay SOCKET WORKERS_SOCKET`, `… caller SOCKET` (orders on stdin).
A message is its length and the number of its call, four octets each, and a body.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Final

import orjson
import uvloop

from bench import payloads
from bench.driver import Order, Report, WrongResultError, drive, obey
from sidehook._process import at_rest
from sidehook._tuning import Tuning

_HEAD: Final = 8

OnMessage = Callable[["Peer", int, bytes], None]


class Peer(asyncio.Protocol):
    """One connection; `on_message` is called with number and body of each message."""

    def __init__(self, on_message: OnMessage) -> None:
        self._on_message = on_message
        self._octets = bytearray()
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = transport  # type: ignore[assignment]  # uvloop's own class

    def data_received(self, data: bytes) -> None:
        """Take what came apart into messages."""
        octets = self._octets
        octets += data
        at = 0
        while len(octets) - at >= _HEAD:
            end = at + _HEAD + int.from_bytes(octets[at : at + 4], "big")
            if end > len(octets):
                break
            number = int.from_bytes(octets[at + 4 : at + _HEAD], "big")
            self._on_message(self, number, bytes(octets[at + _HEAD : end]))
            at = end
        if at:
            del octets[:at]

    def send(self, number: int, body: bytes) -> None:
        """Send a message."""
        head = len(body).to_bytes(4, "big") + number.to_bytes(4, "big")
        self._transport.write(head + body)


async def worker(socket: str) -> None:
    """Send everything back."""
    loop = asyncio.get_running_loop()
    _, peer = await loop.create_unix_connection(
        lambda: Peer(lambda peer, number, body: peer.send(number, body)), socket
    )
    at_rest(Tuning())
    print("READY", flush=True)
    await asyncio.Event().wait()
    del peer


async def relay(socket: str, workers_socket: str) -> None:
    """Hand every call to the worker under a number of its own, and the answer back."""
    loop = asyncio.get_running_loop()
    workers: list[Peer] = []
    calls: dict[int, tuple[Peer, int]] = {}
    last = 0

    def called(peer: Peer, number: int, body: bytes) -> None:
        nonlocal last
        last = (last + 1) & 0xFFFF_FFFF
        calls[last] = (peer, number)
        workers[0].send(last, body)

    def answered(_: Peer, number: int, body: bytes) -> None:
        peer, own = calls.pop(number)
        peer.send(own, body)

    def joined() -> Peer:
        workers.append(Peer(answered))
        return workers[-1]

    attaching = await loop.create_unix_server(joined, workers_socket)
    calling = await loop.create_unix_server(lambda: Peer(called), socket)
    at_rest(Tuning())
    print("READY", flush=True)
    async with attaching, calling:
        await asyncio.Event().wait()


async def caller(socket: str) -> None:
    """The measured application."""
    loop = asyncio.get_running_loop()
    waiting: dict[int, asyncio.Future[bytes]] = {}
    last = 0

    def answered(_: Peer, number: int, body: bytes) -> None:
        waiting.pop(number).set_result(body)

    _, peer = await loop.create_unix_connection(lambda: Peer(answered), socket)

    async def rounds(order: Order) -> Report:
        payload = payloads.fields_of(order.terms["size"])

        async def call() -> None:
            nonlocal last
            last = (last + 1) & 0xFFFF_FFFF
            body = orjson.dumps(payload)
            waiting[last] = answer = loop.create_future()
            peer.send(last, body)
            if await answer != body:
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
