"""One call through hooks of all five modes, each in a process that is not the sidecar's."""

from pathlib import Path

import pytest

import sidehook
from tests.e2e.conftest import StartSidecar, StartWorker

FIVE_MODES = """
    from sidehook import PluginMode, block, hook, modify

    TYPE = "component_pre_execute"

    @hook(TYPE, mode=PluginMode.SEQUENTIAL, priority=10)
    async def first(payload, ctx):
        if payload.component_type == "forbidden":
            return block("not this one", code="NOT_THIS", details={"seen": payload.component_type})

    @hook(TYPE, mode=PluginMode.TRANSFORM, priority=20)
    async def temperature(payload, ctx):
        return modify(payload, model_options={"temperature": 0.7, **(payload.model_options or {})})

    @hook(TYPE, mode=PluginMode.AUDIT, priority=30)
    def audit(payload, ctx):
        return block("only an observer", code="AUDIT_001")

    @hook(TYPE, mode=PluginMode.CONCURRENT, priority=40)
    async def beside(payload, ctx):
        assert payload.model_options["temperature"] == 0.7

    @hook(TYPE, mode=PluginMode.FIRE_AND_FORGET, priority=50)
    def after(payload, ctx):
        print("after", payload.model_options["temperature"], flush=True)
"""


def outcomes(receipt: sidehook.Receipt | None) -> list[tuple[str, str]]:
    assert receipt is not None
    return [(line.hook, str(line.outcome)) for line in receipt.lines]


async def test_a_call_goes_through_all_five_modes(
    start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    sidecar = await start_sidecar()
    worker = await start_worker(sidecar, FIVE_MODES)

    async with sidecar.client() as hooks:
        payload = await hooks.invoke(
            "component_pre_execute", component_type="Instruction", model_options={"seed": 1}
        )

    assert payload["model_options"] == {"temperature": 0.7, "seed": 1}
    assert outcomes(payload.receipt) == [
        ("first", "proceeded"),
        ("temperature", "modified"),
        ("audit", "block_suppressed"),
        ("beside", "proceeded"),
        ("after", "detached"),
    ]
    await worker.process.line(r"^after 0\.7$")


async def test_a_block_ends_the_call_and_names_hook_and_worker(
    start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    sidecar = await start_sidecar()
    await start_worker(sidecar, FIVE_MODES, name="guards")

    async with sidecar.client() as hooks:
        with pytest.raises(sidehook.ViolationError) as caught:
            await hooks.invoke(
                "component_pre_execute", component_type="forbidden", model_options={}
            )

    violation = caught.value
    assert (violation.worker, violation.hook) == ("guards", "first")
    assert (violation.code, violation.reason) == ("NOT_THIS", "not this one")
    assert violation.details == {"seen": "forbidden"}
    assert outcomes(violation.receipt) == [
        ("first", "blocked"),
        ("temperature", "skipped_halted"),
        ("audit", "skipped_halted"),
        ("beside", "skipped_halted"),
        ("after", "detached"),
    ]


FAILING = """
    from sidehook import hook

    @hook("component_pre_execute", priority=10, on_error="{on_error}")
    async def failing(payload, ctx):
        raise ValueError("secret-payload-text " + payload.component_type)

    @hook("component_pre_execute", priority=20)
    def next_one(payload, ctx): ...
"""


async def test_a_failing_guard_fails_the_call_and_is_no_violation(
    start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    sidecar = await start_sidecar()
    await start_worker(sidecar, FAILING.format(on_error="fail"), name="guards")

    async with sidecar.client() as hooks:
        with pytest.raises(sidehook.HookFailedError) as caught:
            await hooks.invoke("component_pre_execute", component_type="a")

    failure = caught.value
    assert not isinstance(failure, sidehook.ViolationError)
    assert (failure.worker, failure.hook) == ("guards", "failing")
    assert failure.failure_class is sidehook.FailureClass.RAISED
    assert failure.started
    assert "secret-payload-text" not in str(failure)
    assert outcomes(failure.receipt) == [
        ("failing", "failed_closed"),
        ("next_one", "skipped_halted"),
    ]


async def test_a_guard_that_fails_open_is_recorded_and_counted(
    start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    sidecar = await start_sidecar()
    await start_worker(sidecar, FAILING.format(on_error="ignore"))

    async with sidecar.client() as hooks:
        payload = await hooks.invoke("component_pre_execute", component_type="a")

    assert outcomes(payload.receipt) == [("failing", "failed_open"), ("next_one", "proceeded")]
    assert await sidecar.metric("sidehook_guard_missed_total", cause="failed_open") == 1
    assert "secret-payload-text" not in sidecar.process.log


@pytest.mark.parametrize("by", ["unix", "tcp"])
async def test_workers_that_are_dialled_and_that_attach_share_one_call(
    start_sidecar: StartSidecar, start_worker: StartWorker, socket_folder: Path, by: str
) -> None:
    listen = f"unix://{socket_folder}/dialled.sock" if by == "unix" else "127.0.0.1:0"
    dialled = await start_worker(None, FIVE_MODES, name="dialled", listen=listen)
    sidecar = await start_sidecar(f"workers: [{{name: dialled, target: '{dialled.target}'}}]")
    await sidecar.until_metric("sidehook_workers_connected", 1, worker="dialled")
    await start_worker(sidecar, FIVE_MODES, name="attached")

    async with sidecar.client() as hooks:
        payload = await hooks.invoke(
            "component_pre_execute", component_type="Instruction", model_options={}
        )

    assert payload.receipt is not None
    lines = [(line.worker, line.hook, str(line.outcome)) for line in payload.receipt.lines]
    assert lines == [
        ("attached", "first", "proceeded"),
        ("dialled", "first", "proceeded"),
        ("attached", "temperature", "modified"),
        ("dialled", "temperature", "proceeded"),
        ("attached", "audit", "block_suppressed"),
        ("dialled", "audit", "block_suppressed"),
        ("attached", "beside", "proceeded"),
        ("dialled", "beside", "proceeded"),
        ("attached", "after", "detached"),
        ("dialled", "after", "detached"),
    ]
    await dialled.process.line(r"^after 0\.7$")
