"""One tenant of the fairness tests, a process of its own.

`python -m tests.isolation.caller TARGET TENANT RATE WARM_UP SECONDS` makes so many calls
per second whatever becomes of them, and prints what became of those after the warm-up.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from statistics import quantiles

import uvloop

import sidehook

BUDGET = 8.0


def tell(line: str) -> None:
    """A line for whoever started this process."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def call_on(
    hooks: sidehook.aio.Client, *, rate: float, warm_up: float, seconds: float
) -> dict[str, object]:
    """Calls at their times, each in a task of its own; what became of them, as JSON."""
    uncounted, counted = int(rate * warm_up), int(rate * seconds)
    ends: Counter[str] = Counter()
    latencies: list[float] = []

    async def one(number: int) -> None:
        start = time.monotonic()
        try:
            with hooks.session(f"session-{number % 50}"):
                await hooks.invoke("mine")
            end = "proceeded"
        except sidehook.SidecarError as error:
            end = error.metadata.get("code") or error.reason
        if number < uncounted:
            return
        ends[end] += 1
        if end == "proceeded":
            latencies.append(time.monotonic() - start)

    begun = time.monotonic()
    async with asyncio.TaskGroup() as tasks:
        for number in range(uncounted + counted):
            await asyncio.sleep(begun + number / rate - time.monotonic())
            tasks.create_task(one(number))
        tell("SENT")
    return {
        "sent": counted,
        "rate": round(ends["proceeded"] / seconds, 2),
        "p50_ms": round(1000 * quantiles(latencies, n=2)[0], 1) if len(latencies) > 1 else None,
        **ends,
    }


async def main(target: str, tenant: str, rate: str, warm_up: str, seconds: str) -> None:
    """Waits for the sidecar, calls, and prints."""
    async with sidehook.aio.Client(target, tenant=tenant, budget=BUDGET) as hooks:
        await hooks.connect()
        tell("CALLING")
        became = await call_on(
            hooks, rate=float(rate), warm_up=float(warm_up), seconds=float(seconds)
        )
        tell(f"RESULT {json.dumps(became)}")


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
