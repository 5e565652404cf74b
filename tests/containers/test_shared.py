"""Hooks that many applications share, while the workers are rolled: nothing fails or is mixed up.

`make e2e-shared` runs it, with CALLS of each of the two topologies.
"""

from __future__ import annotations

import os
import time
from typing import Final

import pytest

from tests.containers.conftest import Report
from tests.containers.fleet import APPS, REPLICAS, Fleet
from tests.containers.stage import Stage

pytestmark = [pytest.mark.timeout(1500), pytest.mark.shared]

CALLS: Final = int(os.environ.get("CALLS", "100000"))
ROLLS: Final = 5
WINDOW: Final = 6.0
"""Seconds between two rolls in which the load of the replicas is compared."""

UNEVEN: Final = 0.2


@pytest.mark.parametrize("topology", ["a sidecar for each application", "two shared sidecars"])
def test_calls_go_on_evenly_while_the_workers_are_rolled(
    stage: Stage, report: Report, topology: str
) -> None:
    fleet = Fleet(stage, stage.network())
    fleet.replicas = fleet.add_replicas()
    fleet.add_apps(own_sidecars=topology.startswith("a sidecar"))
    began = time.monotonic()
    worst = 0.0
    for _ in range(ROLLS):
        fleet.roll()
        shares = fleet.window(WINDOW)
        even = shares.total() / REPLICAS
        assert set(shares) == {each.name for each in fleet.replicas}
        worst = max(worst, *(abs(count / even - 1) for count in shares.values()))
    fleet.apps[0].waits_until(
        lambda: fleet.ended().total() >= CALLS, f"not {CALLS} calls", within=900
    )
    seconds = time.monotonic() - began
    for app in fleet.apps:
        app.stop()
    ended = fleet.ended()
    report(
        f"{topology}, {APPS} applications, {REPLICAS} replicas rolled {ROLLS} times: "
        f"{ended.total()} calls in {seconds:.0f} s, {ended['failed']} failed, {ended['mixed_up']} "
        f"mixed up, load at most {worst:.1%} from even"
    )
    assert ended["failed"] == 0, fleet.first_failures()
    assert ended["mixed_up"] == 0
    assert worst <= UNEVEN
