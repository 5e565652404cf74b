import logging
import threading
from collections.abc import Sequence

import pytest

from sidehook_server.ops.decision_log.sink import SinkError
from sidehook_server.ops.decision_log.writer import Loss, Writer, WriterTimes
from tests.unit.ops.decision_log.calls import FakeCounts

QUICK = WriterTimes(linger=0.0, first_wait=0.001, longest_wait=0.002, tries=3)
STUBBORN = WriterTimes(linger=0.0, first_wait=0.001, longest_wait=0.001, tries=10**6)


class FakeSink:
    """Keeps what it is given. `failing` makes it fail, `gate` makes it wait until it is set."""

    def __init__(self, *, batch_bytes: int = 1000) -> None:
        self.batch_bytes = batch_bytes
        self.lines: list[bytes] = []
        self.batches: list[int] = []
        self.failing = threading.Event()
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.hurried = False
        self.closed = False

    def open(self) -> None: ...

    def write(self, lines: Sequence[bytes]) -> None:
        self.entered.set()
        assert self.gate.wait(20)
        if self.failing.is_set():
            raise SinkError("no room")
        self.lines.extend(lines)
        self.batches.append(len(lines))

    def hurry(self) -> None:
        self.hurried = True
        self.gate.set()

    def close(self) -> None:
        self.closed = True


def numbered(count: int) -> list[bytes]:
    return [b"%d" % number for number in range(count)]


async def test_lines_are_written_in_order_those_from_before_the_start_too() -> None:
    sink, counts = FakeSink(), FakeCounts()
    writer = Writer(limit=100, counts=counts, times=QUICK)
    for line in numbered(3):
        writer.put(line)
    assert writer.waiting == 3
    writer.start(sink)
    counts.until(written=3)
    writer.put(b"3")
    counts.until(written=4)
    await writer.close(20)
    assert sink.lines == numbered(4)
    assert sink.closed
    assert writer.waiting == 0


async def test_closing_writes_everything_that_waits() -> None:
    sink, counts = FakeSink(), FakeCounts()
    writer = Writer(limit=10_000, counts=counts)
    writer.start(sink)
    for line in numbered(5000):
        writer.put(line)
    await writer.close(20)
    assert sink.lines == numbered(5000)
    assert counts.written == 5000
    assert not counts.lost


async def test_lines_go_in_batches_of_so_many_bytes_one_line_at_least() -> None:
    sink, counts = FakeSink(batch_bytes=10), FakeCounts()
    writer = Writer(limit=100, counts=counts, times=QUICK)
    for line in (b"x" * 4, b"x" * 4, b"x" * 4, b"x" * 50, b"x"):
        writer.put(line)
    writer.start(sink)
    await writer.close(20)
    assert sink.batches == [2, 1, 1, 1]


async def test_what_finds_no_room_is_lost_counted_and_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sink, counts = FakeSink(), FakeCounts()
    sink.gate.clear()
    writer = Writer(limit=2, counts=counts, times=QUICK)
    writer.start(sink)
    with caplog.at_level(logging.WARNING):
        writer.put(b"in hand")
        assert sink.entered.wait(20)
        for line in numbered(5):
            writer.put(line)
        assert writer.waiting == 3
        assert counts.lost == {Loss.QUEUE_FULL: 3}
        sink.gate.set()
        await writer.close(20)
    assert sink.lines == [b"in hand", b"0", b"1"]
    assert caplog.messages == ["decision_log_full", "decision_log_lost"]


async def test_a_batch_that_fails_is_tried_again_until_it_works(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sink, counts = FakeSink(), FakeCounts()
    sink.failing.set()
    writer = Writer(limit=100, counts=counts, times=STUBBORN)
    writer.start(sink)
    with caplog.at_level(logging.INFO):
        writer.put(b"a")
        counts.until(failures=3)
        sink.failing.clear()
        counts.until(written=1)
        await writer.close(20)
    assert sink.lines == [b"a"]
    assert not counts.lost
    assert caplog.messages[0] == "decision_log_write_failed"
    assert caplog.messages[-1] == "decision_log_works_again"


async def test_a_batch_that_never_works_is_given_up_and_the_next_one_has_its_turn() -> None:
    sink, counts = FakeSink(batch_bytes=1), FakeCounts()
    sink.failing.set()
    writer = Writer(limit=100, counts=counts, times=QUICK)
    writer.start(sink)
    writer.put(b"a")
    counts.until(lost=1)
    assert counts.lost == {Loss.WRITE_FAILED: 1}
    assert counts.failures == QUICK.tries
    sink.failing.clear()
    writer.put(b"b")
    await writer.close(20)
    assert sink.lines == [b"b"]


async def test_what_cannot_be_written_at_the_end_is_counted_as_lost() -> None:
    sink, counts = FakeSink(), FakeCounts()
    sink.failing.set()
    writer = Writer(limit=100, counts=counts, times=WriterTimes(linger=0.0, first_wait=3600.0))
    writer.start(sink)
    writer.put(b"a")
    counts.until(failures=1)
    await writer.close(20)
    assert counts.lost == {Loss.STOPPED: 1}


async def test_a_sink_that_stands_still_is_hurried_when_the_sidecar_stops() -> None:
    sink, counts = FakeSink(), FakeCounts()
    sink.gate.clear()
    writer = Writer(limit=100, counts=counts, times=QUICK)
    writer.start(sink)
    writer.put(b"a")
    assert sink.entered.wait(20)
    await writer.close(0.01)
    assert sink.hurried
    assert sink.lines == [b"a"]


async def test_a_log_that_was_never_begun_says_what_it_loses() -> None:
    counts = FakeCounts()
    writer = Writer(limit=100, counts=counts)
    writer.put(b"a")
    await writer.close(20)
    assert counts.lost == {Loss.STOPPED: 1}


async def test_a_fault_of_a_sink_is_logged_and_ends_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken(FakeSink):
        def write(self, lines: Sequence[bytes]) -> None:
            raise ValueError("oh")

    counts = FakeCounts()
    writer = Writer(limit=100, counts=counts, times=QUICK)
    writer.start(Broken())
    writer.put(b"a")
    counts.until(lost=1)
    writer.put(b"b")
    counts.until(lost=2)
    await writer.close(20)
    assert "decision_log_broken" in caplog.messages
