"""One multiplexed stream of runs, over whatever carries its messages."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from sidehook import _wire
from sidehook._frames import EventTag
from sidehook._hello import SidecarHello, WorkerHello
from sidehook._mux import DEFAULT_BATCH_BYTES, Outbox, OutboxError, pump
from sidehook.worker._dispatch import Dispatcher
from sidehook.worker._errors import DisconnectedError
from sidehook.worker._runs import Runs

# What of the bytes that wait leaves with the next message at least, if as many wait.
_SURE_OF_A_BATCH = DEFAULT_BATCH_BYTES // 4


class RunStream:
    """Reads runs, serves them and writes what they answer, until either end leaves.

    `read` gives the next stream message, None at the end, and raises a WorkerError when
    the stream breaks; `write` sends one. As a context manager it owns one task for each
    direction and one for each run, and awaits them all.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        *,
        read: Callable[[], Awaitable[bytes | None]],
        write: Callable[[bytes], Awaitable[object]],
        scope_only: bool = False,
    ) -> None:
        self._dispatcher = dispatcher
        self._read = read
        self._write = write
        self._scope_only = scope_only
        self._outbox = Outbox()
        self._is_writing = False
        self._written = 0
        self._waiting: list[asyncio.Future[None]] = []
        self.runs = Runs(dispatcher, self._outbox, self.flush)
        self._reader: asyncio.Task[None]
        self._writer: asyncio.Task[None]

    async def __aenter__(self) -> Self:
        self._reader = asyncio.create_task(self._receive())
        self._writer = asyncio.create_task(pump(self._outbox, self._send))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._outbox.close()
        tasks = (self._reader, self._writer)
        for task in tasks:
            task.cancel()
        await self.runs.cancel_all()
        await asyncio.gather(*tasks, return_exceptions=True)
        # What a task ended with knows the frames that it went through, and they this stream.
        del self._reader, self._writer

    def greet(self) -> None:
        """Introduce the worker."""
        hello = WorkerHello(manifest=self._dispatcher.manifest(), scope_only=self._scope_only)
        self._outbox.put(0, EventTag.HELLO, _wire.encode_worker_hello(hello))

    async def hello(self, within: float) -> SidecarHello:
        """Wait for the sidecar's hello, at most `within` seconds.

        Raises what the stream broke with, and DisconnectedError when the time is up.
        """
        try:
            async with asyncio.timeout(within):
                await self.runs.greeted.wait()
        except TimeoutError as error:
            raise DisconnectedError(f"no hello from the sidecar within {within:g} s") from error
        if self.runs.hello is None:
            await self._reader
            raise DisconnectedError("the sidecar closed the stream before its hello")
        return self.runs.hello

    async def ended(self) -> None:
        """Wait until the other side ended the stream; raises the WorkerError it broke with."""
        done, _ = await asyncio.wait(
            {self._reader, self._writer}, return_when=asyncio.FIRST_COMPLETED
        )
        for task in done:
            task.result()

    async def leave(self, reason: str, *, grace: float, linger: float) -> None:
        """Say goodbye, finish the runs within `grace` seconds, and send what is left to send.

        `linger` is how long no new run must have come. What is not finished in time is
        cancelled. Returns early when the other side ends the stream.
        """
        with contextlib.suppress(OutboxError):
            self._outbox.put(0, EventTag.GOODBYE, _wire.encode_goodbye(reason))
        drained = asyncio.create_task(self.runs.drained(linger))
        try:
            await asyncio.wait(
                {drained, self._reader}, timeout=grace, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            drained.cancel()
            await asyncio.gather(drained, return_exceptions=True)
        await self.runs.cancel_all()
        self._outbox.close()
        await asyncio.wait({self._writer}, timeout=1.0)

    async def flush(self) -> None:
        """Wait until what was put into the outbox before was written to the stream."""
        batches = 1 + self._is_writing + self._outbox.pending_bytes // _SURE_OF_A_BATCH
        until = self._written + batches
        while self._written < until and (self._is_writing or self._outbox.pending_bytes):
            written = asyncio.get_running_loop().create_future()
            self._waiting.append(written)
            await written

    async def _receive(self) -> None:
        try:
            while (batch := await self._read()) is not None:
                self.runs.receive(batch)
        finally:
            # Whoever waits for the hello then sees that none comes.
            self.runs.greeted.set()

    async def _send(self, batch: bytes) -> None:
        self._is_writing = True
        await self._write(batch)
        self._is_writing = False
        self._written += 1
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if not each.done():
                each.set_result(None)
