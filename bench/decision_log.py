"""What the decision log costs a call, run by hand: `python bench/decision_log.py`.

For receipts of several lengths: making a line on the event loop and handing it over, as it is
done; and handing over what a line is made of, for the thread to make it. Beside the time of the
processor that a line takes it prints, for both, what the process takes for a call, writing to a
file included, and how late a timer of the loop fires meanwhile in 99 of 100 cases: a thread that
computes holds the interpreter's lock for up to its switch interval, and calls wait for it.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from sidehook._call import CallAnswer, CallContext, CallRequest, Proceed, Receipt, ReceiptLine
from sidehook._types import HookOutcome, Mode, Value, ValueKind
from sidehook_server.ops.decision_log.file import FileSink
from sidehook_server.ops.decision_log.line import line_of
from sidehook_server.ops.decision_log.values import How, View
from sidehook_server.ops.decision_log.writer import Loss, Writer

CALLS = 4_000
ROUNDS = 5
PER_SECOND = 2_000
HOOKS = (1, 3, 10)

NOTHING = View()
TWO_VALUES = View(fields={"bench": {"name": How.WHOLE, "text": How.HASH}})


class NoCounts:
    """Counts nothing."""

    def decisions_written(self, lines: int) -> None:
        """Ignored."""

    def decisions_lost(self, cause: Loss, lines: int) -> None:
        """A benchmark that loses lines measures something else."""
        raise AssertionError(f"{lines} lines lost: {cause}")

    def decision_write_failed(self) -> None:
        """Ignored."""


def a_call(hooks: int) -> tuple[CallRequest, CallAnswer]:
    """A call as they are: three hooks, a few labels, a kilobyte of text."""
    request = CallRequest(
        hook_type="bench",
        fields={
            "name": Value(ValueKind.JSON, b'"search"'),
            "text": Value(ValueKind.JSON, b'"' + b"x" * 1000 + b'"'),
        },
        call_id="0123456789abcdef0123456789abcdef",
        context=CallContext(
            request_id="r-1", session_id="s-1", tenant="acme", user="u-1", labels={"app": "chat"}
        ),
    )
    lines = tuple(
        ReceiptLine(
            hook=f"hook-{number}",
            worker="guards",
            instance="guards-0",
            mode=Mode.SEQUENTIAL,
            outcome=HookOutcome.MODIFIED,
            duration=0.000512,
            changed_fields=("text",),
        )
        for number in range(hooks)
    )
    receipt = Receipt(call_id=request.call_id, generation=7, lines=lines, duration=0.001)
    return request, CallAnswer(Proceed({}), receipt)


def made(request: CallRequest, answer: CallAnswer, view: View) -> bytes:
    """The line of a call."""
    return line_of(request, answer, 0.001, sidecar="sidecar-0", moment=datetime.now(UTC), view=view)


def microseconds(work: Callable[[], object]) -> float:
    """How long one turn of something takes the processor, in the best round."""
    rounds = []
    for _ in range(ROUNDS):
        # The processor's time, which others on the machine do not add to.
        began = time.thread_time()
        for _ in range(CALLS):
            work()
        rounds.append((time.thread_time() - began) / CALLS * 1e6)
    return min(rounds)


class ThreadMakesLines:
    """The other way: the loop hands over what a line is made of."""

    def __init__(self, path: Path, view: View) -> None:
        self._waiting: deque[tuple[CallRequest, CallAnswer]] = deque()
        self._news = threading.Event()
        self._closing = threading.Event()
        self._view = view
        self._sink = FileSink(str(path), max_bytes=1 << 30, keep=1)
        self._sink.open()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def put(self, request: CallRequest, answer: CallAnswer) -> None:
        """Hand one call over."""
        self._waiting.append((request, answer))
        if not self._news.is_set():
            self._news.set()

    def close(self) -> None:
        """Write what waits."""
        self._closing.set()
        self._news.set()
        self._thread.join()
        self._sink.close()

    def _run(self) -> None:
        while not (self._closing.is_set() and not self._waiting):
            self._news.wait()
            self._news.clear()
            self._closing.wait(0.05)
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(100, len(self._waiting)))]
                self._sink.write([made(*each, self._view) for each in batch])


async def load(put: Callable[[], None]) -> tuple[float, float]:
    """Microseconds of the processor for a call, and how many a timer is late."""
    late: list[float] = []
    loop = asyncio.get_running_loop()
    pause, began = 1 / PER_SECOND, loop.time()
    used = time.process_time()
    for number in range(1, CALLS + 1):
        put()
        due = began + number * pause
        if (wait := due - loop.time()) > 0:
            await asyncio.sleep(wait)
            late.append((loop.time() - due) * 1e6)
    used = time.process_time() - used
    late.sort()
    return used / CALLS * 1e6, late[int(len(late) * 0.99)]


async def compare(hooks: int, folder: Path) -> None:
    """One row of the table: the best of several rounds, the ways one after the other in each."""
    request, answer = a_call(hooks)
    line = made(request, answer, NOTHING)
    plain = microseconds(lambda: made(request, answer, NOTHING))
    shown = microseconds(lambda: made(request, answer, TWO_VALUES))

    writer = Writer(limit=CALLS, counts=NoCounts())
    sink = FileSink(str(folder / f"loop{hooks}"), max_bytes=1 << 30, keep=1)
    sink.open()
    writer.start(sink)
    other = ThreadMakesLines(folder / f"thread{hooks}", NOTHING)
    ways: tuple[Callable[[], None], ...] = (
        lambda: None,
        lambda: writer.put(made(request, answer, NOTHING)),
        lambda: other.put(request, answer),
    )
    rounds = [[await load(way) for way in ways] for _ in range(ROUNDS)]
    await writer.close(10)
    await asyncio.to_thread(other.close)
    used = [min(each[way][0] for each in rounds) for way in range(3)]
    late = [min(each[way][1] for each in rounds) for way in range(3)]
    print(
        f"| {hooks} | {len(line)} | {plain:.1f} | {shown:.1f} "
        f"| {used[1] - used[0]:.1f} | {used[2] - used[0]:.1f} "
        f"| {late[0]:.0f} | {late[1]:.0f} | {late[2]:.0f} |"
    )


def main() -> None:
    """Print the table."""
    print(
        f"python {sys.version.split()[0]}, {os.cpu_count()} processors, {PER_SECOND} calls/s, µs:"
    )
    print(
        "| hooks | bytes | a line | with 2 values | a call, line made on the loop | in the thread "
        "| timer late without a log | made on the loop | in the thread |"
    )
    print("|---" * 9 + "|")
    with tempfile.TemporaryDirectory() as folder:
        for hooks in HOOKS:
            asyncio.run(compare(hooks, Path(folder)))


if __name__ == "__main__":
    main()
