"""A link over one multiplexed stream: runs by id, in frames, without a task of their own."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final, Protocol

from sidehook import _wire
from sidehook._continuations import Sent
from sidehook._errors import MalformedError
from sidehook._frames import (
    EventTag,
    Frame,
    FrameError,
    Joiner,
    JoinerFullError,
    RunTag,
    read_batch,
)
from sidehook._hello import CONTINUATIONS, FUSED_RUNS, SPLIT_FRAMES
from sidehook._manifest import Limits, WorkerManifest
from sidehook._mux import (
    LARGEST_BATCH_BYTES,
    Ids,
    MessageTooLargeError,
    Outbox,
    OutboxError,
    OutboxFullError,
)
from sidehook._run import HookFailure, Notice, RunRequest
from sidehook_server.dispatch import failures
from sidehook_server.dispatch.link import RunHandle, RunSink
from sidehook_server.dispatch.observer import FrameDrop, Observer
from sidehook_server.pipeline.answers import malformed
from sidehook_server.transport.stream_runs import StreamRun, StreamRuns

_log: Final = logging.getLogger("sidehook.transport")

_MOST_BROKEN: Final = 64
"""The broken frames of one message that are dropped one by one; more end the stream."""


class StreamListener(Protocol):
    """Is told what the worker says about itself. May raise to end the stream."""

    def goodbye(self, reason: str) -> None:
        """The instance drains."""

    def manifest(self, manifest: WorkerManifest) -> None:
        """A new manifest, in place of the one before."""


class StreamLink:
    """Runs on one stream. `outbox` is what the stream's writer sends; `limits` are ours.

    The worker's own limits are kept: its credits, its largest message, its batches.
    Raises ValueError for batches that are too small to hold anything.
    """

    def __init__(
        self,
        link_id: str,
        manifest: WorkerManifest,
        *,
        outbox: Outbox,
        listener: StreamListener,
        limits: Limits,
        observer: Observer,
    ) -> None:
        self.link_id: Final = link_id
        self.worker: Final = manifest.worker
        self.instance: Final = manifest.instance
        self.max_in_flight: Final = manifest.limits.max_in_flight
        self.fuses: Final = FUSED_RUNS in manifest.capabilities
        self._sent = Sent() if CONTINUATIONS in manifest.capabilities else None
        self._outbox = outbox
        self._listener = listener
        self._observer = observer
        self._ids = Ids()
        self._runs = StreamRuns()
        self._joiner = Joiner(limits.max_message_bytes, limits.max_in_flight)
        self._draining = False
        self._closed = False
        self._declared: bytes | None = None
        outbox.configure(
            max_batch_bytes=min(manifest.limits.max_batch_bytes, LARGEST_BATCH_BYTES),
            split_frames=SPLIT_FRAMES in manifest.capabilities,
            max_message_bytes=manifest.limits.max_message_bytes,
        )

    @property
    def tells_begin(self) -> bool:
        """Always: the contract asks for `started` before the hook is called."""
        return True

    @property
    def in_flight(self) -> int:
        """Runs sent and not yet answered or failed, and cancelled ones not known to be over."""
        return self._runs.places

    @property
    def healthy(self) -> bool:
        """Whether the stream is open."""
        return not self._closed

    @property
    def draining(self) -> bool:
        """Whether the worker said goodbye."""
        return self._draining

    def send(self, run: RunRequest, sink: RunSink) -> RunHandle | HookFailure:
        """Queues the run for the stream's writer; a failure when there is no room for it."""
        if self._closed:
            return failures.link_closed(self.worker)
        if self.in_flight >= self.max_in_flight:
            return failures.no_room(self.worker, f"{self.max_in_flight} runs are under way on it")
        identity = self._ids.next()
        failure = self._put_run(identity, run)
        if failure is not None:
            return failure
        hooks = tuple([hook.hook for step in run.steps for hook in step])
        self._runs.under_way[identity] = StreamRun(sink, hooks, run)
        return _Handle(self, identity)

    def _put_run(self, identity: int, run: RunRequest) -> HookFailure | None:
        """Queues a run; why it cannot be, when it cannot."""
        try:
            self._outbox.put(identity, RunTag.RUN, _wire.encode_run(run, self._sent))
        except MessageTooLargeError as error:
            return failures.too_large(self.worker, error.size, error.limit)
        except OutboxFullError as full:
            return failures.no_room(self.worker, f"{full.pending} bytes wait to be read by it")
        except OutboxError:
            return failures.link_closed(self.worker)
        return None

    def on_release(self, callback: Callable[[], None]) -> None:
        """Calls back whenever a run holds its place no longer."""
        self._runs.on_release = callback

    def notify(self, notice: Notice) -> None:
        """Queues a notice; it is dropped when the worker does not read."""
        with suppress(OutboxError):
            self._outbox.put(0, RunTag.NOTICE, _wire.encode_notice(notice))

    def announce_draining(self) -> None:
        """Tells the worker that the sidecar goes away."""
        with suppress(OutboxError):
            self._outbox.put(0, RunTag.DRAINING)

    def cancel(self, identity: int, index: int | None = None) -> None:
        """Stops a run and forgets its sink, or stops a hook of it. Not what is over already."""
        run = self._runs.under_way.get(identity)
        if run is None:
            return
        if index is not None:
            run.over.add(index)
            run.stopped.add(index)
            self._put_cancel(identity, index)
            return
        never_sent = self._outbox.cancel(identity)
        self._joiner.drop(identity)
        self._put_cancel(identity)
        self._runs.cancel(identity, still_runs=not never_sent and not self._closed)

    def _put_cancel(self, identity: int, index: int | None = None) -> None:
        with suppress(OutboxError):
            self._outbox.put(identity, RunTag.CANCEL, _wire.encode_cancel_run(index))

    def close(self) -> None:
        """The stream is over: every run that was under way fails. Safe to call twice."""
        self._closed = True
        self._outbox.close()
        for run in self._runs.close():
            run.sink.failed(failures.connection_lost(self.worker, self.instance), sent=True)

    def receive(self, batch: bytes) -> None:
        """Takes one message of the stream. A frame that is broken is dropped, and counted.

        Raises MalformedError for a manifest that is none and for a message of which too many
        frames are broken, and what the listener raises.
        """
        broken: list[FrameError] = []
        for read in self._unpacked(batch, broken):
            try:
                if isinstance(read, FrameError):
                    raise read
                frame = self._joiner.feed(read)
                if frame is not None:
                    self._take(frame)
            except FrameError as error:
                broken.append(error)
                self._broken_frame(error)
                if len(broken) > _MOST_BROKEN:
                    # Each costs more than it cost to send. There is no sense in this stream.
                    raise MalformedError(
                        "batch", f"over {_MOST_BROKEN} frames of one message are broken"
                    ) from error
        if broken:
            # One line, however many frames: a worker must not be able to fill the log.
            _log.warning(
                "frame_malformed worker=%s instance=%s frames=%d problem=%r",
                self.worker,
                self.instance,
                len(broken),
                broken[0].problem,
            )
        declared, self._declared = self._declared, None
        if declared is not None:
            self._listener.manifest(_wire.decode_manifest(declared))

    def _unpacked(self, batch: bytes, broken: list[FrameError]) -> list[Frame | FrameError]:
        try:
            return read_batch(batch)
        except FrameError as error:
            broken.append(error)
            self._broken_frame(error)
            return []

    def _take(self, frame: Frame) -> None:
        take = _TAKERS.get(frame.tag)
        if take is None:
            self._observer.frame_dropped(self.worker, FrameDrop.UNEXPECTED)
            return
        take(self, frame)

    def _take_result(self, frame: Frame) -> None:
        run = self._runs.under_way.get(frame.id)
        if run is None:
            self._runs.end(frame.id)
            self._unawaited(frame)
            return
        try:
            result = _wire.decode_result(frame.body, hooks=len(run.hooks))
        except _wire.MalformedResultError as error:
            self._spoiled(frame.id, run, malformed(str(error)), error.index)
            return
        if self._is_new(run, result.index):
            self._over_in(frame.id, run, result.index)
            run.sink.answered(result)

    def _is_new(self, run: StreamRun, index: int) -> bool:
        """Whether this is the first answer of a hook; a second one is dropped, and counted."""
        if index not in run.over:
            return True
        if index in run.stopped:
            run.stopped.discard(index)
            self._late(run, index)
        else:
            self._observer.frame_dropped(self.worker, FrameDrop.UNEXPECTED)
        return False

    def _over_in(self, identity: int, run: StreamRun, index: int) -> None:
        """A hook of a run is over, and the run with its last one."""
        run.over.add(index)
        if len(run.over) < len(run.hooks):
            return
        if run.stopped:
            # What was told to stop need not have stopped yet.
            self._runs.answered(identity)
        else:
            self._runs.end(identity)

    def _spoiled(
        self, identity: int, run: StreamRun, failure: HookFailure, index: int | None = None
    ) -> None:
        """An answer cannot be read. Whoever waits for a run of several hooks says what follows."""
        if not run.is_fused:
            self._runs.end(identity)
            run.sink.failed(failure, sent=True)
        elif index is None:
            run.sink.spoiled(failure, None)
        elif self._is_new(run, index):
            self._over_in(identity, run, index)
            run.sink.spoiled(failure, index)

    def _take_end(self, frame: Frame) -> None:
        run = self._runs.end(frame.id)
        if run is None:
            self._count_unknown(frame.id)
        elif run.is_fused:
            run.sink.ended()
        else:
            run.sink.failed(malformed("the run ended without a result"), sent=True)

    def _take_need(self, frame: Frame) -> None:
        """The worker lacks what a run goes on from: it is sent again, whole.

        It dropped the run, and with it every word that one of its hooks is to stop.
        """
        run = self._runs.under_way.get(frame.id)
        if run is None:
            self._runs.let_go(frame.id)
            self._count_unknown(frame.id)
            return
        if self._sent is None or run.was_whole or run.has_answers:
            raise FrameError("asks for a run that it has", id=frame.id)
        if len(run.stopped) == len(run.hooks):
            self._runs.end(frame.id)
            run.sink.ended()
            return
        run.was_whole = True
        request = run.request
        _wire.forget_lists(request.context, request.fields, self._sent)
        failure = self._put_run(frame.id, request)
        if failure is not None:
            self._runs.end(frame.id)
            run.sink.failed(failure, sent=True)
            return
        for index in sorted(run.stopped):
            self._put_cancel(frame.id, index)

    def _take_goodbye(self, frame: Frame) -> None:
        if self._draining:
            return
        try:
            reason = _wire.decode_goodbye(frame.body)
        except MalformedError:
            # Whatever it says, it does not want runs any more.
            reason = ""
        self._draining = True
        self._listener.goodbye(reason)

    def _take_manifest(self, frame: Frame) -> None:
        # Of several in one message the newest holds, so that the others need not take effect.
        self._declared = frame.body

    def _take_started(self, frame: Frame) -> None:
        run = self._runs.under_way.get(frame.id)
        if run is None:
            self._count_unknown(frame.id)
            return
        index = _index_of(frame)
        if index in run.begun or index >= len(run.hooks):
            # A second time, or for a hook that is not in the run.
            self._observer.frame_dropped(self.worker, FrameDrop.UNEXPECTED)
        else:
            run.begun.add(index)
            run.sink.begun(index)

    def _take_extend(self, frame: Frame) -> None:
        run = self._runs.under_way.get(frame.id)
        if run is None:
            self._count_unknown(frame.id)
            return
        try:
            extra, index = _wire.decode_extend(frame.body)
        except MalformedError as error:
            raise FrameError(str(error), id=frame.id) from error
        else:
            run.sink.extended(extra, index if run.is_fused else 0)

    def _count_unknown(self, identity: int) -> None:
        """An event of a run that never was; of one that is over, the two may have crossed."""
        if not self._runs.is_over(identity):
            self._observer.frame_dropped(self.worker, FrameDrop.UNKNOWN_ID)

    def _unawaited(self, frame: Frame) -> None:
        """A result that nobody waits for: late, or of a run that never was."""
        identity = frame.id
        if not self._runs.is_over(identity):
            self._observer.frame_dropped(self.worker, FrameDrop.UNKNOWN_ID)
            return
        run = self._runs.take_late(identity)
        if run is None:
            self._observer.late_answer(self.worker)
        else:
            self._late(run, _result_index(frame, len(run.hooks)))

    def _late(self, run: StreamRun, index: int) -> None:
        self._observer.late_answer(self.worker)
        self.notify(
            Notice(
                code="LATE_ANSWER",
                message="the answer came after the run was cancelled, and was dropped",
                hook=run.hooks[index],
                call_id=run.request.call_id,
            )
        )

    def _broken_frame(self, error: FrameError) -> None:
        self._observer.frame_dropped(self.worker, FrameDrop.MALFORMED)
        run = self._runs.under_way.get(error.id)
        if run is None:
            self._runs.let_go(error.id)
            return
        failure = malformed(str(error))
        if isinstance(error, JoinerFullError):
            failure = failures.no_room_for_answer(self.worker)
        self._spoiled(error.id, run, failure)


