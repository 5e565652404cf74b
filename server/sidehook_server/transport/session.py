"""One stream with a worker, from the moment its manifest is known until it is over."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from sidehook import _wire
from sidehook._errors import MalformedError
from sidehook._frames import EventTag, Frame, decode_frame, pack, unpack
from sidehook._hello import SPLIT_FRAMES, SidecarHello, WorkerHello
from sidehook._manifest import PROTOCOL_VERSION, Limits, WorkerManifest
from sidehook._mux import Outbox, pump
from sidehook_server.dispatch.observer import Observer
from sidehook_server.registry.identity import STRANGER, Peer
from sidehook_server.transport.errors import RefusedError
from sidehook_server.transport.pace import Pace
from sidehook_server.transport.refusals import Refusals
from sidehook_server.transport.registrar import Registrar
from sidehook_server.transport.stream_link import StreamLink
from sidehook_server.transport.tasks import first_to_end

_log: Final = logging.getLogger("sidehook.transport")

_LAST_WORDS_SECONDS: Final = 1.0
_MANIFESTS_AT_ONCE: Final = 8
_SHOWN_REASON: Final = 256

Read: TypeAlias = Callable[[], Awaitable[bytes | None]]
"""Gives the next message of a stream, None at its end."""

Write: TypeAlias = Callable[[bytes], Awaitable[None]]
"""Sends one message of a stream; waits while the worker takes nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Local:
    """This sidecar, to its connections. `sidecar` names this run of it, `limits` are its own.

    `refusals` are those of the workers that it dials.
    A worker that declares itself anew again and again is read once in `manifest_seconds`.
    """

    sidecar: str
    registrar: Registrar
    observer: Observer
    limits: Limits = field(default_factory=Limits)
    refusals: Refusals = field(default_factory=Refusals)
    manifest_seconds: float = 1.0

    def hello(self, *, scope_handle: str = "") -> bytes:
        """How the sidecar introduces itself, serialized."""
        return _wire.encode_sidecar_hello(
            SidecarHello(
                sidecar=self.sidecar,
                limits=self.limits,
                capabilities=frozenset({SPLIT_FRAMES}),
                scope_handle=scope_handle,
            )
        )


async def read_hello(read: Read, *, within: float) -> tuple[WorkerHello, bytes]:
    """The worker's hello, and what else is in its first message, to be received later.

    Raises RefusedError: no hello `within` so many seconds, another frame in its place,
    one that breaks the contract, or another version of the contract.
    """
    try:
        async with asyncio.timeout(within):
            batch = await read()
    except TimeoutError as error:
        raise RefusedError(
            "DEADLINE_EXCEEDED", (f"no hello came within {within:g} s of opening the stream",)
        ) from error
    if not batch:
        raise RefusedError("MALFORMED_REQUEST", ("the stream ended before its hello",))
    try:
        frame, rest = _first_frame(batch)
        hello = _wire.decode_worker_hello(frame.body)
    except MalformedError as error:
        raise RefusedError("MALFORMED_REQUEST", (f"the first frame: {error}",)) from error
    check_version(hello.manifest)
    return hello, rest


def check_version(manifest: WorkerManifest) -> None:
    """Raises RefusedError for a worker that speaks another version of the contract."""
    if manifest.protocol_version != PROTOCOL_VERSION:
        raise RefusedError(
            "UNKNOWN_PROTOCOL_VERSION",
            (
                f"worker {manifest.worker} speaks version {manifest.protocol_version} of the "
                f"contract and this sidecar version {PROTOCOL_VERSION}; upgrade the older of "
                "the two",
            ),
        )


def _first_frame(batch: bytes) -> tuple[Frame, bytes]:
    frames = unpack(batch)
    if not frames:
        raise MalformedError("batch", "no frames")
    frame = decode_frame(frames[0])
    if frame.tag != EventTag.HELLO:
        raise MalformedError("frame", f"body {frame.tag} where hello was due")
    return frame, pack(frames[1:])


class Session:
    """A stream whose worker is known. `outbox` is what the stream's writer sends.

    Raises RefusedError for limits of the worker's that leave no room for anything.
    """

    def __init__(self, local: Local, manifest: WorkerManifest, outbox: Outbox) -> None:
        self._local = local
        self._manifest = manifest
        self._pace = Pace(at_once=_MANIFESTS_AT_ONCE, seconds=local.manifest_seconds)
        try:
            self.link: Final = StreamLink(
                local.registrar.new_link_id(),
                manifest,
                outbox=outbox,
                listener=self,
                limits=local.limits,
                observer=local.observer,
            )
        except ValueError as error:
            problem = f"worker {manifest.worker}: its limits cannot be kept: {error}"
            raise RefusedError("MALFORMED_REQUEST", (problem,)) from error

    def register(
        self,
        *,
        scope_handle: str | None = None,
        peer: Peer = STRANGER,
        expected_worker: str | None = None,
    ) -> None:
        """Takes the worker in. Raises RefusedError. `serve` must follow without waiting."""
        self._local.registrar.attach(
            self.link,
            self._manifest,
            scope_handle=scope_handle,
            peer=peer,
            expected_worker=expected_worker,
        )

    async def serve(self, read: Read, *, received: bytes = b"") -> None:
        """Receives until the worker ends the stream; then it is no longer registered.

        `received` is what came with the hello. Raises RefusedError for a new manifest that
        is not accepted, and when the operator's word makes the worker another's; and what
        `read` raises.
        """
        dismissed = self._local.registrar.until_dismissed(self.link.link_id)
        try:
            await first_to_end(self._receive(read, received), dismissed)
        except MalformedError as error:
            raise RefusedError("MALFORMED_REQUEST", (str(error),)) from error
        finally:
            try:
                self._local.registrar.detach(self.link.link_id)
            finally:
                self.link.close()

    async def _receive(self, read: Read, received: bytes) -> None:
        self.link.receive(received)
        while (batch := await read()) is not None:
            self.link.receive(batch)
            # What a manifest costs, plans made anew and a file written, all calls pay for.
            # A worker that sends too many waits itself, with everything else it has to say.
            if wait := self._pace.wait(_now()):
                await asyncio.sleep(wait)

    def goodbye(self, reason: str) -> None:
        """The instance drains: it finishes its runs and gets no new ones."""
        _log.info(
            "worker_goodbye worker=%s instance=%s reason=%r",
            self.link.worker,
            self.link.instance,
            reason[:_SHOWN_REASON],
        )
        self._local.registrar.drain(self.link.link_id)

    def manifest(self, manifest: WorkerManifest) -> None:
        """A new manifest, in place of the one before. Raises RefusedError."""
        check_version(manifest)
        self._pace.spend(_now())
        self._local.registrar.declare_anew(self.link.link_id, manifest)


def _now() -> float:
    return asyncio.get_running_loop().time()


@asynccontextmanager
async def writing(outbox: Outbox, write: Write) -> AsyncIterator[None]:
    """Sends what is put into the outbox. On leaving, what is left is sent within a second."""
    writer = asyncio.create_task(pump(outbox, write))
    try:
        yield
    finally:
        outbox.close()
        try:
            await asyncio.wait({writer}, timeout=_LAST_WORDS_SECONDS)
        finally:
            writer.cancel()
            # A stream that broke while it was written to breaks for its reader, who says so.
            await asyncio.gather(writer, return_exceptions=True)
