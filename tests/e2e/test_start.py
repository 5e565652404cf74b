"""How a sidecar starts, and everything that keeps it from starting, with a word on what to do."""

import re
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.conftest import StartSidecar, StartWorker
from tests.e2e.processes import COMMAND, Process, Sidecar

Run = Callable[..., subprocess.CompletedProcess[str]]


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_socket()}


async def test_it_starts_without_any_configuration(
    socket_folder: Path, environment: dict[str, str], processes: list[Process]
) -> None:
    process = Process("sidecar", (COMMAND, "serve", "--admin", "off"), environment)
    processes.append(process)
    sidecar = await Sidecar.ready(process)
    folder = socket_folder / "sidehook"
    assert sidecar.calls == (f"unix://{folder}/sidehook.sock",)
    assert sidecar.workers == (f"unix://{folder}/workers.sock",)
    assert sidecar.admin == "off"
    async with sidecar.client() as hooks:
        payload = await hooks.invoke("component_pre_execute", component_type="Instruction")
    assert payload["component_type"] == "Instruction"
    assert await process.stop() == 0
    assert names_in(folder) == set()


def test_every_problem_of_a_configuration_is_named_with_its_line(
    socket_folder: Path, run_sidehook: Run
) -> None:
    file = socket_folder / "sidehook.yaml"
    file.write_text(
        "listen:\n"
        "  admin: nowhere\n"
        "  tcp: 0.0.0.0:0\n"
        "hook_typos: []\n"
        "limits:\n"
        "  margin: a while\n"
        "workers:\n"
        "  - name: guard\n"
        "    hooks: [{name: h, on_error: shrug}, {name: i, condition: 'payload.'}]\n"
    )
    for command in (("serve", "--config"), ("config", "check")):
        ended = run_sidehook(*command, str(file))
        assert ended.returncode == 64
        assert "READY" not in ended.stdout
        problems = ended.stderr.strip().splitlines()
        places = [re.match(rf"{re.escape(str(file))}:(\d+):\d+: ", line) for line in problems]
        assert [place and int(place[1]) for place in places] == [2, 3, 4, 6, 9, 9]
        for word in ("nowhere", "insecure_tcp", "hook_types", "a while", "shrug", "condition"):
            assert word in ended.stderr
    assert names_in(socket_folder) == set()


def test_flags_are_read_by_the_same_loader(socket_folder: Path, run_sidehook: Run) -> None:
    ended = run_sidehook("serve", "--admin", "nowhere", "--listen", "0.0.0.0:0")
    assert ended.returncode == 64
    assert "--admin" in ended.stderr
    assert "--listen" in ended.stderr
    assert names_in(socket_folder) == set()


def test_a_flag_that_is_not_known_is_wrong_usage(run_sidehook: Run) -> None:
    ended = run_sidehook("serve", "--nonsense")
    assert ended.returncode == 64
    assert "--nonsense" in ended.stderr


def test_a_configuration_that_is_fine_is_said_to_be(socket_folder: Path, run_sidehook: Run) -> None:
    file = socket_folder / "sidehook.yaml"
    file.write_text("dev: true\n")
    ended = run_sidehook("config", "check", str(file))
    assert (ended.returncode, ended.stdout) == (0, f"{file}: fine\n")
    assert "development mode" in ended.stderr


def test_a_socket_path_that_is_too_long_is_named_with_the_limit(
    socket_folder: Path, run_sidehook: Run
) -> None:
    ended = run_sidehook("serve", "--socket", str(socket_folder / ("x" * 120)))
    assert ended.returncode == 64
    assert "107" in ended.stderr


async def test_a_stale_socket_is_taken_over(
    start_sidecar: StartSidecar, socket_folder: Path
) -> None:
    first = await start_sidecar()
    first.process.kill()
    assert names_in(socket_folder) == {"sidehook.sock", "workers.sock"}
    second = await start_sidecar()
    assert "event=socket_taken_over" in second.process.log
    async with second.client() as hooks:
        await hooks.invoke("component_pre_execute", component_type="Instruction")


async def test_a_live_socket_is_refused_and_its_owner_goes_on(
    start_sidecar: StartSidecar, run_sidehook: Run, socket_folder: Path
) -> None:
    first = await start_sidecar()
    path = first.calls[0].removeprefix("unix://")
    ended = run_sidehook(
        *("serve", "--socket", path, "--admin", "off"),
        *("--state-dir", str(socket_folder / "other"), "--workers-socket", f"{path}.workers"),
    )
    assert ended.returncode == 69
    assert f"cannot listen on unix://{path}: another process answers there" in ended.stderr
    async with first.client() as hooks:
        await hooks.invoke("component_pre_execute", component_type="Instruction")


