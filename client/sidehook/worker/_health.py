"""grpc.health.v1 of a worker that listens, for probes and load balancers."""

from __future__ import annotations

import asyncio
from enum import IntEnum
from typing import Any, TypeAlias

import grpc
import grpc.aio

from sidehook import _wire
from sidehook._errors import MalformedError

SERVICE = "grpc.health.v1.Health"

_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class ServingStatus(IntEnum):
    """The contract's numbers."""

    SERVING = 1
    NOT_SERVING = 2
    SERVICE_UNKNOWN = 3


class Health:
    """Says that the worker, "", and each of `services` serve, until `drain`."""

    def __init__(self, *services: str) -> None:
        self._services = frozenset(("", *services))
        self._draining = asyncio.Event()

    @property
    def handlers(self) -> grpc.GenericRpcHandler:
        """What a server needs to serve this; messages are octets both ways."""
        return grpc.method_handlers_generic_handler(
            SERVICE,
            {
                "Check": grpc.unary_unary_rpc_method_handler(self.check),
                "Watch": grpc.unary_stream_rpc_method_handler(self.watch),
            },
        )

    def drain(self) -> None:
        """Nothing serves any more. Who watches is told, and the streams end. Idempotent."""
        self._draining.set()

    async def check(self, octets: bytes, context: _Context) -> bytes:
        """Answer once."""
        status = self._status(await _asked(octets, context))
        if status is ServingStatus.SERVICE_UNKNOWN:
            await context.abort(grpc.StatusCode.NOT_FOUND, "this worker has no such service")
        return _wire.encode_health_status(status)

    async def watch(self, octets: bytes, context: _Context) -> None:
        """Answer now, and again when it changes."""
        service = await _asked(octets, context)
        told = self._status(service)
        await context.write(_wire.encode_health_status(told))
        await self._draining.wait()
        if (now := self._status(service)) is not told:
            await context.write(_wire.encode_health_status(now))

    def _status(self, service: str) -> ServingStatus:
        if service not in self._services:
            return ServingStatus.SERVICE_UNKNOWN
        draining = self._draining.is_set()
        return ServingStatus.NOT_SERVING if draining else ServingStatus.SERVING


async def _asked(octets: bytes, context: _Context) -> str:
    try:
        return _wire.decode_health_request(octets)
    except MalformedError as error:
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        raise AssertionError("abort returned") from error
