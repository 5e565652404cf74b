"""Asking a dialled worker from time to time whether it is there, and who it is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from sidehook._manifest import WorkerManifest
from sidehook_server.transport.errors import WorkerSilentError

_SHORTEST_PAUSE: Final = 0.1
"""Between two questions there is at least this much, in seconds, however great the doubt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """How a worker is asked and told about.

    `describe` gives its manifest or raises, `declare` takes a manifest that is new, and
    `mark` whether the worker is healthy.
    """

    describe: Callable[[], Awaitable[WorkerManifest]]
    declare: Callable[[WorkerManifest], None]
    mark: Callable[[bool], None]


class Watch:
    """Asks every `poll` seconds, and at once when there is reason to doubt.

    A worker that was silent `misses` times in a row is unhealthy until it answers.
    """

    def __init__(
        self, worker: Watched, manifest: WorkerManifest, *, poll: float, misses: int
    ) -> None:
        self._worker = worker
        self._manifest = manifest
        self._poll = poll
        self._allowed_misses = misses
        self._missed = 0
        self._doubt = asyncio.Event()

    def doubt(self) -> None:
        """There is reason to ask at once."""
        self._doubt.set()

    async def run(self) -> None:
        """Never returns. Raises WorkerUnreachableError when the worker is gone.

        Raises RefusedError when it says something that cannot be accepted.
        """
        while True:
            await asyncio.sleep(min(_SHORTEST_PAUSE, self._poll))
            with suppress(TimeoutError):
                async with asyncio.timeout(self._poll):
                    await self._doubt.wait()
            self._doubt.clear()
            await self._ask()

    async def _ask(self) -> None:
        try:
            manifest = await self._worker.describe()
        except WorkerSilentError:
            self._missed += 1
            if self._missed == self._allowed_misses:
                self._worker.mark(False)
            return
        if self._missed >= self._allowed_misses:
            self._worker.mark(True)
        self._missed = 0
        if manifest != self._manifest:
            self._worker.declare(manifest)
            self._manifest = manifest
