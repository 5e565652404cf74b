"""An application on one stream of calls: octets out, answers in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc.aio

from sidehook import _wire as wire
from sidehook._call import CallAnswer
from sidehook._frames import Frame, InvokeTag, VerdictTag
from tests.unit.rpc.peers import CallStream

_ANSWERS_WITHIN = 20.0


class Caller:
    """Sends calls by name and keeps their answers."""

    def __init__(self, stream: CallStream) -> None:
        self._stream = stream
        self._ids: dict[str, int] = {}
        self._answers: dict[int, asyncio.Future[CallAnswer]] = {}

    async def begin(self, name: str, octets: bytes) -> None:
        """Sends a call."""
        number = self._ids[name] = len(self._ids) + 1
        self._answers[number] = asyncio.get_running_loop().create_future()
        await self._stream.send(Frame(number, InvokeTag.INVOKE, octets))

    def is_answered(self, name: str) -> bool:
        """Whether the answer is there."""
        return self._answers[self._ids[name]].done()

    async def finish(self, name: str) -> CallAnswer:
        """Waits for the answer."""
        async with asyncio.timeout(_ANSWERS_WITHIN):
            return await self._answers[self._ids[name]]

    async def cancel(self, name: str) -> None:
        """Gives a call up."""
        await self._stream.send(Frame(self._ids[name], InvokeTag.CANCEL, b""))

    async def listen(self) -> None:
        """Takes answers until it is cancelled, or the stream ends."""
        while (frame := await self._stream.frame()) is not None:
            if frame.tag == VerdictTag.ANSWER:
                self._answers[frame.id].set_result(wire.decode_answer(frame.body))


@asynccontextmanager
async def calling(channel: grpc.aio.Channel) -> AsyncIterator[Caller]:
    """A caller whose stream is open."""
    stream = CallStream(channel)
    await stream.greet()
    caller = Caller(stream)
    listening = asyncio.create_task(caller.listen())
    try:
        yield caller
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        stream.call.cancel()
