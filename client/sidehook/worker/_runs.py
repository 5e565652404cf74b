"""The runs under way on one stream, whoever opened it: frames in, frames out. No I/O."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from sidehook import _wire
from sidehook._continuations import Received, UnknownItemsError
from sidehook._errors import EncodeError, MalformedError
from sidehook._frames import (
    EventTag,
    Frame,
    FrameError,
    Joiner,
    JoinerFullError,
    RunTag,
    read_batch,
)
from sidehook._hello import SPLIT_FRAMES, SidecarHello
from sidehook._manifest import PROTOCOL_VERSION
from sidehook._mux import MessageTooLargeError, Outbox, OutboxError
from sidehook._run import HookFailure, HookResult, Notice, RunRequest
from sidehook._types import FailureClass
from sidehook.worker._dispatch import Dispatcher
from sidehook.worker._errors import DisconnectedError, UnknownProtocolError
from sidehook.worker._fused import FusedRun

HOOKS_ACTIVE = "HOOKS_ACTIVE"
"""The notice that every application knows this worker's hooks."""

_CANCEL_SECONDS = 1.0
_INTERNAL = ("INTERNAL", "the worker's own code failed")

_log = logging.getLogger("sidehook.worker")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsStats:
    """What went through one stream: runs taken on, frames dropped, frames that were bad."""

    taken: int = 0
    dropped: int = 0
    bad: int = 0


