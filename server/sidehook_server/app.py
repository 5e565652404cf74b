"""The composition root: makes a whole sidecar of its parts, runs it, and takes it down.

The only module that constructs everything. What the parts do is theirs to say.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import signal
import sys
import time
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Final, TextIO

import grpc
import uvloop

from sidehook._hello import CONTINUATIONS, SPLIT_FRAMES, SidecarHello
from sidehook._manifest import Limits
from sidehook._mux import LARGEST_BATCH_BYTES
from sidehook._process import at_rest
from sidehook_server.config.load import load as load_file
from sidehook_server.config.model import Config
from sidehook_server.dispatch.detached_limits import detached_limits
from sidehook_server.dispatch.dispatcher import Dispatcher, DrainReport
from sidehook_server.dispatch.links import LinkTable
from sidehook_server.dispatch.observers import Observers
from sidehook_server.dispatch.sweeper import Clock
from sidehook_server.journal.file import JournalFile
from sidehook_server.journal.writer import DiskJournal
from sidehook_server.ops.admin import AdminServer
from sidehook_server.ops.background import Background
from sidehook_server.ops.clock import MonotonicClock
from sidehook_server.ops.decision_log import DecisionLog
from sidehook_server.ops.effects import EffectRunner
from sidehook_server.ops.health import Health
from sidehook_server.ops.logs import log_event
from sidehook_server.ops.manifest_store import ManifestStore
from sidehook_server.ops.metrics import Metrics, Names
from sidehook_server.ops.pages import admin_pages
from sidehook_server.ops.reload.outward import Outward
from sidehook_server.ops.reload.reloader import Load, Reloader
from sidehook_server.ops.reload.watch import FileWatch
from sidehook_server.ops.state import Parts, gauges, missing_sentences
from sidehook_server.registry import transitions
from sidehook_server.registry.holder import RegistryHolder
from sidehook_server.rpc import hook_service, registry_service
from sidehook_server.rpc.callers import Callers
from sidehook_server.rpc.health import ServiceHealth
from sidehook_server.rpc.hook_service import HookService
from sidehook_server.rpc.invoke_stream import StreamServices
from sidehook_server.rpc.live_list import LiveList
from sidehook_server.rpc.registry_service import Door, RegistryService
from sidehook_server.rpc.server import RpcServer
from sidehook_server.rpc.unix_socket import folder_is_open, is_private
from sidehook_server.transport.attach import AttachHost
from sidehook_server.transport.registrar import Registrar
from sidehook_server.transport.session import Local

VERSION: Final = version("sidehook-server")
"""The release of this distribution."""

_log: Final = logging.getLogger("sidehook.app")

_ENVELOPE_BYTES: Final = 1024 * 1024
_LAST_WORDS_SECONDS: Final = 1.0
_LEAVING_SECONDS: Final = 1.0
_LEFT_OVER_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a sidecar is reached, as targets and a URL; `admin` is `off` when there is none."""

    sidecar: str
    calls: tuple[str, ...]
    workers: tuple[str, ...]
    admin: str

    @property
    def ready_line(self) -> str:
        """What a script waits for on standard output."""
        return (
            f"READY sidecar {self.sidecar} calls={','.join(self.calls)} "
            f"workers={','.join(self.workers)} admin={self.admin}"
        )


