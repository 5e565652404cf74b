"""The thread of the journal: it gathers, tells, and goes on after a disk was full."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sidehook._types import Value, ValueKind
from sidehook_server.journal.file import Batch, JournalFile
from sidehook_server.journal.writer import DiskJournal
from tests.unit.journal.events import Told, an_event, config


class WatchedFile(JournalFile):
    """A file whose writes wait while the test closes the gate, or fail while it is full."""

    def __init__(self, folder: Path) -> None:
        super().__init__(config(folder))
        self.gate = threading.Event()
        self.gate.set()
        self.full = False
        self.begun: list[Batch] = []
        self.written: list[Batch] = []
        self._news = threading.Condition()

    def write(self, batch: Batch) -> None:
        self._note(self.begun, batch)
        assert self.gate.wait(30)
        if self.full:
            raise sqlite3.OperationalError("database or disk is full")
        super().write(batch)
        self._note(self.written, batch)

    def wait(self, it: Callable[[], bool]) -> None:
        with self._news:
            assert self._news.wait_for(it, 30)

    def _note(self, batches: list[Batch], batch: Batch) -> None:
        with self._news:
            batches.append(batch)
            self._news.notify_all()


@pytest.fixture
def file(tmp_path: Path) -> WatchedFile:
    return WatchedFile(tmp_path)


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def journal(file: WatchedFile, told: Told) -> Iterator[DiskJournal]:
    with DiskJournal(file) as journal:
        journal.start(told.post)
        yield journal
        file.gate.set()


def kept(folder: Path) -> list[tuple[int, bool]]:
    """The numbers of the events in a journal, and whether their hooks may have run."""
    file = JournalFile(config(folder))
    try:
        return [(event.number, event.sent) for event in file.load()]
    finally:
        file.close()


def test_what_comes_during_a_write_is_the_next_write(
    journal: DiskJournal, file: WatchedFile, told: Told
) -> None:
    file.gate.clear()
    journal.keep(1, an_event(), told.done)
    file.wait(lambda: len(file.begun) == 1)
    for number in range(2, 66):
        journal.keep(number, an_event(), told.done)
    file.gate.set()
    assert told.wait(65) == [True] * 65
    assert [len(batch.keep) for batch in file.written] == [1, 64]


def test_nobody_is_told_before_the_write(
    journal: DiskJournal, file: WatchedFile, told: Told
) -> None:
    file.gate.clear()
    journal.keep(1, an_event(), told.done)
    file.wait(lambda: len(file.begun) == 1)
    assert told.said == []
    file.gate.set()
    assert told.wait(1) == [True]


def test_a_full_disk_fails_what_is_new_and_forgets_nothing_that_is_over(
    journal: DiskJournal,
    file: WatchedFile,
    told: Told,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    journal.keep(1, an_event(), told.done)
    journal.keep(2, an_event(), told.done)
    told.wait(2)
    file.full = True
    journal.keep(3, an_event(), told.done)
    journal.mark_sent(2, told.done)
    journal.remove(1)
    assert told.wait(4)[2:] == [False, False]
    assert journal.problem == "database or disk is full"
    file.full = False
    journal.keep(4, an_event(), told.done)
    assert told.wait(5)[4] is True
    assert journal.problem == ""
    journal.close()
    assert caplog.text.count("journal_failing") == 1
    assert "journal_works_again" in caplog.text
    assert kept(tmp_path) == [(2, False), (4, False)]


def test_what_is_left_of_a_failed_write_is_tried_again_by_itself(
    journal: DiskJournal, file: WatchedFile, told: Told, tmp_path: Path
) -> None:
    journal.keep(1, an_event(), told.done)
    journal.keep(2, an_event(), told.done)
    journal.mark_sent(2, told.done)
    told.wait(3)
    file.full = True
    tries = len(file.begun)
    journal.remove(1)
    journal.mark_unsent(2)
    file.wait(lambda: len(file.begun) >= tries + 2)
    file.full = False
    file.wait(lambda: file.written[-1].remove == [1] and file.written[-1].marks == [(2, False)])
    journal.close()
    assert kept(tmp_path) == [(2, False)]


def test_an_event_that_cannot_be_encoded_fails_alone(
    journal: DiskJournal, told: Told, tmp_path: Path
) -> None:
    bad = an_event(fields={"\ud800": Value(ValueKind.JSON, b"1")})
    journal.keep(1, bad, told.done)
    assert told.wait(1) == [False]
    journal.keep(2, an_event(), told.done)
    assert told.wait(2) == [False, True]
    journal.close()
    assert kept(tmp_path) == [(2, False)]


def test_closing_writes_what_was_asked_for_and_tells_nobody(
    journal: DiskJournal, file: WatchedFile, told: Told, tmp_path: Path
) -> None:
    journal.keep(1, an_event(), told.done)
    told.wait(1)
    file.gate.clear()
    journal.keep(2, an_event(), told.done)
    file.wait(lambda: len(file.begun) == 2)
    journal.keep(3, an_event(), told.done)
    journal.remove(1)
    threading.Timer(0.0, file.gate.set).start()
    journal.close()
    journal.close()
    assert kept(tmp_path) == [(2, False), (3, False)]


def test_the_file_does_not_grow_without_end(tmp_path: Path, told: Told) -> None:
    file = JournalFile(config(tmp_path))
    file._db.execute("PRAGMA max_page_count=40")
    with DiskJournal(file) as journal:
        journal.start(told.post)
        large = an_event(fields={"a": Value(ValueKind.RAW, b"x" * 50_000)})
        for number in range(1, 11):
            journal.keep(number, large, told.done)
            told.wait(number)
        said = list(told.said)
        assert "full" in journal.problem
        journal.remove(1)
        journal.mark_sent(2, told.done)
        assert told.wait(11)[10] is True
        journal.keep(11, large, told.done)
        assert told.wait(12)[11] is True
    assert said == [True] * said.count(True) + [False] * said.count(False)
    assert 0 < said.count(True) < 10
    assert [number for number, _ in kept(tmp_path)] == [*range(2, said.count(True) + 1), 11]
