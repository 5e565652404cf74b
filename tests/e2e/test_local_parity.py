"""What a call comes to inside the process is what it comes to through a sidecar of its own."""

import textwrap
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

import sidehook
from sidehook import HookError, Receipt, local
from sidehook._types import JSON
from sidehook.local import Worker
from tests.e2e.conftest import StartSidecar, StartWorker
from tests.e2e.test_five_modes import FAILING, FIVE_MODES

TYPE = "component_pre_execute"

CALLS = [
    pytest.param(FIVE_MODES, "Instruction", id="proceeds"),
    pytest.param(FIVE_MODES, "forbidden", id="is blocked"),
    pytest.param(FAILING.format(on_error="fail"), "Instruction", id="fails"),
    pytest.param(FAILING.format(on_error="ignore"), "Instruction", id="fails open"),
]


def without_chance(receipt: Receipt | None) -> Receipt:
    """The receipt without what differs from one call to the next: ids and durations."""
    assert receipt is not None
    lines = tuple(
        replace(
            line,
            instance="one" if line.instance else "",
            duration=None if line.duration is None else 0.0,
        )
        for line in receipt.lines
    )
    return replace(receipt, call_id="", duration=0.0, lines=lines)


async def what_comes_of(hooks: sidehook.aio.Client, component_type: str) -> tuple[object, ...]:
    """The payload or the error of a call in a session, its receipt, and the state it leaves."""
    end: Mapping[str, JSON] | tuple[object, ...]
    with hooks.session("s-1") as session:
        try:
            payload = await hooks.invoke(
                TYPE, component_type=component_type, model_options={"seed": 1}
            )
            end, receipt = dict(payload), payload.receipt
        except HookError as error:
            said = {name: value for name, value in vars(error).items() if name != "receipt"}
            end, receipt = (type(error), str(error), said), error.receipt
    return end, without_chance(receipt), session.state


@pytest.mark.parametrize(("source", "component_type"), CALLS)
async def test_a_call_comes_to_the_same_inside_the_process_and_outside_of_it(
    start_sidecar: StartSidecar,
    start_worker: StartWorker,
    tmp_path: Path,
    source: str,
    component_type: str,
) -> None:
    sidecar = await start_sidecar()
    # The file's name is in the place of an exception, which receipts tell.
    worker = await start_worker(sidecar, source, name="guards")
    file = tmp_path / Path(worker.process.command[2]).name
    file.write_text(textwrap.dedent(source))

    async with sidecar.client() as hooks:
        outside = await what_comes_of(hooks, component_type)
    async with local.aio.Client(Worker("guards", file)) as hooks:
        inside = await what_comes_of(hooks, component_type)

    assert inside == outside
