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
WINDOW: Final = 8.0
"""Seconds after each roll in which the load of the replicas is compared: a thousand calls."""

UNEVEN: Final = 0.2


PAUSE: Final = max(0.05, APPS * 50 / CALLS)
"""Seconds between two calls of one application: what is wanted is called during the rolls."""


@pytest.mark.parametrize("topology", ["a sidecar for each application", "two shared sidecars"])
def test_calls_go_on_evenly_while_the_workers_are_rolled(
    stage: Stage, report: Report, topology: str
) -> None:
    fleet = Fleet(stage, stage.network(), PAUSE)
    fleet.add_replicas()
    fleet.add_apps(own_sidecars=topology.startswith("a sidecar"))
    began = time.monotonic()
    uneven = []
    for _ in range(ROLLS):
        fleet.roll()
        fleet.settles()
        shares = fleet.window(WINDOW)
        even = shares.total() / REPLICAS
        assert set(shares) == {each.name for each in fleet.replicas}
        uneven.append(max(abs(count / even - 1) for count in shares.values()))
    fleet.apps[0].waits_until(
        lambda: fleet.ended().total() >= CALLS, f"not {CALLS} calls", within=900
    )
    seconds = time.monotonic() - began
    answered = fleet.by_shared_sidecar()
    shares_of_sidecars = [calls / sum(answered) for calls in answered]
    for app in fleet.apps:
        app.stop()
    ended = fleet.ended()
    windows = ", ".join(f"{each:.1%}" for each in uneven)
    report(
        f"{topology}, {APPS} applications, {REPLICAS} replicas rolled {ROLLS} times: "
        f"{ended.total()} calls in {seconds:.0f} s, {ended['failed']} failed, {ended['mixed_up']} "
        f"mixed up; after each roll the load was at most {windows} from even"
        + "".join(f"; a sidecar answered {share:.1%}" for share in shares_of_sidecars)
    )
    assert ended["failed"] == 0, fleet.first_failures()
    assert ended["mixed_up"] == 0
    assert max(uneven) <= UNEVEN
    for share in shares_of_sidecars:
        assert abs(share * len(answered) - 1) <= UNEVEN
