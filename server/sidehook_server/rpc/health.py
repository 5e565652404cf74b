"""grpc.health.v1: the sidecar as a whole, and each required hook as a service `worker/hook`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from grpc_health.v1 import health, health_pb2

_OVERALL: Final = health.OVERALL_HEALTH


class ServiceHealth:
    """Keeps the statuses of `servicer` as they were last told.

    `tell` never waits; `run` carries out what was told, and must run for that.
    """

    def __init__(self) -> None:
        self.servicer: Final = health.aio.HealthServicer()
        self._wanted: dict[str, bool] = {_OVERALL: False}
        self._shown: dict[str, bool] = {}
        self._changed = asyncio.Event()
        self._changed.set()

    def tell(self, *, ready: bool, required_hooks: Mapping[str, bool]) -> None:
        """What holds from now on. A hook that is not required any more is not serving."""
        gone = dict.fromkeys(self._wanted, False)
        self._wanted = {**gone, _OVERALL: ready, **required_hooks}
        self._changed.set()

    async def run(self) -> None:
        """Show what was told, for ever."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            await self.show()

    async def show(self) -> None:
        """Show what was told by now."""
        for service, serves in self._wanted.items():
            if self._shown.get(service) is not serves:
                self._shown[service] = serves
                await self.servicer.set(service, _STATUS[serves])

    async def drain(self) -> None:
        """Nothing serves any more, for good."""
        await self.servicer.enter_graceful_shutdown()


_STATUS: Final = {
    True: health_pb2.HealthCheckResponse.SERVING,
    False: health_pb2.HealthCheckResponse.NOT_SERVING,
}
