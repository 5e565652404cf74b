"""Detached events outlive the sidecar that accepted them: killed, stopped, and started again."""

import asyncio
import re
import signal
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

import sidehook
from sidehook._types import JSON
from tests.e2e.conftest import StartSidecar, StartWorker
from tests.e2e.processes import Sidecar, Worker
from tests.e2e.receipts import outcomes
from tests.e2e.waiting import until

TYPE = "component_pre_execute"

RECORDS = """
    import asyncio
    from sidehook import PluginMode, hook

    @hook("component_pre_execute", mode=PluginMode.FIRE_AND_FORGET, idempotent={idempotent})
    async def after(payload, ctx):
        end = ctx.call_end
        print("got", payload.component_type, sorted(payload), end.payload_withheld, flush=True)
        await asyncio.sleep({seconds})
        print("done", payload.component_type, flush=True)
"""

Serve = Callable[..., "subprocess.CompletedProcess[str]"]


def journal(folder: Path, *, more: str = "", limits: str = "{}") -> str:
    return f"{{detached: {{journal: {folder}/journal.sqlite, {more}}}, limits: {limits}}}"


def said(worker: Worker, word: str) -> Counter[str]:
    """How often the worker said a word, by what it was about."""
    return Counter(re.findall(rf"^{word} (\S+)", worker.process.log, re.MULTILINE))


async def until_everything_is_over(sidecar: Sidecar) -> dict[str, JSON]:
    detached: dict[str, JSON] = {}

    async def is_over() -> bool:
        state = await sidecar.state()
        assert isinstance(state["detached"], dict)
        detached.update(state["detached"])
        return detached["queued"] == 0

    await until(is_over)
    return detached


async def assert_adds_up(sidecar: Sidecar) -> None:
    accepted, delivered, lost, queued = [
        await sidecar.metric(f"sidehook_detached_{name}", **labels)
        for name, labels in (
            ("accepted_total", {}),
            ("seconds_count", {}),
            ("lost_total", {"receipt": "detached"}),
            ("queued", {}),
        )
    ]
    assert accepted == delivered + lost + queued


async def test_no_event_that_was_accepted_is_lost_when_the_sidecar_is_killed(
    start_sidecar: StartSidecar, start_worker: StartWorker, tmp_path: Path
) -> None:
    sidecar = await start_sidecar(journal(tmp_path))
    worker = await start_worker(sidecar, RECORDS.format(idempotent=True, seconds=0.05))
    accepted: set[str] = set()

    async def calls(who: int) -> None:
        async with sidehook.aio.Client(sidecar.calls[0]) as hooks:
            for number in range(1000):
                try:
                    payload = await hooks.invoke(TYPE, component_type=f"{who}-{number}")
                except sidehook.SidecarError:
                    return
                if outcomes(payload.receipt)["worker/after"] == "detached":
                    accepted.add(f"{who}-{number}")

    calling = asyncio.gather(*(calls(who) for who in range(8)))
    await until(lambda: _true(len(accepted) >= 300))
    sidecar.process.kill()
    await calling
    delivered_before = set(said(worker, "done"))
    assert accepted - delivered_before, "there was something left to lose"

    sidecar = await start_sidecar(journal(tmp_path))
    detached = await until_everything_is_over(sidecar)
    assert accepted <= set(said(worker, "done"))
    assert detached["failed"] == detached["shed"] == 0
    restored = detached["restored"]
    assert isinstance(restored, int)
    assert restored >= len(accepted - delivered_before)
    assert f"event=events_restored count={restored} unknown=0" in sidecar.process.log
    await assert_adds_up(sidecar)


async def _true(it: bool) -> bool:  # noqa: FBT001 - a condition, to be waited for
    return it


async def test_a_hook_that_is_not_idempotent_runs_at_most_once_whatever_happens(
    start_sidecar: StartSidecar, start_worker: StartWorker, tmp_path: Path
) -> None:
    config = journal(tmp_path, more="per_hook: 1")
    sidecar = await start_sidecar(config)
    slow = "60 if payload.component_type == '0' else 0"
    worker = await start_worker(sidecar, RECORDS.format(idempotent=False, seconds=slow))
    async with sidecar.client() as hooks:
        for number in range(5):
            await hooks.invoke(TYPE, component_type=str(number))
    await worker.process.line("^got 0 ")
    sidecar.process.kill()

    sidecar = await start_sidecar(config)
    detached = await until_everything_is_over(sidecar)
    assert said(worker, "got") == dict.fromkeys("01234", 1)
    assert (detached["delivered"], detached["failed"]) == (4, 1)
    assert await sidecar.metric("sidehook_detached_lost_total", cause="unknown") == 1
    await sidecar.process.line("detached_lost hook=worker/after .*cause=unknown")
    await assert_adds_up(sidecar)


async def test_what_a_stop_could_not_deliver_is_kept_and_delivered_by_the_next_start(
    start_sidecar: StartSidecar, start_worker: StartWorker, tmp_path: Path
) -> None:
    config = journal(tmp_path, more="per_hook: 1", limits="{drain_timeout: 200ms}")
    sidecar = await start_sidecar(config)
    worker = await start_worker(sidecar, RECORDS.format(idempotent=True, seconds=0.4))
    async with sidecar.client() as hooks:
        for number in range(4):
            await hooks.invoke(TYPE, component_type=str(number))
    await worker.process.line("^got 0 ")
    assert await sidecar.process.stop() == 0
    report = await sidecar.process.line(r"event=events_kept worker=worker hook=after count=(\d)")
    kept = int(report[1])
    assert kept >= 3
    assert f"undelivered_events=0 kept_events={kept}" in sidecar.process.log

    sidecar = await start_sidecar(config)
    assert (await until_everything_is_over(sidecar))["restored"] == kept
    assert set(said(worker, "done")) == {"0", "1", "2", "3"}


