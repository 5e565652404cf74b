"""One stream of runs, without whatever carries its messages."""

from __future__ import annotations

import asyncio

from sidehook import Payload, _wire
from sidehook._frames import Frame, RunTag, encode_frame, pack
from sidehook._hello import SidecarHello
from sidehook.worker import Context, hook
from sidehook.worker._dispatch import Dispatcher
from sidehook.worker._stream import RunStream
from tests.unit.transport.streams import a_run


class Sidecar:
    """The other end: what it says is read, and nobody cares for what it is told."""

    def __init__(self) -> None:
        self._said: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.is_heard = asyncio.Event()

    def say(self, tag: RunTag, body: bytes, *, number: int = 0) -> None:
        self._said.put_nowait(pack([encode_frame(Frame(number, tag, body))]))

    def end(self) -> None:
        self._said.put_nowait(None)

    async def read(self) -> bytes | None:
        batch = await self._said.get()
        if batch is None:
            self.is_heard.set()
        return batch

    async def write(self, batch: bytes) -> None:
        pass


async def test_a_run_that_comes_when_the_worker_has_left_is_not_begun() -> None:
    called: list[str] = []

    @hook("t")
    async def own(payload: Payload, ctx: Context) -> None:
        called.append(ctx.call_id)

    sidecar = Sidecar()
    dispatcher = Dispatcher([own], "w")
    async with RunStream(dispatcher, read=sidecar.read, write=sidecar.write) as stream:
        sidecar.say(RunTag.HELLO, _wire.encode_sidecar_hello(SidecarHello()))
        sidecar.say(RunTag.RUN, own_run("before"), number=1)
        await stream.hello(5.0)
        await stream.leave("the test says so", grace=5.0, linger=0.0)
        sidecar.say(RunTag.RUN, own_run("after"), number=2)
        sidecar.end()
        await sidecar.is_heard.wait()
        await stream.runs.drained(0.0)
    assert called == ["before"]
    assert (stream.runs.stats.taken, stream.runs.stats.dropped) == (1, 1)
    dispatcher.close()


def own_run(call_id: str) -> bytes:
    return _wire.encode_run(a_run("own", call_id=call_id))
