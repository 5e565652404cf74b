"""The life of a worker process: hooks in, one READY line out, an orderly end."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import threading
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

from sidehook._errors import DefinitionError
from sidehook._tls import Tls
from sidehook.worker._address import listen_address
from sidehook.worker._attaching import Attaching
from sidehook.worker._collect import Item
from sidehook.worker._credentials import check_files
from sidehook.worker._dispatch import Dispatcher
from sidehook.worker._errors import CredentialsError
from sidehook.worker._listen import Listener
from sidehook.worker._target import attach_credentials, attach_target
from sidehook.worker._threads import DEFAULT_MAX_THREADS

DEFAULT_GRACE = 10.0
"""How long runs may go on after a worker was told to stop, in seconds."""

_log = logging.getLogger("sidehook.worker")


def announce(line: str) -> None:
    """Print the READY line, for whoever started the process."""
    sys.stdout.write(f"READY {line}\n")
    sys.stdout.flush()


async def aio_serve(
    *items: Item,
    attach: str | None = None,
    listen: str | None = None,
    name: str | None = None,
    instance: str | None = None,
    tenant: str = "",
    token: str | None = None,
    token_file: str | Path | None = None,
    tls: Tls | None = None,
    max_threads: int = DEFAULT_MAX_THREADS,
    grace: float = DEFAULT_GRACE,
    stop: asyncio.Event | None = None,
    on_ready: Callable[[str], None] = announce,
) -> None:
    """Serve hooks on the running loop until `stop` is set or the task is cancelled.

    `items` are decorated functions, bound methods, classes and instances with decorated
    methods, hook sets, modules, and modules or files by name. `attach` is the sidecar to
    attach to (`unix:///path`, `/path`, `host:port`), `listen` the address to be dialled
    at; with neither, the worker attaches to `SIDEHOOK_WORKERS_TARGET` or to
    `workers.sock` beside the socket that applications use. `name` is the worker's, the
    name of the first item's module when not given; workers of one name are replicas.

    `token`, or what stands in `token_file`, shows an attaching worker to be the one that
    may have its name; `SIDEHOOK_TOKEN_FILE` and `SIDEHOOK_TOKEN` stand in for them. `tls`
    is for TCP: to attach over TLS (default: what `SIDEHOOK_TLS_CA`, `SIDEHOOK_TLS_CERT`,
    `SIDEHOOK_TLS_KEY` and `SIDEHOOK_TLS_SERVER_NAME` say), or to listen with TLS, where
    its `ca` is whose certificates sidecars must have. A Unix socket goes without.

    When told to stop it says goodbye and lets runs go on for `grace` seconds. Cancelling
    the task cancels them at once. `on_ready` gets `<name> attached to <target>` or
    `<name> listening on <address>`; it prints the READY line unless told otherwise.

    Raises DefinitionError for hooks that cannot be served, AddressError, CredentialsError,
    RefusedError and UnknownProtocolError. A sidecar that is not there is waited for.
    """
    if attach is not None and listen is not None:
        raise DefinitionError("a worker attaches or listens; name one of attach= and listen=")
    dispatcher = Dispatcher(
        items,
        worker_name(items) if name is None else name,
        instance=instance,
        tenant=tenant,
        max_threads=max_threads,
    )
    stop = asyncio.Event() if stop is None else stop
    try:
        if listen is None:
            target = attach_target(attach)
            credentials = attach_credentials(target, token=token, token_file=token_file, tls=tls)
            credentials.check(target)
            attaching = Attaching(
                dispatcher,
                target,
                stop=stop,
                grace=grace,
                on_ready=on_ready,
                credentials=credentials,
            )
            await attaching.run()
        elif token is not None or token_file is not None:
            raise CredentialsError(
                "a token is for a worker that attaches; one that listens shows a certificate"
            )
        else:
            await _listen(dispatcher, listen, stop=stop, grace=grace, on_ready=on_ready, tls=tls)
    finally:
        _report_stuck(dispatcher)
        dispatcher.close()


def serve(
    *items: Item,
    attach: str | None = None,
    listen: str | None = None,
    name: str | None = None,
    instance: str | None = None,
    tenant: str = "",
    token: str | None = None,
    token_file: str | Path | None = None,
    tls: Tls | None = None,
    max_threads: int = DEFAULT_MAX_THREADS,
    grace: float = DEFAULT_GRACE,
) -> None:
    """Serve hooks until SIGTERM or SIGINT; blocks. A second signal cuts the grace short.

    The parameters and errors are those of `aio_serve`. Runs a loop of its own, on uvloop
    where that is installed. Outside the main thread it hears no signals.
    """
    run_until_told(
        lambda stop: aio_serve(
            *items,
            attach=attach,
            listen=listen,
            name=name,
            instance=instance,
            tenant=tenant,
            token=token,
            token_file=token_file,
            tls=tls,
            max_threads=max_threads,
            grace=grace,
            stop=stop,
        ),
        new_loop(),
    )


def run_until_told(
    serving: Callable[[asyncio.Event], Coroutine[Any, Any, None]],
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None,
) -> None:
    """Run what serves until a signal sets the event that it is given, on a loop of its own."""

    async def main() -> None:
        stop = asyncio.Event()
        _hear_signals(stop)
        await serving(stop)

    with asyncio.Runner(loop_factory=loop_factory) as runner, suppress(asyncio.CancelledError):
        runner.run(main())


def worker_name(items: Iterable[Item]) -> str:
    """Return the name a worker has when none is given: that of its first item's module.

    Raises DefinitionError when there is none.
    """
    for item in items:
        if isinstance(item, str | Path):
            name = str(item)
            return Path(name).stem if name.endswith(".py") else name.rpartition(".")[2]
        module = item if isinstance(item, ModuleType) else _module_of(item)
        if module is not None and module.__name__ != "__main__":
            return module.__name__.rpartition(".")[2]
        if module is not None and module.__file__:
            return Path(module.__file__).stem
    raise DefinitionError("the worker has no name; give it one with name=...")


def _module_of(item: object) -> ModuleType | None:
    return sys.modules.get(getattr(item, "__module__", ""))


async def _listen(
    dispatcher: Dispatcher,
    listen: str,
    *,
    stop: asyncio.Event,
    grace: float,
    on_ready: Callable[[str], None],
    tls: Tls | None,
) -> None:
    address = listen_address(listen)
    if tls is not None:
        if address.path is not None:
            raise CredentialsError(f"{listen}: a Unix socket has no TLS; leave it out")
        check_files(tls, listens=True)
    if address.exposed and (tls is None or tls.ca is None):
        _log.warning(
            "listening_in_the_open address=%s: whoever reaches it may run these hooks", listen
        )
    async with Listener(address, dispatcher, grace=grace, tls=tls) as listener:
        on_ready(f"{dispatcher.worker} listening on {listener.target}")
        await stop.wait()


def _report_stuck(dispatcher: Dispatcher) -> None:
    stuck = dispatcher.stats.busy_threads
    if stuck:
        _log.warning("handlers_still_running worker=%s count=%d", dispatcher.worker, stuck)


def _hear_signals(stop: asyncio.Event) -> None:
    if threading.current_thread() is not threading.main_thread():
        return
    loop = asyncio.get_running_loop()
    serving = asyncio.current_task()

    def hear() -> None:
        if stop.is_set() and serving is not None:
            serving.cancel()
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, hear)


def new_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What makes a loop of uvloop's, None where that is not installed."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