async def test_events_wait_for_a_worker_that_comes_long_after_the_restart(
    start_sidecar: StartSidecar, start_worker: StartWorker, tmp_path: Path
) -> None:
    hook = RECORDS.format(idempotent=False, seconds=0)
    sidecar = await start_sidecar(journal(tmp_path))
    worker = await start_worker(sidecar, hook)
    async with sidecar.client() as hooks:
        await hooks.invoke(TYPE, component_type="first")
        await worker.process.line("^done first$")
        worker.process.kill()
        await sidecar.until_metric("sidehook_hooks_unreachable", 1)
        payload = await hooks.invoke(TYPE, component_type="second")
    assert outcomes(payload.receipt)["worker/after"] == "detached"
    sidecar.process.kill()

    sidecar = await start_sidecar(journal(tmp_path))
    await sidecar.process.line("event=events_restored count=1 unknown=0")
    assert (await sidecar.state())["detached"] != {}
    worker = await start_worker(sidecar, hook)
    await worker.process.line("^done second$")
    assert (await until_everything_is_over(sidecar))["delivered"] == 1


async def test_masked_fields_do_not_come_back_and_the_hook_is_told(
    start_sidecar: StartSidecar, start_worker: StartWorker, tmp_path: Path
) -> None:
    config = journal(
        tmp_path,
        more="journal_payloads: masked, journal_mask: [model_options]",
        limits="{drain_timeout: 200ms}",
    )
    sidecar = await start_sidecar(config)
    worker = await start_worker(sidecar, RECORDS.format(idempotent=True, seconds=60))
    async with sidecar.client() as hooks:
        await hooks.invoke(TYPE, component_type="a", model_options={"secret": 1})
    await worker.process.line(r"^got a \['component_type', 'model_options'\] False$")
    sidecar.process.kill()
    await start_sidecar(config)
    await worker.process.line(r"^got a \['component_type'\] True$")


async def test_a_second_sidecar_on_one_journal_does_not_start(
    start_sidecar: StartSidecar, run_sidehook: Serve, tmp_path: Path
) -> None:
    await start_sidecar(journal(tmp_path))
    refused = serve(run_sidehook, tmp_path, journal(tmp_path))
    assert refused.returncode == 69
    assert "another sidecar uses this journal; stop it" in refused.stderr


async def test_a_wrong_key_does_not_start_and_nothing_is_lost(
    start_sidecar: StartSidecar,
    start_worker: StartWorker,
    run_sidehook: Serve,
    tmp_path: Path,
) -> None:
    right, wrong = (journal(tmp_path, more=key_in(tmp_path, text)) for text in ("ab", "cd"))
    sidecar = await start_sidecar(right)
    worker = await start_worker(sidecar, RECORDS.format(idempotent=True, seconds=1))
    async with sidecar.client() as hooks:
        await hooks.invoke(TYPE, component_type="a")
    sidecar.process.kill()
    refused = serve(run_sidehook, tmp_path, wrong)
    assert refused.returncode == 69
    assert "it was written with another key" in refused.stderr
    sidecar = await start_sidecar(right)
    assert (await until_everything_is_over(sidecar))["delivered"] == 1
    assert set(said(worker, "done")) == {"a"}


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ("journal_payloads: encrypted", "encrypted payloads need `journal_key_file`; add it"),
        ("journal_payloads: masked", "masked payloads need `journal_mask`; add it"),
        ("journal_mask: [a]", "detached.journal_mask: it does nothing for plain payloads"),
    ],
)
def test_a_journal_that_contradicts_itself_is_a_problem_of_the_configuration(
    run_sidehook: Serve, tmp_path: Path, more: str, problem: str
) -> None:
    refused = serve(run_sidehook, tmp_path, journal(tmp_path, more=more))
    assert refused.returncode == 64
    assert problem in refused.stderr


async def test_a_kill_in_the_middle_of_a_drain_loses_nothing_either(
    start_sidecar: StartSidecar, start_worker: StartWorker, tmp_path: Path
) -> None:
    config = journal(tmp_path, more="per_hook: 1", limits="{drain_timeout: 1m}")
    sidecar = await start_sidecar(config)
    worker = await start_worker(sidecar, RECORDS.format(idempotent=True, seconds=0.3))
    async with sidecar.client() as hooks:
        for number in range(4):
            await hooks.invoke(TYPE, component_type=str(number))
    sidecar.process.send(signal.SIGTERM)
    await worker.process.line("^got 1 ")
    sidecar.process.kill()
    sidecar = await start_sidecar(config)
    await until_everything_is_over(sidecar)
    assert set(said(worker, "done")) == {"0", "1", "2", "3"}


def key_in(folder: Path, text: str) -> str:
    file = folder / f"key-{text}"
    file.write_text(text * 32)
    file.chmod(0o400)
    return f"journal_payloads: encrypted, journal_key_file: {file}"


def serve(run_sidehook: Serve, folder: Path, config: str) -> "subprocess.CompletedProcess[str]":
    """A sidecar that is not expected to start, beside the one that may run."""
    file = folder / "second.yaml"
    file.write_text(config)
    return run_sidehook(
        *("serve", "--config", str(file), "--admin", "off"),
        *("--socket", "/tmp/sh-none/sidehook.sock", "--state-dir", str(folder / "second.state")),
    )