class Runs:
    """Takes the sidecar's frames and puts the worker's into `outbox`.

    Every run is a task of its own, owned here. `flush` returns once what is in the outbox was
    written. `greeted` is set once the sidecar's hello
    is there, `active` once it says that every application knows the hooks.
    """

    def __init__(
        self, dispatcher: Dispatcher, outbox: Outbox, flush: Callable[[], Awaitable[None]]
    ) -> None:
        limits = dispatcher.limits
        self.flush = flush
        self._dispatcher = dispatcher
        self._outbox = outbox
        self._joiner = Joiner(limits.max_message_bytes, limits.max_in_flight)
        self._max_in_flight = limits.max_in_flight
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._fused: dict[int, FusedRun] = {}
        self._received = Received()
        self._cancelled: set[int] = set()
        self._has_left = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._taken = self._dropped = self._bad = 0
        self.hello: SidecarHello | None = None
        self.greeted = asyncio.Event()
        self.active = asyncio.Event()
        self._actions: dict[int, Callable[[Frame], None]] = {
            RunTag.RUN: self._start,
            RunTag.CANCEL: self._cancel,
            RunTag.NOTICE: self._note,
            RunTag.DRAINING: self._draining,
        }

    @property
    def in_flight(self) -> int:
        """Runs that have not ended, cancelled ones whose handler goes on included."""
        return len(self._tasks)

    @property
    def stats(self) -> RunsStats:
        """What went through this stream."""
        return RunsStats(taken=self._taken, dropped=self._dropped, bad=self._bad)

    def receive(self, batch: bytes) -> None:
        """Act on one stream message. A bad frame never takes its neighbours with it.

        Raises UnknownProtocolError and DisconnectedError for a stream that begins wrongly.
        """
        try:
            frames = read_batch(batch)
        except FrameError as error:
            self._count_bad(error)
            return
        for read in frames:
            try:
                if isinstance(read, FrameError):
                    raise read
                frame = self._joiner.feed(read)
            except FrameError as error:
                self._refuse(error)
                continue
            if self.hello is None:
                self._greet(frame)
            elif frame is not None:
                self._act(frame)

    async def drained(self, linger: float) -> None:
        """Wait until no run is under way and none came for `linger` seconds.

        A run that was sent before the sidecar read the goodbye is still on its way.
        """
        while True:
            await self._idle.wait()
            taken = self._taken
            if linger > 0:
                await asyncio.sleep(linger)
            if taken == self._taken and not self._tasks:
                return

    async def cancel_all(self) -> None:
        """Cancel every run and wait for the handlers, a second for those that will not go.

        None is begun any more: its answer would have no way to the sidecar.
        """
        self._has_left = True
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_CANCEL_SECONDS)
        if self._tasks:
            # They stay counted here; the stream, and whoever attaches again, cannot wait.
            _log.warning(
                "handlers_ignore_cancellation worker=%s count=%d",
                self._dispatcher.worker,
                len(self._tasks),
            )

    def _greet(self, frame: Frame | None) -> None:
        if frame is None or frame.tag != RunTag.HELLO:
            raise DisconnectedError("the sidecar's first frame is not its hello")
        try:
            hello = _wire.decode_sidecar_hello(frame.body)
        except MalformedError as error:
            raise DisconnectedError(f"the sidecar's hello: {error}") from error
        if hello.protocol_version != PROTOCOL_VERSION:
            raise UnknownProtocolError(
                f"the sidecar speaks version {hello.protocol_version} of the contract and this "
                f"worker speaks {PROTOCOL_VERSION}; install the sidehook release that goes with it",
                version=hello.protocol_version,
            )
        try:
            self._outbox.configure(
                max_batch_bytes=hello.limits.max_batch_bytes,
                split_frames=SPLIT_FRAMES in hello.capabilities,
                max_message_bytes=hello.limits.max_message_bytes,
            )
        except ValueError as unfit:
            raise DisconnectedError(f"the sidecar's limits: {unfit}") from unfit
        self.hello = hello
        self.greeted.set()

    def _act(self, frame: Frame) -> None:
        action = self._actions.get(frame.tag)
        if action is None:
            # From a newer sidecar, or out of place; neither is worth the stream.
            self._dropped += 1
            return
        try:
            action(frame)
        except MalformedError as error:
            self._count_bad(error)

    def _start(self, frame: Frame) -> None:
        if frame.id == 0 or frame.id in self._tasks or self._has_left:
            self._dropped += 1
            return
        try:
            request = _wire.decode_run(frame.body, self._received)
        except UnknownItemsError as unknown:
            self._put(frame.id, EventTag.NEED, _wire.encode_need(unknown.field))
            return
        except MalformedError as error:
            self._count_bad(error)
            self._fail(frame.id, FailureClass.RAISED, "MALFORMED_RUN", str(error))
            return
        if len(self._tasks) >= self._max_in_flight:
            self._fail(
                frame.id,
                FailureClass.OVERLOADED,
                "TOO_MANY_RUNS",
                f"{self._max_in_flight} runs are under way, the limit of this worker",
            )
            return
        self._taken += 1
        self._idle.clear()
        if request.is_fused:
            fused = self._dispatcher.fused(request, _Outlet(self, frame.id))
            self._fused[frame.id] = fused
            serve = self._serve_fused(frame.id, fused)
        else:
            serve = self._serve(frame.id, request)
        task = asyncio.get_running_loop().create_task(serve)
        self._tasks[frame.id] = task
        # Not in the coroutine: one that is cancelled before its first step never runs at all.
        task.add_done_callback(partial(self._ended, frame.id))

    async def _serve(self, run: int, request: RunRequest) -> None:
        result = await self._dispatcher.run(
            request,
            on_started=partial(self.started, run),
            on_extend=partial(self.extend, run),
        )
        if run not in self._cancelled:
            self.answer(run, result)
            # With the result, so that both leave in one stream message.
            self._put(run, EventTag.END)

    async def _serve_fused(self, run: int, fused: FusedRun) -> None:
        await fused.serve()
        if run not in self._cancelled:
            self._put(run, EventTag.END)

    def started(self, run: int, index: int = 0) -> None:
        """Say that a hook of a run is about to be called."""
        if run in self._tasks and run not in self._cancelled:
            self._put(run, EventTag.STARTED, _wire.encode_started(index) if index else b"")

    def extend(self, run: int, seconds: float, index: int = 0) -> None:
        """Say that a hook of a run asks for more time."""
        if run in self._tasks and run not in self._cancelled:
            self._put(run, EventTag.EXTEND, _wire.encode_extend(seconds, index))

    def _ended(self, run: int, task: asyncio.Task[None]) -> None:
        if run in self._cancelled:
            self._cancelled.discard(run)
            self._put(run, EventTag.END)
        elif not task.cancelled() and task.exception() is not None:
            _log.error("run_broke worker=%s", self._dispatcher.worker, exc_info=task.exception())
            self._fail(run, FailureClass.RAISED, *_INTERNAL)
        del self._tasks[run]
        self._fused.pop(run, None)
        if not self._tasks:
            self._idle.set()

    def answer(self, run: int, result: HookResult) -> HookResult:
        """Send what a hook of a run answered, or why that could not be sent; return which."""
        try:
            self._outbox.put(run, EventTag.RESULT, _wire.encode_result(result))
        except MessageTooLargeError as too_large:
            failure = _failure(FailureClass.MALFORMED, "ANSWER_TOO_LARGE", str(too_large))
        except OutboxError as refused:
            failure = _failure(FailureClass.OVERLOADED, "SIDECAR_SLOW", str(refused))
        except EncodeError as error:
            _log.error("result_not_encodable worker=%s", self._dispatcher.worker, exc_info=error)
            failure = _failure(FailureClass.RAISED, *_INTERNAL)
        else:
            return result
        instead = HookResult(answer=failure, index=result.index)
        self._put(run, EventTag.RESULT, _wire.encode_result(instead))
        return instead

    def _cancel(self, frame: Frame) -> None:
        index = _wire.decode_cancel_run(frame.body)
        fused = self._fused.get(frame.id)
        if index is not None and fused is not None:
            if not fused.cancel(index):
                self._dropped += 1
            return
        self._joiner.drop(frame.id)
        self._outbox.cancel(frame.id)
        task = self._tasks.get(frame.id)
        # The only hook of a run has index 0, so naming it is naming the run.
        if task is None or index not in (None, 0):
            self._dropped += 1
            return
        self._cancelled.add(frame.id)
        task.cancel()

    def _note(self, frame: Frame) -> None:
        notice = _wire.decode_notice(frame.body)
        if notice.code == HOOKS_ACTIVE:
            self.active.set()
        log_notice(notice)

    def _draining(self, _: Frame) -> None:
        _log.info("sidecar_draining worker=%s", self._dispatcher.worker)

    def _refuse(self, error: FrameError) -> None:
        self._count_bad(error)
        if error.id == 0 or error.id in self._tasks:
            return
        full = isinstance(error, JoinerFullError)
        failure_class = FailureClass.OVERLOADED if full else FailureClass.RAISED
        self._fail(error.id, failure_class, "MALFORMED_FRAME", str(error))

    def _fail(self, run: int, failure_class: FailureClass, code: str, message: str) -> None:
        failure = _failure(failure_class, code, message)
        self._put(run, EventTag.RESULT, _wire.encode_result(HookResult(answer=failure)))
        self._put(run, EventTag.END)

    def _put(self, run: int, tag: EventTag, body: bytes = b"") -> None:
        try:
            self._outbox.put(run, tag, body)
        except OutboxError as error:
            # The stream is closing, or the sidecar reads nothing: it will miss this answer
            # and time the hook out.
            self._dropped += 1
            _log.warning("frame_not_sent run=%d tag=%s problem=%s", run, tag.name, error)

    def _count_bad(self, error: MalformedError) -> None:
        self._bad += 1
        _log.warning("bad_frame worker=%s problem=%s", self._dispatcher.worker, error)


class _Outlet:
    """Where what is said about the hooks of one run goes."""

    __slots__ = ("_run", "_runs")

    def __init__(self, runs: Runs, run: int) -> None:
        self._runs = runs
        self._run = run

    def started(self, index: int) -> None:
        self._runs.started(self._run, index)

    async def flush(self) -> None:
        await self._runs.flush()

    def extend(self, seconds: float, index: int) -> None:
        self._runs.extend(self._run, seconds, index)

    def result(self, result: HookResult) -> HookResult:
        return self._runs.answer(self._run, result)


def _failure(failure_class: FailureClass, code: str, message: str) -> HookFailure:
    return HookFailure(failure_class=failure_class, code=code, message=message)


def log_notice(notice: Notice) -> None:
    """Put a word of the sidecar into the worker's log."""
    level = logging.INFO if notice.code == HOOKS_ACTIVE else logging.WARNING
    _log.log(
        level,
        "sidecar_notice code=%s hook=%s call_id=%s fields=%s message=%r",
        notice.code,
        notice.hook,
        notice.call_id,
        ",".join(notice.fields),
        notice.message,
    )
