"""The connection to one sidecar, on one event loop: made, kept, and made again.

One task keeps it. It opens a stream for calls and one for the live list on a channel
of their own, waits until the sidecar drains or is lost, and starts over: at once after a
connection that held, else with backoff and jitter. A call that finds no connection
waits for the attempt that is under way.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from sidehook._addresses import Place
from sidehook._client_channel import open_channel
from sidehook._client_errors import (
    again,
    broken,
    closed,
    failure_error,
    no_tls,
    no_token,
    not_served,
    refused,
    unavailable,
)
from sidehook._client_stream import CallStream, ask_any
from sidehook._client_watch import watch
from sidehook._errors import MalformedError, SidecarError
from sidehook._live_list import LiveList
from sidehook._rpc import Metadata, RpcEndedError
from sidehook._tls import TlsError
from sidehook._token import TokenError, bearer

if TYPE_CHECKING:
    import grpc.aio

    from sidehook._call import CallAnswer, CallRequest, Verdict
    from sidehook._client_settings import Settings
    from sidehook._client_stats import Tally

CONNECT_TIMEOUT: Final = 5.0
"""Seconds for one attempt to connect and exchange hellos."""

LONGEST_DELAY: Final = 5.0
"""Seconds between two attempts at most, while nobody calls."""

_FIRST_DELAY: Final = 0.05
# A call asks for an attempt at once; this keeps many calls from making a storm of it.
_LEAST_SPACING: Final = 0.02
# A connection that held for so long was no failed attempt.
_STEADY: Final = 1.0


def _nobody_asks() -> None:
    pass


class Link:
    """Calls to one sidecar, over a connection that is kept for them. Belongs to one loop.

    `live` is the live list. The connection is made at the first `start`, `connect` or
    `call`, and kept until `close`. `place` is where the sidecar is; without it, where the
    settings say, which may be elsewhere each time. `changed` is called when `stream` or
    the list has become another.
    """

    def __init__(
        self,
        settings: Settings,
        tally: Tally,
        loop: asyncio.AbstractEventLoop,
        *,
        place: Place | None = None,
        changed: Callable[[], None] = _nobody_asks,
    ) -> None:
        self.live = LiveList(changed)
        self.loop = loop
        self._settings = settings
        self._tally = tally
        self._place = place
        self._changed = changed
        self._stream: CallStream | None = None
        self._attempt: asyncio.Future[SidecarError | None] = loop.create_future()
        self._wanted = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._serving: set[asyncio.Task[None]] = set()
        self._closed = False

    def start(self) -> None:
        """Begin to connect, and to keep connected. Safe to call twice."""
        if self._keeper is None and not self._closed:
            self._keeper = self.loop.create_task(self._keep())

    @property
    def stream(self) -> CallStream | None:
        """What takes calls now, if there is a connection."""
        stream = self._stream
        return None if stream is None or stream.leaving.is_set() else stream

    async def home(self) -> Place:
        """Where a scope that this application serves attaches."""
        return self._where()

    async def connect(self, timeout: float) -> None:  # noqa: ASYNC109 - part of the error
        """Wait for a connection, at most `timeout` seconds. Raises SidecarError."""
        await self.connected(self.loop.time() + timeout)

    async def call(self, request: CallRequest, budget: float) -> CallAnswer | Verdict:
        """Ask the sidecar, for at most `budget` seconds. Raises SidecarError."""
        deadline = self.loop.time() + budget
        return await ask_any(lambda: self.connected(deadline), request, deadline)

    async def close(self) -> None:
        """Close the connection; calls under way end with an error. Safe to call twice."""
        await self._stop_keeping()
        await _stopped(*self._serving)

    async def leave(self) -> None:
        """Take no new calls, and close when those under way are over."""
        stream = self._stream
        await self._stop_keeping()
        if stream is not None:
            stream.leave()
        await asyncio.gather(*self._serving, return_exceptions=True)

    def attempt(self) -> asyncio.Future[SidecarError | None]:
        """Ask for a connection; what becomes of it is that of the attempt under way.

        Raises SidecarError when this is closed.
        """
        if self._closed:
            raise closed()
        self.start()
        self._wanted.set()
        return self._attempt

    async def connected(self, deadline: float) -> CallStream:
        """Wait until `deadline`, in the loop's time, for what takes calls. Raises SidecarError."""
        while (stream := self.stream) is None:
            attempt = self.attempt()
            await asyncio.wait({attempt}, timeout=max(0.0, deadline - self.loop.time()))
            if not attempt.done():
                raise unavailable(self._where().target, "no answer in time")
            if (error := attempt.result()) is not None:
                raise again(error)
        return stream

    def _where(self) -> Place:
        return self._place or Place(self._settings.resolved_target())

    async def _stop_keeping(self) -> None:
        self._closed = True
        if (keeper := self._keeper) is not None:
            await _stopped(keeper)
            # What the task ended with knows every connection that it went through.
            self._keeper = None

    async def _keep(self) -> None:
        waits = delays()
        try:
            while True:
                since = self.loop.time()
                error = await self._connect_once()
                if error is not None:
                    self._decide(error)
                if self.loop.time() - since > _STEADY:
                    waits = delays()
                else:
                    await self._pause(next(waits))
        finally:
            self._decide(closed())

    def _decide(self, error: SidecarError | None) -> None:
        """Tell who waits for a connection how the attempt went."""
        attempt, self._attempt = self._attempt, self.loop.create_future()
        attempt.set_result(error)

    async def _connect_once(self) -> SidecarError | None:
        """Connect, and stay until the sidecar drains or is lost. Return why there was no way."""
        place = self._where()
        target = place.target
        stream = CallStream(target, self._tally)
        try:
            token = self._settings.token_for(target)
            channel = open_channel(self._settings, place)
        except TokenError as unusable:
            return no_token(target, str(unusable))
        except TlsError as unusable:
            return no_tls(target, str(unusable))
        metadata = () if token is None else bearer(token)
        opened = False
        try:
            error = await _open(stream, channel, target, metadata)
            opened = error is None
        finally:
            if not opened:
                await channel.close()
        if error is None:
            await self._while_connected(stream, channel, metadata)
        return error

    async def _while_connected(
        self, stream: CallStream, channel: grpc.aio.Channel, metadata: Metadata
    ) -> None:
        self._tally.add("connections")
        # Serves its last calls beside the next connection when the sidecar drains.
        serving = self.loop.create_task(_serve(stream, channel))
        self._serving.add(serving)
        serving.add_done_callback(self._serving.discard)
        watcher = self.loop.create_task(watch(channel, self.live, metadata))
        self._stream = stream
        self._changed()
        self._decide(None)
        try:
            await stream.leaving.wait()
        finally:
            self._stream = None
            await _stopped(watcher)
            self.live.lost()
        if not stream.draining:
            self._tally.add("connections_lost")

    async def _pause(self, delay: float) -> None:
        """Wait before the next attempt; less long when a call wants a connection."""
        self._wanted.clear()
        await asyncio.sleep(_LEAST_SPACING)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(delay):
                await self._wanted.wait()


