"""Keeps a live list fresh: probes go out, lists and leases come back (rule 30)."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Final

from sidehook import _wire
from sidehook._errors import MalformedError
from sidehook._rpc import Metadata, Rpc, RpcEndedError

if TYPE_CHECKING:
    import grpc.aio

    from sidehook._live_list import LiveList

METHOD: Final = "/sidehook.v1.HookService/WatchHooks"

_RETRY: Final = 1.0


async def watch(channel: grpc.aio.Channel, live: LiveList, metadata: Metadata = ()) -> None:
    """Keep `live` in step with the sidecar until cancelled. Without a list, every call is made.

    `metadata` says who this client is.
    """
    while True:
        try:
            await _watch_once(Rpc(channel, METHOD, metadata=metadata), live)
        except (RpcEndedError, MalformedError):
            live.lost()
        await asyncio.sleep(_RETRY)


async def _watch_once(rpc: Rpc, live: LiveList) -> None:
    due = asyncio.Event()
    prober = asyncio.create_task(_probe(rpc, live, due))
    # A reader without probes would wait for ever; the stream ends for both.
    prober.add_done_callback(lambda _: rpc.cancel())
    try:
        while True:
            if live.apply(_wire.decode_watch_response(await rpc.read())):
                # The list counts as held only once the sidecar hears of it.
                due.set()
    finally:
        prober.cancel()
        await asyncio.gather(prober, return_exceptions=True)


async def _probe(rpc: Rpc, live: LiveList, due: asyncio.Event) -> None:
    while True:
        due.clear()
        await rpc.write(_wire.encode_watch_request(live.probe(time.monotonic())))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(live.renewal):
                await due.wait()