class Sidecar:
    """One sidecar. Needs a running event loop.

    `store` None keeps no hooks across restarts, `journal` None no detached events. `load`
    reads the configuration again; without it, its file alone. `clock` is what calls and
    hooks are timed by; without it, the system's.
    """

    def __init__(
        self,
        config: Config,
        store: ManifestStore | None,
        journal: DiskJournal | None = None,
        load: Load | None = None,
        *,
        clock: Clock | None = None,
    ) -> None:
        self._config = config
        self._journal = journal
        self._sidecar = f"sidecar-{secrets.token_hex(4)}"
        self._loop = asyncio.get_running_loop()
        self._links = LinkTable()
        self._registry = self._restored(store)
        self._names = Names()
        self._metrics = Metrics(self._names)
        self._decisions = DecisionLog.of(
            config, sidecar=self._sidecar, version=VERSION, counts=self._metrics
        )
        observer = (
            self._metrics if self._decisions is None else Observers(self._metrics, self._decisions)
        )
        self._dispatcher = Dispatcher(
            registry=lambda: self._registry.current,
            links=self._links,
            clock=MonotonicClock(self._loop) if clock is None else clock,
            observer=observer,
            detached=detached_limits(config),
            journal=journal,
        )
        self._live_list = LiveList(
            self._registry.current.hook_list(sidecar=self._sidecar),
            lease=config.limits.list_lease,
            now=time.monotonic,
        )
        self._health = Health(on_ready=self._became_ready)
        self._service_health = ServiceHealth()
        self._background = Background(self._health.broken)
        self._effects = EffectRunner(
            store=store,
            links=self._links,
            live_list=self._live_list,
            publish=self._publish,
            changed=self._changed,
            not_kept=self._metrics.state_not_kept,
            refused=self._metrics.registration_refused,
        )
        self._registry.subscribe(self._effects)
        self._registry.subscribe(lambda _: self._dispatcher.look_again())
        self._refresh_is_due = False
        self._limits = Limits(
            max_message_bytes=config.largest_payload_bytes + _ENVELOPE_BYTES,
            max_batch_bytes=LARGEST_BATCH_BYTES,
        )
        self._local = Local(
            sidecar=self._sidecar,
            registrar=Registrar(self._registry, self._links),
            observer=self._metrics,
            limits=self._limits,
        )
        self._registry.subscribe(self._local.registrar.hear)
        self._outward = Outward(self._local, self._background)
        self._reloader = Reloader(
            load or partial(load_file, config.source or None),
            in_force=lambda: self._registry.current.config,
            apply=self._configure,
            count=self._metrics.configuration_read,
        )
        self._attach_host = AttachHost(self._local)
        self._callers = Callers(
            registry=lambda: self._registry.current,
            observer=observer,
            socket_uid=partial(_only_user, Path(config.listen.socket)),
        )
        self._hook_service = self._make_hook_service()
        self._doors: list[RegistryService] = []
        self._app_server = self._make_server(may_register=False)
        self._workers_server = self._make_server(may_register=True)
        self._admin = self._make_admin()

    # Composition.

    def _restored(self, store: ManifestStore | None) -> RegistryHolder:
        fresh = transitions.new_registry(self._config)
        if store is None:
            return RegistryHolder(fresh)
        return RegistryHolder(transitions.restored(fresh, store.load()).registry)

    def _make_hook_service(self) -> HookService:
        hello = SidecarHello(
            sidecar=self._sidecar,
            limits=self._limits,
            capabilities=frozenset({CONTINUATIONS, SPLIT_FRAMES}),
        )
        services = StreamServices(
            calls=self._dispatcher, hello=hello, dropped=self._metrics.client_frame_dropped
        )
        return HookService(
            self._dispatcher,
            services,
            self._live_list,
            self._callers,
            default_budget=lambda: self._registry.current.settings.default_budget,
            max_stream_age=self._config.listen.max_connection_age,
        )

    def _make_server(self, *, may_register: bool) -> RpcServer:
        where = self._where_workers_register()
        if may_register:
            socket = Path(self._config.listen.workers_socket)
            door = Door(
                may_register=True, workers_target=where, socket_uid=partial(_only_user, socket)
            )
        else:
            door = Door(
                may_register=False,
                workers_target=where,
                socket_uid=lambda: None,
                forbids=lambda context: self._callers.caller(context).scope_refusal(),
            )
        registry = RegistryService(self._attach_host, self._registry, door)
        self._doors.append(registry)
        handlers = [registry.handler()]
        services = [registry_service.SERVICE]
        if not may_register:
            handlers.append(self._hook_service.handler())
            services.append(hook_service.SERVICE)
        return RpcServer(
            handlers,
            services=services,
            health_servicer=self._service_health.servicer,
            max_bytes=self._limits.max_message_bytes + self._limits.max_batch_bytes,
            # Workers hold their connection for good: where they are is what runs go by.
            max_connection_age=None if may_register else self._max_connection_age(),
        )

    def _max_connection_age(self) -> float | None:
        """Of the server for applications: where only its socket is, nobody is to go elsewhere."""
        listen = self._config.listen
        return None if listen.tcp is None else listen.max_connection_age

    def _where_workers_register(self) -> str:
        """For the error of a worker at the wrong door."""
        listen = self._config.listen
        socket = f"unix://{listen.workers_socket}"
        return socket if listen.tcp_workers is None else f"{socket} or {listen.tcp_workers}"

    def _make_admin(self) -> AdminServer:
        parts = Parts(
            sidecar=self._sidecar,
            version=VERSION,
            registry=lambda: self._registry.current,
            links=self._links,
            live_list=self._live_list,
            dispatcher=self._dispatcher,
            hook_service=self._hook_service,
            health=self._health,
            journal_problem=None if self._journal is None else self._journal_problem,
            decisions=self._decisions,
            reloader=self._reloader,
            refusals=self._local.refusals,
        )
        self._metrics.measure(lambda: gauges(parts))
        return AdminServer(admin_pages(parts, self._metrics))

    # Life.

    async def start(self) -> Addresses:
        """Listen everywhere, dial who is to be dialled. Raises StartError."""
        if self._decisions is not None:
            self._decisions.open()
        self._take_over_events()
        addresses = await self._listen()
        await self._service_health.show()
        await self._app_server.start()
        await self._workers_server.start()
        self._background.start("health", self._service_health.run)
        self._outward.follow(self._config)
        self._refresh()
        self._health.started()
        return addresses

    def begin(self) -> None:
        """What waits until the addresses were said: decisions are written, the file is watched."""
        if self._decisions is not None:
            self._decisions.begin()
        if self._config.source:
            watch = FileWatch(Path(self._config.source), self._reloader.ask)
            self._background.start("watch of the configuration", watch.run)
            self._background.start("configuration", self._reloader.run)
            self._loop.add_signal_handler(signal.SIGHUP, self._reloader.ask)

    async def drain(self) -> DrainReport:
        """Take no new calls, finish what is under way, and deliver what is detached."""
        self._health.draining()
        await self._service_health.drain()
        self._dispatcher.stop_accepting()
        self._hook_service.announce_draining()
        report = await self._dispatcher.drain(self._registry.current.config.limits.drain_timeout)
        await self._hook_service.left(within=_LEAVING_SECONDS)
        # Only now: a worker may leave at once, and until here calls still need it.
        self._attach_host.announce_draining()
        for event in report.undelivered:
            log_event(
                _log,
                logging.WARNING,
                "event_undelivered",
                worker=event.worker,
                hook=event.hook,
                call_id=event.call_id,
                sent=event.sent,
            )
        for (worker, hook), count in Counter((it.worker, it.hook) for it in report.kept).items():
            log_event(_log, logging.INFO, "events_kept", worker=worker, hook=hook, count=count)
        return report

    async def close(self) -> None:
        """Cut everything. After `drain` nothing is left to cut. Safe before `start`."""
        self._hook_service.finish()
        for door in self._doors:
            door.finish()
        await self._background.stop()
        await self._app_server.stop(_LAST_WORDS_SECONDS)
        await self._workers_server.stop(_LAST_WORDS_SECONDS)
        await self._effects.close()
        await self._admin.close()
        self._dispatcher.close()
        if self._decisions is not None:
            await self._decisions.close()

    async def _listen(self) -> Addresses:
        listen = self._config.listen
        calls = [self._listen_on_socket(self._app_server, listen.socket, listen.socket_mode)]
        workers = [
            self._listen_on_socket(
                self._workers_server, listen.workers_socket, listen.workers_socket_mode
            )
        ]
        for server, address, targets in (
            (self._app_server, listen.tcp, calls),
            (self._workers_server, listen.tcp_workers, workers),
        ):
            if address is not None:
                tls = None if listen.tls is None else listen.tls.files
                targets.append(server.listen_on_port(address.host, address.port, tls))
        admin = "off"
        if listen.admin is not None:
            admin = await self._admin.listen(listen.admin.host, listen.admin.port)
        return Addresses(self._sidecar, tuple(calls), tuple(workers), admin)

    def _listen_on_socket(self, server: RpcServer, name: str, mode: int) -> str:
        path = Path(name)
        if server.listen_on_socket(path, mode=mode):
            log_event(_log, logging.WARNING, "socket_taken_over", path=name)
            self._live_list.inherit()
        if folder_is_open(path):
            log_event(_log, logging.WARNING, "socket_folder_open", folder=str(path.parent))
        return f"unix://{path}"

    def _take_over_events(self) -> None:
        """Queue the detached events that the journal kept."""
        if self._journal is None:
            return
        self._know_names()
        events = self._journal.load()
        self._journal.start(self._loop.call_soon_threadsafe)
        self._dispatcher.detached.restore(events)
        log_event(
            _log,
            logging.INFO,
            "events_restored",
            count=len(events),
            unknown=sum(event.sent for event in events),
        )

    def _journal_problem(self) -> str:
        return "" if self._journal is None else self._journal.problem

    def _configure(self, config: Config) -> None:
        """Put a configuration in force, between two calls."""
        self._registry.apply(transitions.configured(self._registry.current, config))
        self._dispatcher.detached.limit_runs(detached_limits(config).hook_runs)
        self._outward.follow(config)
        if self._decisions is not None:
            self._decisions.configure(config)

    # What follows from a change of the registry.

    def _publish(self) -> None:
        self._live_list.publish(self._registry.current.hook_list(sidecar=self._sidecar))

    def _changed(self) -> None:
        if not self._refresh_is_due:
            self._refresh_is_due = True
            self._loop.call_soon(self._refresh)

    def _refresh(self) -> None:
        self._refresh_is_due = False
        self._know_names()
        self._health.needs(missing_sentences(self._registry.current))
        self._tell_health()

    def _know_names(self) -> None:
        registry = self._registry.current
        hooks = [(w.name, key.name) for w in registry.workers.values() for key in w.hooks]
        self._names.know(hook_types=(*registry.types, *registry.plans), hooks=hooks)

    def _became_ready(self) -> None:
        log_event(_log, logging.INFO, "sidecar_ready", sidecar=self._sidecar)
        self._tell_health()

    def _tell_health(self) -> None:
        self._service_health.tell(
            ready=self._health.is_ready,
            required_hooks=self._registry.current.required_hooks(),
        )


