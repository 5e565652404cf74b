"""One address in front of several, which gives each new connection to the next of them in turn.

What a Service with an address of its own does: a connection stays where it was made.
"""

import asyncio
from typing import Self

from tests.passage import Passage


class Balancer:
    """Passes connections on to `backends`, each host:port. More may be added at any time."""

    def __init__(self, *backends: str) -> None:
        self.target = ""
        self._backends = list(backends)
        self._turn = 0
        self._passage = Passage()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()
        self.target = f"{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._passage.close()

    def add(self, backend: str) -> None:
        """Give it its share of the connections that are made from now on."""
        self._backends.append(backend)

    def remove(self, backend: str) -> None:
        """Give it none of the connections that are made from now on."""
        self._backends.remove(backend)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._turn += 1
        host, _, port = self._backends[self._turn % len(self._backends)].rpartition(":")
        self._passage.join((reader, writer), await asyncio.open_connection(host, int(port)))