class _Handle:
    """One run on a stream, for whoever sent it."""

    __slots__ = ("_identity", "_link")

    def __init__(self, link: StreamLink, identity: int) -> None:
        self._link = link
        self._identity = identity

    def cancel(self, index: int | None = None) -> None:
        """Stops it, or a hook of it."""
        self._link.cancel(self._identity, index)


def _result_index(result: Frame, hooks: int) -> int:
    """Whose result it is, in a run of so many hooks; the first one's when that cannot be read."""
    try:
        return _wire.decode_result(result.body, hooks=hooks).index
    except _wire.MalformedResultError as error:
        return error.index or 0


def _index_of(started: Frame) -> int:
    """The hook that begins. Raises FrameError for a message that is none."""
    if not started.body:
        return 0
    try:
        return _wire.decode_started(started.body)
    except MalformedError as error:
        raise FrameError(str(error), id=started.id) from error


_TAKERS: Final[Mapping[int, Callable[[StreamLink, Frame], None]]] = {
    EventTag.RESULT: StreamLink._take_result,  # noqa: SLF001 - the class's own table
    EventTag.STARTED: StreamLink._take_started,  # noqa: SLF001 - the class's own table
    EventTag.EXTEND: StreamLink._take_extend,  # noqa: SLF001 - the class's own table
    EventTag.END: StreamLink._take_end,  # noqa: SLF001 - the class's own table
    EventTag.GOODBYE: StreamLink._take_goodbye,  # noqa: SLF001 - the class's own table
    EventTag.MANIFEST: StreamLink._take_manifest,  # noqa: SLF001 - the class's own table
    EventTag.NEED: StreamLink._take_need,  # noqa: SLF001 - the class's own table
}
