"""The decision log of a running sidecar: every call, nothing of its payload, and nothing lost."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import sidehook
from tests.e2e.conftest import StartSidecar, StartWorker
from tests.e2e.processes import COMMAND, Process, Sidecar
from tests.e2e.waiting import until

Run = Callable[..., subprocess.CompletedProcess[str]]

LIMIT = "limits: {max_payload_bytes: 8KiB}\n"
GUARD = """
    from sidehook import block, hook, modify

    @hook("component_pre_execute")
    def guard(payload, ctx):
        if payload.component_type == "forbidden":
            return block("secret-payload-text", code="NO")
        return modify(payload, model_options={"text": "secret-payload-text"})
"""


def lines_of(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


async def calls(sidecar: Sidecar) -> None:
    """One that proceeds, one that is blocked, and one that is refused."""
    async with sidecar.client() as hooks:
        await hooks.invoke(
            "component_pre_execute", component_type="a", model_options={}, secret="payload-text"
        )
        with pytest.raises(sidehook.ViolationError):
            await hooks.invoke("component_pre_execute", component_type="forbidden")
        with pytest.raises(sidehook.PayloadTooLargeError):
            await hooks.invoke("component_pre_execute", secret="payload-text" * 1000)


async def test_every_call_has_a_line_without_payload_when_the_sidecar_has_stopped(
    start_sidecar: StartSidecar, start_worker: StartWorker, socket_folder: Path
) -> None:
    sidecar = await start_sidecar(LIMIT + "decision_log: {to: file, path: decisions.jsonl}")
    await start_worker(sidecar, GUARD, name="guards", instance="replica-1")
    await calls(sidecar)
    counted = await sidecar.metric("sidehook_calls_total")
    generation = (await sidecar.state())["generation"]
    assert await sidecar.process.stop() == 0

    file = socket_folder / "sidecar" / "decisions.jsonl"
    entries = lines_of(file)
    assert len(entries) == counted == 3
    assert [(entry["outcome"], entry["code"]) for entry in entries] == [
        ("proceeded", ""),
        ("blocked", "NO"),
        ("failed", "PAYLOAD_TOO_LARGE"),
    ]
    assert entries[2]["receipt"] == []
    (line,) = entries[0]["receipt"]
    assert (line["worker"], line["hook"], line["instance"]) == ("guards", "guard", "replica-1")
    assert (line["outcome"], line["changed_fields"]) == ("modified", ["model_options"])
    assert {entry["generation"] for entry in entries} == {generation}
    assert "payload-text" not in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600


async def test_values_are_written_as_the_operator_says_and_as_they_stood_at_the_verdict(
    start_sidecar: StartSidecar, start_worker: StartWorker, socket_folder: Path
) -> None:
    sidecar = await start_sidecar(
        LIMIT
        + "decision_log: {to: file, path: decisions.jsonl, show: [{type: component_pre_execute, "
        "fields: [component_type, model_options]}]}"
    )
    await start_worker(sidecar, GUARD)
    await calls(sidecar)
    await sidecar.process.stop()
    proceeded, blocked, _refused = lines_of(socket_folder / "sidecar" / "decisions.jsonl")
    assert proceeded["payload"] == {
        "component_type": {"value": "a"},
        "model_options": {"value": {"text": "secret-payload-text"}},
    }
    assert blocked["payload"] == {"component_type": {"value": "forbidden"}}


async def test_on_standard_output_the_ready_line_comes_first_and_then_json_alone(
    start_worker: StartWorker,
    socket_folder: Path,
    environment: dict[str, str],
    processes: list[Process],
) -> None:
    file = socket_folder / "sidehook.yaml"
    file.write_text(LIMIT + "decision_log: {to: stdout}")
    command = (COMMAND, "serve", "--config", str(file), "--admin", "127.0.0.1:0")
    # Its own log is on standard error, which must not be told apart from nothing here.
    only_stdout = ("sh", "-c", 'exec "$0" "$@" 2>"$XDG_RUNTIME_DIR/stderr"', *command)
    process = Process("sidecar", only_stdout, environment)
    processes.append(process)
    sidecar = await Sidecar.ready(process)
    await start_worker(sidecar, GUARD)
    await calls(sidecar)
    await process.line('"outcome":"blocked"')
    assert await process.stop() == 0
    ready, *lines = process.log.splitlines()
    assert ready.startswith("READY ")
    assert [json.loads(line)["outcome"] for line in lines] == ["proceeded", "blocked", "failed"]


def test_a_file_that_cannot_be_opened_is_named_and_nothing_is_left_behind(
    socket_folder: Path, run_sidehook: Run
) -> None:
    file = socket_folder / "sidehook.yaml"
    file.write_text("decision_log: {to: file, path: nowhere/decisions.jsonl}")
    ended = run_sidehook("serve", "--config", str(file), "--admin", "off")
    assert ended.returncode == 64
    assert "decision_log.path" in ended.stderr
    assert f"{socket_folder}/nowhere/decisions.jsonl" in ended.stderr
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr
    assert not any(path.is_socket() for path in socket_folder.rglob("*"))


async def test_a_file_that_fails_later_is_said_counted_and_made_up_for(
    start_sidecar: StartSidecar, start_worker: StartWorker, socket_folder: Path
) -> None:
    folder = socket_folder / "logs"
    folder.mkdir()
    file = folder / "decisions.jsonl"
    sidecar = await start_sidecar(LIMIT + f"decision_log: {{to: file, path: {file}}}")
    await start_worker(sidecar, GUARD)
    folder.rename(socket_folder / "away")
    await calls(sidecar)
    await sidecar.until_metric("sidehook_decision_write_failures_total", 1)
    await sidecar.process.line("event=decision_log_write_failed .*No such file or directory")
    assert await sidecar.metric("sidehook_decisions_waiting") == 3
    (socket_folder / "away").rename(folder)
    await sidecar.until_metric("sidehook_decisions_written_total", 3)
    assert len(lines_of(file)) == 3
    assert await sidecar.metric("sidehook_decisions_lost_total") == 0


async def test_lines_that_find_no_room_are_counted_and_calls_go_on(
    start_sidecar: StartSidecar, start_worker: StartWorker, socket_folder: Path
) -> None:
    folder = socket_folder / "logs"
    folder.mkdir()
    sidecar = await start_sidecar(
        f"decision_log: {{to: file, path: {folder}/decisions.jsonl, queue: 2}}"
    )
    await start_worker(sidecar, GUARD)
    folder.rename(socket_folder / "away")
    async with sidecar.client() as hooks:
        for _ in range(10):
            await hooks.invoke("component_pre_execute", component_type="a")
    await sidecar.until_metric("sidehook_decisions_lost_total", 1, cause="queue_full")
    await sidecar.process.line("event=decision_log_full")
    assert await sidecar.process.stop() == 0
    assert "event=decision_log_lost cause=stopped" in sidecar.process.log


async def test_what_may_be_seen_follows_the_configuration(
    start_sidecar: StartSidecar, start_worker: StartWorker, socket_folder: Path
) -> None:
    sidecar = await start_sidecar(LIMIT + "decision_log: {to: file, path: decisions.jsonl}")
    await start_worker(sidecar, GUARD)
    folder = socket_folder / "sidecar"
    (folder / "sidehook.yaml").write_text(
        LIMIT + "decision_log: {to: file, path: decisions.jsonl, texts: true}"
    )
    await sidecar.until_metric("sidehook_config_reloads_total", 1, outcome="applied")
    await calls(sidecar)

    async def is_there() -> bool:
        entries = lines_of(folder / "decisions.jsonl")
        return any(entry.get("reason") == "secret-payload-text" for entry in entries)

    await until(is_there)
