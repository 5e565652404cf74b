"""The bounded pool of threads in which blocking handlers run.

A handler that blocks cannot be stopped, only told (`ctx.cancelled`). Its slot stays
busy and counted until it really returns, whatever became of its run.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

ResultT = TypeVar("ResultT")
SettledT = TypeVar("SettledT")

DEFAULT_MAX_THREADS = 16


class PoolFullError(Exception):
    """Every slot is busy and no more work may wait."""


class _Pending(Protocol):
    """Work that waits for a thread."""

    def run(self) -> None:
        """Do it, and deliver what came of it."""


@dataclass(slots=True, eq=False)
class _Work(Generic[ResultT]):
    """One call of a handler on its way through the pool."""

    function: Callable[[], ResultT]
    future: asyncio.Future[ResultT]
    loop: asyncio.AbstractEventLoop
    context: contextvars.Context = field(default_factory=contextvars.copy_context)

    def run(self) -> None:
        try:
            result = self.context.run(self.function)
        except BaseException as error:  # it belongs to whoever awaits the result
            self._deliver(self.future.set_exception, error)
        else:
            self._deliver(self.future.set_result, result)

    def _deliver(self, settle: Callable[[SettledT], None], outcome: SettledT) -> None:
        try:
            self.loop.call_soon_threadsafe(self._settle, settle, outcome)
        except RuntimeError:
            # The loop is closed, so nobody waits any more.
            return

    def _settle(self, settle: Callable[[SettledT], None], outcome: SettledT) -> None:
        if not self.future.done():
            settle(outcome)


class Threads:
    """At most `slots` handlers at once, and at most `max_waiting` that wait for a slot.

    Threads are started when they are first needed and end with the process: they are
    daemons, so that a handler that never returns cannot keep a worker from exiting.
    Safe from several event loops at once.
    """

    def __init__(self, slots: int, *, max_waiting: int) -> None:
        if slots < 1:
            raise ValueError(f"a pool of {slots} threads runs nothing; give it at least 1")
        self.slots = slots
        self.max_waiting = max_waiting
        self._waiting: deque[_Pending] = deque()
        self._changed = threading.Condition()
        self._busy = 0
        self._started = 0
        self._closed = False

    @property
    def busy(self) -> int:
        """Slots taken by handlers that have not returned yet, cancelled ones included."""
        return self._busy

    @property
    def waiting(self) -> int:
        """Handlers that wait for a slot."""
        return len(self._waiting)

    async def run(self, function: Callable[[], ResultT]) -> ResultT:
        """Call `function` in a thread and return or raise what it did.

        Cancelling takes it out of the queue when it waits. When it runs, it runs on and
        keeps its slot; its result is dropped. Raises PoolFullError at once when there is
        no slot and no room to wait.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[ResultT] = loop.create_future()
        work = _Work(function, future, loop)
        self._put(work)
        try:
            return await future
        except asyncio.CancelledError:
            self._withdraw(work)
            raise

    def close(self) -> None:
        """Let the threads end once they are idle. Does not wait for busy ones. Idempotent."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _put(self, work: _Pending) -> None:
        with self._changed:
            free = self.slots - self._busy
            if self._closed or len(self._waiting) >= free + self.max_waiting:
                raise PoolFullError
            self._waiting.append(work)
            if self._started < min(self.slots, self._busy + len(self._waiting)):
                self._started += 1
                threading.Thread(
                    target=self._serve, name=f"sidehook-hook-{self._started}", daemon=True
                ).start()
            self._changed.notify()

    def _withdraw(self, work: _Pending) -> None:
        with self._changed:
            if work in self._waiting:
                self._waiting.remove(work)

    def _serve(self) -> None:
        while (work := self._take()) is not None:
            try:
                work.run()
            finally:
                with self._changed:
                    self._busy -= 1

    def _take(self) -> _Pending | None:
        with self._changed:
            while not self._waiting:
                if self._closed:
                    return None
                self._changed.wait()
            self._busy += 1
            return self._waiting.popleft()
