"""A relay between two sockets that keeps every byte that passed."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Self


class Relay:
    """Listens at one Unix socket and passes everything on to another, both ways."""

    def __init__(self, path: Path, onward: Path) -> None:
        self.target = f"unix://{path}"
        self.seen = bytearray()
        self._path = path
        self._onward = onward
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_unix_server(self._accept, self._path)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._writers:
            writer.close()
        await asyncio.gather(*(it.wait_closed() for it in self._writers), return_exceptions=True)

    def cut(self) -> None:
        """Breaks every connection, with what is on its way, as a crash or a firewall would."""
        for writer in self._writers:
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_unix_connection(self._onward)
        self._writers += [back, writer]
        for source, sink in ((reader, back), (there, writer)):
            task = asyncio.create_task(self._pass(source, sink))
            self._tasks.add(task)

    async def _pass(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while octets := await source.read(65536):
                self.seen += octets
                sink.write(octets)
                await sink.drain()
        sink.close()
