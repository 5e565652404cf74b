"""The five hooks of examples/five_modes_mellea: the same to be seen in process and out of it."""

import asyncio
import logging
import re
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import sidehook
from tests.e2e.conftest import StartSidecar, StartWorker
from tests.e2e.processes import COMMAND, Process, Sidecar
from tests.mellea.conftest import App
from tests.mellea.model import Model
from tests.repository import ROOT

pytest.importorskip(
    "mellea.plugins", reason="needs mellea: make .venv-mellea/.synced, and its pytest"
)

from mellea.plugins import plugin_scope

from sidehook.integrations.mellea import RemoteHooks

HOOKS = ROOT / "examples" / "five_modes_mellea" / "hooks.py"

LINES = [
    "sequential, 10: a component of type Instruction comes by",
    "transform, 20: temperature 0.7 unless there is one",
    "audit, 30: no, on record only; temperature 0.7",
    "concurrent, 40: nothing against a component of type Instruction",
    "fire and forget, 50: noted",
]
ANSWER = "Spring, summer, autumn and winter."
WITHIN = 30.0


@pytest.fixture
def serve_mellea(
    environment: Mapping[str, str], processes: list[Process]
) -> Callable[..., Process]:
    """Starts `sidehook worker --mellea` for a file, and waits until applications know its hooks."""

    def start(sidecar: Sidecar, file: Path, *flags: str) -> Process:
        command = (COMMAND, "worker", "--mellea", str(file), "--attach", sidecar.workers[0], *flags)
        process = Process(file.stem, command, environment)
        processes.append(process)
        process.wait_for_line("^READY ")
        return process

    return start


def ask(app: App, *plugins: Any) -> str:
    """Ask the model one question in a session of mellea with these plugins."""
    app.model.say(ANSWER)
    with plugin_scope(*plugins):
        return str(app.session().instruct("Name the four seasons."))


def wait_for(lines: Callable[[], list[str]], count: int) -> list[str]:
    """Wait until there are as many lines: the last hook runs behind the call's back."""
    deadline = time.monotonic() + WITHIN
    while len(lines()) < count and time.monotonic() < deadline:
        time.sleep(0.01)
    return lines()


def said(worker: Process) -> list[str]:
    return re.findall(r" five_modes (.*)$", worker.log, re.MULTILINE)


def test_in_process(app: App, model: Model, caplog: pytest.LogCaptureFixture) -> None:
    hooks = import_module("examples.five_modes_mellea.hooks").FIVE_MODES
    caplog.set_level(logging.INFO)
    answer = ask(app, *hooks)

    def lines() -> list[str]:
        return [r.getMessage() for r in caplog.records if r.name == "five_modes"]

    assert wait_for(lines, len(LINES)) == LINES
    assert "AUDIT_001" in caplog.text
    assert [request["temperature"] for request in model.requests] == [0.7]
    assert answer == ANSWER


async def test_out_of_process(
    app: App, model: Model, start_sidecar: StartSidecar, serve_mellea: Callable[..., Process]
) -> None:
    sidecar = await start_sidecar()
    worker = await asyncio.to_thread(serve_mellea, sidecar, HOOKS)
    receipts: list[tuple[str, sidehook.Receipt]] = []
    remote = RemoteHooks(sidecar.calls[0], on_receipt=lambda *told: receipts.append(told))
    answer = await asyncio.to_thread(ask, app, remote)

    assert await asyncio.to_thread(wait_for, lambda: said(worker), len(LINES)) == LINES
    assert [request["temperature"] for request in model.requests] == [0.7]
    assert answer == ANSWER
    (receipt,) = [given for kind, given in receipts if kind == "component_pre_execute"]
    assert [(line.hook, line.outcome, line.code) for line in receipt.lines] == [
        ("hooks.announce", "proceeded", ""),
        ("hooks.settle_temperature", "modified", ""),
        ("hooks.object_on_record", "block_suppressed", "AUDIT_001"),
        ("hooks.check_alongside", "proceeded", ""),
        ("hooks.note_afterwards", "detached", ""),
    ]


FAILS = """
from mellea.plugins import HookType, hook

@hook(HookType.COMPONENT_PRE_EXECUTE)
async def fails(payload, ctx):
    payload.action.parts()
"""


@pytest.mark.parametrize(
    ("flags", "outcome"),
    [((), "failed_closed"), (("--on-error", "mellea"), "failed_open")],
)
async def test_a_hook_that_fails_ends_the_call_unless_the_worker_is_told_otherwise(
    start_sidecar: StartSidecar,
    serve_mellea: Callable[..., Process],
    socket_folder: Path,
    flags: tuple[str, ...],
    outcome: str,
) -> None:
    file = socket_folder / "guard.py"
    file.write_text(FAILS)
    sidecar = await start_sidecar()
    worker = await asyncio.to_thread(serve_mellea, sidecar, file, *flags)

    async with sidecar.client() as client:
        try:
            payload = await client.invoke("component_pre_execute", action={"type": "Instruction"})
            receipt = payload.receipt
        except sidehook.HookFailedError as failed:
            receipt = failed.receipt

    assert receipt is not None
    assert [(line.outcome, line.code) for line in receipt.lines] == [(outcome, "NotProjectedError")]
    assert "payload.action.parts is not there" in worker.log
    assert "docs/mellea.md#projections" in worker.log
    announced = "a hook that fails is ignored, as in mellea" in worker.log
    assert announced == bool(flags)


async def test_what_a_hook_leaves_in_the_global_state_reaches_a_hook_of_another_worker(
    start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    source = """
        from mellea.plugins import HookType, block, hook

        @hook(HookType.COMPONENT_PRE_EXECUTE, priority={priority})
        async def it(payload, ctx):
            {body}
    """
    leave = "ctx.global_context.state['left'] = payload.action_id"
    find = "return block('found', details=ctx.global_context.state)"
    sidecar = await start_sidecar()
    for name, priority, body in (("leaves", 1, leave), ("finds", 2, find)):
        text = source.format(priority=priority, body=body)
        await start_worker(sidecar, text, name=name, flags=("--mellea",))

    async with sidecar.client() as client:
        with client.session("s"):
            for action in ("first", "second"):
                with pytest.raises(sidehook.ViolationError) as blocked:
                    await client.invoke("component_pre_execute", action_id=action)
                assert blocked.value.details == {"left": action}
