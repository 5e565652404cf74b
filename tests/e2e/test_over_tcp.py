"""The same pipeline where nothing travels over a Unix socket, and workers of single runs."""

import sys
import textwrap
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

import sidehook
from sidehook import FailureClass
from tests.e2e import stock_worker
from tests.e2e.conftest import StartSidecar, StartWorker
from tests.e2e.processes import COMMAND, Process, Sidecar
from tests.e2e.receipts import outcomes, planned

TYPE = "component_pre_execute"
LISTENS = "listen: {tcp: '127.0.0.1:0', tcp_workers: '127.0.0.1:0'}\n"

FIVE_MODES = """
    from sidehook import PluginMode, block, hook, modify

    TYPE = "component_pre_execute"

    @hook(TYPE, priority=10)
    async def gate(payload, ctx):
        if payload.component_type == "forbidden":
            return block("not this one", code="NOT_THIS")

    @hook(TYPE, mode=PluginMode.TRANSFORM)
    async def temperature(payload, ctx):
        return modify(payload, model_options={**payload.model_options, "temperature": 0.7})

    @hook(TYPE, mode=PluginMode.AUDIT)
    def audit(payload, ctx):
        return block("only an observer", code="AUDIT_001")

    @hook(TYPE, mode=PluginMode.CONCURRENT)
    async def beside(payload, ctx):
        assert payload.model_options["temperature"] == 0.7

    @hook(TYPE, mode=PluginMode.FIRE_AND_FORGET)
    def after(payload, ctx):
        print("after", payload.model_options, flush=True)
"""

StartStock = Callable[[str], Awaitable[str]]
"""Starts the worker of stock stubs at an address and returns the target it is dialled at."""


def over_tcp(sidecar: Sidecar) -> Sidecar:
    """The sidecar with its TCP addresses only."""
    assert len(sidecar.calls) == len(sidecar.workers) == 2
    return Sidecar(
        process=sidecar.process,
        calls=sidecar.calls[1:],
        workers=sidecar.workers[1:],
        admin=sidecar.admin,
    )


def configured(*workers: str) -> str:
    """Listening addresses, and `name: target` of workers to dial."""
    entries = (line.partition(": ") for line in workers)
    return (
        LISTENS
        + "workers:\n"
        + "".join(f"  - {{name: {name}, target: '{target}'}}\n" for name, _, target in entries)
    )


@pytest.fixture(params=["unix", "tcp"])
def listen(request: pytest.FixtureRequest, socket_folder: Path) -> str:
    """Where a worker waits to be dialled."""
    return "127.0.0.1:0" if request.param == "tcp" else f"unix://{socket_folder}/dialled.sock"


@pytest.fixture
def start_stock(environment: dict[str, str], processes: list[Process]) -> StartStock:
    async def start(address: str) -> str:
        process = Process("stock", (sys.executable, stock_worker.__file__, address), environment)
        processes.append(process)
        ready = await process.line(r"^READY (\S+)$")
        return ready[1]

    return start


