"""One address in front of several, which gives each new connection to the next of them in turn.

What a Service with an address of its own does: a connection stays where it was made.
"""

import asyncio
from contextlib import suppress
from typing import Self


class Balancer:
    """Passes connections on to `backends`, each host:port. More may be added at any time."""

    def __init__(self, *backends: str) -> None:
        self.target = ""
        self._backends = list(backends)
        self._turn = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()
        self.target = f"{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def add(self, backend: str) -> None:
        """Give it its share of the connections that are made from now on."""
        self._backends.append(backend)

    def remove(self, backend: str) -> None:
        """Give it none of the connections that are made from now on."""
        self._backends.remove(backend)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._turn += 1
        host, _, port = self._backends[self._turn % len(self._backends)].rpartition(":")
        there, back = await asyncio.open_connection(host, int(port))
        for source, sink in ((reader, back), (there, writer)):
            task = asyncio.create_task(_pass(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)


async def _pass(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        with suppress(ConnectionError):
            while octets := await source.read(65536):
                sink.write(octets)
                await sink.drain()
    finally:
        sink.close()
