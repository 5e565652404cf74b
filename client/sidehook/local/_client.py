"""The local client for code that blocks: the same names as `sidehook.local.aio.Client`."""

from __future__ import annotations

import asyncio
import os
import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, Self

from sidehook._client_errors import closed
from sidehook._client_settings import DEFAULT_BUDGET, Settings
from sidehook._client_sync import Client as RemoteClient
from sidehook._client_thread import LinkThread
from sidehook.local import TARGET, Configuration, LocalSidecar, Setup
from sidehook.local._scope import LocalPluginScope

if TYPE_CHECKING:
    from sidehook._client_stats import Tally
    from sidehook._scope import PluginScope


class Client(RemoteClient):
    """`sidehook.Client` with the sidecar inside this process, in a thread of its own.

    The hooks are registered when it is entered or first used. Coroutine handlers run on
    the loop of that thread, plain ones in a pool of threads. Leaving it delivers what
    FIRE_AND_FORGET hooks are due, within `limits.drain_timeout` of the configuration.

    It takes and raises what `sidehook.local.aio.Client` does.
    """

    def __init__(
        self,
        *hooks: object,
        config: Configuration = None,
        budget: float = DEFAULT_BUDGET,
        tenant: str = "",
        user: str = "",
        labels: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(
            TARGET, budget=budget, required=True, tenant=tenant, user=user, labels=labels
        )
        self._setup = Setup.of(hooks, config)
        self._local: LocalThread | None = None

    def __enter__(self) -> Self:
        try:
            return super().__enter__()
        except BaseException:
            self.close()
            raise

    def plugin_scope(self, *hooks: object) -> PluginScope:
        """Return a context manager in which functions of this application are hooks.

        As `sidehook.Client.plugin_scope`: they run in the place of the order that their
        mode and priority give them, for calls made inside the block only.
        """
        line = self._line()
        return LocalPluginScope(self, self._settings, hooks, line, lambda: line.sidecar)

    def _line(self) -> LocalThread:
        """Return the sidecar's thread, which is made for the first caller."""
        self._check_process()
        with self._lock:
            if self._closed:
                raise closed()
            if self._local is None:
                self._connected_in = os.getpid()
                # The base closes what is its thread.
                self._thread = self._local = LocalThread(self._settings, self._tally, self._setup)
                weakref.finalize(self, self._local.close)
            return self._local


class LocalThread(LinkThread):
    """Runs a local sidecar in a thread of its own."""

    def __init__(self, settings: Settings, tally: Tally, setup: Setup) -> None:
        def make(loop: asyncio.AbstractEventLoop) -> LocalSidecar:
            self.sidecar = LocalSidecar(settings, tally, loop, setup)
            return self.sidecar

        super().__init__(make)

    def close(self) -> None:
        """Deliver what is detached, then end the thread. Blocks as long as that takes."""
        if os.getpid() == self._process and not self._loop.is_closed():
            self.submit(self.sidecar.close()).result()
        super().close()
