"""Many applications that share the replicas of one worker, and the sums of what they saw."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from tests.containers.member import Line, Member
from tests.containers.stage import PROGRAMS, SOCKETS, WORKER, Stage

APPS: Final = 20
REPLICAS: Final = 3
PORT: Final = 7002

_RARELY: Final = {"test": ["NONE"]}
_LAG: Final = 1.5
"""Seconds: how old an application's latest report may be, and a little more."""

OWN_SIDECAR: Final = f"""
listen:
  socket_mode: 0660
  admin: off
workers:
  - name: echo
    target: dns:///echo:{PORT}
"""

SHARED_SIDECAR: Final = f"""
listen:
  tcp: 0.0.0.0:7000
  insecure_tcp: true
workers:
  - name: echo
    target: dns:///echo:{PORT}
"""

CALLS_OF_SIDECAR: Final = """
import re, urllib.request
page = urllib.request.urlopen("http://127.0.0.1:9480/metrics").read().decode()
counts = re.findall("^sidehook_calls_total.* ([^ ]+)$", page, re.MULTILINE)
print(sum(map(float, counts)))
"""


@dataclass
class Fleet:
    """The applications, and the replicas that serve them now.

    Each application calls, waits for `pause` seconds, and calls again.
    """

    stage: Stage
    network: str
    pause: float
    replicas: list[Member] = field(default_factory=list)
    apps: list[Member] = field(default_factory=list)
    shared: list[Member] = field(default_factory=list)
    _born: int = 0

    # Who is there. One after another, so that no start waits for all others.

    def add_replicas(self) -> None:
        """Start the first replicas."""
        self.replicas = [self._replica() for _ in range(REPLICAS)]

    def _replica(self) -> Member:
        """Start one that has the name of all, and wait until it listens."""
        self._born += 1
        instance = f"echo-{self._born}"
        replica = self.stage.start(
            WORKER,
            name="echo",
            command=[
                *("/programs/echo.py", "--name", "echo", "--instance", instance),
                *("--listen", f"0.0.0.0:{PORT}"),
            ],
            mounts={PROGRAMS: "/programs:ro"},
            network=self.network,
        )
        replica.name = instance
        replica.said("^READY")
        return replica

    def add_apps(self, *, own_sidecars: bool) -> None:
        """Start the applications, each with a sidecar of its own, or two sidecars for all."""
        if not own_sidecars:
            self.shared = [self._sidecar("sidecars", SHARED_SIDECAR) for _ in "ab"]
        for number in range(APPS):
            terms: dict[str, Any] = {"network": self.network}
            if own_sidecars:
                sockets = {self.stage.memory(): SOCKETS}
                self._sidecar(f"sidecar-{number}", OWN_SIDECAR, mounts=sockets)
                terms = {"mounts": sockets}
            else:
                terms["environment"] = {"SIDEHOOK_TARGET": "dns:///sidecars:7000"}
            self.apps.append(self._app(f"app-{number}", **terms))
        for app in self.apps:
            app.said("proceeded")

    def _sidecar(self, name: str, configuration: str, **terms: Any) -> Member:
        return self.stage.sidecar(
            configuration, name=name, network=self.network, healthcheck=_RARELY, **terms
        )

    def _app(self, name: str, **terms: Any) -> Member:
        return self.stage.app(name, str(self.pause), name=name, program="tally.py", **terms)

    # What happens to them.

    def roll(self) -> None:
        """Replace all replicas, as a Deployment does: one is added, and one is told to stop."""
        for old in list(self.replicas):
            self.replicas.append(self._replica())
            self.replicas.remove(old)
            old.stop(grace=30)
            assert old.state["ExitCode"] == 0, old.log

    def settles(self) -> None:
        """Wait until every application gets to every replica."""
        for replica in self.replicas:
            replica.waits_until(
                partial(self._all_get_to, replica), "some application does not get to it"
            )

    def _all_get_to(self, replica: Member) -> bool:
        return all(line["by"].get(replica.name) for line in self.lines())

    # What they saw.

    def lines(self) -> list[Line]:
        """The latest report of each application."""
        found = []
        for app in self.apps:
            reports = [text for text in app.tail(3).splitlines() if text.startswith("{")]
            found.append(json.loads(reports[-1]) if reports else {"by": {}})
        return found

    def ended(self) -> Counter[str]:
        """How all calls ended so far."""
        total: Counter[str] = Counter()
        for line in self.lines():
            total.update({each: line.get(each, 0) for each in ("proceeded", "failed", "mixed_up")})
        return total

    def first_failures(self) -> set[str]:
        """What those that failed were told."""
        return {line["first_failure"] for line in self.lines() if line.get("first_failure")}

    def window(self, seconds: float) -> Counter[str]:
        """The calls that each replica served in so many seconds from a moment after this one."""
        time.sleep(_LAG)
        before = self._by_instance()
        time.sleep(seconds)
        after = self._by_instance()
        after.subtract(before)
        return +after

    def by_shared_sidecar(self) -> list[float]:
        """The calls that each of the shared sidecars answered so far."""
        ended = [sidecar.run("python", "-c", CALLS_OF_SIDECAR) for sidecar in self.shared]
        assert all(code == 0 for code, _ in ended), ended
        return [float(text) for _, text in ended]

    def _by_instance(self) -> Counter[str]:
        total: Counter[str] = Counter()
        for line in self.lines():
            total.update(line["by"])
        return total
