"""A relay between two sockets that keeps every byte that passed."""

import asyncio
from pathlib import Path
from typing import Self

from tests.passage import Passage


class Relay:
    """Listens at one Unix socket and passes everything on to another, both ways."""

    def __init__(self, path: Path, onward: Path) -> None:
        self.target = f"unix://{path}"
        self.seen = bytearray()
        self._path = path
        self._onward = onward
        self._passage = Passage(self.seen.extend)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_unix_server(self._accept, self._path)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._passage.close()

    def cut(self) -> None:
        """Breaks every connection, with what is on its way, as a crash or a firewall would."""
        self._passage.cut()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._passage.join((reader, writer), await asyncio.open_unix_connection(self._onward))
