"""No call ever has the answer of another, and no hook runs for a call outside its scope.

`CALLS` says how many calls are made.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter

import pytest

from tests.e2e.conftest import StartSidecar, StartWorker
from tests.e2e.processes import Process
from tests.isolation.conftest import Say
from tests.isolation.sessions import SCOPES, TENANTS, TYPE
from tests.repository import ROOT

CALLS = int(os.environ.get("CALLS", "100000"))
PROCESSES = 2
WITHIN = 1500.0

CONFIG = f"hook_types: [{{name: {TYPE}, writable: [trail, stamp]}}]"

STAMPING = f"""
    from sidehook import hook, modify

    @hook("{TYPE}", mode="transform", priority=1)
    async def stamp(payload, ctx):
        return modify(payload, stamp=f"{{payload['token']}} {{ctx.tenant}} {{ctx.session_id}}")
"""

SCOPED = """
    from sidehook import hook, modify

    def scoped(scope, priority):
        @hook("{type}", mode="transform", name=scope, scope=scope, priority=priority)
        async def mark(payload, ctx):
            if ctx.tenant != "{tenant}":
                print("CROSS FIRED", ctx.tenant, flush=True)
            return modify(payload, trail=[*payload["trail"], f"{tenant}:{{scope}}"])

        return mark

    hooks = [scoped(scope, 10 + place) for place, scope in enumerate({scopes})]
    red, blue = hooks
"""


@pytest.mark.slow
@pytest.mark.timeout(1800)
async def test_no_answer_is_mixed_up_and_no_hook_fires_outside_its_scope(
    start_sidecar: StartSidecar,
    start_worker: StartWorker,
    environment: dict[str, str],
    processes: list[Process],
    say: Say,
) -> None:
    quiet = ("--log-level", "error")
    sidecar = await start_sidecar(CONFIG, flags=quiet)
    await start_worker(sidecar, STAMPING, name="stamper", flags=quiet)
    scoped = [
        await start_worker(
            sidecar,
            SCOPED.format(type=TYPE, tenant=tenant, scopes=SCOPES),
            name=tenant,
            flags=("--tenant", tenant, *quiet),
        )
        for tenant in TENANTS
    ]
    start = time.monotonic()
    crowds = []
    for seed in range(PROCESSES):
        command = (sys.executable, "-m", "tests.isolation.sessions", sidecar.calls[0])
        calls = CALLS // PROCESSES + (CALLS % PROCESSES if seed == 0 else 0)
        crowds.append(
            Process(
                f"sessions {seed}",
                (*command, str(calls), str(seed)),
                {**environment, "PYTHONPATH": str(ROOT)},
            )
        )
        processes.append(crowds[-1])
    found: Counter[str] = Counter()
    for crowd in crowds:
        line = await crowd.line(r"^RESULT (.*)$", within=WITHIN)
        found.update(json.loads(line[1]))
    seconds = time.monotonic() - start
    say(
        f"isolation: {found['calls']} calls in {seconds:.0f} s, {found['own_scope']} of them with "
        f"hooks of their own, {found['named_scopes']} named scopes: "
        f"{found['cross_fired']} cross-fires, {found['mixed_up']} mixed-up answers, "
        f"{found['failed']} failed\n"
    )
    assert not any("CROSS FIRED" in worker.process.log for worker in scoped)
    assert found["calls"] == CALLS
    assert (found["cross_fired"], found["mixed_up"], found["failed"]) == (0, 0, 0)
    assert found["own_scope"] > 0
    assert found["named_scopes"] > 0
