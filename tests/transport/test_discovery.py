"""Workers found by their sockets in a folder."""

import socket
from pathlib import Path

import pytest

from sidehook._call import Proceed
from sidehook._types import FailureClass
from sidehook_server.transport.discovery import SocketFolder
from tests.transport.raw_worker import ListeningWorker, a_manifest, a_spec
from tests.transport.sidecar import QUICK, Sidecar, running, until
from tests.transport.test_dial import Held


@pytest.fixture
async def sidecar() -> Sidecar:
    return Sidecar()


async def test_sockets_in_the_folder_are_dialled_as_they_come_and_go(
    sidecar: Sidecar, socket_folder: Path
) -> None:
    folder = SocketFolder(sidecar.local, socket_folder, times=QUICK)
    first = ListeningWorker(a_manifest(a_spec("one"), worker="first"))
    second = ListeningWorker(a_manifest(a_spec("two"), worker="second"))
    async with first.listening(f"unix:{socket_folder / 'first.sock'}"), running(folder):
        await sidecar.connected(1)
        async with second.listening(f"unix:{socket_folder / 'second.sock'}"):
            await sidecar.connected(2)
            answer = await sidecar.invoke()
            assert [line.hook for line in answer.receipt.lines] == ["one", "two"]
            assert isinstance(answer.outcome, Proceed)
        await sidecar.connected(1)
        lines = (await sidecar.invoke()).receipt.lines
        assert [(line.hook, line.failure_class) for line in lines] == [
            ("one", None),
            ("two", FailureClass.UNREACHABLE),
        ]


async def test_a_socket_that_vanished_leaves_its_hooks_unreachable_though_its_worker_lives(
    sidecar: Sidecar, socket_folder: Path
) -> None:
    path = socket_folder / "w.sock"
    async with (
        ListeningWorker().listening(f"unix:{path}"),
        running(SocketFolder(sidecar.local, socket_folder, times=QUICK)),
    ):
        await sidecar.connected()
        path.unlink()
        await sidecar.connected(0)
        line = (await sidecar.invoke()).receipt.lines[0]
        assert line.failure_class is FailureClass.UNREACHABLE


async def test_a_worker_whose_socket_vanished_finishes_what_it_has(
    sidecar: Sidecar, socket_folder: Path
) -> None:
    path, held = socket_folder / "w.sock", Held()
    worker = ListeningWorker()
    worker.on_run = held
    async with (
        worker.listening(f"unix:{path}"),
        running(SocketFolder(sidecar.local, socket_folder, times=QUICK)),
    ):
        await sidecar.connected()
        _, answer = sidecar.start()
        await held.entered.wait()
        path.unlink()
        await until(lambda: all(sidecar.draining()))
        held.go_on.set()
        assert isinstance((await answer).outcome, Proceed)
        await sidecar.connected(0)


async def test_what_is_no_socket_is_left_alone(sidecar: Sidecar, socket_folder: Path) -> None:
    (socket_folder / "notes.sock").write_text("not a socket")
    (socket_folder / "dangling.sock").symlink_to(socket_folder / "nowhere")
    async with (
        ListeningWorker().listening(f"unix:{socket_folder / 'worker.other'}"),
        ListeningWorker(a_manifest(worker="real")).listening(f"unix:{socket_folder / 'real.sock'}"),
        running(SocketFolder(sidecar.local, socket_folder, times=QUICK)),
    ):
        await sidecar.connected(1)
        assert [link.worker for link in sidecar.links] == ["real"]


async def test_a_folder_that_comes_after_the_sidecar_is_found(
    sidecar: Sidecar, socket_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", logger="sidehook.transport")
    later = socket_folder / "workers"
    async with running(SocketFolder(sidecar.local, later, times=QUICK)):
        await until(lambda: "folder_not_watched" in caplog.text)
        later.mkdir()
        async with ListeningWorker().listening(f"unix:{later / 'w.sock'}"):
            await sidecar.connected()


async def test_a_worker_that_listens_after_its_socket_was_found_is_dialled_until_it_answers(
    sidecar: Sidecar, socket_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = socket_folder / "w.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    async with running(SocketFolder(sidecar.local, socket_folder, times=QUICK)):
        await until(lambda: "worker_unreachable" in caplog.text)
        path.unlink()
        async with ListeningWorker().listening(f"unix:{path}"):
            await sidecar.connected()
