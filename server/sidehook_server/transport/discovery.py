"""Workers found by their sockets in a watched folder."""

from __future__ import annotations

import asyncio
import logging
import stat
from contextlib import aclosing
from pathlib import Path
from typing import Final

from watchfiles import awatch

from sidehook_server.transport.crew import Crew, Runner
from sidehook_server.transport.dial import Dialer, DialTimes
from sidehook_server.transport.session import Local

_log: Final = logging.getLogger("sidehook.transport")

_RESCAN_MILLISECONDS: Final = 2000
"""The folder is read so often even when no change is seen: not every file system tells."""


class SocketFolder:
    """Dials every Unix socket `*.sock` in a folder, as sockets come and go.

    A socket that vanishes leaves its worker's hooks in the plan, unreachable. A folder
    that is not there yet is looked for every `longest_wait` of the times.
    """

    def __init__(self, local: Local, folder: Path, *, times: DialTimes | None = None) -> None:
        self._local = local
        self._folder = folder
        self._times = times or DialTimes()

    async def run(self) -> None:
        """Watches and dials. Ends only by being cancelled."""
        async with Crew(self._local, self._dialer, leave=self._times.leave) as crew:
            while True:
                crew.follow(_sockets(self._folder))
                try:
                    await self._follow_changes(crew)
                except OSError as error:
                    _log.debug("folder_not_watched folder=%s problem=%r", self._folder, str(error))
                    await asyncio.sleep(self._times.longest_wait)

    async def _follow_changes(self, crew: Crew) -> None:
        changes = awatch(
            self._folder,
            watch_filter=None,
            debounce=50,
            step=20,
            rust_timeout=_RESCAN_MILLISECONDS,
            yield_on_timeout=True,
            recursive=False,
        )
        async with aclosing(changes):
            # What came between the first look and the watch is seen now.
            crew.follow(_sockets(self._folder))
            async for _ in changes:
                crew.follow(_sockets(self._folder))

    def _dialer(self, local: Local, target: str) -> Runner:
        _log.info("socket_found target=%s", target)
        return Dialer(local, target, times=self._times)


def _sockets(folder: Path) -> frozenset[str]:
    """The targets of the sockets in the folder; none when there is no such folder."""
    return frozenset(f"unix:{path.resolve()}" for path in folder.glob("*.sock") if _is_socket(path))


def _is_socket(path: Path) -> bool:
    try:
        return stat.S_ISSOCK(path.stat().st_mode)
    except OSError:
        return False
