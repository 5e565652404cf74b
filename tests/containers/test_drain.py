"""SIGTERM under load: what was accepted is delivered, now or after the next start."""

from __future__ import annotations

import re
import signal

import pytest

from tests.containers.conftest import Report
from tests.containers.member import App
from tests.containers.stage import SIDECAR, SOCKETS, Stage

pytestmark = pytest.mark.timeout(300)

CONFIGURATION = """
listen:
  socket_mode: 0660
  workers_socket_mode: 0660
state_dir: /var/lib/sidehook/state
limits:
  drain_timeout: 2s
detached:
  queue: 100000
  journal: /var/lib/sidehook/journal.sqlite
"""

CALLS = 60
DRAINED_WITHIN = 15.0
"""Seconds: `drain_timeout`, and what a busy machine takes to take everything down."""


def accepted(app: App) -> set[str]:
    """The calls that the application has a receipt of which says that the event was taken."""
    return {
        line["call"]
        for line in app.calls
        if line.get("lines", {}).get("watchers/tell") == "detached"
    }


def test_nothing_that_was_accepted_is_lost_over_a_stop_under_load(
    stage: Stage, report: Report
) -> None:
    sockets = {stage.memory(): SOCKETS}
    sidecar = stage.sidecar(CONFIGURATION, mounts={**sockets, stage.disk(): "/var/lib/sidehook"})
    stage.worker("guards", mounts=sockets)
    # So slow that more wait when the sidecar is told to stop than are delivered until it ends.
    slow = {"TELL_SECONDS": "0.4"}
    watchers = stage.worker("watchers", "--threads", "1", mounts=sockets, environment=slow)
    app = stage.app("--at-once", "4", mounts=sockets)
    app.waits_until(lambda: len(accepted(app)) >= CALLS, f"no {CALLS} events were accepted")

    drained = sidecar.stop(grace=30)
    assert sidecar.state["ExitCode"] == 0
    app.next(ended="failed", error="SidecarUnavailableError")
    told = set(re.findall(r"^TOLD (\S+)", watchers.log, re.MULTILINE))
    waiting = len(accepted(app) - told)
    sidecar.start()
    app.next(ended="proceeded")
    app.stop()
    events = accepted(app)

    def missing() -> set[str]:
        return events - set(re.findall(r"^TOLD (\S+)", watchers.log, re.MULTILINE))

    watchers.waits_until(
        lambda: not missing(), "events that were accepted were not delivered", within=150
    )
    stopped = re.search(r"event=sidecar_stopped.*", sidecar.log)
    assert stopped is not None
    report(
        f"drain under load: {drained:.1f} s; {len(events)} events accepted, {waiting} of them kept "
        f"over the stop, 0 lost; calls cut: {_field(stopped[0], 'cut_calls')}"
    )
    assert waiting > 0
    assert drained < DRAINED_WITHIN
    assert _field(stopped[0], "cut_calls") == "0"
    assert _field(stopped[0], "undelivered_events") == "0"
    # A call ends in a verdict or in an error that nobody decided; none is let through unseen.
    for line in app.calls:
        assert line["ended"] in ("proceeded", "failed", "told to stop")
        assert line["ended"] != "proceeded" or line["lines"]["guards/check"] == "proceeded"


def test_one_that_is_told_to_stop_while_it_still_imports_stops_at_once(stage: Stage) -> None:
    # The first process of a container ignores every signal that it has not asked for.
    for member in (
        stage.start(SIDECAR, name="sidecar"),
        stage.worker("guards", "--attach", "nowhere:1", wait=False),
    ):
        member.waits_until_it_hears(signal.SIGTERM)
        seconds = member.stop(grace=30)
        # 143 while it imports, 0 when it is faster than the engine; killed, it would be 137.
        assert member.state["ExitCode"] in (0, 143)
        assert seconds < DRAINED_WITHIN


def _field(line: str, name: str) -> str:
    found = re.search(rf"\b{name}=(\S+)", line)
    assert found is not None, line
    return found[1]
