"""One misbehaviour after the other, while a guard that behaves is in the same plan."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.hostile.arena import Arena, Misbehaviour
from tests.hostile.fused_misbehaviours import FUSED
from tests.hostile.misbehaviours import TABLE

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def arena() -> AsyncIterator[Arena]:
    """One sidecar for all of them: what one leaves behind, the next would meet."""
    with tempfile.TemporaryDirectory(prefix="sh", dir="/tmp") as folder:
        async with Arena(Path(folder), seed=1) as arena:
            yield arena
            rss, peak = arena.memory_mib()
            sys.stderr.write(
                f"\nhostile workers: {arena.checked_receipts} receipts added up, "
                f"the sidecar weighs {rss} MiB and weighed {peak} MiB\n"
            )


@pytest.mark.parametrize("misbehaviour", [*TABLE, *FUSED], ids=lambda each: each.name)
async def test_a_hostile_worker_shows_and_harms_nobody_else(
    arena: Arena, misbehaviour: Misbehaviour
) -> None:
    await arena.play([misbehaviour])


async def test_the_table_names_each_misbehaviour_once_and_where_it_shows() -> None:
    everything = (*TABLE, *FUSED)
    names = [each.name for each in everything]
    assert len(set(names)) == len(names)
    assert all(each.evidence for each in everything)
