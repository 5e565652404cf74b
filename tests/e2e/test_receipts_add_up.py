"""Receipts, and the client of these tests that adds up each of them."""

import asyncio

import pytest

from sidehook import Receipt
from tests.e2e.checked_client import CheckedClient
from tests.e2e.conftest import StartSidecar, StartWorker
from tests.e2e.receipts import adds_up, outcomes, planned

TYPE = "component_pre_execute"

TWO = """
    from sidehook import hook

    @hook("component_pre_execute")
    def one(payload, ctx): ...

    @hook("component_pre_execute")
    def two(payload, ctx): ...
"""

SLOW_EVENTS = """
    import asyncio
    from sidehook import PluginMode, hook

    @hook("component_pre_execute", mode=PluginMode.FIRE_AND_FORGET, timeout=60)
    async def after(payload, ctx):
        print("inside", flush=True)
        await asyncio.sleep(60)
"""


async def test_a_receipt_that_leaves_a_hook_out_fails_the_test_of_whoever_got_it(
    start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    sidecar = await start_sidecar()
    await start_worker(sidecar, TWO)
    async with sidecar.client() as hooks:
        assert isinstance(hooks, CheckedClient)
        payload = await hooks.invoke(TYPE, component_type="Instruction")
    plan = planned(await sidecar.state(), TYPE)
    assert plan == ["worker/one", "worker/two"]
    receipt = payload.receipt
    adds_up(receipt, (plan,))
    for wrong in (receipt.lines[:1], receipt.lines[::-1], receipt.lines * 2):
        short = Receipt(call_id=receipt.call_id, lines=wrong)
        with pytest.raises(AssertionError, match="the receipt has"):
            adds_up(short, (plan,))


async def test_a_client_of_these_tests_notices_a_plan_that_its_receipt_does_not_have(
    start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    sidecar, other = await start_sidecar(), await start_sidecar(name="other")
    await start_worker(sidecar, TWO)
    async with CheckedClient(sidecar.calls[0], budget=10, state=other.state) as hooks:
        with pytest.raises(AssertionError, match="the receipt has"):
            await hooks.invoke(TYPE, component_type="Instruction")
        with pytest.raises(AssertionError, match="the receipt has"):
            await hooks.call(TYPE, {"component_type": "Instruction"}, budget=5)


async def test_a_receipt_names_its_call_and_the_generation_of_the_plan(
    start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    sidecar = await start_sidecar()
    receipts: list[Receipt] = []
    for name in ("first", "second"):
        await start_worker(sidecar, TWO, name=name)
        async with sidecar.client() as hooks:
            answers = [await hooks.invoke(TYPE, component_type="a") for _ in range(2)]
        receipts += [answer.receipt for answer in answers if answer.receipt is not None]
        assert receipts[-1].generation == (await sidecar.state())["generation"]
    generations = [receipt.generation for receipt in receipts]
    assert generations[0] == generations[1] < generations[2] == generations[3]
    assert len({receipt.call_id for receipt in receipts}) == 4


async def test_events_that_a_full_queue_drops_are_in_receipt_and_counter(
    start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    sidecar = await start_sidecar("{detached: {queue: 1}, limits: {drain_timeout: 200ms}}")
    worker = await start_worker(sidecar, SLOW_EVENTS)
    async with sidecar.client() as hooks:
        answers = [await hooks.invoke(TYPE, component_type="a")]
        await worker.process.line("^inside$")
        answers += await asyncio.gather(
            *(hooks.invoke(TYPE, component_type="a") for _ in range(100))
        )
    fates = [outcomes(answer.receipt)["worker/after"] for answer in answers]
    assert fates[0] == "detached"
    assert set(fates) == {"detached", "shed"}
    lost = await sidecar.metric("sidehook_detached_lost_total", hook="after", cause="shed")
    assert lost == fates.count("shed")
