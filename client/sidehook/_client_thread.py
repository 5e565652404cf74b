"""A link on an event loop and in a thread of its own, for callers that have neither."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from sidehook._client_errors import closed

if TYPE_CHECKING:
    from sidehook._addresses import Place
    from sidehook._call import CallAnswer, CallRequest, Verdict
    from sidehook._client_line import OwnLine
    from sidehook._live_list import LiveList

T = TypeVar("T")

_CLOSING_TIME: Final = 5.0


class LinkThread:
    """Runs what `make` makes for its loop. All but `link` itself may be used from any thread.

    The thread is a daemon: a program that forgets to close its client still ends.
    """

    def __init__(self, make: Callable[[asyncio.AbstractEventLoop], OwnLine]) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="sidehook-client", daemon=True)
        self._process = os.getpid()
        self._closing = threading.Lock()
        # Whether work is accepted; the gate makes sure that what is accepted is also run.
        self._open = True
        self._gate = threading.Lock()
        self._closer: asyncio.Task[None] | None = None
        self.link = make(self._loop)
        self._thread.start()

    @property
    def live(self) -> LiveList:
        """The link's live list."""
        return self.link.live

    def start(self) -> None:
        """Begin to connect, and to keep connected. Does not block; safe to call twice."""
        self._post(self.link.start)

    async def connect(self, timeout: float) -> None:  # noqa: ASYNC109 - as the link's own
        """`Link.connect` for a caller on another event loop."""
        await asyncio.wrap_future(self.submit(self.link.connect(timeout)))

    async def call(self, request: CallRequest, budget: float) -> CallAnswer | Verdict:
        """`Link.call` for a caller on another event loop."""
        return await asyncio.wrap_future(self.submit(self.link.call(request, budget)))

    async def home(self) -> Place:
        """`Link.home` for a caller on another event loop."""
        return await asyncio.wrap_future(self.submit(self.link.home()))

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Run a coroutine on the loop; cancelling the future cancels it. Does not block.

        Raises RuntimeError where waiting for it could only deadlock, and SidecarError
        when the thread is closed.
        """
        run = self._accepted(work)
        self._begin(run)
        return run.result

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop and block until it ends.

        An exception in this thread, such as KeyboardInterrupt, cancels it. Raises what
        `submit` raises.
        """
        run = self._accepted(work)
        try:
            self._begin(run)
            return run.result.result()
        except BaseException:
            run.result.cancel()
            raise

    def close(self) -> None:
        """Close the link and end the thread. Blocks for a few seconds at most. Idempotent."""
        # After a fork the thread is in the other process, and the link is its business.
        if os.getpid() != self._process:
            return
        if self._is_current():
            # A client that nobody holds any more may be collected anywhere, here too.
            self._closer = self._loop.create_task(self.link.close())
            self._closer.add_done_callback(lambda _: self._stop())
            return
        with self._closing:
            if not self._open:
                return
            try:
                self.submit(self.link.close()).result(_CLOSING_TIME)
            finally:
                self._stop()
                self._thread.join(_CLOSING_TIME)

    def _accepted(self, work: Coroutine[Any, Any, T]) -> _Run[T]:
        if self._is_current():
            work.close()
            raise RuntimeError(
                "a coroutine hook of plugin_scope called the blocking client that runs it; "
                "make it a plain function, or use sidehook.aio.Client"
            )
        return _Run(self._loop, work)

    def _begin(self, run: _Run[T]) -> None:
        if not self._post(run.begin):
            run.work.close()
            raise closed()

    def _post(self, callback: Callable[[], object]) -> bool:
        with self._gate:
            if self._open:
                self._loop.call_soon_threadsafe(callback)
            return self._open

    def _is_current(self) -> bool:
        # Not by its ident, which a later thread may get.
        return threading.current_thread() is self._thread

    def _stop(self) -> None:
        with self._gate:
            self._open = False
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _run(self) -> None:
        self._loop.run_forever()
        self._loop.run_until_complete(_end_all())
        self._loop.close()


class _Run(Generic[T]):
    """A coroutine that a thread wants to be run on a loop. Cancelling `result` cancels it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T]) -> None:
        self.work = work
        self.result: Future[T] = Future()
        self.result.add_done_callback(self._given_up)
        self._loop = loop
        self._task: asyncio.Task[T] | None = None

    def begin(self) -> None:
        """Run the coroutine; on the loop."""
        self._task = self._loop.create_task(self.work)
        self._task.add_done_callback(self._ended)

    def _given_up(self, result: Future[T]) -> None:
        if result.cancelled():
            # A loop that is closed has ended the coroutine.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._cancel)

    def _cancel(self) -> None:
        # `begin` was posted before, if it ever was.
        if self._task is None:
            self.work.close()
        else:
            self._task.cancel()

    def _ended(self, task: asyncio.Task[T]) -> None:
        if not self.result.set_running_or_notify_cancel():
            return
        error = closed() if task.cancelled() else task.exception()
        if error is None:
            self.result.set_result(task.result())
        else:
            self.result.set_exception(error)


async def _end_all() -> None:
    """End whatever is still on the loop, so that nobody waits for it for ever."""
    await asyncio.sleep(0)
    while others := asyncio.all_tasks() - {asyncio.current_task()}:
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
