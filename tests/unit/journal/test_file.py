"""The journal's file: what is in it, who can read it, and what keeps a sidecar from starting."""

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from sidehook_server.config.model import DetachedConfig, JournalPayloads
from sidehook_server.dispatch.journal import KeptEvent
from sidehook_server.errors import JournalError
from sidehook_server.journal.file import Batch, JournalFile
from sidehook_server.journal.seal import KeySeal, WrongKeyError
from tests.unit.journal.events import (
    SECRET,
    a_key,
    an_event,
    bytes_on_disk,
    config,
    modes_on_disk,
)

PLAIN, ENCRYPTED, MASKED = JournalPayloads


def with_events(settings: DetachedConfig, *, count: int = 3) -> None:
    """A journal that a sidecar left with events in it."""
    file = JournalFile(settings)
    for number in range(1, count + 1):
        file.write(Batch(keep=[(number, file.encode(number, an_event(f"call-{number}")))]))
    file.close()


def events(settings: DetachedConfig) -> tuple[KeptEvent, ...]:
    file = JournalFile(settings)
    try:
        return file.load()
    finally:
        file.close()


def problem(settings: DetachedConfig) -> str:
    """Why a sidecar does not start on this journal."""
    with pytest.raises(JournalError) as caught:
        events(settings)
    assert str(caught.value).startswith("cannot use the journal ")
    assert "; " in str(caught.value), "it says what to do"
    return str(caught.value)


@pytest.mark.parametrize("payloads", JournalPayloads)
def test_events_are_there_after_a_restart_in_the_order_of_their_numbers(
    tmp_path: Path, payloads: JournalPayloads
) -> None:
    settings = config(tmp_path, payloads)
    with_events(settings)
    kept = events(settings)
    assert [event.number for event in kept] == [1, 2, 3]
    assert [event.work for event in kept] == [an_event(f"call-{n}") for n in (1, 2, 3)]
    assert not any(event.sent for event in kept)


def test_marks_and_removals_are_kept_too(tmp_path: Path) -> None:
    settings = config(tmp_path)
    with_events(settings, count=4)
    file = JournalFile(settings)
    file.write(Batch(marks=[(1, True), (2, True), (3, True), (3, False)], remove=[2]))
    file.write(Batch(remove=[99]))
    file.close()
    assert [(event.number, event.sent) for event in events(settings)] == [
        (1, True),
        (3, False),
        (4, False),
    ]


@pytest.mark.parametrize("payloads", JournalPayloads)
def test_only_the_sidecars_user_can_read_the_files(
    tmp_path: Path, payloads: JournalPayloads
) -> None:
    old = os.umask(0)
    try:
        file = JournalFile(config(tmp_path, payloads))
        file.write(Batch(keep=[(1, file.encode(1, an_event()))]))
        assert len(list(tmp_path.glob("journal.sqlite*"))) >= 3
        assert modes_on_disk(tmp_path) == {0o600}
        file.close()
    finally:
        os.umask(old)


@pytest.mark.parametrize(
    ("payloads", "readable"),
    [(PLAIN, {SECRET, "public", "call-1"}), (MASKED, {"public", "call-1"}), (ENCRYPTED, set())],
)
def test_what_can_be_read_in_the_file(
    tmp_path: Path, payloads: JournalPayloads, readable: set[str]
) -> None:
    mask = frozenset({"text"}) if payloads is MASKED else frozenset[str]()
    with_events(config(tmp_path, payloads, mask=mask), count=1)
    found = bytes_on_disk(tmp_path)
    assert {text for text in (SECRET, "public", "call-1") if text.encode() in found} == readable


def test_what_was_delivered_is_not_left_in_the_file(tmp_path: Path) -> None:
    settings = config(tmp_path)
    with_events(settings, count=1)
    file = JournalFile(settings)
    file.write(Batch(remove=[1]))
    file.close()
    assert SECRET.encode() not in bytes_on_disk(tmp_path)


def test_a_sealed_record_is_bound_to_its_number_and_cannot_be_changed() -> None:
    seal = KeySeal(b"k" * 32)
    sealed = seal.close(7, b"record")
    assert KeySeal(b"k" * 32).open(7, sealed) == b"record"
    assert seal.close(7, b"record") != sealed
    for other in (sealed[:-1] + bytes([sealed[-1] ^ 1]), sealed[:20], b""):
        with pytest.raises(WrongKeyError):
            seal.open(7, other)
    with pytest.raises(WrongKeyError):
        seal.open(8, sealed)


def test_a_second_sidecar_on_one_journal_is_refused(tmp_path: Path) -> None:
    first = JournalFile(config(tmp_path))
    assert "another sidecar uses this journal" in problem(config(tmp_path))
    first.close()
    assert events(config(tmp_path)) == ()


def test_another_key_is_refused_whether_there_are_events_or_not(tmp_path: Path) -> None:
    other = a_key(tmp_path, name="other", text="cd" * 32)
    for count in (0, 2):
        with_events(config(tmp_path, ENCRYPTED), count=count)
        assert "it was written with another key" in problem(
            config(tmp_path, ENCRYPTED, key_file=other)
        )
    assert len(events(config(tmp_path, ENCRYPTED))) == 2


