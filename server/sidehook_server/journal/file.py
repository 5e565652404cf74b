"""The file of the journal: SQLite with a write-ahead log, open to one sidecar alone.

Whatever is wrong with the file keeps the sidecar from starting: leaving it aside would
lose events that calls were told are safe.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sidehook._errors import MalformedError
from sidehook_server.config.model import MIB, DetachedConfig, JournalPayloads
from sidehook_server.dispatch.journal import KeptEvent
from sidehook_server.errors import JournalError
from sidehook_server.journal import record
from sidehook_server.journal.seal import KeySeal, NoSeal, Seal, WrongKeyError, read_key
from sidehook_server.pipeline.model import DetachedWork

APPLICATION: Final = 0x51DE400C
"""Says in the file's header whose it is."""

FORMAT: Final = 1
"""The version of the file. Another one is refused."""

_SCHEMA: Final = """
    CREATE TABLE meta (payloads TEXT NOT NULL, proof BLOB NOT NULL);
    CREATE TABLE events (number INTEGER PRIMARY KEY, record BLOB NOT NULL);
    CREATE TABLE sent (number INTEGER PRIMARY KEY);
"""
_PROOF: Final = b"sidehook"
_PROOF_NUMBER: Final = -1
_SPARE_BYTES: Final = 64 * MIB
_LOG_BYTES: Final = 64 * MIB
_ANOTHER: Final = "or name another file as detached.journal"


@dataclass(slots=True)
class Batch:
    """What is written at once. `marks` are numbers, and whether the hook may have run."""

    keep: list[tuple[int, bytes]] = field(default_factory=list)
    marks: list[tuple[int, bool]] = field(default_factory=list)
    remove: list[int] = field(default_factory=list)

    def __bool__(self) -> bool:
        """Whether there is anything to write."""
        return bool(self.keep or self.marks or self.remove)


