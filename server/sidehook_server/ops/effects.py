"""Carries out what a change of the registry asks for: files, lists, notices, log lines."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, Protocol

from sidehook._run import Notice
from sidehook_server.dispatch.links import LinkTable
from sidehook_server.ops.logs import log_event
from sidehook_server.ops.manifest_store import StateError
from sidehook_server.registry.effects import (
    AnnounceActive,
    Effect,
    Forget,
    KeptWorker,
    Level,
    ListChanged,
    Log,
    Persist,
    RefusalReason,
    Refuse,
    TellWorker,
)
from sidehook_server.rpc.live_list import LiveList

_log: Final = logging.getLogger("sidehook.registry")

_LEVELS: Final[Mapping[Level, int]] = {Level.INFO: logging.INFO, Level.WARNING: logging.WARNING}

HOOKS_ACTIVE: Final = "HOOKS_ACTIVE"
"""The notice that every client knows a worker's hooks."""


class Store(Protocol):
    """Keeps what outlives a restart. Raises StateError when it cannot."""

    def save(self, kept: KeptWorker) -> None:
        """Write what is kept of a worker."""

    def forget(self, worker: str) -> None:
        """Remove what is kept of a worker."""


class EffectRunner:
    """Hears every effect of the registry.

    `publish` puts the registry's list in force; `changed` is told that something is
    different, after each effect; `not_kept` that the store failed; `refused` that a
    registration or a retirement came to nothing. `store` None keeps nothing.
    """

    def __init__(
        self,
        *,
        store: Store | None,
        links: LinkTable,
        live_list: LiveList,
        publish: Callable[[], None],
        changed: Callable[[], None],
        not_kept: Callable[[], None],
        refused: Callable[[RefusalReason], None],
    ) -> None:
        self._store = store
        self._links = links
        self._live_list = live_list
        self._publish = publish
        self._changed = changed
        self._not_kept = not_kept
        self._refused = refused
        self._announcements: set[asyncio.Task[None]] = set()

    def __call__(self, effect: Effect) -> None:
        """Carry out one effect, on the event loop. Never raises."""
        match effect:
            case ListChanged():
                self._publish()
            case AnnounceActive():
                self._announce(effect)
            case Persist():
                self._keep(effect.kept)
            case Forget():
                self._forget(effect.worker)
            case Log():
                log_event(_log, _LEVELS[effect.level], effect.event, **effect.fields)
            case TellWorker():
                self._tell(effect.link_id, effect.notice)
            case Refuse():
                # Whoever asked for the change tells the worker.
                self._refused(effect.reason)
                return
        self._changed()

    async def close(self) -> None:
        """Give up the announcements that are still waiting for their moment."""
        for task in self._announcements:
            task.cancel()
        await asyncio.gather(*self._announcements, return_exceptions=True)

    def _announce(self, effect: AnnounceActive) -> None:
        task = asyncio.create_task(self._announce_when_active(effect))
        self._announcements.add(task)
        task.add_done_callback(self._announcements.discard)

    async def _announce_when_active(self, effect: AnnounceActive) -> None:
        await self._live_list.active(effect.version)
        self._tell(
            effect.link_id,
            Notice(code=HOOKS_ACTIVE, message="every client knows this worker's hooks"),
        )

    def _tell(self, link_id: str, notice: Notice) -> None:
        link = self._links.get(link_id)
        if link is not None:
            link.notify(notice)

    def _keep(self, kept: KeptWorker) -> None:
        if self._store is not None:
            self._try("hooks_not_kept", kept.worker, partial(self._store.save, kept))

    def _forget(self, worker: str) -> None:
        if self._store is not None:
            self._try("hooks_not_forgotten", worker, partial(self._store.forget, worker))

    def _try(self, event: str, worker: str, write: Callable[[], None]) -> None:
        try:
            write()
        except StateError as error:
            log_event(_log, logging.ERROR, event, worker=worker, problem=str(error))
            self._not_kept()
