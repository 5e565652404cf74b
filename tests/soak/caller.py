"""The callers: so many calls a second, in sessions, scopes and plugin scopes that come and go."""

import asyncio
import contextlib
import json
import logging
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path
from typing import Final

import sidehook.aio
from sidehook import Context, Payload, hook
from tests.soak.hooks import SCOPE, TYPE

SIZES: Final = (1024, 10 * 1024)
"""Bytes of the payloads, in turn."""

CALLS_OF_SESSION: Final = 50
CALLS_OF_SCOPE: Final = 5
IN_SCOPE_EVERY: Final = 5

IN_FLIGHT: Final = 8
"""Calls of one caller under way at once: a machine that is busy makes it slower, no backlog."""

_SCOPE_PAUSE: Final = 5.0
_TOLD_EVERY: Final = 1.0
_BUDGET: Final = 5.0


@hook(TYPE, mode="concurrent")
async def own(payload: Payload, ctx: Context) -> None:
    """The application's own hook, for as long as its scope is open."""


class Caller:
    """Calls at a steady rate until it is told to stop; tells what it counted in a file."""

    def __init__(self, name: str, target: str, folder: Path, rate: float) -> None:
        self._target = target
        self._file = folder / f"{name}.counts"
        self._name = name
        self._every = 1 / rate
        self._numbers = count()
        self._counts: Counter[str] = Counter()
        self._room = asyncio.Semaphore(IN_FLIGHT)
        self._stop = asyncio.Event()

    async def run(self) -> None:
        """Call until SIGTERM."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._stop.set)
        async with (
            sidehook.aio.Client(self._target, budget=_BUDGET) as hooks,
            asyncio.TaskGroup() as tasks,
        ):
            tasks.create_task(self._keep_telling())
            tasks.create_task(self._open_scopes(hooks))
            async for session in self._sessions(hooks):
                if self._room.locked():
                    # It cannot keep up: what is not called is counted, and not made up for.
                    self._counts["missed"] += 1
                    continue
                await self._room.acquire()
                tasks.create_task(self._call_in(hooks, session))
        # Now every call has ended.
        self._tell()

    async def _sessions(self, hooks: sidehook.aio.Client) -> AsyncIterator[sidehook.Session]:
        """The session of each call, when its time has come."""
        loop = asyncio.get_running_loop()
        due, session = loop.time(), hooks.session()
        while not self._stop.is_set():
            if self._counts["paced"] % CALLS_OF_SESSION == 0:
                session = hooks.session()
            self._counts["paced"] += 1
            yield session
            # Late by more than a moment, it goes on from now: no burst makes up for it.
            due = max(due + self._every, loop.time() - 1)
            await self._pause(due - loop.time())

    async def _call_in(self, hooks: sidehook.aio.Client, session: sidehook.Session) -> None:
        try:
            with session, self._scope(hooks):
                await self._call(hooks)
        finally:
            self._room.release()

    @contextlib.contextmanager
    def _scope(self, hooks: sidehook.aio.Client) -> Iterator[None]:
        if self._counts["calls"] % IN_SCOPE_EVERY:
            yield
        else:
            with hooks.scope(SCOPE):
                yield

    async def _open_scopes(self, hooks: sidehook.aio.Client) -> None:
        """Plugin scopes, one after the other, with some calls in each."""
        while not self._stop.is_set():
            try:
                async with hooks.plugin_scope(own):
                    self._counts["plugin scopes"] += 1
                    for _ in range(CALLS_OF_SCOPE):
                        await self._call(hooks)
            except sidehook.SidecarError as error:
                self._counts[f"plugin scope: {error.reason}"] += 1
            await self._pause(_SCOPE_PAUSE)

    async def _call(self, hooks: sidehook.aio.Client) -> None:
        number = next(self._numbers)
        marker, text = f"{self._name}.{number}", "x" * SIZES[number % len(SIZES)]
        self._counts["calls"] += 1
        try:
            payload = await hooks.invoke(TYPE, marker=marker, text=text, back="")
            ended = "proceeded" if payload["back"] == marker else "of another call"
        except sidehook.SidecarError as error:
            ended = f"failed: {error.reason} {error.hook} {error.failure_class or ''}".strip()
        self._counts[ended] += 1

    async def _keep_telling(self) -> None:
        while not self._stop.is_set():
            self._tell()
            await self._pause(_TOLD_EVERY)

    def _tell(self) -> None:
        told = {**self._counts, "tasks": len(asyncio.all_tasks())}
        new = self._file.with_suffix(".new")
        new.write_text(json.dumps(told))
        # Whoever reads it finds all of it.
        new.replace(self._file)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), max(0.0, seconds))


def call(name: str, target: str, folder: str, rate: float) -> None:
    """The entry of a caller's process."""
    logging.basicConfig(level=logging.WARNING)

    async def main() -> None:
        await Caller(name, target, Path(folder), rate).run()

    asyncio.run(main())
