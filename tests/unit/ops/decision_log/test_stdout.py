import os
from collections.abc import Iterator

import pytest

from sidehook_server.ops.decision_log.sink import SinkError
from sidehook_server.ops.decision_log.stdout import StdoutSink


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:
            continue


def test_each_line_is_a_line(pipe: tuple[int, int]) -> None:
    sink = StdoutSink(pipe[1])
    sink.write([b"a", b"b"])
    sink.write([b"c"])
    assert os.read(pipe[0], 100) == b"a\nb\nc\n"


def test_nobody_to_read_is_an_error(pipe: tuple[int, int]) -> None:
    sink = StdoutSink(pipe[1])
    os.close(pipe[0])
    with pytest.raises(SinkError, match="standard output"):
        sink.write([b"a"])


@pytest.mark.parametrize("same_again", [True, False])
def test_what_broke_off_goes_on_where_it_did(pipe: tuple[int, int], *, same_again: bool) -> None:
    os.set_blocking(pipe[1], False)
    sink = StdoutSink(pipe[1])
    batch = [b"x" * 100_000]
    with pytest.raises(SinkError):
        sink.write(batch)
    read = os.read(pipe[0], 1_000_000)
    assert 0 < len(read) < 100_000
    if same_again:
        sink.write(batch)
    else:
        sink.write([b"next"])
    read += os.read(pipe[0], 1_000_000)
    assert read == b"x" * 100_000 + b"\n" + (b"" if same_again else b"next\n")
