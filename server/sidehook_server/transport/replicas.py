"""A worker behind a name in the DNS: each of its addresses is a replica of its own."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import replace
from typing import Final

from sidehook._addresses import Lookup, host_and_port, is_name, look_up
from sidehook._tls import Tls
from sidehook_server.transport.crew import Crew, Runner
from sidehook_server.transport.dial import Dialer, DialTimes
from sidehook_server.transport.session import Local

_log: Final = logging.getLogger("sidehook.transport")


def dialer(
    local: Local,
    target: str,
    *,
    expected_worker: str | None = None,
    tls: Tls | None = None,
    times: DialTimes | None = None,
) -> Runner:
    """What keeps the connections with the worker at a target; `run` it.

    A target `dns:///host:port` gets a connection for each address of the name.
    """
    if is_name(target):
        return Replicas(local, target, expected_worker=expected_worker, tls=tls, times=times)
    return Dialer(local, target, expected_worker=expected_worker, tls=tls, times=times)


class Replicas:
    """Keeps a connection with every address of a name.

    An address that is not in the DNS any more gets no new runs, and is dropped when it has
    none. When a replica leaves, the name is looked up more often for a while, because another
    takes its place. While the name cannot be looked up, everything stays as it is. Raises
    ValueError for a target without a port.
    """

    def __init__(
        self,
        local: Local,
        target: str,
        *,
        expected_worker: str | None = None,
        tls: Tls | None = None,
        times: DialTimes | None = None,
        lookup: Lookup = look_up,
    ) -> None:
        self._host, self._port = host_and_port(target)
        self._target = target
        self._local = local
        self._expected_worker = expected_worker
        # The certificate of each address is for the name, unless the operator said otherwise.
        self._tls = tls and replace(tls, server_name=tls.server_name or self._host)
        self._times = times or DialTimes()
        self._look_up = lookup
        self._one_left = asyncio.Event()
        self._hasty_until = 0.0

    async def run(self) -> None:
        """Looks the name up, again and again. Ends only by being cancelled."""
        async with Crew(
            self._local, self._dialer, leave=self._times.leave, on_leaving=self._hurry
        ) as crew:
            while True:
                try:
                    crew.follow(await self._look_up(self._host, self._port))
                except OSError as error:
                    _log.warning("lookup_failed target=%s problem=%r", self._target, str(error))
                await self._pause()

    def _hurry(self) -> None:
        """A replica leaves; what the DNS says of the next one may be some seconds old."""
        self._hasty_until = asyncio.get_running_loop().time() + self._times.lookup
        self._one_left.set()

    async def _pause(self) -> None:
        await asyncio.sleep(self._times.hasty_lookup)
        if asyncio.get_running_loop().time() < self._hasty_until:
            return
        self._one_left.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._times.lookup - self._times.hasty_lookup):
                await self._one_left.wait()

    def _dialer(self, local: Local, target: str) -> Runner:
        return Dialer(
            local,
            target,
            expected_worker=self._expected_worker,
            tls=self._tls,
            times=self._times,
        )
