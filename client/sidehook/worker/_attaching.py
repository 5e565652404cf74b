"""Staying attached: attach, serve, and attach again whenever the sidecar was gone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack

from sidehook._client_target import START_COMMAND
from sidehook._tls import TlsError
from sidehook.worker._attach import AttachSession, open_channel
from sidehook.worker._backoff import Backoff
from sidehook.worker._credentials import Credentials
from sidehook.worker._dispatch import Dispatcher
from sidehook.worker._errors import CredentialsError, DisconnectedError
from sidehook.worker._stop import unless_stopped

ACTIVE_TIMEOUT = 5.0
"""How long to wait for the word that every application knows the hooks, in seconds."""

_log = logging.getLogger("sidehook.worker")


class Attaching:
    """Keeps the hooks of `dispatcher` attached to `target` until `stop` is set.

    `on_ready` is called once, when the hooks are active for the first time or were not
    for `active_timeout` seconds. A sidecar that is not there, or goes away, is tried
    again for ever.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        target: str,
        *,
        stop: asyncio.Event,
        grace: float,
        on_ready: Callable[[str], None],
        credentials: Credentials | None = None,
        backoff: Backoff | None = None,
        active_timeout: float = ACTIVE_TIMEOUT,
    ) -> None:
        self._dispatcher = dispatcher
        self._target = target
        self._stop = stop
        self._grace = grace
        self._on_ready: Callable[[str], None] | None = on_ready
        self._credentials = credentials or Credentials()
        self._backoff = Backoff() if backoff is None else backoff
        self._active_timeout = active_timeout
        # What was logged last: the same again is only for those who look closely.
        self._told = ""

    async def run(self) -> None:
        """Serve until stopped. Raises RefusedError and UnknownProtocolError."""
        while not self._stop.is_set():
            try:
                await self._attach_once()
                problem = "the sidecar ended the stream"
            except (CredentialsError, DisconnectedError, TlsError) as error:
                # Files that were fine at the start may be in the middle of being renewed.
                problem = str(error)
            if not self._stop.is_set():
                await self._wait(problem)

    async def _attach_once(self) -> None:
        limits = self._dispatcher.limits
        async with AsyncExitStack() as stack:
            opened = open_channel(self._target, limits, self._credentials.tls)
            channel = await stack.enter_async_context(opened)
            token = self._credentials.read_token()
            session = AttachSession(channel, self._dispatcher, token=token, grace=self._grace)
            if not await unless_stopped(self._stop, stack.enter_async_context(session)):
                return
            self._backoff.reset()
            self._told = ""
            _log.info(
                "attached worker=%s target=%s sidecar=%s",
                self._dispatcher.worker,
                self._target,
                session.hello.sidecar,
            )
            await unless_stopped(self._stop, self._serve(session))

    async def _serve(self, session: AttachSession) -> None:
        announcing = asyncio.create_task(self._announce(session))
        try:
            await session.ended()
        finally:
            announcing.cancel()
            await asyncio.gather(announcing, return_exceptions=True)

    async def _announce(self, session: AttachSession) -> None:
        if self._on_ready is None:
            return
        try:
            async with asyncio.timeout(self._active_timeout):
                await session.active()
        except TimeoutError:
            _log.warning(
                "hooks_not_active worker=%s after_seconds=%g: some applications may not know "
                "them yet",
                self._dispatcher.worker,
                self._active_timeout,
            )
        on_ready, self._on_ready = self._on_ready, None
        on_ready(f"{self._dispatcher.worker} attached to {self._target}")

    async def _wait(self, problem: str) -> None:
        wait = self._backoff.next()
        level = logging.DEBUG if problem == self._told else logging.WARNING
        self._told = problem
        _log.log(
            level,
            "sidecar_unreachable target=%s problem=%r: start one with `%s`; trying again until "
            "it is there",
            self._target,
            problem,
            START_COMMAND,
        )
        await unless_stopped(self._stop, asyncio.sleep(wait))
