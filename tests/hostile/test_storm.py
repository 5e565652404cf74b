"""Several misbehaviours at once, drawn by lot: a few rounds in `make test`, more in `make fuzz`."""

from __future__ import annotations

import os
import random
import sys
import time
from pathlib import Path

import pytest

from tests.hostile.arena import Arena
from tests.hostile.misbehaviours import TABLE

AT_ONCE = 4
ROUNDS = 3
MINUTES = float(os.environ.get("STORM_MINUTES", "0.5"))


async def play(folder: Path, seed: int, minutes: float, rounds: int) -> None:
    """Rounds until there were so many, and the time is over; every one of them is judged."""
    dice = random.Random(seed)
    until = time.monotonic() + minutes * 60
    played = 0
    async with Arena(folder, seed) as arena:
        while played < rounds or time.monotonic() < until:
            await arena.play(dice.sample(TABLE, AT_ONCE), must_show=False)
            played += 1
        rss, peak = arena.memory_mib()
        sys.stderr.write(
            f"\nstorm of seed {seed}: {played} rounds, {arena.checked_receipts} receipts added "
            f"up, the sidecar weighs {rss} MiB and weighed {peak} MiB\n"
        )


async def test_hostile_workers_at_once_harm_nobody_else(socket_folder: Path) -> None:
    await play(socket_folder, seed=7, minutes=0.0, rounds=ROUNDS)


@pytest.mark.slow
@pytest.mark.timeout(MINUTES * 60 + 300)
async def test_hostile_workers_for_minutes(socket_folder: Path) -> None:
    seed = int(os.environ.get("STORM_SEED", "0")) or random.randrange(1, 10**6)
    sys.stderr.write(f"\nSTORM_SEED={seed} plays these rounds again\n")
    await play(socket_folder, seed, MINUTES, rounds=1)
