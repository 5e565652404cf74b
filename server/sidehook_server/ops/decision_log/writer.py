"""The queue of lines and the thread that writes them. What is lost is counted and logged."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from sidehook_server.ops.decision_log.sink import Sink, SinkError
from sidehook_server.ops.logs import log_event

_log: Final = logging.getLogger("sidehook.decisions")

_LAST_WORDS_SECONDS: Final = 1.0


class Loss(StrEnum):
    """Why lines were lost."""

    QUEUE_FULL = "queue_full"
    """They were more than could be written."""
    WRITE_FAILED = "write_failed"
    """They could not be written, however often it was tried."""
    STOPPED = "stopped"
    """The sidecar stopped before they were written."""


class Counts(Protocol):
    """Counts lines. Called from any thread."""

    def decisions_written(self, lines: int) -> None:
        """Lines reached their sink."""

    def decisions_lost(self, cause: Loss, lines: int) -> None:
        """Lines are gone."""

    def decision_write_failed(self) -> None:
        """A batch was not written; it is tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterTimes:
    """How long things take, in seconds.

    The first line of a batch waits `linger` for company: a thread that woke for each line would
    get in the way of calls. A batch that is not written is tried again after `first_wait`, then
    after twice that, up to `longest_wait`, and given up after `tries`.
    """

    linger: float = 0.05
    first_wait: float = 0.5
    longest_wait: float = 30.0
    tries: int = 8


class Writer:
    """Hands lines to a sink, on a thread of its own. `limit` is how many may wait.

    Lines are taken in from the first moment, and written from `start` on. `put` is for the event
    loop's thread. The newest line is the one that is lost when the queue is full: what was said
    first stays.
    """

    def __init__(self, *, limit: int, counts: Counts, times: WriterTimes | None = None) -> None:
        self._limit = limit
        self._counts = counts
        self._times = times or WriterTimes()
        self._lines: deque[bytes] = deque()
        self._in_hand = 0
        # How many were lost to a full queue is known to the loop, how many of them the log was
        # told of to the thread.
        self._shed = 0
        self._shed_told = 0
        self._news = threading.Event()
        self._closing = threading.Event()
        self._sink: Sink | None = None
        self._thread: threading.Thread | None = None

    @property
    def waiting(self) -> int:
        """Lines that are not written yet."""
        return len(self._lines) + self._in_hand

    def put(self, line: bytes) -> None:
        """Take a line in. Never blocks and never raises."""
        if len(self._lines) >= self._limit:
            self._lose_newest()
            return
        self._lines.append(line)
        if not self._news.is_set():
            self._news.set()

    def start(self, sink: Sink) -> None:
        """Begin to write to a sink that is open. It is closed at the end."""
        self._sink = sink
        # A daemon, because nothing can end a write that a reader of standard output never reads.
        self._thread = threading.Thread(
            target=self._run, args=(sink,), name="decision-log", daemon=True
        )
        self._thread.start()

    async def close(self, within: float) -> None:
        """Write what waits, for so many seconds at most, and end the thread."""
        self._closing.set()
        self._news.set()
        thread, sink = self._thread, self._sink
        if thread is not None and sink is not None:
            await asyncio.to_thread(thread.join, within)
            if thread.is_alive():
                sink.hurry()
                await asyncio.to_thread(thread.join, _LAST_WORDS_SECONDS)
        if rest := self.waiting:
            self._lose(Loss.STOPPED, rest)

    def _lose_newest(self) -> None:
        if self._shed == self._shed_told:
            log_event(_log, logging.WARNING, "decision_log_full", waiting=len(self._lines))
        self._shed += 1
        self._counts.decisions_lost(Loss.QUEUE_FULL, 1)

    # The thread.

    def _run(self, sink: Sink) -> None:
        while not (self._closing.is_set() and not self._lines):
            self._news.wait()
            self._news.clear()
            self._closing.wait(self._times.linger)
            while self._lines:
                self._write(sink, self._batch(sink.batch_bytes))
            self._tell_shed()
        sink.close()

    def _batch(self, most: int) -> list[bytes]:
        batch = [self._lines.popleft()]
        octets = len(batch[0])
        while self._lines and octets + len(self._lines[0]) <= most:
            batch.append(self._lines.popleft())
            octets += len(batch[-1])
        self._in_hand = len(batch)
        return batch

    def _write(self, sink: Sink, batch: list[bytes]) -> None:
        """Write a batch, trying again; it is written or lost in the end."""
        wait = self._times.first_wait
        for attempt in range(1, self._times.tries + 1):
            if self._is_written(sink, batch):
                if attempt > 1:
                    log_event(_log, logging.INFO, "decision_log_works_again")
                break
            if self._closing.wait(wait if attempt < self._times.tries else 0.0):
                # One more time, with everything that waits; then the sidecar goes.
                if not self._is_written(sink, batch):
                    self._lose(Loss.STOPPED, len(batch))
                break
            wait = min(2 * wait, self._times.longest_wait)
        else:
            self._lose(Loss.WRITE_FAILED, len(batch))
        self._in_hand = 0

    def _is_written(self, sink: Sink, batch: list[bytes]) -> bool:
        try:
            sink.write(batch)
        except SinkError as error:
            log_event(_log, logging.WARNING, "decision_log_write_failed", problem=str(error))
        except Exception:
            _log.exception("decision_log_broken")
        else:
            self._counts.decisions_written(len(batch))
            return True
        self._counts.decision_write_failed()
        return False

    def _tell_shed(self) -> None:
        shed = self._shed
        lines, self._shed_told = shed - self._shed_told, shed
        if lines:
            log_event(
                _log, logging.WARNING, "decision_log_lost", cause=Loss.QUEUE_FULL, lines=lines
            )

    def _lose(self, cause: Loss, lines: int) -> None:
        log_event(_log, logging.ERROR, "decision_log_lost", cause=cause, lines=lines)
        self._counts.decisions_lost(cause, lines)