async def _open(
    stream: CallStream, channel: grpc.aio.Channel, target: str, metadata: Metadata
) -> SidecarError | None:
    """Open the stream. Return why that did not work."""
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT):
            await stream.open(channel, metadata)
    except TimeoutError:
        return unavailable(target, f"no hello within {CONNECT_TIMEOUT:g} s")
    except MalformedError as error:
        return broken(target, str(error))
    except RpcEndedError as end:
        return _no_entry(target, end)
    except SidecarError as error:
        return error
    return None


def _no_entry(target: str, end: RpcEndedError) -> SidecarError:
    if end.failure is not None:
        return failure_error(end.failure)
    if end.code == "UNAVAILABLE":
        return unavailable(target, end.why)
    if end.code == "UNIMPLEMENTED":
        return not_served(target, "sidehook.v1.HookService")
    return refused(target, end.code, end.why)


async def _serve(stream: CallStream, channel: grpc.aio.Channel) -> None:
    try:
        await stream.serve()
    finally:
        await channel.close()


async def _stopped(*tasks: asyncio.Task[None]) -> None:
    """Cancel tasks and wait until they have ended, however they do."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def delays() -> Iterator[float]:
    """Yield seconds to wait after each failed attempt: twice as long each time, with jitter."""
    delay = _FIRST_DELAY
    while True:
        yield delay * random.uniform(0.5, 1.0)
        delay = min(2 * delay, LONGEST_DELAY)
