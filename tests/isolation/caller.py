"""One tenant of the fairness tests, a process of its own.

`python -m tests.isolation.caller TARGET TENANT RATE SECONDS` makes so many calls per
second whatever becomes of them, for so many seconds, and prints what became of them.
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

BUDGET = 5.0


async def call_on(hooks: sidehook.aio.Client, rate: float, seconds: float) -> dict[str, object]:
    """Calls at their times, each in a task of its own; what became of them, as JSON."""
    ends: Counter[str] = Counter()
    latencies: list[float] = []

    async def one(number: int) -> None:
        start = time.monotonic()
        try:
            with hooks.session(f"session-{number % 50}"):
                await hooks.invoke("mine")
            ends["proceeded"] += 1
            latencies.append(time.monotonic() - start)
        except sidehook.SidecarError as error:
            ends[error.metadata.get("code") or error.reason] += 1

    begun = time.monotonic()
    async with asyncio.TaskGroup() as tasks:
        for number in range(int(rate * seconds)):
            await asyncio.sleep(begun + number / rate - time.monotonic())
            tasks.create_task(one(number))
        print("SENT", flush=True)
    return {
        "sent": int(rate * seconds),
        "rate": round(ends["proceeded"] / seconds, 2),
        "p50_ms": round(1000 * quantiles(latencies, n=2)[0], 1) if len(latencies) > 1 else None,
        **ends,
    }


async def main(target: str, tenant: str, rate: float, seconds: float) -> None:
    """Waits for the sidecar, calls, and prints."""
    async with sidehook.aio.Client(target, tenant=tenant, budget=BUDGET) as hooks:
        await hooks.connect()
        print("CALLING", flush=True)
        print("RESULT", json.dumps(await call_on(hooks, rate, seconds)), flush=True)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4])))
