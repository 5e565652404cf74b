"""Fixtures for tests that speak to a sidecar in their own process."""

from collections.abc import AsyncIterator
from pathlib import Path

import grpc.aio
import pytest

from tests.unit.rpc.peers import Running, channel_to, running_sidecar


@pytest.fixture
async def sidecar(socket_folder: Path) -> AsyncIterator[Running]:
    """A sidecar on its defaults, without an admin port."""
    async with running_sidecar(socket_folder) as running:
        yield running


@pytest.fixture
async def channel(sidecar: Running) -> AsyncIterator[grpc.aio.Channel]:
    """A channel to the address that applications call."""
    async with channel_to(sidecar.calls) as it:
        yield it
