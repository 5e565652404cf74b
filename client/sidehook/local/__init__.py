"""The sidecar inside this process: the same hooks through the same pipeline, no sockets.

For tests and notebooks::

    async with sidehook.local.aio.Client(guard, redactor) as hooks:
        payload = await hooks.invoke("tool_pre_invoke", name="ls")

    with sidehook.local.Client(Worker("guards", guard), config="sidehook.yaml") as hooks:
        payload = hooks.invoke("tool_pre_invoke", name="ls")

Both are what `sidehook.aio.Client` and `sidehook.Client` are, and can be handed to code
that takes those. Every value and every message is encoded and decoded as on the way to a
sidecar, so what works here works there. Leaving the block delivers telemetry first.

It needs the distribution `sidehook-server`, which is looked for when a client is made.
"""

# What is used of the sidecar is imported in this module and when it is needed: the
# client's other modules stand without it, which the import contracts check.

from __future__ import annotations

import asyncio
import contextvars
import importlib
import json
import logging
import math
import secrets
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from sidehook import _wire
from sidehook._client_errors import closed
from sidehook._client_link import Link
from sidehook._errors import DefinitionError
from sidehook._hook_list import WatchResponse
from sidehook.local._crew import Worker, crew
from sidehook.local._link import LocalLink
from sidehook.worker._errors import RefusedError

if TYPE_CHECKING:
    from sidehook._call import CallAnswer, CallRequest
    from sidehook._client_settings import Settings
    from sidehook._client_stats import Tally
    from sidehook.local import aio
    from sidehook.local._client import Client
    from sidehook.worker._dispatch import Dispatcher
    from sidehook_server.config import Config
    from sidehook_server.registry.effects import Effect

__all__ = ["Client", "Worker", "aio"]

Configuration: TypeAlias = Mapping[str, object] | str | Path | None
"""What the sidecar is configured with: a file, its keys and values, or nothing but defaults."""

TARGET: Final = "in-process"
"""What the clients of a local sidecar have as their target."""

_HANDLE_BYTES: Final = 24