def test_payloads_are_not_kept_in_another_way_while_there_are_events(tmp_path: Path) -> None:
    with_events(config(tmp_path))
    said = problem(config(tmp_path, ENCRYPTED))
    assert "it holds 3 events with plain payloads, and the configuration says encrypted" in said
    assert "start once more with journal_payloads: plain" in said
    assert len(events(config(tmp_path))) == 3


def test_an_empty_journal_is_made_anew_when_payloads_are_kept_in_another_way(
    tmp_path: Path,
) -> None:
    with_events(config(tmp_path), count=1)
    file = JournalFile(config(tmp_path))
    file.write(Batch(remove=[1]))
    file.close()
    with_events(config(tmp_path, ENCRYPTED))
    assert SECRET.encode() not in bytes_on_disk(tmp_path)
    assert len(events(config(tmp_path, ENCRYPTED))) == 3


def not_a_database(path: Path) -> None:
    path.write_bytes(b"this is a letter to my aunt, and no database at all\n" * 100)


def somebody_elses(path: Path) -> None:
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE bookmarks (url TEXT)")
    database.commit()
    database.close()


def of_another_version(path: Path) -> None:
    with_events(config(path.parent))
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version=99")
    database.close()


def with_a_hole(path: Path) -> None:
    with_events(config(path.parent), count=50)
    with path.open("r+b") as file:
        file.seek(2 * 4096)
        file.write(b"\xff" * 4096)


def with_a_broken_event(path: Path) -> None:
    file = JournalFile(config(path.parent))
    file.write(Batch(keep=[(1, b"nobody wrote this")]))
    file.close()


FOREIGN: dict[str, tuple[Callable[[Path], None], str]] = {
    "no database": (not_a_database, "it is damaged, or no journal of a sidecar"),
    "somebody else's": (somebody_elses, "it is no journal of a sidecar"),
    "another version": (of_another_version, "another version of the sidecar wrote it (format 99"),
    "with a hole": (with_a_hole, "it is damaged"),
    "with a broken event": (with_a_broken_event, "event 1 in it cannot be read"),
    "a folder": (Path.mkdir, "it is no file of the sidecar's user"),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_file_that_is_no_journal_or_damaged_keeps_the_sidecar_from_starting(
    tmp_path: Path, kind: str
) -> None:
    make, said = FOREIGN[kind]
    path = tmp_path / "journal.sqlite"
    make(path)
    if path.is_file():
        path.chmod(0o600)
        before = path.read_bytes()
        assert said in problem(config(tmp_path))
        assert path.read_bytes() == before
    else:
        assert said in problem(config(tmp_path))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_file_that_others_have_access_to_is_refused(tmp_path: Path, mode: int) -> None:
    with_events(config(tmp_path))
    (tmp_path / "journal.sqlite").chmod(mode)
    assert f"others have access to the journal (file mode {mode:04o})" in problem(config(tmp_path))


def test_a_link_to_elsewhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").touch(0o600)
    (tmp_path / "journal.sqlite").symlink_to(tmp_path / "elsewhere")
    assert "it is no file of the sidecar's user" in problem(config(tmp_path))


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    said = problem(config(tmp_path / "nowhere"))
    assert "cannot be used (No such file or directory); make its folder" in said


def test_a_start_that_was_cut_short_is_begun_again(tmp_path: Path) -> None:
    (tmp_path / "journal.sqlite").touch(0o600)
    assert events(config(tmp_path)) == ()
    with_events(config(tmp_path))
    assert len(events(config(tmp_path))) == 3


KEYS: dict[str, tuple[str, int, str]] = {
    "short": ("abcd", 0o400, "it holds no key of 32 bytes; make one: openssl rand -hex 32"),
    "no hexadecimal": ("z" * 64, 0o400, "it holds no key of 32 bytes"),
    "open": ("ab" * 32, 0o444, "others have access to the key (file mode 0444)"),
    "writable": ("ab" * 32, 0o620, "others have access to the key (file mode 0620)"),
}


@pytest.mark.parametrize("kind", KEYS)
def test_a_bad_key_is_told_with_what_to_do(tmp_path: Path, kind: str) -> None:
    text, mode, said = KEYS[kind]
    key = Path(a_key(tmp_path, text=text))
    key.chmod(mode)
    assert said in problem(config(tmp_path, ENCRYPTED, key_file=str(key)))


def test_a_key_that_is_not_there_is_named(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    assert f"the journal {missing}: the key cannot be read" in problem(
        config(tmp_path, ENCRYPTED, key_file=missing)
    )


def test_a_key_may_be_bytes_or_hexadecimal(tmp_path: Path) -> None:
    with_events(config(tmp_path, ENCRYPTED, key_file=a_key(tmp_path)))
    raw = tmp_path / "raw"
    raw.write_bytes(bytes.fromhex("ab" * 32))
    raw.chmod(0o440)
    newline = a_key(tmp_path, name="newline", text="ab" * 32 + "\n")
    for key in (str(raw), newline):
        assert len(events(config(tmp_path, ENCRYPTED, key_file=key))) == 3