def test_a_file_in_the_place_of_the_socket_is_refused_and_kept(
    socket_folder: Path, run_sidehook: Run
) -> None:
    path = socket_folder / "it.sock"
    path.write_text("precious")
    ended = run_sidehook("serve", "--socket", str(path), "--admin", "off")
    assert ended.returncode == 69
    assert "no socket" in ended.stderr
    assert path.read_text() == "precious"


@pytest.mark.parametrize("flag", ["--listen", "--listen-workers", "--admin"])
def test_a_port_in_use_is_named_and_nothing_is_left_behind(
    socket_folder: Path, run_sidehook: Run, flag: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        others = () if flag == "--admin" else ("--admin", "off")
        ended = run_sidehook("serve", flag, f"127.0.0.1:{port}", *others)
    assert ended.returncode == 69
    assert f"cannot listen on 127.0.0.1:{port}" in ended.stderr
    assert "READY" not in ended.stdout
    assert "Traceback" not in ended.stderr
    assert names_in(socket_folder) == set()


def test_a_folder_that_cannot_be_made_is_named(socket_folder: Path, run_sidehook: Run) -> None:
    (socket_folder / "file").write_text("")
    ended = run_sidehook(
        *("serve", "--admin", "off", "--socket", str(socket_folder / "file" / "it.sock")),
        *("--state-dir", str(socket_folder / "state")),
    )
    assert ended.returncode == 69
    assert str(socket_folder / "file") in ended.stderr
    assert "--socket" in ended.stderr


def test_state_that_cannot_be_read_stops_the_start(socket_folder: Path, run_sidehook: Run) -> None:
    state = socket_folder / "state"
    state.mkdir()
    (state / "guard-00000000.json").write_text("{")
    ended = run_sidehook("serve", "--admin", "off", "--state-dir", str(state))
    assert ended.returncode == 69
    assert "guard-00000000.json" in ended.stderr
    assert names_in(socket_folder) == set()


async def test_calls_and_workers_may_come_by_tcp(
    start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    sidecar = await start_sidecar(
        flags=("--listen", "127.0.0.1:0", "--listen-workers", "127.0.0.1:0")
    )
    by_tcp = Sidecar(
        process=sidecar.process,
        calls=sidecar.calls[1:],
        workers=sidecar.workers[1:],
        admin=sidecar.admin,
    )
    assert by_tcp.calls[0].startswith("127.0.0.1:")
    await start_worker(
        by_tcp,
        """
        from sidehook import hook, modify

        @hook("component_pre_execute", mode="transform")
        def change(payload, ctx):
            return modify(payload, model_options={"temperature": 0.1})
        """,
    )
    async with by_tcp.client() as hooks:
        payload = await hooks.invoke("component_pre_execute", model_options={})
    assert payload["model_options"] == {"temperature": 0.1}


async def test_an_address_open_to_other_machines_needs_a_word_and_gets_a_warning(
    start_sidecar: StartSidecar,
) -> None:
    sidecar = await start_sidecar("listen: {tcp: '0.0.0.0:0', insecure_tcp: true}")
    assert "event=configuration_warning" in sidecar.process.log
    assert "without TLS" in sidecar.process.log


async def test_a_kept_condition_that_is_none_any_more_stops_the_start_without_a_traceback(
    start_sidecar: StartSidecar,
    start_worker: StartWorker,
    socket_folder: Path,
    run_sidehook: Run,
) -> None:
    sidecar = await start_sidecar()
    await start_worker(
        sidecar,
        """
        from sidehook import hook

        @hook("component_pre_execute", condition="payload.component_type == 'I'")
        def guard(payload, ctx): ...
        """,
        name="guards",
    )
    assert await sidecar.process.stop() == 0
    (kept,) = (socket_folder / "sidecar" / "state").glob("guards-*.json")
    kept.write_text(kept.read_text().replace("==", "=~"))
    config = str(socket_folder / "sidecar" / "sidehook.yaml")
    state = ("--state-dir", str(socket_folder / "sidecar" / "state"))
    ended = run_sidehook("serve", "--config", config, *state)
    assert ended.returncode == 69
    assert "Traceback" not in ended.stderr
    assert str(kept) in ended.stderr
    assert "hook 'guard' for 'component_pre_execute'" in ended.stderr
