"""Calls spread over several sidecars that are one to the application, on one event loop.

There is a link for each address of the target. A call goes to the one that is connected
and has the fewest under way, in turns among equals. Addresses are looked up again and
again: what comes is connected with, what is gone gets no more calls and ends when those
under way are over.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from functools import partial
from typing import TYPE_CHECKING, Final

from sidehook._addresses import Lookup, Place, host_and_port, is_several, listed, look_up
from sidehook._client_errors import again, closed, unavailable
from sidehook._client_link import CONNECT_TIMEOUT, Link
from sidehook._client_stream import ask_any
from sidehook._live_list import LiveList
from sidehook._merged_list import MergedList

if TYPE_CHECKING:
    from sidehook._call import CallAnswer, CallRequest, Verdict
    from sidehook._client_choice import Choice
    from sidehook._client_line import OwnLine
    from sidehook._client_settings import Settings
    from sidehook._client_stats import Tally
    from sidehook._client_stream import CallStream
    from sidehook._errors import SidecarError

LOOKUP: Final = 15.0
"""Seconds between two look-ups of a name, while nothing makes one come earlier."""

_LEAST_SPACING: Final = 1.0

_log = logging.getLogger("sidehook.client")


def line_to(
    settings: Settings, tally: Tally, choice: Choice, loop: asyncio.AbstractEventLoop
) -> OwnLine:
    """Return what carries a client's calls on an event loop: one link, or one for each address.

    Raises ValueError for a target that cannot be, which the environment may name.
    """
    if is_several(settings.resolved_target()):
        return Spread(settings, tally, choice, loop)
    return Link(settings, tally, loop)


class Spread:
    """Calls to the sidecars behind one target. Belongs to one loop.

    `live` is what all of them say. Connections are made at the first `start`, `connect`
    or `call`, and kept until `close`.
    """

    def __init__(
        self,
        settings: Settings,
        tally: Tally,
        choice: Choice,
        loop: asyncio.AbstractEventLoop,
        *,
        lookup: Lookup = look_up,
    ) -> None:
        self.live = LiveList()
        self.loop = loop
        self._settings = settings
        self._tally = tally
        self._choice = choice
        self._look_up = lookup
        self._target = settings.resolved_target()
        self._listed = listed(self._target)
        self._merged = MergedList()
        self._links: dict[str, Link] = {}
        self._leaving: dict[Link, asyncio.Task[None]] = {}
        self._turn = 0
        self._keeper: asyncio.Task[None] | None = None
        self._looked: asyncio.Future[SidecarError | None] = loop.create_future()
        self._look_again = asyncio.Event()
        self._closed = False

    def start(self) -> None:
        """Begin to connect, and to keep connected. Safe to call twice."""
        if self._keeper is None and not self._closed:
            self._keeper = self.loop.create_task(self._keep())

    async def connect(self, timeout: float) -> None:  # noqa: ASYNC109 - part of the error
        """Wait for a connection, at most `timeout` seconds. Raises SidecarError."""
        await self._connected(self.loop.time() + timeout)

    async def call(self, request: CallRequest, budget: float) -> CallAnswer | Verdict:
        """Ask a sidecar, for at most `budget` seconds. Raises SidecarError."""
        deadline = self.loop.time() + budget
        return await ask_any(lambda: self._stream_for(request, deadline), request, deadline)

    async def home(self) -> Place:
        """Where a scope that this application serves attaches: all of a client's at one sidecar.

        Raises SidecarError when none can be reached.
        """
        deadline = self.loop.time() + CONNECT_TIMEOUT
        while True:
            home = self._links.get(self._choice.home)
            if home is not None and home.stream is not None:
                return self._place(self._choice.home)
            await self._connected(deadline)
            connected = [target for target, link in self._links.items() if link.stream is not None]
            if connected:
                self._choice.home = random.choice(connected)

    async def close(self) -> None:
        """Close every connection; calls under way end with an error. Safe to call twice."""
        self._closed = True
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        links, leaving = (*self._links.values(), *self._leaving), list(self._leaving.values())
        for task in leaving:
            task.cancel()
        await asyncio.gather(*leaving, return_exceptions=True)
        await asyncio.gather(*(link.close() for link in links))

    async def _stream_for(self, request: CallRequest, deadline: float) -> CallStream:
        """Return what takes a call: with scopes of this application's own, where they attached."""
        if request.scope_handles:
            await self._found(deadline)
            if (home := self._links.get(self._choice.home)) is not None:
                return await home.connected(deadline)
        return self._least_loaded() or await self._connected(deadline)

    def _least_loaded(self) -> CallStream | None:
        streams = [stream for link in self._links.values() if (stream := link.stream) is not None]
        if not streams:
            return None
        self._turn += 1
        first = self._turn % len(streams)
        return min((*streams[first:], *streams[:first]), key=_load)

    async def _connected(self, deadline: float) -> CallStream:
        """Wait until `deadline`, in the loop's time, for what takes calls. Raises SidecarError."""
        while (stream := self._least_loaded()) is None:
            await self._found(deadline)
            self._look_again.set()
            await self._first_good({link.attempt() for link in self._links.values()}, deadline)
        return stream

    async def _found(self, deadline: float) -> None:
        """Wait until addresses are known. Raises SidecarError."""
        while not self._links:
            if self._closed:
                raise closed()
            self.start()
            self._look_again.set()
            await self._first_good({self._looked}, deadline)

    async def _first_good(
        self, attempts: set[asyncio.Future[SidecarError | None]], deadline: float
    ) -> None:
        """Wait for one attempt without an error. Raises one of the errors if there is none."""
        error = None
        while attempts:
            left = max(0.0, deadline - self.loop.time())
            done, attempts = await asyncio.wait(
                attempts, timeout=left, return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                raise unavailable(self._target, "no answer in time")
            errors = [attempt.result() for attempt in done]
            if None in errors:
                return
            error = errors[0]
        if error is not None:
            raise again(error)

    async def _keep(self) -> None:
        try:
            while True:
                self._tell(await self._look())
                await self._pause()
        finally:
            self._tell(closed())

    async def _look(self) -> SidecarError | None:
        """Find the addresses, and follow them. Return why there are none."""
        try:
            found = self._listed or await self._look_up(*host_and_port(self._target))
        except OSError as error:
            # Connections that are there stay.
            why = f"its name cannot be looked up ({error.strerror or error})"
            _log.warning("lookup_failed target=%s problem=%r", self._target, str(error))
            return None if self._links else unavailable(self._target, why)
        self._follow(self._choice.among(found))
        return None

    def _follow(self, targets: frozenset[str]) -> None:
        for target in targets - self._links.keys():
            link = self._links[target] = Link(
                self._settings,
                self._tally,
                self.loop,
                place=self._place(target),
                changed=self._link_changed,
            )
            link.start()
        for target in self._links.keys() - targets:
            link = self._links.pop(target)
            task = self._leaving[link] = self.loop.create_task(link.leave())
            task.add_done_callback(partial(self._left, link))
        self._link_changed()

    def _left(self, link: Link, _: object) -> None:
        self._leaving.pop(link, None)

    def _place(self, target: str) -> Place:
        if self._listed:
            return Place(target)
        host, port = host_and_port(self._target)
        return Place(target, f"[{host}]:{port}" if ":" in host else f"{host}:{port}")

    def _link_changed(self) -> None:
        """A call may go to every link that is connected, so each one's list counts."""
        links = [link for link in self._links.values() if link.stream is not None]
        self.live.held = self._merged.of([link.live.held for link in links])
        if len(links) < len(self._links):
            # Perhaps its address is gone, and others came in its place.
            self._look_again.set()

    def _tell(self, error: SidecarError | None) -> None:
        """Tell who waits for addresses how the look-up went."""
        looked, self._looked = self._looked, self.loop.create_future()
        looked.set_result(error)

    async def _pause(self) -> None:
        """Wait before the next look-up; less long when there is a reason for one."""
        self._look_again.clear()
        await asyncio.sleep(_LEAST_SPACING)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOKUP - _LEAST_SPACING):
                await self._look_again.wait()


def _load(stream: CallStream) -> int:
    return stream.load
