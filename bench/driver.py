"""The driver of every leg, in the measured application: so many calls in flight, for so long.

Only the standard library, because the peers' environments have nothing of ours. The
coordinator writes an order as a line of JSON, the application answers with a report.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, TypeAlias

from bench.arithmetic import percentile

READY = "READY"

Call: TypeAlias = Callable[[], Awaitable[None]]
"""Makes one call and raises when its result is not what it must be."""

BlockingCall: TypeAlias = Callable[[], None]


class WrongResultError(Exception):
    """A call came back with something else than the hooks make of it. Fails the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One round: `seconds` long, `in_flight` calls at once; `terms` are for the leg's own use."""

    seconds: float
    in_flight: int = 1
    terms: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a round came to. `p50` and `p99` in microseconds per call."""

    calls: int
    seconds: float
    p50: float
    p99: float


Rounds: TypeAlias = Callable[[Order], Awaitable[Report]]


async def drive(call: Call, order: Order) -> Report:
    """Repeat a call, each of `in_flight` tasks one after the other."""
    took: list[int] = []
    clock = time.perf_counter_ns
    began = clock()
    until = began + int(order.seconds * 1e9)

    async def one_after_the_other() -> None:
        now = clock()
        while now < until:
            await call()
            before, now = now, clock()
            took.append(now - before)

    if order.in_flight == 1:
        await one_after_the_other()
    else:
        await asyncio.gather(*(one_after_the_other() for _ in range(order.in_flight)))
    return _report(took, clock() - began)


def drive_blocking(call: BlockingCall, order: Order) -> Report:
    """The same for calls that block, each of `in_flight` threads one after the other."""
    took: list[int] = []
    wrong: list[Exception] = []
    clock = time.perf_counter_ns
    began = clock()
    until = began + int(order.seconds * 1e9)

    def one_after_the_other() -> None:
        now = clock()
        try:
            while now < until:
                call()
                before, now = now, clock()
                took.append(now - before)
        except Exception as error:
            wrong.append(error)

    if order.in_flight == 1:
        one_after_the_other()
    else:
        threads = [threading.Thread(target=one_after_the_other) for _ in range(order.in_flight)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if wrong:
        raise wrong[0]
    return _report(took, clock() - began)


def _report(took: list[int], nanoseconds: int) -> Report:
    took.sort()
    return Report(
        calls=len(took),
        seconds=nanoseconds / 1e9,
        p50=percentile(took, 0.5) / 1e3,
        p99=percentile(took, 0.99) / 1e3,
    )


async def obey(rounds: Rounds) -> None:
    """Say that the application is ready, then do what standard input orders until it ends.

    The loop stays free between the rounds, so that clients keep their connections alive.
    """
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    _say({"ready": READY})
    while line := await reader.readline():
        _say(await _answer(rounds, line))


def obey_blocking(rounds: Callable[[Order], Report]) -> None:
    """The same for an application that blocks."""

    async def answered(order: Order) -> Report:
        return rounds(order)

    _say({"ready": READY})
    for line in sys.stdin:
        _say(asyncio.run(_answer(answered, line.encode())))


async def _answer(rounds: Rounds, line: bytes) -> dict[str, Any]:
    try:
        return asdict(await rounds(Order(**json.loads(line))))
    except Exception as error:
        traceback.print_exc()
        return {"error": f"{type(error).__name__}: {error}"}


def _say(what: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()
