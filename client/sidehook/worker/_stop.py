"""Waiting for something, unless somebody says stop."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine


async def unless_stopped(stop: asyncio.Event, work: Coroutine[object, object, object]) -> bool:
    """Await `work`; return whether it came to its end before `stop` was set.

    When it did not it is cancelled, and awaited. Raises what it raised.
    """
    working = asyncio.create_task(work)
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        working.cancel()
        stopping.cancel()
        await asyncio.gather(working, stopping, return_exceptions=True)
    if working.cancelled():
        return False
    working.result()
    return True
