import os
import resource
import signal
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sidehook_server.errors import UnusableError
from sidehook_server.ops.decision_log.file import FileSink
from sidehook_server.ops.decision_log.sink import SinkError


@contextmanager
def opened(path: Path, *, max_bytes: int = 10_000, keep: int = 2) -> Iterator[FileSink]:
    sink = FileSink(str(path), max_bytes=max_bytes, keep=keep)
    sink.open()
    try:
        yield sink
    finally:
        sink.close()
        sink.close()


@contextmanager
def disk_full_after(octets: int) -> Iterator[None]:
    """No file of this process may grow over so many bytes."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (octets, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)


def test_lines_are_appended_and_only_their_owner_may_read_them(tmp_path: Path) -> None:
    path = tmp_path / "decisions.jsonl"
    with opened(path) as sink:
        sink.write([b"a", "ü".encode()])
        sink.write([b"c"])
    with opened(path) as sink:
        sink.write([b"d"])
    assert path.read_text(encoding="utf-8") == "a\nü\nc\nd\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_full_file_is_put_aside_and_so_many_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "decisions.jsonl"
    with opened(path, max_bytes=10, keep=2) as sink:
        for letter in b"abcdef":
            sink.write([bytes([letter]) * 6])
    names = ("decisions.jsonl", "decisions.jsonl.1", "decisions.jsonl.2")
    assert {file.name for file in tmp_path.iterdir()} == set(names)
    assert [(tmp_path / name).read_text()[0] for name in names] == ["f", "e", "d"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {0o600}


def test_a_file_that_cannot_be_opened_is_a_reason_not_to_start(tmp_path: Path) -> None:
    sink = FileSink(str(tmp_path / "nowhere" / "decisions.jsonl"), max_bytes=10, keep=1)
    with pytest.raises(UnusableError, match=r"decision_log\.path: .*nowhere.*name one in a folder"):
        sink.open()
    sink.close()


@pytest.mark.parametrize("gone", ["moved", "removed"])
def test_a_file_that_somebody_took_away_is_made_anew(tmp_path: Path, gone: str) -> None:
    path = tmp_path / "decisions.jsonl"
    with opened(path) as sink:
        sink.write([b"a"])
        if gone == "moved":
            path.rename(tmp_path / "elsewhere")
        else:
            path.unlink()
        sink.write([b"b"])
    assert path.read_text() == "b\n"


def test_a_batch_that_was_written_in_part_is_taken_back_and_written_whole_later(
    tmp_path: Path,
) -> None:
    path = tmp_path / "decisions.jsonl"
    with opened(path, max_bytes=10**6) as sink:
        sink.write([b"a" * 10])
        with disk_full_after(20), pytest.raises(SinkError, match=r"decisions\.jsonl"):
            sink.write([b"b" * 5, b"c" * 50])
        assert path.read_text() == "a" * 10 + "\n"
        sink.write([b"b" * 5, b"c" * 50])
    assert path.read_text().splitlines() == ["a" * 10, "b" * 5, "c" * 50]


def test_a_folder_that_is_gone_for_a_while_is_an_error_that_passes(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    path = folder / "decisions.jsonl"
    with opened(path) as sink:
        folder.rename(tmp_path / "away")
        for _ in range(2):
            with pytest.raises(SinkError):
                sink.write([b"a"])
        (tmp_path / "away").rename(folder)
        sink.write([b"a"])
    assert path.read_text() == "a\n"


def test_files_that_cannot_be_put_aside_are_an_error_that_passes(tmp_path: Path) -> None:
    path = tmp_path / "decisions.jsonl"
    with opened(path, max_bytes=10, keep=1) as sink:
        sink.write([b"a" * 8])
        (tmp_path / "decisions.jsonl.1").mkdir()
        (tmp_path / "decisions.jsonl.1" / "in the way").touch()
        with pytest.raises(SinkError):
            sink.write([b"b" * 8])
        os.remove(tmp_path / "decisions.jsonl.1" / "in the way")
        (tmp_path / "decisions.jsonl.1").rmdir()
        sink.write([b"b" * 8])
    assert path.read_text() == "b" * 8 + "\n"
    assert (tmp_path / "decisions.jsonl.1").read_text() == "a" * 8 + "\n"
