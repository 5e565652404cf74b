"""`await invoke` when nobody listens, beside an empty coroutine: `… TARGET`, orders on stdin.

Both in one process and in the same loop, a hundred at a time: reading the clock costs as
much as the empty coroutine, and a longer run would rarely have its core to itself.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final

import uvloop

from bench import payloads
from bench.apps.terms import empty
from bench.arithmetic import percentile
from bench.driver import Order, Report, WrongResultError, obey
from sidehook.aio import Client

_AT_ONCE: Final = 100


async def _awaited(
    function: Callable[..., Coroutine[Any, Any, object]], payload: object, order: Order
) -> Report:
    took: list[float] = []
    hook_type = payloads.HOOK_TYPE
    began = now = time.perf_counter()
    while now < began + order.seconds:
        for _ in range(_AT_ONCE):
            await function(hook_type, payload)
        before, now = now, time.perf_counter()
        took.append((now - before) / _AT_ONCE * 1e6)
    took.sort()
    return Report(
        calls=len(took) * _AT_ONCE,
        seconds=now - began,
        p50=percentile(took, 0.5),
        p99=percentile(took, 0.99),
    )


async def main(target: str) -> None:
    """Connect, and do what is ordered."""
    async with Client(target) as hooks:
        await hooks.connect()

        async def rounds(order: Order) -> Report:
            payload = payloads.fields_of(payloads.KB)
            if order.terms["what"] == "empty":
                return await _awaited(empty, payload, order)
            skipped = hooks.stats.calls_skipped
            report = await _awaited(hooks.invoke, payload, order)
            if hooks.stats.calls_skipped - skipped != report.calls:
                raise WrongResultError("a call was not skipped")
            return report

        await obey(rounds)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
