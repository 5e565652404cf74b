"""Waiting for what must happen, never for a fixed time."""

import asyncio
import time
from collections.abc import Callable

WAIT = 10.0
_LOOK_AGAIN = 0.005


async def until(condition: Callable[[], bool]) -> None:
    """Wait until the condition holds, as seen from the event loop."""
    deadline = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < deadline, "what the test waits for did not happen"
        await asyncio.sleep(_LOOK_AGAIN)


def block_until(condition: Callable[[], bool]) -> None:
    """Wait until the condition holds, as seen from a thread."""
    deadline = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < deadline, "what the test waits for did not happen"
        time.sleep(_LOOK_AGAIN)
