"""What an operator sees and does: health, state, metrics, and the commands on top of them."""

import json
import subprocess
from collections.abc import Callable

import pytest

import sidehook
from tests.e2e.conftest import StartSidecar, StartWorker

Run = Callable[..., subprocess.CompletedProcess[str]]

GUARD = """
    from sidehook import block, hook, modify

    @hook("component_pre_execute")
    def guard(payload, ctx):
        if payload.component_type == "forbidden":
            return block("secret-payload-text", code="NO")
        return modify(payload, component_type="not writable", model_options={})
"""


async def test_readiness_waits_for_what_is_required_and_then_stays(
    start_sidecar: StartSidecar, start_worker: StartWorker, run_sidehook: Run
) -> None:
    sidecar = await start_sidecar(
        "workers: [{name: guards, types: [component_pre_execute], "
        "hooks: [{name: guard, required: true}]}]"
    )
    assert await sidecar.page("/healthz/started") == (200, "ok\n")
    status, why = await sidecar.page("/healthz/ready")
    assert status == 503
    assert "guards" in why
    ended = run_sidehook("health", "--admin", sidecar.admin)
    assert (ended.returncode, ended.stdout) == (1, why)
    over_socket = ("health", "--socket", sidecar.calls[0])
    assert run_sidehook(*over_socket, "--ready").returncode == 1
    for question in ("--started", "--live"):
        assert run_sidehook(*over_socket, question).stdout == "ok\n"
    async with sidecar.client() as hooks:
        with pytest.raises(sidehook.RequiredHookMissingError):
            await hooks.invoke("component_pre_execute", component_type="a")

    worker = await start_worker(sidecar, GUARD, name="guards")
    assert await sidecar.page("/healthz/ready") == (200, "ok\n")
    for way in (("--admin", sidecar.admin), ("--socket", sidecar.calls[0])):
        ended = run_sidehook("health", *way)
        assert (ended.returncode, ended.stdout) == (0, "ok\n")

    worker.process.kill()
    await sidecar.until_metric("sidehook_hooks_unreachable", 1)
    assert await sidecar.page("/healthz/ready") == (200, "ok\n")
    async with sidecar.client() as hooks:
        with pytest.raises(sidehook.HookFailedError):
            await hooks.invoke("component_pre_execute", component_type="a")


