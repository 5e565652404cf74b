"""Waiting for what nobody tells: a condition, with a deadline."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

DEADLINE = 10.0


async def until(holds: Callable[[], object]) -> None:
    """Return once `holds()` is true; looks at it from a thread, so it may belong to others."""
    await asyncio.to_thread(wait_until, holds)


def wait_until(holds: Callable[[], object]) -> None:
    """As `until`; blocks."""
    end = time.monotonic() + DEADLINE
    while not holds():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.002)
