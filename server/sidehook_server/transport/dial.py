"""Workers that the sidecar dials: connect, ask who is there, send runs, and come back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

from sidehook import _wire
from sidehook._frames import RunTag
from sidehook._manifest import WorkerManifest
from sidehook._mux import Outbox
from sidehook._run import Notice
from sidehook._tls import Tls
from sidehook.worker._backoff import Backoff
from sidehook_server.registry.identity import STRANGER, Peer
from sidehook_server.transport.errors import (
    RefusedError,
    TransportError,
    WorkerSilentError,
    WorkerUnreachableError,
)
from sidehook_server.transport.peer import listener_uid
from sidehook_server.transport.session import Local, Session, read_hello, writing
from sidehook_server.transport.tasks import first_to_end
from sidehook_server.transport.unary_link import UnaryLink
from sidehook_server.transport.watch import Watch, Watched
from sidehook_server.transport.worker_channel import NoRunStreamError, WorkerChannel

_log: Final = logging.getLogger("sidehook.transport")

_LAST_WORDS_SECONDS: Final = 1.0
_MAX_NOTICE: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class DialTimes:
    """How long things may take, in seconds.

    A worker that is gone is dialled again after `first_wait`, then after twice that, up
    to `longest_wait`, with jitter. One that is there is asked for its manifest every
    `poll`, has `answer` to reply, and is unhealthy after `misses` times without a reply.
    A name in the DNS is looked up again every `lookup`, and for that long after a replica left
    every `hasty_lookup`. A run on a connection whose address or socket is no longer there may
    go on for `leave`.
    """

    first_wait: float = 0.1
    longest_wait: float = 5.0
    answer: float = 5.0
    poll: float = 5.0
    misses: int = 2
    lookup: float = 15.0
    hasty_lookup: float = 1.0
    leave: float = 30.0


class Dialer:
    """Keeps one connection with the worker at `target`, for ever.

    `expected_worker` is the name under which the configuration has the target; None takes
    whoever is there. `tls` None: in plain text.
    """

    def __init__(
        self,
        local: Local,
        target: str,
        *,
        expected_worker: str | None = None,
        tls: Tls | None = None,
        times: DialTimes | None = None,
    ) -> None:
        self._local = local
        self._target = target
        self._expected_worker = expected_worker
        self._tls = tls
        self._times = times or DialTimes()
        self._backoff = Backoff(first=self._times.first_wait, longest=self._times.longest_wait)
        self._told = ""

    async def run(self) -> None:
        """Connects, serves, and connects again. Ends only by being cancelled."""
        try:
            while True:
                wait = await self._connect()
                await asyncio.sleep(wait)
        finally:
            self._local.refusals.clear(self._target, self._expected_worker or "")

    async def _connect(self) -> float:
        """Connects once and serves; how long to wait before the next time."""
        try:
            async with WorkerChannel(self._target, self._local.limits, self._tls) as channel:
                manifest = await self._describe(channel)
                try:
                    await self._serve_stream(channel)
                except NoRunStreamError:
                    await self._serve_single_runs(channel, manifest)
        except RefusedError as error:
            self._local.refusals.note(self._target, self._expected_worker or "", error)
            self._tell("worker_refused", str(error))
            return self._times.longest_wait
        except TransportError as error:
            self._tell("worker_unreachable", str(error))
        except Exception:
            _log.exception("dial_broken target=%s", self._target)
        else:
            self._tell("worker_left", "it ended the stream")
        return self._backoff.next()

    async def _describe(self, channel: WorkerChannel) -> WorkerManifest:
        return await channel.describe(sidecar=self._local.sidecar, within=self._times.answer)

    async def _describe_beside_stream(self, channel: WorkerChannel) -> WorkerManifest:
        """As long as the stream is there the worker is, also when it takes no more questions."""
        try:
            return await self._describe(channel)
        except WorkerUnreachableError as error:
            raise WorkerSilentError(str(error)) from error

    async def _serve_stream(self, channel: WorkerChannel) -> None:
        stream = channel.run_stream()
        outbox = Outbox()
        outbox.put(0, RunTag.HELLO, self._local.hello())
        try:
            async with writing(outbox, stream.write):
                with _telling_why(outbox):
                    hello, received = await read_hello(stream.read, within=self._times.answer)
                    session = Session(self._local, hello.manifest, outbox)
                    session.register(
                        peer=self._peer(hello.manifest), expected_worker=self._expected_worker
                    )
                self._connected(hello.manifest)
                watch = self._watch(
                    session.link.link_id,
                    hello.manifest,
                    describe=partial(self._describe_beside_stream, channel),
                    declare=session.manifest,
                )
                await first_to_end(session.serve(stream.read, received=received), watch.run())
        except RefusedError:
            # Else the end of the stream would overtake what the worker is told about it.
            await stream.finish(within=_LAST_WORDS_SECONDS)
            raise
        finally:
            stream.cancel()

    async def _serve_single_runs(self, channel: WorkerChannel, manifest: WorkerManifest) -> None:
        registrar = self._local.registrar
        link_id = registrar.new_link_id()

        watch = self._watch(
            link_id,
            manifest,
            describe=partial(self._describe, channel),
            declare=partial(registrar.declare_anew, link_id),
        )
        link = UnaryLink(link_id, manifest, run=channel.run, on_trouble=watch.doubt)
        registrar.attach(
            link,
            manifest,
            peer=self._peer(manifest),
            expected_worker=self._expected_worker,
        )
        try:
            self._connected(manifest)
            await first_to_end(watch.run(), registrar.until_dismissed(link_id))
        except WorkerUnreachableError:
            # It may be on its way out: what it has, it may still finish.
            registrar.detach(link_id)
            await link.finished()
            raise
        finally:
            registrar.detach(link_id)
            await link.close()

    def _watch(
        self,
        link_id: str,
        manifest: WorkerManifest,
        *,
        describe: Callable[[], Awaitable[WorkerManifest]],
        declare: Callable[[WorkerManifest], None],
    ) -> Watch:
        def mark(is_healthy: bool) -> None:  # noqa: FBT001 - the one thing a mark says
            self._local.registrar.mark(link_id, is_healthy=is_healthy)

        worker = Watched(describe=describe, declare=declare, mark=mark)
        return Watch(worker, manifest, poll=self._times.poll, misses=self._times.misses)

    def _peer(self, manifest: WorkerManifest) -> Peer:
        """Who was dialled: the user of the process, where the configuration asks for it."""
        if self._local.registrar.is_bound_to_user(manifest.worker):
            return Peer(uid=listener_uid(self._target))
        return STRANGER

    def _connected(self, manifest: WorkerManifest) -> None:
        self._backoff.reset()
        self._told = ""
        self._local.refusals.clear(self._target, self._expected_worker or "")
        _log.info(
            "worker_dialled worker=%s instance=%s target=%s",
            manifest.worker,
            manifest.instance,
            self._target,
        )

    def _tell(self, event: str, problem: str) -> None:
        """Logs what went wrong, and the same again only for those who look closely."""
        level = logging.DEBUG if problem == self._told else logging.WARNING
        self._told = problem
        _log.log(level, "%s target=%s problem=%r", event, self._target, problem)


@contextmanager
def _telling_why(outbox: Outbox) -> Iterator[None]:
    """A worker that is refused hears of it: for its log, where its author looks first."""
    try:
        yield
    except RefusedError as error:
        notice = Notice(
            code="REGISTRATION_REFUSED",
            message=f"the sidecar does not accept this worker: {error}"[:_MAX_NOTICE],
        )
        outbox.put(0, RunTag.NOTICE, _wire.encode_notice(notice))
        raise
