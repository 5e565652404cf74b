"""As in a pod: one network namespace, sockets in a folder in memory, a user for each container."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.containers.member import App, Member
from tests.containers.stage import GROUP, LOCKED_DOWN, SOCKETS, WORKER, Stage

pytestmark = pytest.mark.timeout(300)

CONFIGURATION = """
listen:
  socket_mode: 0660
  workers_socket_mode: 0660
state_dir: /run/sidehook/state
workers:
  - name: guards
    hooks: [{name: check, required: true, type: component_pre_execute}]
"""

SIDECAR_USER = f"20001:{GROUP}"
APP_USER = "20002:20002"
WORKER_USER = "20003:20003"


@dataclass
class Pod:
    """What the containers of a pod share."""

    network: str
    sockets: str

    @property
    def mounts(self) -> dict[str, str]:
        """The folder of the sockets."""
        return {self.sockets: SOCKETS}


@pytest.fixture
def pod(stage: Stage) -> Pod:
    """A pod without containers: somebody has to hold its network, as Kubernetes' pause does."""
    holder = stage.start(
        WORKER,
        name="pause",
        entrypoint=["python", "-c", "import signal; signal.pause()"],
        **LOCKED_DOWN,
    )
    return Pod(network=f"container:{holder.id}", sockets=stage.memory())


def sidecar_of(pod: Pod, stage: Stage) -> Member:
    return stage.sidecar(
        CONFIGURATION, network=pod.network, mounts=pod.mounts, user=SIDECAR_USER, **LOCKED_DOWN
    )


def guards_of(pod: Pod, stage: Stage) -> Member:
    return stage.worker(
        "guards",
        network=pod.network,
        mounts=pod.mounts,
        user=WORKER_USER,
        group_add=[GROUP],
        **LOCKED_DOWN,
    )


def app_of(pod: Pod, stage: Stage) -> App:
    return stage.app(
        network=pod.network,
        mounts=pod.mounts,
        user=APP_USER,
        group_add=[GROUP],
        **LOCKED_DOWN,
    )


def seen_of(member: Member, *command: str) -> str:
    """What a command in a container writes."""
    code, text = member.run(*command)
    assert code == 0, text
    return text


def status(member: Member) -> dict[str, str]:
    """What the kernel says of its first process."""
    text = seen_of(member, "cat", "/proc/1/status")
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


def test_locked_down_containers_of_three_users_call_through_a_socket(
    stage: Stage, pod: Pod
) -> None:
    sidecar, guards = sidecar_of(pod, stage), guards_of(pod, stage)
    app = app_of(pod, stage)
    assert app.next(ended="proceeded")["options"] == {"temperature": 0.7}
    users, networks = set(), set()
    for member in (sidecar, guards, app):
        seen = status(member)
        users.add(seen["Uid"].split()[0])
        networks.add(seen_of(member, "readlink", "/proc/1/ns/net"))
        assert str(GROUP) in (*seen["Gid"].split(), *seen["Groups"].split())
        assert f"tmpfs {SOCKETS} tmpfs" in seen_of(member, "cat", "/proc/mounts")
        assert {int(seen[each], 16) for each in ("CapPrm", "CapEff", "CapBnd")} == {0}
        assert seen["NoNewPrivs"] == "1"
        code, why = member.run("python", "-c", "open('/opt/sidehook/x', 'w')")
        assert code == 1
        assert "Read-only file system" in why
    assert users == {"20001", "20002", "20003"}
    assert len(networks) == 1
    _, modes = sidecar.run(
        "python",
        "-c",
        "import os; print(*(oct(os.stat(f'/run/sidehook/{each}.sock').st_mode)[-3:] "
        "for each in ('sidehook', 'workers')))",
    )
    assert modes == "660 660"


def test_a_user_outside_of_the_group_gets_no_socket(stage: Stage, pod: Pod) -> None:
    sidecar_of(pod, stage)
    guards_of(pod, stage)
    stranger = stage.app(
        network=pod.network, mounts=pod.mounts, user="20009:20009", name="stranger", **LOCKED_DOWN
    )
    line = stranger.next()
    assert (line["ended"], line["error"]) == ("failed", "SidecarUnavailableError")
    code, why = stranger.run(
        "python",
        "-c",
        "import socket; socket.socket(socket.AF_UNIX).connect('/run/sidehook/sidehook.sock')",
    )
    assert code == 1
    assert "Permission denied" in why


def test_the_gate_opens_when_the_required_guard_is_there_and_not_before(
    stage: Stage, pod: Pod
) -> None:
    sidecar = sidecar_of(pod, stage)
    for way in ((), ("--socket", f"{SOCKETS}/sidehook.sock")):
        for question in ("--started", "--live"):
            assert sidecar.run("sidehook", "health", question, *way) == (0, "ok")
        code, why = sidecar.run("sidehook", "health", "--ready", *way)
        assert code == 1
        assert len(why.splitlines()) == 1
    assert "guards" in sidecar.run("sidehook", "health")[1]
    assert sidecar.state["Health"]["Status"] != "healthy"

    early = app_of(pod, stage)
    line = early.next()
    assert (line["ended"], line["error"]) == ("failed", "RequiredHookMissingError")
    assert "guards" in line["says"]

    guards_of(pod, stage)
    sidecar.is_healthy()
    for way in ((), ("--socket", f"{SOCKETS}/sidehook.sock")):
        assert sidecar.run("sidehook", "health", "--ready", *way) == (0, "ok")
    early.next(ended="proceeded")


def test_an_app_that_starts_before_its_sidecar_is_told_so_and_then_served(
    stage: Stage, pod: Pod
) -> None:
    app = app_of(pod, stage)
    line = app.next()
    assert (line["ended"], line["error"]) == ("failed", "SidecarUnavailableError")
    guards = stage.worker(
        "guards",
        network=pod.network,
        mounts=pod.mounts,
        user=WORKER_USER,
        group_add=[GROUP],
        wait=False,
        **LOCKED_DOWN,
    )
    sidecar_of(pod, stage)
    guards.said("^READY")
    app.next(ended="proceeded")
