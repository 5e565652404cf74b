"""What a TRANSFORM hook removed is in no byte that leaves the sidecar afterwards."""

import secrets
from contextlib import AsyncExitStack
from pathlib import Path

from tests.e2e.conftest import StartSidecar, StartWorker
from tests.e2e.receipts import outcomes
from tests.e2e.relay import Relay
from tests.e2e.waiting import until

TYPE = "tool_post_invoke"

REDACTS = """
    from sidehook import PluginMode, hook, modify

    @hook("tool_post_invoke", mode=PluginMode.TRANSFORM)
    def redact(payload, ctx):
        print("saw", payload.tool_output, flush=True)
        return modify(payload, tool_output="<redacted>")
"""

OBSERVERS = """
    from sidehook import PluginMode, hook

    @hook("tool_post_invoke", mode=PluginMode.TRANSFORM, priority=90)
    def later(payload, ctx): ...

    @hook("tool_post_invoke", mode=PluginMode.AUDIT)
    def audit(payload, ctx): ...

    @hook("tool_post_invoke", mode=PluginMode.CONCURRENT)
    async def gate(payload, ctx): ...

    @hook("tool_post_invoke", mode=PluginMode.FIRE_AND_FORGET)
    def telemetry(payload, ctx):
        print("telemetry", payload.tool_output, flush=True)
"""


async def test_a_secret_that_was_removed_is_in_no_byte_that_others_received(
    start_sidecar: StartSidecar, start_worker: StartWorker, socket_folder: Path
) -> None:
    secret = secrets.token_hex(24)
    observers, calls = socket_folder / "o.sock", socket_folder / "sidecar" / "sidehook.sock"
    relayed = socket_folder / "or.sock"
    sidecar = await start_sidecar(f"workers: [{{name: observers, target: 'unix://{relayed}'}}]")
    redactor = await start_worker(sidecar, REDACTS, name="redactor")
    worker = await start_worker(None, OBSERVERS, name="observers", listen=f"unix://{observers}")

    async def nothing_is_missing() -> bool:
        return not (await sidecar.state())["missing"]

    async with AsyncExitStack() as stack:
        to_observers = await stack.enter_async_context(Relay(relayed, observers))
        to_client = await stack.enter_async_context(Relay(socket_folder / "c.sock", calls))
        await until(nothing_is_missing)
        async with sidecar.client(target=to_client.target) as hooks:
            payload = await hooks.invoke(TYPE, tool_output={"text": secret}, success=True)
        await worker.process.line("telemetry <redacted>")
    assert payload.tool_output == "<redacted>"
    assert set(outcomes(payload.receipt)) == {
        "redactor/redact",
        "observers/later",
        "observers/audit",
        "observers/gate",
        "observers/telemetry",
    }
    # The redactor had to see it, so the search would find it if it were there.
    assert secret in redactor.process.log
    assert b"<redacted>" in to_observers.seen
    assert secret.encode() not in to_observers.seen
    assert secret not in worker.process.log
    assert secret not in sidecar.process.log
    assert bytes(to_client.seen).count(secret.encode()) == 1
