"""Functions of the application itself as hooks: run in this process, for one scope only.

The scope attaches to the sidecar like a worker, on a stream of its own. The sidecar
mints a handle for it, and calls made inside the scope name the handle.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, TypeAlias, overload

from sidehook._client_channel import open_channel
from sidehook._client_errors import BY_REASON, other_version, unavailable
from sidehook._client_link import delays
from sidehook._errors import CallRefusedError, DefinitionError, SidecarError
from sidehook._session import enter, leave, surroundings
from sidehook._tls import TlsError
from sidehook._token import TokenError
from sidehook._types import Mode
from sidehook.worker._attach import AttachSession
from sidehook.worker._dispatch import Dispatcher
from sidehook.worker._errors import (
    DisconnectedError,
    RefusedError,
    UnknownProtocolError,
    WorkerError,
)
from sidehook.worker._stop import unless_stopped

if TYPE_CHECKING:
    from sidehook import aio
    from sidehook._addresses import Place
    from sidehook._client_settings import Settings
    from sidehook._client_sync import Client
    from sidehook._client_thread import LinkThread

WORKER_NAME: Final = "plugin-scope"
"""The worker that hooks of a scope belong to in receipts and in the keys of the state."""

Home: TypeAlias = "Callable[[], Awaitable[Place]]"
"""Gives the one sidecar at which a client's scopes attach. Raises SidecarError."""

_LINGER: Final = 0.2

_log = logging.getLogger("sidehook.client")


@overload
def plugin_scope(*hooks: object, client: aio.Client) -> AsyncPluginScope: ...
@overload
def plugin_scope(*hooks: object, client: Client) -> PluginScope: ...
def plugin_scope(*hooks: object, client: aio.Client | Client) -> AsyncPluginScope | PluginScope:
    """Return `client.plugin_scope(*hooks)`: functions of this application as its hooks."""
    return client.plugin_scope(*hooks)


class Attachment:
    """Keeps the hooks of a scope attached, on one event loop. Used once."""

    def __init__(self, settings: Settings, hooks: Iterable[object], home: Home) -> None:
        self.handle = ""
        self._settings = settings
        self._home = home
        self._dispatcher = Dispatcher(hooks, WORKER_NAME)
        if not self._dispatcher.hooks:
            raise DefinitionError("plugin_scope() needs hooks: functions decorated with @hook")
        self._stop = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Attach. Raises SidecarError; TypeError when it was used before."""
        if self._keeper is not None:
            raise TypeError("a plugin scope is entered once; make another")
        attached: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._keeper = asyncio.create_task(self._keep(attached))
        try:
            # Also when the keeper fails in a way that it did not foresee.
            await asyncio.wait({attached, self._keeper}, return_when=asyncio.FIRST_COMPLETED)
            if not attached.done():
                self._keeper.result()
            await attached
        except BaseException:
            await self._end()
            raise

    async def stop(self) -> None:
        """Say goodbye, let runs under way finish, and detach."""
        self._stop.set()
        if self._keeper is not None:
            await self._keeper
        self._dispatcher.close()

    async def _end(self) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        self._dispatcher.close()

    async def _keep(self, attached: asyncio.Future[None]) -> None:
        """Stay attached until stopped: a scope that lost its sidecar gets a new handle."""
        waits = delays()
        while not self._stop.is_set():
            target = self._settings.resolved_target()
            try:
                place = await self._home()
                target = place.target
                await self._attach_once(place, attached)
            except (WorkerError, SidecarError) as error:
                if not attached.done():
                    attached.set_exception(_translated(target, error))
                    return
                # Until it is attached again, calls name the old handle, and fail by the
                # policy of these hooks: they are never left out.
                _log.warning("plugin_scope_detached target=%s: %s", target, error)
            await unless_stopped(self._stop, asyncio.sleep(next(waits)))

    async def _attach_once(self, place: Place, attached: asyncio.Future[None]) -> None:
        try:
            token = self._settings.token_for(place.target)
            opened = open_channel(self._settings, place)
        except TokenError as error:
            raise DisconnectedError(str(error)) from error
        except TlsError as error:
            raise DisconnectedError(f"TLS cannot be spoken: {error}") from error
        async with AsyncExitStack() as stack:
            channel = await stack.enter_async_context(opened)
            session = AttachSession(channel, self._dispatcher, scope_only=True, token=token)
            await stack.enter_async_context(session)
            self.handle = session.hello.scope_handle
            if not attached.done():
                attached.set_result(None)
            if not await unless_stopped(self._stop, session.ended()):
                await self._see_detached_runs(session)

    async def _see_detached_runs(self, session: AttachSession) -> None:
        """Wait for runs of FIRE_AND_FORGET hooks, which the sidecar sends after the verdict."""
        if not any(spec.mode is Mode.FIRE_AND_FORGET for spec in self._dispatcher.hooks):
            return
        taken = -1
        while taken != session.stats.taken:
            taken = session.stats.taken
            await asyncio.sleep(_LINGER)


class AsyncPluginScope:
    """The async context manager that `sidehook.aio.Client.plugin_scope` returns.

    Entering it raises SidecarUnavailableError when there is no sidecar, and
    CallRefusedError when the sidecar does not accept the hooks. Leaving it lets runs
    under way finish, and with FIRE_AND_FORGET hooks waits for the last of them to come.
    """

    def __init__(
        self, client: object, settings: Settings, hooks: Iterable[object], home: Home
    ) -> None:
        self._client = client
        self._attachment = Attachment(settings, hooks, home)

    @property
    def handle(self) -> str:
        """What calls name to run these hooks; empty before the scope is entered."""
        return self._attachment.handle

    async def __aenter__(self) -> Self:
        await self._attachment.start()
        _enter(self._client, self)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            leave(self._client, self)
        finally:
            await self._attachment.stop()


class PluginScope:
    """The context manager that `sidehook.Client.plugin_scope` returns.

    As AsyncPluginScope; entering and leaving it block.
    """

    def __init__(
        self, client: object, settings: Settings, hooks: Iterable[object], line: LinkThread
    ) -> None:
        self._client = client
        self._line = line
        self._attachment = Attachment(settings, hooks, line.link.home)

    @property
    def handle(self) -> str:
        """What calls name to run these hooks; empty before the scope is entered."""
        return self._attachment.handle

    def __enter__(self) -> Self:
        self._line.wait(self._attachment.start())
        _enter(self._client, self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            leave(self._client, self)
        finally:
            self._line.wait(self._attachment.stop())


def _enter(client: object, scope: AsyncPluginScope | PluginScope) -> None:
    around = surroundings(client)
    enter(client, scope, replace(around, handles=(*around.handles, scope)))


def _translated(target: str, error: WorkerError | SidecarError) -> SidecarError:
    if isinstance(error, SidecarError):
        return error
    if isinstance(error, RefusedError):
        kind = BY_REASON.get(error.reason, CallRefusedError)
        return kind(str(error), reason=error.reason, metadata=error.metadata)
    if isinstance(error, UnknownProtocolError):
        return other_version(target, error.version)
    return unavailable(target, str(error))
