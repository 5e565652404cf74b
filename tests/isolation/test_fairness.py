"""One tenant at ten times the capacity leaves another what it had alone.

The capacity is that of a worker whose hook sleeps, so that it is the same on every
machine. Alone and together are measured in turns, in one run.
"""

from __future__ import annotations

import json
import sys

import pytest

from tests.e2e.conftest import StartSidecar, StartWorker
from tests.e2e.processes import Process, Sidecar
from tests.isolation.conftest import Say
from tests.repository import ROOT

CAPACITY = 24.0
"""Runs per second: so many at once as the limit says, each of which takes its time."""

SECONDS = 10.0
WARM_UP = 3.0
"""Long enough for every run to end that began before the other tenant came."""

LEAST = 0.8

SLEEPING = """
    import asyncio
    from sidehook import hook

    @hook("mine", timeout=6)
    async def sleep(payload, ctx):
        await asyncio.sleep({seconds})
"""

LIMITED_BY = {
    "a worker's limit": (
        "hook_types: [{name: mine}]\nworkers: [{name: worker, max_in_flight: 4}]",
        4 / CAPACITY,
    ),
    "the sidecar's limit": (
        "hook_types: [{name: mine}]\nlimits: {max_in_flight: 48}",
        48 / CAPACITY,
    ),
}


def a_caller(
    sidecar: Sidecar,
    environment: dict[str, str],
    processes: list[Process],
    *,
    tenant: str,
    rate: float,
    seconds: float,
) -> Process:
    """A tenant that calls, as a process of its own."""
    command = (sys.executable, "-m", "tests.isolation.caller", sidecar.calls[0], tenant)
    process = Process(
        tenant,
        (*command, str(rate), str(WARM_UP), str(seconds)),
        {**environment, "PYTHONPATH": str(ROOT)},
    )
    processes.append(process)
    return process


async def result_of(process: Process) -> dict[str, float]:
    line = await process.line(r"^RESULT (.*)$", within=60)
    result = json.loads(line[1])
    assert isinstance(result, dict)
    await process.ended()
    return result


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("limited_by", LIMITED_BY)
async def test_a_tenant_at_ten_times_the_capacity_leaves_another_most_of_its_rate_alone(
    limited_by: str,
    start_sidecar: StartSidecar,
    start_worker: StartWorker,
    environment: dict[str, str],
    processes: list[Process],
    say: Say,
) -> None:
    config, seconds = LIMITED_BY[limited_by]
    sidecar = await start_sidecar(config, flags=("--log-level", "error"))
    await start_worker(sidecar, SLEEPING.format(seconds=seconds))

    async def modest(beside: Process | None = None) -> dict[str, float]:
        caller = a_caller(
            sidecar,
            environment,
            processes,
            tenant="modest",
            rate=CAPACITY / 2,
            seconds=SECONDS,
        )
        await caller.line("SENT", within=60)
        assert beside is None or "SENT" not in beside.log, "the greedy tenant called all the while"
        return await result_of(caller)

    async def beside_a_greedy_one() -> dict[str, float]:
        greedy = a_caller(
            sidecar,
            environment,
            processes,
            tenant="greedy",
            rate=10 * CAPACITY,
            seconds=SECONDS + 2 * WARM_UP,
        )
        await greedy.line("CALLING")
        await sidecar.until_metric("sidehook_calls_in_flight", 24)
        result = await modest(beside=greedy)
        say(f"    greedy beside it: {await result_of(greedy)}")
        return result

    alone, together = [], []
    for _ in range(2):
        alone.append(await modest())
        say(f"  modest alone:       {alone[-1]}")
        together.append(await beside_a_greedy_one())
        say(f"  modest together:    {together[-1]}")
    ratio = sum(it["rate"] for it in together) / sum(it["rate"] for it in alone)
    say(
        f"fairness under {limited_by}: {ratio:.3f} of its rate alone "
        f"({[it['rate'] for it in alone]} alone, {[it['rate'] for it in together]} together)\n"
    )
    assert ratio >= LEAST
