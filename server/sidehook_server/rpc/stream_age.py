"""Streams of calls that have grown old: their clients are sent to make others.

A stream holds its connection for as long as it is open, so gRPC's own limit of age never
ends one. Every client knows the word `draining`: it opens another stream, and ends this
one when its last call is over. Until then calls are taken here, so none is lost.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

_log: Final = logging.getLogger("sidehook.rpc")

LEAVING_SECONDS: Final = 10.0
"""How long a client that was told to leave may go on to send calls."""

_SPREAD: Final = 0.1


class Ageing(Protocol):
    """What grows old (`rpc.invoke_stream.InvokeStream`)."""

    def announce_draining(self) -> None:
        """Tell the client to go elsewhere."""

    def finish(self) -> None:
        """Take no more calls, answer those under way, and end."""


@contextmanager
def growing_old(
    stream: Ageing, max_age: float | None, *, leaving: float = LEAVING_SECONDS
) -> Iterator[None]:
    """Let a stream grow as old as `max_age` in seconds, give or take a tenth.

    None: as old as it likes. Streams that began together end one by one.
    """
    if max_age is None:
        yield
        return
    loop = asyncio.get_running_loop()
    ends = max_age * random.uniform(1 - _SPREAD, 1 + _SPREAD)
    timers = (
        loop.call_later(ends, stream.announce_draining),
        loop.call_later(ends + leaving, _end, stream, leaving),
    )
    try:
        yield
    finally:
        for timer in timers:
            timer.cancel()


def _end(stream: Ageing, leaving: float) -> None:
    _log.warning("call_stream_did_not_leave seconds=%g", leaving)
    stream.finish()
