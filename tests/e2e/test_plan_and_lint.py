"""`sidehook plan`, `lint` and `status` on a running sidecar, and on files alone."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.e2e.conftest import StartSidecar, StartWorker
from tests.e2e.processes import COMMAND, Sidecar

WORKER = """
    from sidehook import hook, modify

    @hook("component_pre_execute", timeout=1)
    def guard(payload, ctx): ...

    @hook("component_pre_execute", mode="transform", condition="payload.component_type == 'I'")
    def rewrite(payload, ctx): ...

    @hook("component_pre_execute", scope="beta")
    def scoped(payload, ctx): ...

    @hook("component_pre_execute", mode="concurrent", on_error="disable")
    def open_one(payload, ctx): ...
"""


def run(*arguments: str, given: str = "") -> tuple[int, str, str]:
    ended = subprocess.run(
        [COMMAND, *arguments], capture_output=True, text=True, input=given, check=False, timeout=30
    )
    return ended.returncode, ended.stdout, ended.stderr


def at(sidecar: Sidecar) -> tuple[str, str]:
    return "--admin", sidecar.admin


async def test_plan_says_who_runs_for_a_payload_and_what_failures_do(
    start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    sidecar = await start_sidecar()
    worker = await start_worker(sidecar, WORKER)
    code, out, _ = run(
        "plan", "component_pre_execute", "--payload", "-", "--json", *at(sidecar),
        given='{"component_type": "I"}',
    )  # fmt: skip
    said = json.loads(out)
    assert code == 0
    assert {row["hook"]: row["turn"] for row in said["hooks"]} == {
        "worker/guard": "runs",
        "worker/scoped": "skipped",
        "worker/rewrite": "depends",
        "worker/open_one": "runs",
    }
    assert said["worst_case_seconds"] == pytest.approx(9.98)
    assert said["hooks"][0]["on_failure"]["timeout"] == {
        "outcome": "failed_closed",
        "ends_call": True,
    }
    code, out, _ = run("plan", "component_pre_execute", *at(sidecar))
    assert code == 0
    assert "in the worst case answered after" in out
    assert "worker/guard" in out

    await worker.process.stop()
    code, out, _ = run("plan", "component_pre_execute", "--json", *at(sidecar))
    assert code == 1
    assert json.loads(out)["fails"]


async def test_lint_names_what_to_look_at_and_says_so_with_its_code(
    start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    sidecar = await start_sidecar()
    assert run("lint", *at(sidecar)) == (0, "nothing to look at\n", "")
    await start_worker(sidecar, WORKER)
    code, out, _ = run("lint", "--json", *at(sidecar))
    assert code == 1
    assert {(it["code"], it["hook"]) for it in json.loads(out)} == {
        ("budget_too_small", ""),
        ("gate_before_mutator", "worker/guard"),
        ("gate_before_mutator", "worker/scoped"),
        ("unused_scope", "worker/scoped"),
        ("fails_open", "worker/open_one"),
    }
    async with sidecar.client() as hooks:
        with hooks.scope("beta"):
            await hooks.invoke("component_pre_execute", component_type="J")
    code, out, _ = run("lint", *at(sidecar))
    assert "unused_scope" not in out
    assert "fails_open" in out


async def test_status_says_with_its_code_whether_all_is_well(
    start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    sidecar = await start_sidecar()
    worker = await start_worker(sidecar, WORKER)
    assert run("status", *at(sidecar))[0] == 0
    await worker.process.stop()
    code, out, _ = run("status", *at(sidecar))
    assert code == 1
    assert "unreachable" in out


async def test_files_alone_are_enough_where_nothing_runs(
    start_sidecar: StartSidecar, start_worker: StartWorker, tmp_path: Path
) -> None:
    sidecar = await start_sidecar()
    await start_worker(sidecar, WORKER)
    state = await sidecar.state()
    assert state["workers"]
    file = tmp_path / "sidehook.yaml"
    socket = Path(sidecar.calls[0].removeprefix("unix://"))
    file.write_text(f"state_dir: {socket.with_name('state')}\n")
    code, out, _ = run("plan", "component_pre_execute", "--json", "--config", str(file))
    assert code == 0
    assert json.loads(out)["hooks"][0]["hook"] == "worker/guard"
    file.write_text("limits: {margin: soon}\n")
    code, _, err = run("lint", "--config", str(file))
    assert code == 64
    assert "limits.margin" in err


@pytest.mark.parametrize("command", [("plan", "x"), ("lint",), ("status",)])
def test_without_a_sidecar_the_command_says_how_to_start_one(command: tuple[str, ...]) -> None:
    code, _, err = run(*command, "--admin", "http://127.0.0.1:1")
    assert code == 69
    assert "sidehook serve" in err


@pytest.mark.parametrize(
    ("flags", "word"),
    [
        (("--payload", "/nowhere.json"), "/nowhere.json"),
        (("--label", "x"), "NAME=VALUE"),
        (("--budget", "0"), "over 0"),
    ],
)
async def test_a_call_that_cannot_be_asked_about_is_named(
    start_sidecar: StartSidecar, flags: tuple[str, str], word: str
) -> None:
    sidecar = await start_sidecar()
    code, _, err = run("plan", "component_pre_execute", *flags, *at(sidecar))
    assert code == 64
    assert word in err
