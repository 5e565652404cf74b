"""One call through hooks of all five modes, each part of it in a container of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import pytest

from tests.containers.member import App, Member
from tests.containers.stage import SOCKETS, Stage

pytestmark = pytest.mark.timeout(300)

OVER_TCP = """
listen:
  tcp: 0.0.0.0:7000
  tcp_workers: 0.0.0.0:7001
  insecure_tcp: true
workers:
  - name: watchers
    target: dns:///watchers:7002
"""

OVER_SOCKETS = """
listen:
  socket_mode: 0660
  workers_socket_mode: 0660
worker_sockets:
  directory: /run/dialled
"""

Played: TypeAlias = tuple[App, Member]
"""The application, and the worker whose events are looked at."""


def over_tcp(stage: Stage) -> Played:
    """Calls, a worker that attaches and one that is dialled, all over a network."""
    network = stage.network()
    stage.sidecar(OVER_TCP, network=network)
    watchers = stage.worker("watchers", "--listen", "0.0.0.0:7002", network=network)
    stage.worker("guards", "--attach", "sidecar:7001", network=network)
    return stage.app(network=network, environment={"SIDEHOOK_TARGET": "sidecar:7000"}), watchers


def over_sockets(stage: Stage) -> Played:
    """The same over sockets in folders in memory, in containers that have no network at all."""
    sockets = {stage.memory(): SOCKETS}
    dialled = {stage.memory(): "/run/dialled"}
    stage.sidecar(OVER_SOCKETS, mounts={**sockets, **dialled})
    stage.worker("guards", mounts=sockets)
    # A worker's own socket is for its user alone, so this one has the sidecar's.
    listens = ("--listen", "unix:///run/dialled/watchers.sock")
    watchers = stage.worker("watchers", *listens, mounts=dialled, user="10001:10001")
    return stage.app(mounts=sockets), watchers


@pytest.mark.parametrize("play", [over_tcp, over_sockets])
def test_a_call_goes_through_all_five_modes(stage: Stage, play: Callable[[Any], Played]) -> None:
    app, watchers = play(stage)
    app.next(ended="proceeded")
    line = app.ask("Instruction")
    assert line["ended"] == "proceeded"
    assert line["options"] == {"temperature": 0.7}
    assert line["lines"] == {
        "guards/check": "proceeded",
        "guards/temperature": "modified",
        "watchers/audit": "block_suppressed",
        "guards/beside": "proceeded",
        "watchers/tell": "detached",
    }
    watchers.said(f"^TOLD {line['call']} 0.7$")

    line = app.ask("forbidden")
    assert (line["ended"], line["code"]) == ("blocked", "NOT_THIS")
    assert line["lines"] == {
        "guards/check": "blocked",
        "guards/temperature": "skipped_halted",
        "watchers/audit": "skipped_halted",
        "guards/beside": "skipped_halted",
        "watchers/tell": "detached",
    }
    watchers.said(f"^TOLD {line['call']} nothing$")
