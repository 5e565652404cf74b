"""Actors on real connections: attached to the sidecar, or dialled by it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Protocol

from sidehook._frames import pack
from sidehook._rpc import RpcEndedError
from tests.conformance.language.workers import Instance
from tests.conformance.runners.actor import Actor
from tests.conformance.runners.book import Book
from tests.conformance.runners.stage import Refusal
from tests.transport.raw_worker import AttachedWorker, Frames, ListeningWorker


class Connection(Protocol):
    """One actor and what it is connected by."""

    actor: Actor

    @property
    def refusal(self) -> Refusal | None:
        """Why the sidecar ended the stream; None when it did not, or did not say."""

    async def open(self) -> Refusal | None:
        """Connects; returns once the sidecar has the instance, or refuses it."""

    async def close(self) -> None:
        """Breaks the connection. Safe to call twice."""


class _Line:
    """Writes an actor's frames to a stream, in a task of its own."""

    def __init__(self, hang_up: Callable[[], None]) -> None:
        self._batches: asyncio.Queue[bytes] = asyncio.Queue()
        self._hang_up = hang_up

    def send(self, frames: Iterable[bytes]) -> None:
        self._batches.put_nowait(pack(frames))

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        if seconds:
            loop.call_later(seconds, act)
        else:
            loop.call_soon(act)

    def hang_up(self) -> None:
        self._hang_up()

    async def write(self, stream: Frames) -> None:
        """Writes for ever."""
        while True:
            await stream.send_raw(await self._batches.get())


async def _converse(actor: Actor, line: _Line, stream: Frames) -> None:
    """Plays the actor on a stream until it ends."""
    writing = asyncio.create_task(line.write(stream))
    try:
        while (frame := await stream.next()) is not None:
            actor.take(frame)
    finally:
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)


class AttachedConnection:
    """An instance that attaches to the sidecar, or an application's scope that does."""

    def __init__(self, target: str, instance: Instance, book: Book, *, scope: bool = False) -> None:
        self.handle = ""
        self.refusal: Refusal | None = None
        self._worker = AttachedWorker(target)
        self._line = _Line(self._worker.call.cancel)
        self.actor = Actor(instance, book, self._line)
        self._scope = scope
        self._talk: asyncio.Task[None] | None = None

    async def open(self) -> Refusal | None:
        try:
            hello = await self._worker.attach(self.actor.instance.manifest, scope_only=self._scope)
        except RpcEndedError as error:
            self._refused(error)
            await self.close()
            return self.refusal
        self.handle = hello.scope_handle
        self._talk = asyncio.create_task(self._converse())
        return None

    async def close(self) -> None:
        self.actor.is_gone = True
        self._worker.call.cancel()
        if self._talk is not None:
            await asyncio.gather(self._talk, return_exceptions=True)
        await self._worker._channel.close()

    async def _converse(self) -> None:
        try:
            await _converse(self.actor, self._line, self._worker)
        except RpcEndedError as error:
            self._refused(error)
        finally:
            self.actor.is_gone = True

    def _refused(self, error: RpcEndedError) -> None:
        if error.failure is not None:
            self.refusal = Refusal(error.failure.reason, error.failure.message)


class DialledConnection:
    """An instance that listens on a socket in the folder that the sidecar watches."""

    refusal: Refusal | None = None

    def __init__(self, socket: Path, instance: Instance, book: Book) -> None:
        self._socket = socket
        self._line = _Line(self._hang_up)
        self.actor = Actor(instance, book, self._line)
        self._listening = AsyncExitStack()
        self._gone: asyncio.Task[None] | None = None

    async def open(self) -> Refusal | None:
        worker = ListeningWorker(self.actor.instance.manifest)
        worker.on_stream = self._on_stream
        await self._listening.enter_async_context(worker.listening(f"unix:{self._socket}"))
        return None

    async def close(self) -> None:
        self.actor.is_gone = True
        # Whoever hears that the stream has ended must not find the socket again.
        self._socket.unlink(missing_ok=True)
        await self._listening.aclose()
        if self._gone is not None:
            await asyncio.gather(self._gone, return_exceptions=True)

    def _hang_up(self) -> None:
        self._gone = asyncio.create_task(self._cut())

    async def _cut(self) -> None:
        self.actor.is_gone = True
        self._socket.unlink(missing_ok=True)
        await self._listening.aclose()

    async def _on_stream(self, stream: Frames) -> None:
        with suppress(asyncio.CancelledError):
            await _converse(self.actor, self._line, stream)