async def test_a_call_goes_through_all_five_modes_over_tcp_alone(
    start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    dialled = await start_worker(None, FIVE_MODES, name="dialled", listen="127.0.0.1:0")
    sidecar = over_tcp(await start_sidecar(configured(f"dialled: {dialled.target}")))
    await sidecar.until_metric("sidehook_workers_connected", 1, worker="dialled")
    attached = await start_worker(sidecar, FIVE_MODES, name="attached")
    async with sidecar.client() as hooks:
        payload = await hooks.invoke(TYPE, component_type="Instruction", model_options={"n": 1})
        with pytest.raises(sidehook.ViolationError) as said_no:
            await hooks.invoke(TYPE, component_type="forbidden", model_options={})
    assert payload.model_options == {"n": 1, "temperature": 0.7}
    assert outcomes(payload.receipt) == {
        "attached/gate": "proceeded",
        "dialled/gate": "proceeded",
        "attached/temperature": "modified",
        "dialled/temperature": "proceeded",
        "attached/audit": "block_suppressed",
        "dialled/audit": "block_suppressed",
        "attached/beside": "proceeded",
        "dialled/beside": "proceeded",
        "attached/after": "detached",
        "dialled/after": "detached",
    }
    assert (said_no.value.worker, said_no.value.hook) == ("attached", "gate")
    for worker in (attached, dialled):
        await worker.process.line(r"^after \{'n': 1, 'temperature': 0\.7\}$")


async def test_the_tcp_address_of_applications_takes_no_workers(
    start_sidecar: StartSidecar,
    environment: dict[str, str],
    processes: list[Process],
    socket_folder: Path,
) -> None:
    sidecar = await start_sidecar(LISTENS)
    file = socket_folder / "hooks.py"
    file.write_text(textwrap.dedent(FIVE_MODES))
    stray = Process(
        "stray", (COMMAND, "worker", str(file), "--attach", sidecar.calls[1]), environment
    )
    processes.append(stray)
    assert await stray.ended() == 64
    assert sidecar.workers[0] in stray.log
    assert planned(await sidecar.state(), TYPE) == []


async def test_a_worker_of_stock_stubs_has_hooks_of_all_five_modes(
    start_sidecar: StartSidecar, start_stock: StartStock, processes: list[Process], listen: str
) -> None:
    target = await start_stock(listen)
    sidecar = await start_sidecar(f"workers: [{{name: stock, target: '{target}'}}]")
    await sidecar.until_metric("sidehook_workers_connected", 1, worker="stock")
    async with sidecar.client() as hooks:
        payload = await hooks.invoke(
            TYPE, component_type="Instruktion \U0001f600", model_options={"n": 2**60 + 1, "x": 1.0}
        )
    assert repr(payload.model_options) == "{'n': 1152921504606846977, 'x': 1.0, 'temperature': 0.7}"
    assert outcomes(payload.receipt) == {
        "stock/gate": "proceeded",
        "stock/temperature": "modified",
        "stock/audit": "patch_discarded",
        "stock/beside": "proceeded",
        "stock/after": "detached",
    }
    await processes[0].line(r"^after \{'n': 1152921504606846977, 'x': 1\.0, 'temperature': 0\.7\}$")


@pytest.mark.parametrize(
    ("wish", "failure_class"),
    [
        ("broken", FailureClass.RAISED),
        ("silent", FailureClass.MALFORMED),
        ("stranger", FailureClass.MALFORMED),
    ],
)
async def test_a_failure_of_a_worker_of_stock_stubs_has_the_class_that_the_contract_says(
    start_sidecar: StartSidecar,
    start_stock: StartStock,
    listen: str,
    wish: str,
    failure_class: FailureClass,
) -> None:
    target = await start_stock(listen)
    sidecar = await start_sidecar(f"workers: [{{name: stock, target: '{target}'}}]")
    await sidecar.until_metric("sidehook_workers_connected", 1, worker="stock")
    async with sidecar.client() as hooks:
        with pytest.raises(sidehook.HookFailedError) as failed:
            await hooks.invoke(TYPE, component_type=wish, model_options={})
    assert (failed.value.worker, failed.value.hook) == ("stock", "gate")
    assert failed.value.failure_class is failure_class


async def test_a_block_of_a_worker_of_stock_stubs_arrives_with_exact_details(
    start_sidecar: StartSidecar, start_stock: StartStock, listen: str
) -> None:
    target = await start_stock(listen)
    sidecar = await start_sidecar(f"workers: [{{name: stock, target: '{target}'}}]")
    await sidecar.until_metric("sidehook_workers_connected", 1, worker="stock")
    async with sidecar.client() as hooks:
        with pytest.raises(sidehook.ViolationError) as said_no:
            await hooks.invoke(TYPE, component_type="forbidden", model_options={})
    assert (said_no.value.code, said_no.value.reason) == ("NOT_THIS", "not this one")
    assert said_no.value.details == {"limit": 2**60 + 1}


async def test_a_single_run_is_cancelled_in_its_worker_when_its_time_is_over(
    start_sidecar: StartSidecar, start_stock: StartStock, processes: list[Process], listen: str
) -> None:
    target = await start_stock(listen)
    sidecar = await start_sidecar(
        f"workers: [{{name: stock, target: '{target}', hooks: [{{name: gate, timeout: 500ms}}]}}]"
    )
    await sidecar.until_metric("sidehook_workers_connected", 1, worker="stock")
    async with sidecar.client() as hooks:
        with pytest.raises(sidehook.HookFailedError) as failed:
            await hooks.invoke(TYPE, component_type="slow", model_options={})
    assert failed.value.failure_class is FailureClass.TIMEOUT
    await processes[0].line("^cancelled in the worker$")


async def test_a_budget_that_runs_out_in_a_single_run_is_the_deadline_error(
    start_sidecar: StartSidecar, start_stock: StartStock, processes: list[Process], listen: str
) -> None:
    """The deadline of the RPC is only a backstop, and never ends a hook before the call's end."""
    target = await start_stock(listen)
    sidecar = await start_sidecar(f"workers: [{{name: stock, target: '{target}'}}]")
    await sidecar.until_metric("sidehook_workers_connected", 1, worker="stock")
    async with sidecar.client(budget=0.5) as hooks:
        for _ in range(4):
            with pytest.raises(sidehook.DeadlineExceededError) as ended:
                await hooks.invoke(TYPE, component_type="slow", model_options={})
            assert outcomes(ended.value.receipt) == {
                "stock/gate": "cancelled",
                "stock/temperature": "skipped_halted",
                "stock/audit": "skipped_halted",
                "stock/beside": "skipped_halted",
                "stock/after": "detached",
            }
    await processes[0].line("^cancelled in the worker$")


async def test_two_sidecars_with_the_same_registrations_run_the_same_order(
    start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    """Whoever registered first, over whatever transport."""
    dialled = await start_worker(None, FIVE_MODES, name="m", listen="127.0.0.1:0")
    receipts = []
    for sidecar_name, names in (("one", ("z", "a")), ("two", ("a", "z"))):
        config = configured(f"m: {dialled.target}")
        sidecar = await start_sidecar(config, name=sidecar_name)
        await sidecar.until_metric("sidehook_workers_connected", 1, worker="m")
        for name in names:
            await start_worker(sidecar if name == "a" else over_tcp(sidecar), FIVE_MODES, name=name)
        async with over_tcp(sidecar).client() as hooks:
            payload = await hooks.invoke(TYPE, component_type="Instruction", model_options={})
        assert list(outcomes(payload.receipt)) == planned(await sidecar.state(), TYPE)
        receipts.append(list(outcomes(payload.receipt)))
    assert receipts[0] == receipts[1]
    assert receipts[0] == [
        f"{worker}/{hook}"
        for hook in ("gate", "temperature", "audit", "beside", "after")
        for worker in ("a", "m", "z")
    ]
