"""A link on an event loop and in a thread of its own, for callers that have neither."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Final, TypeVar

from sidehook._client_link import Link

if TYPE_CHECKING:
    from concurrent.futures import Future

    from sidehook._call import CallAnswer, CallRequest
    from sidehook._client_settings import Settings
    from sidehook._client_stats import Tally
    from sidehook._live_list import LiveList

T = TypeVar("T")

_CLOSING_TIME: Final = 5.0


class LinkThread:
    """Runs a link. Everything but `link` itself may be used from any thread.

    The thread is a daemon: a program that forgets to close its client still ends.
    """

    def __init__(self, settings: Settings, tally: Tally) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="sidehook-client", daemon=True
        )
        self._process = os.getpid()
        self._closing = threading.Lock()
        self.link = Link(settings, tally, self._loop)
        self._thread.start()

    @property
    def live(self) -> LiveList:
        """The link's live list."""
        return self.link.live

    def start(self) -> None:
        """Begin to connect, and to keep connected. Does not block; safe to call twice."""
        self._loop.call_soon_threadsafe(self.link.start)

    async def connect(self, timeout: float) -> None:  # noqa: ASYNC109 - as the link's own
        """`Link.connect` for a caller on another event loop."""
        await asyncio.wrap_future(self.submit(self.link.connect(timeout)))

    async def call(self, request: CallRequest, budget: float) -> CallAnswer:
        """`Link.call` for a caller on another event loop."""
        return await asyncio.wrap_future(self.submit(self.link.call(request, budget)))

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Run a coroutine on the loop. Raises RuntimeError where that could only deadlock."""
        if threading.get_ident() == self._thread.ident:
            work.close()
            raise RuntimeError(
                "a coroutine hook of plugin_scope called the blocking client that runs it; "
                "make it a plain function, or use sidehook.aio.Client"
            )
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def close(self) -> None:
        """Close the link and end the thread. Blocks for a few seconds at most. Idempotent."""
        # After a fork the thread is in the other process, and the link is its business.
        if os.getpid() != self._process:
            return
        with self._closing:
            if self._loop.is_closed():
                return
            self.submit(self.link.close()).result(_CLOSING_TIME)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_CLOSING_TIME)
            self._loop.close()
