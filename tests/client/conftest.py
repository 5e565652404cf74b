from collections.abc import AsyncIterator, Iterator

import pytest

from sidehook import aio
from sidehook.testing._fake_sidecar import FakeSidecar


@pytest.fixture
def fake() -> Iterator[FakeSidecar]:
    with FakeSidecar() as fake:
        yield fake


@pytest.fixture
async def client(fake: FakeSidecar) -> AsyncIterator[aio.Client]:
    async with aio.Client(fake.target) as client:
        yield client
