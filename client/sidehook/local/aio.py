"""The local client for asyncio: `async with sidehook.local.aio.Client(*hooks) as hooks: …`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from sidehook import aio
from sidehook._client_errors import closed
from sidehook._client_settings import DEFAULT_BUDGET
from sidehook.local import TARGET, Configuration, LocalSidecar, Setup
from sidehook.local._scope import LocalAsyncPluginScope

if TYPE_CHECKING:
    from sidehook._client_line import Line
    from sidehook._scope import AsyncPluginScope

__all__ = ["Client"]


class Client(aio.Client):
    """`sidehook.aio.Client` with the sidecar inside this process. Belongs to one event loop.

    The hooks are registered when it is entered or first used, on the running loop, and
    coroutine handlers run there. Leaving it delivers what FIRE_AND_FORGET hooks are due,
    within `limits.drain_timeout` of the configuration.

    Args:
        hooks: What `serve` takes, or `Worker` objects. Hooks that are given without a
            worker belong to one called `local`.
        config: The sidecar's configuration: its file, or a mapping of the same keys.
            Addresses, sockets and targets in it are checked and not used; a worker that
            it names must be among the hooks, or its calls fail as they would there.
        budget: Seconds that each call may take in all; over 0.
        tenant: The tenant that calls are for, unless their session says otherwise.
        user: The end user that calls are for, unless their session says otherwise.
        labels: Free labels on every call; at most 64.

    Raises ModuleNotFoundError when `sidehook-server` is not installed, DefinitionError for
    hooks that cannot be served, `sidehook_server.config.ConfigError` with every problem of
    the configuration, ValueError or TypeError for arguments that cannot be. Entering it
    raises DefinitionError for hooks that the sidecar refuses.
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
        self._sidecar: LocalSidecar | None = None

    def plugin_scope(self, *hooks: object) -> AsyncPluginScope:
        """Return an async context manager in which functions of this application are hooks.

        As `sidehook.aio.Client.plugin_scope`: they run in the place of the order that
        their mode and priority give them, for calls made inside the block only.
        """
        return LocalAsyncPluginScope(self, self._settings, hooks, self._found)

    def _line(self) -> Line:
        return self._found()

    def _found(self) -> LocalSidecar:
        """Return the sidecar, which is made for the first caller."""
        self._check_process()
        loop = asyncio.get_running_loop()
        with self._lock:
            if self._closed:
                raise closed()
            if self._sidecar is None:
                self._connected_in = os.getpid()
                sidecar = LocalSidecar(self._settings, self._tally, loop, self._setup)
                sidecar.start()
                # The base closes what is its home.
                self._home = self._sidecar = sidecar
            if self._sidecar.loop is not loop:
                raise RuntimeError(
                    "this local client belongs to the event loop that used it first, where its "
                    "hooks run; make another one here"
                )
            return self._sidecar
