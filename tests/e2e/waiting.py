"""Waiting for what other processes do."""

import asyncio
from collections.abc import Awaitable, Callable

WITHIN = 20.0


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something holds, looking again and again; TimeoutError when it never does."""
    async with asyncio.timeout(WITHIN):
        while not await holds():  # noqa: ASYNC110 - another process sets no event of ours
            await asyncio.sleep(0.02)