def run(
    config: Config,
    *,
    load: Load | None = None,
    ready: TextIO = sys.stdout,
    grpc_experiments: str = "",
) -> int:
    """Run a sidecar until a signal ends it; the exit code of the process.

    `load` reads the configuration again when its file changes. `grpc_experiments` is for the
    log. Raises StartError when it cannot start. A second signal ends the process at once.
    """
    new_loop = uvloop.new_event_loop if config.tuning.uvloop else asyncio.new_event_loop
    with asyncio.Runner(debug=False, loop_factory=new_loop) as runner:
        return runner.run(_run(config, load, ready, grpc_experiments))


async def _run(config: Config, load: Load | None, ready: TextIO, grpc_experiments: str) -> int:
    for warning in config.warnings:
        log_event(_log, logging.WARNING, "configuration_warning", text=warning)
    stopping = _stop_on_signals()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(_end_what_is_left)
        store = None if config.dev else stack.enter_context(ManifestStore(Path(config.state_dir)))
        journal = None
        if config.detached.journal is not None:
            journal = stack.enter_context(DiskJournal(JournalFile(config.detached)))
        sidecar = Sidecar(config, store, journal, load)
        stack.push_async_callback(sidecar.close)
        addresses = await sidecar.start()
        log_event(
            _log,
            logging.INFO,
            "process_tuned",
            uvloop=version("uvloop") if config.tuning.uvloop else "off",
            grpc=grpc.__version__,
            grpc_experiments=grpc_experiments or None,
            **at_rest(config.tuning),
        )
        log_event(
            _log,
            logging.INFO,
            "sidecar_started",
            sidecar=addresses.sidecar,
            version=VERSION,
            configuration=config.source or None,
        )
        print(addresses.ready_line, file=ready, flush=True)
        sidecar.begin()
        await stopping.wait()
        report = await sidecar.drain()
    log_event(
        _log,
        logging.INFO,
        "sidecar_stopped",
        cut_calls=report.cut_calls,
        undelivered_events=len(report.undelivered),
        kept_events=len(report.kept),
    )
    return 0


async def _end_what_is_left() -> None:
    """Let the tasks end that gRPC owns.

    Every task of ours has been awaited by now. gRPC's wait for the ends of its RPCs a little
    longer than its server does, and when the loop cancels them it logs that as an error.
    """
    left = asyncio.all_tasks() - {asyncio.current_task()}
    if left:
        await asyncio.wait(left, timeout=_LEFT_OVER_SECONDS)


def _only_user(socket: Path) -> int | None:
    """The user of whoever is on a socket, where its permissions leave only one."""
    return os.geteuid() if is_private(socket) else None


def _stop_on_signals() -> asyncio.Event:
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()

    def stop(number: signal.Signals) -> None:
        if stopping.is_set():
            log_event(_log, logging.WARNING, "second_signal", signal=number.name)
            os._exit(128 + number)
        log_event(_log, logging.INFO, "signal", signal=number.name)
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number)
    return stopping
