"""Noticing that a file may have changed: edits, replacements, and swaps of links to it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from watchfiles import awatch

_MOST_LINKS: Final = 40

Fingerprint: TypeAlias = tuple[int, int, int, int] | None
"""Device, inode, size and time of change of a file; None when there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchTimes:
    """How long things take, in seconds.

    The file is looked at every `look`, also without word of a change: not every file system
    tells. It has settled when nothing happened for `settle`; one that never rests is taken as it
    is after `patience`.
    """

    look: float = 2.0
    settle: float = 0.2
    patience: float = 5.0


class FileWatch:
    """Calls `changed` when the file may be another one, once it has settled.

    Links on the way to it are watched too, so that those of a mounted ConfigMap are followed. The
    first call comes at once: something may have changed since the file was read.
    """

    def __init__(
        self, file: Path, changed: Callable[[], None], *, times: WatchTimes | None = None
    ) -> None:
        self._file = file
        self._changed = changed
        self._times = times or WatchTimes()
        self._seen: Fingerprint = (0, 0, 0, 0)

    async def run(self) -> None:
        """Watches. Ends only by being cancelled."""
        while True:
            way = on_the_way(self._file)
            try:
                await self._follow(way)
            except OSError:
                # A folder is gone, or cannot be watched: look without being told.
                await self._look()
                await asyncio.sleep(self._times.look)

    async def _follow(self, way: frozenset[Path]) -> None:
        """Looks at the file after every event, until it is to be found by another way."""
        names = {str(path) for path in way}
        events = awatch(
            *{path.parent for path in way},
            watch_filter=lambda _change, path: path in names,
            debounce=50,
            step=20,
            rust_timeout=int(self._times.look * 1000),
            yield_on_timeout=True,
            recursive=False,
        )
        async with aclosing(events):
            await self._look()
            async for _ in events:
                await self._look()
                if on_the_way(self._file) != way:
                    return

    async def _look(self) -> None:
        if fingerprint_of(self._file) != self._seen:
            self._seen = await self._settled()
            self._changed()

    async def _settled(self) -> Fingerprint:
        loop = asyncio.get_running_loop()
        until = loop.time() + self._times.patience
        before = fingerprint_of(self._file)
        while loop.time() < until:
            await asyncio.sleep(self._times.settle)
            now = fingerprint_of(self._file)
            if now == before:
                break
            before = now
        return before


def fingerprint_of(file: Path) -> Fingerprint:
    """What tells the file from another one, links followed."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def on_the_way(file: Path) -> frozenset[Path]:
    """The file and every link that leads to it, by paths whose folders are there."""
    return frozenset(path for path in _steps(file.absolute()) if path.parent.is_dir())


def _steps(path: Path) -> Iterator[Path]:
    for _ in range(_MOST_LINKS):
        yield path
        link = next((each for each in (path, *path.parents) if each.is_symlink()), None)
        if link is None:
            return
        yield link
        target = Path(os.path.normpath(link.parent / link.readlink()))
        path = target / path.relative_to(link)
