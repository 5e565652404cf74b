"""With whom the sidecar gets in touch by itself, as the configuration says now."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from sidehook._tls import Tls
from sidehook_server.config.model import Config
from sidehook_server.ops.background import Background
from sidehook_server.ops.logs import log_event
from sidehook_server.transport.crew import Runner
from sidehook_server.transport.discovery import SocketFolder
from sidehook_server.transport.registrar import Registrar
from sidehook_server.transport.replicas import dialer
from sidehook_server.transport.session import Local

_log: Final = logging.getLogger("sidehook.config")

_LOOK_SECONDS: Final = 0.02


@dataclass(frozen=True, slots=True)
class Destination:
    """A worker's target, or with `worker` empty the folder in which sockets are looked for."""

    worker: str
    target: str
    tls: Tls | None = None

    @property
    def task(self) -> str:
        """What the task is called that keeps in touch."""
        return f"dial {self.worker}" if self.worker else "discovery"


@dataclass(frozen=True, slots=True)
class Contact:
    """What keeps in touch with a destination, and the links that came of it."""

    registrar: Registrar
    end: Callable[[], Awaitable[None]]


class Outward:
    """Dials the workers that have a target, and looks for sockets where it is told to.

    A destination that is no longer configured gets no new runs, and those under way are waited
    for, before its connections are closed. When its worker has another target now, it serves on
    until that one is connected. Neither waits longer than the drain timeout.
    """

    def __init__(self, local: Local, background: Background) -> None:
        self._local = local
        self._background = background
        self._contacts: dict[Destination, Contact] = {}

    def follow(self, config: Config) -> None:
        """Get in touch with who is new, and take leave of who is not there any more."""
        wanted = dict.fromkeys(_destinations(config))
        gone = [each for each in self._contacts if each not in wanted]
        left = [(each, self._contacts.pop(each)) for each in gone]
        for destination in wanted:
            if destination not in self._contacts:
                self._contacts[destination] = self._begin(destination)
        for destination, contact in left:
            self._leave(destination, contact, within=config.limits.drain_timeout)

    def _begin(self, destination: Destination) -> Contact:
        registrar = self._local.registrar.sibling()
        runner = _runner(replace(self._local, registrar=registrar), destination)
        return Contact(registrar, self._background.start(destination.task, runner.run))

    def _leave(self, destination: Destination, contact: Contact, *, within: float) -> None:
        log_event(
            _log,
            logging.INFO,
            "destination_left",
            worker=destination.worker or None,
            target=destination.target,
        )
        successors = [
            each.registrar
            for other, each in self._contacts.items()
            if destination.worker and other.worker == destination.worker
        ]
        leaving = partial(_take_leave, contact, successors, within=within)
        self._background.start(f"leave {destination.target}", leaving, may_end=True)


def _destinations(config: Config) -> Iterator[Destination]:
    for worker in config.workers.values():
        if worker.target is not None:
            yield Destination(worker.name, worker.target, worker.tls)
    if config.worker_sockets is not None:
        yield Destination("", config.worker_sockets)


def _runner(local: Local, destination: Destination) -> Runner:
    if destination.worker:
        return dialer(
            local,
            destination.target,
            expected_worker=destination.worker,
            tls=destination.tls,
        )
    return SocketFolder(local, Path(destination.target))


async def _take_leave(contact: Contact, successors: Sequence[Registrar], *, within: float) -> None:
    if successors:
        await _until(lambda: any(each.links for each in successors), within)
    await contact.registrar.take_leave(within=within)
    await contact.end()


async def _until(holds: Callable[[], bool], within: float) -> None:
    """Wait until something holds, or so many seconds are over."""
    loop = asyncio.get_running_loop()
    end = loop.time() + within
    while not holds() and loop.time() < end:  # noqa: ASYNC110 - a link sets no event when it comes
        await asyncio.sleep(_LOOK_SECONDS)