_log = logging.getLogger("sidehook.local")


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What one local sidecar is made of."""

    config: Config
    crew: tuple[Dispatcher, ...]

    @classmethod
    def of(cls, hooks: Iterable[object], config: Configuration) -> Setup:
        """Check and load everything there is to load.

        Raises ModuleNotFoundError without `sidehook-server`, its ConfigError with every
        problem of the configuration, and DefinitionError for hooks that cannot be served.
        """
        _check_server()
        loaded = _loaded(config)
        if loaded.detached.journal is not None:
            _log.warning("journal_not_used path=%s: nothing here is kept", loaded.detached.journal)
        return cls(config=loaded, crew=crew(hooks))


class LocalSidecar(Link):
    """The pipeline, its registry and its workers on one event loop.

    In a client it stands where the connection to a sidecar does otherwise.
    """

    def __init__(
        self, settings: Settings, tally: Tally, loop: asyncio.AbstractEventLoop, setup: Setup
    ) -> None:
        from sidehook_server.dispatch.detached_limits import detached_limits
        from sidehook_server.dispatch.dispatcher import Dispatcher
        from sidehook_server.dispatch.links import LinkTable
        from sidehook_server.ops.clock import MonotonicClock
        from sidehook_server.registry import transitions
        from sidehook_server.registry.holder import RegistryHolder
        from sidehook_server.transport.registrar import Registrar

        super().__init__(settings, tally, loop)
        self._setup = setup
        self._table = LinkTable()
        self._links: list[LocalLink] = []
        self._waiting: set[asyncio.Future[CallAnswer]] = set()
        self._registry = RegistryHolder(transitions.new_registry(setup.config))
        self._registry.subscribe(self._carry)
        self._registrar = Registrar(self._registry, self._table)
        self._dispatcher = Dispatcher(
            registry=lambda: self._registry.current,
            links=self._table,
            clock=MonotonicClock(loop),
            detached=detached_limits(setup.config),
        )
        self._registry.subscribe(lambda _: self._dispatcher.look_again())
        self._publish()

    def start(self) -> None:
        """Register the workers. Safe to call twice.

        Raises DefinitionError with every problem of the hooks that the sidecar refuses.
        """
        if self._closed:
            raise closed()
        if self._links:
            return
        problems: list[str] = []
        for dispatcher in self._setup.crew:
            try:
                self._links.append(self._attached(dispatcher, contextvars.Context()))
            except RefusedError as error:
                problems.extend(error.metadata.values())
        if problems:
            for link in self._links:
                self._registrar.detach(link.link_id)
            self._links.clear()
            raise DefinitionError("\n".join(problems))

    async def connect(self, timeout: float) -> None:  # noqa: ASYNC109 - as the link's own
        """Register the workers; there is nothing to wait for."""
        self.start()

    async def call(self, request: CallRequest, budget: float) -> CallAnswer:
        """Drive one call. Cancelling it cancels the hooks that run."""
        self.start()
        request = _wire.decode_invoke(_wire.encode_invoke(request))
        self._tally.add("calls")
        answered: asyncio.Future[CallAnswer] = self.loop.create_future()
        self._waiting.add(answered)
        handle = self._dispatcher.start(request, partial(_settle, answered))
        try:
            return _wire.decode_answer(_wire.encode_answer(await answered))
        except asyncio.CancelledError:
            self._tally.add("calls_cancelled")
            raise
        finally:
            self._waiting.discard(answered)
            handle.cancel()

    async def close(self) -> None:
        """End calls under way with an error, deliver what is detached, and stop the workers.

        Takes as long as detached hooks do, `limits.drain_timeout` at most.
        """
        if self._closed:
            return
        self._closed = True
        for answered in self._waiting:
            if not answered.done():
                answered.set_exception(closed())
        try:
            await self._dispatcher.drain(self._setup.config.limits.drain_timeout)
        finally:
            await asyncio.gather(*(link.close() for link in self._links))
            self._dispatcher.close()

    @asynccontextmanager
    async def scope(self, dispatcher: Dispatcher) -> AsyncIterator[str]:
        """Register hooks for the calls that name the handle that this gives.

        Leaving it lets runs under way finish. Raises RefusedError.
        """
        handle = secrets.token_urlsafe(_HANDLE_BYTES)
        # These hooks are the application's own, and run in what surrounds the scope.
        link = self._attached(dispatcher, contextvars.copy_context(), scope_handle=handle)
        try:
            yield handle
            await link.idle(self._setup.config.limits.drain_timeout)
        finally:
            self._registrar.detach(link.link_id)
            await link.close()

    def _attached(
        self,
        dispatcher: Dispatcher,
        context: contextvars.Context,
        *,
        scope_handle: str | None = None,
    ) -> LocalLink:
        from sidehook_server.registry.identity import Peer
        from sidehook_server.transport import errors

        link = LocalLink(self._registrar.new_link_id(), dispatcher, context=context)
        try:
            self._registrar.attach(
                link,
                link.manifest,
                scope_handle=scope_handle,
                # Who may have a name is asked of other processes; here there is only this one.
                peer=Peer(is_this_process=True),
            )
        except errors.RefusedError as error:
            problems = {f"problem_{n}": text for n, text in enumerate(error.problems, start=1)}
            raise RefusedError(str(error), reason=error.reason, metadata=problems) from error
        return link

    def _carry(self, effect: Effect) -> None:
        """Do what a change of the registry asks for; nothing outlives this process."""
        from sidehook_server.registry.effects import Level, ListChanged, Log, TellWorker

        match effect:
            case ListChanged():
                self._publish()
            case Log():
                level = logging.WARNING if effect.level is Level.WARNING else logging.INFO
                fields = " ".join(f"{name}={value}" for name, value in effect.fields.items())
                _log.log(level, "%s %s", effect.event, fields)
            case TellWorker():
                link = self._table.get(effect.link_id)
                if link is not None:
                    link.notify(effect.notice)
            case _:
                return

    def _publish(self) -> None:
        """Let the live list be the registry's, on a lease that never ends."""
        registry = self._registry.current
        probe = self.live.probe(time.monotonic())
        self.live.apply(
            WatchResponse(
                probe=probe.probe,
                version=registry.list_version,
                lease=math.inf,
                hook_list=registry.hook_list(),
            )
        )


def _settle(answered: asyncio.Future[CallAnswer], answer: CallAnswer) -> None:
    if not answered.done():
        answered.set_result(answer)


def _check_server() -> None:
    try:
        importlib.import_module("sidehook_server")
    except ModuleNotFoundError as error:
        if error.name != "sidehook_server":
            raise
        raise ModuleNotFoundError(
            "sidehook.local runs the sidecar's own pipeline, and the distribution that has it "
            "is not installed; run: pip install sidehook-server",
            name="sidehook_server",
        ) from error


def _loaded(config: Configuration) -> Config:
    from sidehook_server.config import ConfigError, Place, load_config

    # Without an environment or certificates: they say nothing about a sidecar without sockets.
    if not isinstance(config, Mapping):
        return load_config(config, environment={}, reads_certificates=False)
    with tempfile.TemporaryDirectory(prefix="sidehook") as folder:
        # The one loader reads files, and JSON is YAML.
        file = Path(folder) / "config.yaml"
        file.write_text(json.dumps(dict(config), ensure_ascii=False), encoding="utf-8")
        try:
            return load_config(file, environment={}, reads_certificates=False)
        except ConfigError as error:
            # The key says where; the file is none of the caller's.
            here = Place("config")
            raise ConfigError([replace(it, place=here) for it in error.problems]) from None


def __getattr__(name: str) -> object:
    # They import what this module defines.
    if name == "aio":
        return importlib.import_module("sidehook.local.aio")
    if name == "Client":
        return importlib.import_module("sidehook.local._client").Client
    raise AttributeError(f"module {__name__} has no attribute {name}")