async def test_metrics_and_state_show_what_happened_and_no_payload_text(
    start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    sidecar = await start_sidecar()
    await start_worker(sidecar, GUARD, name="guards", instance="replica-1")
    async with sidecar.client() as hooks:
        await hooks.invoke("component_pre_execute", component_type="secret-payload-text")
        with pytest.raises(sidehook.ViolationError):
            await hooks.invoke("component_pre_execute", component_type="forbidden")
        with pytest.raises(sidehook.UnknownHookTypeError):
            await hooks.invoke("made-up", a="secret-payload-text")

    calls = "sidehook_calls_total"
    assert await sidecar.metric(calls, outcome="proceeded") == 1
    assert await sidecar.metric(calls, outcome="blocked") == 1
    assert await sidecar.metric("sidehook_fields_rejected_total", hook="guard") == 1
    assert await sidecar.metric("sidehook_workers_connected", worker="guards") == 1
    state = await sidecar.state()
    assert state["ready"] is True
    assert json.dumps(state["hook_types"]).count("guards/guard") == 1
    assert "replica-1" in json.dumps(state["workers"])
    for seen in (
        (await sidecar.page("/metrics"))[1],
        (await sidecar.page("/state"))[1],
        sidecar.process.log,
    ):
        assert "secret-payload-text" not in seen
        assert "made-up" not in seen


async def test_status_shows_workers_and_hooks(
    start_sidecar: StartSidecar, start_worker: StartWorker, run_sidehook: Run
) -> None:
    sidecar = await start_sidecar()
    await start_worker(sidecar, GUARD, name="guards")
    ended = run_sidehook("status", "--admin", sidecar.admin)
    assert ended.returncode == 0
    for word in ("guards/guard", "sequential", "component_pre_execute", "ready: ok"):
        assert word in ended.stdout
    ended = run_sidehook("status", "--json", "--admin", sidecar.admin)
    assert json.loads(ended.stdout)["workers"][0]["name"] == "guards"


def test_commands_say_when_no_sidecar_answers(run_sidehook: Run) -> None:
    ended = run_sidehook("status", "--admin", "http://127.0.0.1:1")
    assert ended.returncode == 69
    assert "sidehook serve" in ended.stderr
    ended = run_sidehook("health", "--admin", "http://127.0.0.1:1")
    assert ended.returncode == 1
    assert "sidehook serve" in ended.stdout
    ended = run_sidehook("retire", "guards", "--target", "unix:///nowhere/workers.sock")
    assert ended.returncode == 69
    assert "unix:///nowhere/workers.sock" in ended.stderr


async def test_a_guard_that_is_gone_fails_calls_until_it_is_retired(
    start_sidecar: StartSidecar, start_worker: StartWorker, run_sidehook: Run
) -> None:
    sidecar = await start_sidecar()
    worker = await start_worker(sidecar, GUARD, name="guards")
    target = ("--target", sidecar.workers[0])

    ended = run_sidehook("retire", "guards/guard", *target)
    assert ended.returncode == 1
    assert "guards/guard" in ended.stderr

    assert await worker.process.stop() == 0
    async with sidecar.client() as hooks:
        with pytest.raises(sidehook.HookFailedError, match="sidehook retire"):
            await hooks.invoke("component_pre_execute", component_type="a")
        ended = run_sidehook("retire", "guards/guard", *target)
        assert (ended.returncode, ended.stdout) == (0, "retired guards/guard\n")
        await hooks.invoke("component_pre_execute", component_type="a")

    ended = run_sidehook("retire", "guards", *target)
    assert ended.returncode == 1
    assert "no hook guards" in ended.stderr


async def test_a_restarted_sidecar_remembers_its_guards(
    start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    first = await start_sidecar()
    worker = await start_worker(first, GUARD, name="guards")
    await worker.process.stop()
    await first.process.stop()
    second = await start_sidecar()
    async with second.client() as hooks:
        with pytest.raises(sidehook.HookFailedError):
            await hooks.invoke("component_pre_execute", component_type="a")


async def test_development_mode_forgets_with_the_worker_and_says_so(
    start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    sidecar = await start_sidecar(flags=("--dev",))
    worker = await start_worker(sidecar, GUARD)
    async with sidecar.client() as hooks:
        payload = await hooks.invoke("component_pre_execute", component_type="a")
        assert payload.receipt is not None
        assert payload.receipt.development
    worker.process.kill()
    await sidecar.process.line("event=worker_detached")
    async with sidecar.client() as hooks:
        await hooks.invoke("component_pre_execute", component_type="forbidden")


async def test_a_dialled_worker_that_is_refused_says_so_itself_and_status_says_why(
    start_sidecar: StartSidecar, start_worker: StartWorker, run_sidehook: Run
) -> None:
    worker = await start_worker(None, GUARD, name="somebody-else", listen="127.0.0.1:0")
    sidecar = await start_sidecar(
        f"workers: [{{name: guards, target: '{worker.target}', types: [component_pre_execute]}}]"
    )
    await worker.process.line("sidecar_notice code=REGISTRATION_REFUSED .*WORKER_IDENTITY")
    await sidecar.process.line("event=worker_refused")
    listed = (await sidecar.state())["refused"]
    assert isinstance(listed, list)
    (refused,) = listed
    assert isinstance(refused, dict)
    assert (refused["worker"], refused["target"]) == ("guards", worker.target)
    ended = run_sidehook("status", "--admin", sidecar.admin)
    assert ended.returncode == 1
    shown = " ".join(ended.stdout.split())
    assert f"refused: worker guards at {worker.target}: WORKER_IDENTITY: " in shown
    assert "this connection belongs to worker 'guards'" in shown
