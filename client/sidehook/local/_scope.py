"""`plugin_scope` of the local clients: the hooks are registered without a stream of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from sidehook._scope import AsyncPluginScope, Attachment, PluginScope

if TYPE_CHECKING:
    from sidehook._addresses import Place
    from sidehook._client_settings import Settings
    from sidehook._client_thread import LinkThread
    from sidehook.local import LocalSidecar

FindSidecar = Callable[[], "LocalSidecar"]
"""Gives the sidecar of a client when the scope is entered."""


class LocalAttachment(Attachment):
    """Keeps the hooks of a scope registered with a local sidecar."""

    def __init__(self, settings: Settings, hooks: Iterable[object], find: FindSidecar) -> None:
        super().__init__(settings, hooks, lambda: find().home())
        self._find = find

    async def start(self) -> None:
        """Register the hooks. Raises SidecarError; TypeError when it was used before."""
        # Here, because nobody would hear of an error of its in the task that keeps the scope.
        self._find()
        await super().start()

    async def _attach_once(self, place: Place, attached: asyncio.Future[None]) -> None:
        async with self._find().scope(self._dispatcher) as self.handle:
            attached.set_result(None)
            await self._stop.wait()


class LocalAsyncPluginScope(AsyncPluginScope):
    """AsyncPluginScope of a local client."""

    def __init__(
        self, client: object, settings: Settings, hooks: Iterable[object], find: FindSidecar
    ) -> None:
        # Not the base's: it would load the hooks a second time, for a stream.
        self._client = client
        self._attachment = LocalAttachment(settings, hooks, find)


class LocalPluginScope(PluginScope):
    """PluginScope of a local client."""

    def __init__(
        self,
        client: object,
        settings: Settings,
        hooks: Iterable[object],
        line: LinkThread,
        find: FindSidecar,
    ) -> None:
        # Not the base's: it would load the hooks a second time, for a stream.
        self._client = client
        self._line = line
        self._attachment = LocalAttachment(settings, hooks, find)
