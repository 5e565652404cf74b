"""What an application sees when a container dies, freezes or drops off, and that it heals.

The rows are what docs/containers.md says: of a worker that is gone its hooks are `unreachable`, of
one that is there and does not begin a run, `overloaded`, until that is noticed; of a sidecar that
is gone the error is that nobody decided, never a violation, and never a call that proceeds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import dropwhile, groupby
from typing import Any

import pytest

from tests.containers.member import App, Line, Member
from tests.containers.stage import Stage
from tests.containers.test_five_modes import OVER_TCP

pytestmark = pytest.mark.timeout(400)

AGAIN = {"Name": "on-failure", "MaximumRetryCount": 5}
GONE, SILENT = "unreachable", "overloaded"
NO_SIDECAR, SILENT_SIDECAR = "SidecarUnavailableError", "DeadlineExceededError"


@dataclass
class Scene:
    """Everything of one test, over TCP: what is cut off from a network has no socket left."""

    stage: Stage
    network: str
    sidecar: Member
    guards: Member
    watchers: Member
    app: App


@pytest.fixture
def scene(stage: Stage) -> Scene:
    """A pipeline that works."""
    network = stage.network()
    sidecar = stage.sidecar(
        OVER_TCP, network=network, mem_limit="160m", memswap_limit="160m", restart_policy=AGAIN
    )
    limited: dict[str, Any] = {"network": network, "mem_limit": "96m", "memswap_limit": "96m"}
    watchers = stage.worker("watchers", "--listen", "0.0.0.0:7002", restart_policy=AGAIN, **limited)
    guards = stage.worker("guards", "--attach", "sidecar:7001", restart_policy=AGAIN, **limited)
    app = stage.app(network=network, environment={"SIDEHOOK_TARGET": "sidecar:7000"})
    app.next(ended="proceeded")
    return Scene(stage, network, sidecar, guards, watchers, app)


def killed(scene: Scene, victim: Member) -> Callable[[], None]:
    victim.send("KILL")
    # What somebody killed by hand is not started again by the engine.
    assert victim.ended() == 137
    return victim.start


def frozen(scene: Scene, victim: Member) -> Callable[[], None]:
    victim.send("STOP")
    return lambda: victim.send("CONT")


def paused(scene: Scene, victim: Member) -> Callable[[], None]:
    victim.pause()
    return victim.unpause


def cut_off(scene: Scene, victim: Member) -> Callable[[], None]:
    scene.stage.disconnect(victim, scene.network)
    return lambda: scene.stage.connect(victim, scene.network)


Fault = Callable[[Scene, Member], Callable[[], None]]
"""Does something to a container, and returns how to undo it."""


@pytest.mark.parametrize(
    ("fault", "errors"),
    [
        (killed, [NO_SIDECAR]),
        (frozen, [SILENT_SIDECAR]),
        (paused, [SILENT_SIDECAR]),
        (cut_off, [SILENT_SIDECAR, NO_SIDECAR]),
    ],
)
def test_without_its_sidecar_a_call_fails_and_is_never_let_through(
    scene: Scene, fault: Fault, errors: list[str]
) -> None:
    before = len(scene.app.calls)
    undo = fault(scene, scene.sidecar)
    for line in went_through(scene, errors, lambda line: line.get("error"), since=before):
        assert line["ended"] == "failed"
    undo()
    heals(scene)


@pytest.mark.parametrize(
    ("fault", "classes"),
    [(killed, [GONE]), (frozen, [SILENT]), (paused, [SILENT]), (cut_off, [SILENT, GONE])],
)
def test_without_its_guards_a_call_fails_closed(
    scene: Scene, fault: Fault, classes: list[str]
) -> None:
    before = len(scene.app.calls)
    undo = fault(scene, scene.guards)
    for line in went_through(scene, classes, lambda line: line.get("class"), since=before):
        assert (line["ended"], line["error"]) == ("failed", "HookFailedError")
        assert line["lines"] == {
            "guards/check": "failed_closed",
            "guards/temperature": "skipped_halted",
            "watchers/audit": "skipped_halted",
            "guards/beside": "skipped_halted",
            "watchers/tell": "detached",
        }
    undo()
    heals(scene)


@pytest.mark.parametrize(
    ("fault", "classes"),
    [
        (killed, [GONE]),
        # A worker that is dialled is asked every 5 s whether it is there.
        (frozen, [SILENT, GONE]),
        (paused, [SILENT, GONE]),
        (cut_off, [SILENT, GONE]),
    ],
)
def test_without_its_watchers_a_call_goes_on_and_its_receipt_says_so(
    scene: Scene, fault: Fault, classes: list[str]
) -> None:
    def why(line: Line) -> str | None:
        found: str | None = line["classes"].get("watchers/audit")
        return found

    before = len(scene.app.calls)
    undo = fault(scene, scene.watchers)
    for line in went_through(scene, classes, why, since=before):
        assert (line["ended"], line["options"]) == ("proceeded", {"temperature": 0.7})
        assert line["lines"]["watchers/audit"] == "failed_open"
    undo()
    heals(scene)


def test_a_worker_that_runs_out_of_memory_in_a_hook_fails_that_call_and_comes_back(
    scene: Scene,
) -> None:
    line = scene.app.ask("hungry")
    assert (line["ended"], line["error"], line["class"]) == (
        "failed",
        "HookFailedError",
        "unreachable",
    )
    assert line["lines"]["guards/check"] == "failed_closed"
    assert ran_out_of_memory(scene.guards)
    heals(scene)


def test_a_sidecar_that_runs_out_of_memory_fails_its_calls_and_comes_back(scene: Scene) -> None:
    # Sixteen of the largest payloads at once, each of which it holds more than once.
    code, output = scene.app.run("python", "/programs/flood.py", "16", str(15 << 20))
    assert code == 0, output
    assert ran_out_of_memory(scene.sidecar)
    ended = output.split()
    assert "SidecarUnavailableError" in ended
    assert "proceeded" not in ended
    heals(scene)


def went_through(
    scene: Scene, stages: list[str], of: Callable[[Line], str | None], *, since: int
) -> list[Line]:
    """Wait until calls have come to the last stage; those since the first, which went in order.

    Before them are only calls that the fault came too late for, or came into the middle of.
    """

    def calls() -> list[Line]:
        return list(dropwhile(lambda line: of(line) != stages[0], scene.app.calls[since:]))

    scene.app.waits_until(
        lambda: calls()[1:] and of(calls()[-1]) == stages[-1], f"no call came to {stages[-1]}"
    )
    seen = calls()
    assert [stage for stage, _ in groupby(seen, of)] == stages
    return seen


def ran_out_of_memory(member: Member) -> bool:
    """Whether the system killed it for its limit, and the engine started it again."""
    member.waits_until(lambda: member.starts > 0, "it was not started again")
    return "oom" in member.events


def heals(scene: Scene) -> None:
    """Wait until a call goes through every hook again."""
    wanted = {
        "guards/check": "proceeded",
        "guards/temperature": "modified",
        "watchers/audit": "block_suppressed",
        "guards/beside": "proceeded",
        "watchers/tell": "detached",
    }
    scene.app.next(ended="proceeded", lines=wanted, within=90)