class JournalFile:
    """An open journal. Every method blocks on the disk; one thread at a time may use it."""

    def __init__(self, config: DetachedConfig) -> None:
        """Opens or makes the file that the configuration names. Raises JournalError."""
        assert config.journal is not None, "a journal has a file"
        self.path: Final = Path(config.journal)
        self._payloads = config.journal_payloads
        self._mask = config.journal_mask
        self._max_bytes = 2 * config.max_bytes + _SPARE_BYTES
        self._seal = self._sealed_with(config.journal_key_file)
        self._lock = self._locked()
        try:
            self._db = self._opened()
        except BaseException:
            os.close(self._lock)
            raise
        self._durable: bool | None = None

    def close(self) -> None:
        """Closes and unlocks the file. Safe to call twice."""
        self._db.close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def load(self) -> tuple[KeptEvent, ...]:
        """Every event, in the order of their numbers. Raises JournalError."""
        with self._understood():
            sent = {number for (number,) in self._db.execute("SELECT number FROM sent")}
            rows = self._db.execute("SELECT number, record FROM events ORDER BY number")
            return tuple(self._event(number, octets, number in sent) for number, octets in rows)

    def encode(self, number: int, work: DetachedWork) -> bytes:
        """What is written for an event. Raises EncodeError."""
        return self._seal.close(number, record.encode(work, mask=self._mask))

    def write(self, batch: Batch) -> None:
        """Writes a batch, whole or not at all. Raises sqlite3.Error.

        With new events in it, it is on the disk when this returns; else in the hands of
        the system, which only a crash of the machine can lose.
        """
        self._be_durable(bool(batch.keep))
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.executemany("INSERT INTO events VALUES (?, ?)", batch.keep)
            for number, sent in batch.marks:
                self._db.execute(_MARKS[sent], (number,))
            numbers = [(number,) for number in batch.remove]
            self._db.executemany("DELETE FROM events WHERE number = ?", numbers)
            self._db.executemany("DELETE FROM sent WHERE number = ?", numbers)
            self._db.execute("COMMIT")
        except BaseException:
            # A full disk may have rolled it back already.
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def _be_durable(self, durable: bool) -> None:  # noqa: FBT001 - the one thing that it sets
        if durable is not self._durable:
            self._db.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
            self._durable = durable

    def _event(self, number: int, octets: bytes, sent: bool) -> KeptEvent:  # noqa: FBT001 - a column
        try:
            work = record.decode(self._seal.open(number, octets))
        except (MalformedError, WrongKeyError) as error:
            raise self._wrong(
                f"event {number} in it cannot be read ({error})",
                f"restore the file from a copy, {_ANOTHER}",
            ) from error
        return KeptEvent(number, work, sent)

    # Opening.

    def _sealed_with(self, key_file: str | None) -> Seal:
        if self._payloads is not JournalPayloads.ENCRYPTED:
            return NoSeal()
        assert key_file is not None, "the configuration was checked"
        try:
            return KeySeal(read_key(Path(key_file)))
        except ModuleNotFoundError as error:
            raise self._wrong(
                "its payloads are to be encrypted, and the library for that is not installed",
                "run: pip install 'sidehook-server[encryption]'",
            ) from error

    def _locked(self) -> int:
        lock = self.path.with_name(f"{self.path.name}.lock")
        try:
            handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise self._wrong(
                f"the lock {lock} beside it cannot be used ({error.strerror})",
                f"make its folder, and let the sidecar's user write there, {_ANOTHER}",
            ) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(handle)
            raise self._wrong(
                "another sidecar uses this journal", f"stop it, {_ANOTHER}"
            ) from error
        return handle

    def _opened(self) -> sqlite3.Connection:
        fresh = self._made()
        db = self._connected()
        try:
            with self._understood():
                if fresh or self._is_blank(db):
                    self._set_up(db)
                elif not self._fits(db):
                    db.close()
                    self._unlink()
                    return self._opened()
        except BaseException:
            db.close()
            raise
        return db

    def _made(self) -> bool:
        """Makes the file when there is none; whether it did."""
        self._check_permissions()
        try:
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        except FileExistsError:
            return False
        except OSError as error:
            raise self._wrong(
                f"it cannot be made ({error.strerror})", f"make its folder writable, {_ANOTHER}"
            ) from error
        return True

    def _check_permissions(self) -> None:
        for path in (self.path, *self._logs()):
            try:
                status = path.lstat()
            except OSError:
                continue
            if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
                raise JournalError(
                    str(path),
                    "it is no file of the sidecar's user",
                    f"remove it, {_ANOTHER}",
                )
            if stat.S_IMODE(status.st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
                raise JournalError(
                    str(path),
                    f"others have access to the journal (file mode "
                    f"{stat.S_IMODE(status.st_mode):04o}), which holds payloads",
                    f"chmod it to 0600, {_ANOTHER}",
                )

    def _logs(self) -> Iterator[Path]:
        for suffix in ("-wal", "-shm", "-journal"):
            yield self.path.with_name(self.path.name + suffix)

    def _connected(self) -> sqlite3.Connection:
        with self._understood():
            # The thread that writes is another one than the one that opens, never at once.
            db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
            db.execute("PRAGMA locking_mode=EXCLUSIVE")
            return db

    def _is_blank(self, db: sqlite3.Connection) -> bool:
        """Whether it is empty, which a start that was cut short may have left."""
        named = _value(db, "PRAGMA application_id")
        return not named and not _value(db, "SELECT count(*) FROM sqlite_master")

    def _set_up(self, db: sqlite3.Connection) -> None:
        self._tune(db)
        db.execute("BEGIN EXCLUSIVE")
        for statement in filter(str.strip, _SCHEMA.split(";")):
            db.execute(statement)
        proof = self._seal.close(_PROOF_NUMBER, _PROOF)
        db.execute("INSERT INTO meta VALUES (?, ?)", (str(self._payloads), proof))
        db.execute(f"PRAGMA application_id={APPLICATION}")
        db.execute(f"PRAGMA user_version={FORMAT}")
        db.execute("COMMIT")
        self._sync_folder()

    def _fits(self, db: sqlite3.Connection) -> bool:
        """Whether the file is as the configuration wants it; False for an empty one that is not."""
        if _value(db, "PRAGMA application_id") != APPLICATION:
            raise self._wrong("it is no journal of a sidecar", "name another file")
        if (version := _value(db, "PRAGMA user_version")) != FORMAT:
            raise self._wrong(
                f"another version of the sidecar wrote it (format {version}, not {FORMAT})",
                f"start that version until everything is delivered, {_ANOTHER}",
            )
        if (found := _value(db, "PRAGMA quick_check(1)")) != "ok":
            raise self._damaged(str(found))
        events = _value(db, "SELECT count(*) FROM events")
        payloads, proof = db.execute("SELECT payloads, proof FROM meta").fetchone()
        if payloads != self._payloads:
            if events == 0:
                return False
            raise self._wrong(
                f"it holds {events} events with {payloads} payloads, and the configuration says "
                f"{self._payloads}",
                f"start once more with journal_payloads: {payloads} until they are delivered, "
                f"{_ANOTHER}",
            )
        self._check_key(proof)
        self._tune(db)
        return True

    def _check_key(self, proof: bytes) -> None:
        try:
            self._seal.open(_PROOF_NUMBER, proof)
        except WrongKeyError as error:
            raise self._wrong(
                "it was written with another key than the one in detached.journal_key_file",
                f"give the key it was written with, {_ANOTHER}",
            ) from error

    def _tune(self, db: sqlite3.Connection) -> None:
        db.execute("PRAGMA journal_mode=WAL")
        # What was delivered is not left in the file.
        db.execute("PRAGMA secure_delete=ON")
        db.execute(f"PRAGMA journal_size_limit={_LOG_BYTES}")
        page = _value(db, "PRAGMA page_size")
        assert isinstance(page, int), "pages have a size"
        db.execute(f"PRAGMA max_page_count={self._max_bytes // page}")

    def _unlink(self) -> None:
        for path in (self.path, *self._logs()):
            path.unlink(missing_ok=True)

    def _sync_folder(self) -> None:
        # Else a crash of the machine may leave the folder without the file.
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    @contextlib.contextmanager
    def _understood(self) -> Iterator[None]:
        """Errors of the database become errors that say what to do."""
        try:
            yield
        except sqlite3.OperationalError as error:
            raise self._wrong(
                f"it cannot be used ({error})", f"make it and its folder writable, {_ANOTHER}"
            ) from error
        except (sqlite3.Error, TypeError) as error:
            raise self._damaged(str(error)) from error

    def _damaged(self, what: str) -> JournalError:
        return self._wrong(
            f"it is damaged, or no journal of a sidecar ({what})",
            f"restore it from a copy, {_ANOTHER}",
        )

    def _wrong(self, problem: str, advice: str) -> JournalError:
        return JournalError(str(self.path), problem, advice)


_MARKS: Final = {
    True: "INSERT OR IGNORE INTO sent VALUES (?)",
    False: "DELETE FROM sent WHERE number = ?",
}


def _value(db: sqlite3.Connection, query: str) -> object:
    return db.execute(query).fetchone()[0]
