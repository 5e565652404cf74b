"""Two things at once, of which the first to end ends the other."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine


async def first_to_end(*coroutines: Coroutine[object, object, None]) -> None:
    """Runs all until one ends, cancels and awaits the others, and raises what it raised."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        # What was over before the others were cancelled is what counts.
        over = [task for task in tasks if task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in over:
        task.result()
