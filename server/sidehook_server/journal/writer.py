"""Writes the journal in a thread of its own: whatever has come in meanwhile, at once.

While one batch is on its way to the disk the next one gathers, so that many events share
one `fsync`, and a lone one waits for nobody.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import Final, Self

from sidehook_server.dispatch.journal import Done, KeptEvent
from sidehook_server.journal.file import Batch, JournalFile
from sidehook_server.pipeline.model import DetachedWork

_log: Final = logging.getLogger("sidehook.journal")

_AGAIN_SECONDS: Final = 1.0
"""How long after a failed write what must not be forgotten is tried again."""

_CLOSES_WITHIN: Final = 10.0

Post = Callable[[Callable[[], None]], object]
"""Has something called on the event loop, from any thread."""


@dataclass(slots=True)
class _Asked:
    """What was asked for since the last batch, in the order in which it was."""

    keep: list[tuple[int, DetachedWork, Done]] = field(default_factory=list)
    marks: list[tuple[int, Done]] = field(default_factory=list)
    changes: Batch = field(default_factory=Batch)

    def __bool__(self) -> bool:
        return bool(self.keep or self.marks or self.changes)


class DiskJournal:
    """A journal for the queue of detached work (`dispatch.journal.Journal`).

    `problem` says why the last write failed; empty while writes succeed.

    Everything but `load`, `start` and `close` returns at once. Use as a context manager,
    or `close` it: the file is locked while it is open.
    """

    def __init__(self, file: JournalFile) -> None:
        self._file = file
        self._asked = _Asked()
        self._news = threading.Condition()
        self._closing = False
        self._post: Post = _lose
        self._thread: threading.Thread | None = None
        self.problem = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def load(self) -> tuple[KeptEvent, ...]:
        """What earlier runs of the sidecar left; ask before `start`. Raises JournalError."""
        return self._file.load()

    def start(self, post: Post) -> None:
        """Starts writing. What is done is told through `post`."""
        self._post = post
        self._thread = threading.Thread(target=self._run, name="sidehook-journal", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Writes what was asked for, and closes the file. Nobody is told any more."""
        with self._news:
            self._closing = True
            self._post = _lose
            self._news.notify()
        if self._thread is not None:
            self._thread.join(_CLOSES_WITHIN)
            if self._thread.is_alive():
                _log.error("journal_not_closed path=%s", self._file.path)
                return
        self._file.close()

    def keep(self, number: int, work: DetachedWork, done: Done) -> None:
        """Writes an event; done when it is on the disk."""
        with self._news:
            self._asked.keep.append((number, work, done))
            self._news.notify()

    def mark_sent(self, number: int, done: Done) -> None:
        """Notes that a hook may have run; done when the system has it."""
        with self._news:
            self._asked.changes.marks.append((number, True))
            self._asked.marks.append((number, done))
            self._news.notify()

    def mark_unsent(self, number: int) -> None:
        """Takes the note back."""
        with self._news:
            self._asked.changes.marks.append((number, False))
            self._news.notify()

    def remove(self, number: int) -> None:
        """Forgets an event."""
        with self._news:
            self._asked.changes.remove.append(number)
            self._news.notify()

    # The thread.

    def _run(self) -> None:
        left = Batch()
        while True:
            with self._news:
                if not self._asked and not self._closing:
                    self._news.wait(_AGAIN_SECONDS if left else None)
                asked, self._asked = self._asked, _Asked()
                closing = self._closing
            left = self._write(asked, left)
            if closing:
                return

    def _write(self, asked: _Asked, left: Batch) -> Batch:
        """Writes what was asked for and what was left, and tells; returns what is left now."""
        batch = Batch(
            keep=[],
            marks=[*left.marks, *asked.changes.marks],
            remove=[*left.remove, *asked.changes.remove],
        )
        told: list[tuple[Done, bool]] = []
        kept: list[Done] = []
        for number, work, done in asked.keep:
            try:
                batch.keep.append((number, self._file.encode(number, work)))
                kept.append(done)
            except Exception:
                # One event that cannot be written must not take the others with it.
                _log.exception("event_not_encoded call_id=%s", work.request.call_id)
                told.append((done, False))
        written = not batch or self._wrote(batch)
        waiting = [*kept, *(done for _, done in asked.marks)]
        told.extend((done, written) for done in waiting)
        if told:
            self._tell(told)
        if written:
            return Batch()
        # Nobody was told that a hook may run; but that it did not, or is over, stays true.
        noted = {number for number, _ in asked.marks}
        marks = [mark for mark in batch.marks if not (mark[1] and mark[0] in noted)]
        return Batch(marks=marks, remove=batch.remove)

    def _wrote(self, batch: Batch) -> bool:
        try:
            self._file.write(batch)
        except Exception as error:
            # Mostly a full disk. Whatever it is, this thread must go on telling.
            if not self.problem:
                _log.error("journal_failing path=%s problem=%r", self._file.path, str(error))
            self.problem = str(error) or type(error).__name__
            return False
        if self.problem:
            _log.warning("journal_works_again path=%s", self._file.path)
        self.problem = ""
        return True

    def _tell(self, told: list[tuple[Done, bool]]) -> None:
        try:
            self._post(partial(_tell_all, told))
        except RuntimeError:
            # The event loop is closed: there is nobody left to tell.
            _log.debug("journal_told_nobody count=%d", len(told))


def _tell_all(told: list[tuple[Done, bool]]) -> None:
    for done, it in told:
        done(it)


def _lose(_call: Callable[[], None]) -> None:
    """Nobody is told."""
