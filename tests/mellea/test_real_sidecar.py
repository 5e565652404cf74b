"""mellea in one process, the sidecar in another, hooks in others still."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import sidehook
from sidehook import Receipt
from tests.e2e.conftest import StartSidecar, StartWorker
from tests.mellea.conftest import App
from tests.worker.waiting import until

pytest.importorskip("mellea.plugins", reason="needs mellea: make test-mellea")

from mellea.plugins import HookType, PluginViolationError, plugin_scope, register, unregister
from mellea.plugins.manager import get_plugin_manager

from sidehook.integrations.mellea import RemoteHooks, violation_of

FIVE_MODES = """
    from sidehook import PluginMode, block, hook, modify

    TYPE = "component_pre_execute"

    @hook(TYPE, mode=PluginMode.SEQUENTIAL, priority=10)
    async def first(payload, ctx):
        if "forbidden" in payload.action["args"]["description"]:
            return block("not this one", code="NOT_THIS", description="A long story.")

    @hook(TYPE, mode=PluginMode.TRANSFORM, priority=20)
    async def temperature(payload, ctx):
        return modify(payload, model_options={"temperature": 0.7, **payload.model_options})

    @hook(TYPE, mode=PluginMode.AUDIT, priority=30)
    def audit(payload, ctx):
        return block("only an observer", code="AUDIT_001")

    @hook(TYPE, mode=PluginMode.CONCURRENT, priority=40)
    async def beside(payload, ctx):
        assert payload.model_options["temperature"] == 0.7

    @hook(TYPE, mode=PluginMode.FIRE_AND_FORGET, priority=50)
    def after(payload, ctx):
        print("after", payload.component_type, flush=True)
"""


async def ask(app: App, text: str = "Hello.", **terms: Any) -> str:
    """Ask the model in a session of its own."""
    return await asyncio.to_thread(_ask, app.session(), text, terms)


def _ask(session: Any, text: str, terms: dict[str, Any]) -> str:
    return str(session.instruct(text, strategy=None, **terms))


async def test_hooks_of_all_five_modes_take_part_in_one_call(
    app: App, start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    sidecar = await start_sidecar()
    worker = await start_worker(sidecar, FIVE_MODES, name="five")
    receipts: list[Receipt] = []
    hooks = RemoteHooks(sidecar.calls[0], on_receipt=lambda _, receipt: receipts.append(receipt))

    with plugin_scope(hooks):
        assert await ask(app, model_options={"top_p": 0.5}) == "fine"

    request = app.model.requests[-1]
    assert (request["temperature"], request["top_p"]) == (0.7, 0.5)
    (receipt,) = [receipt for receipt in receipts if receipt.lines]
    assert [(line.worker, line.hook, line.outcome) for line in receipt.lines] == [
        ("five", "first", "proceeded"),
        ("five", "temperature", "modified"),
        ("five", "audit", "block_suppressed"),
        ("five", "beside", "proceeded"),
        ("five", "after", "detached"),
    ]
    await worker.process.line(r"^after Instruction$")


async def test_a_remote_no_names_its_hook_and_worker(
    app: App, start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    sidecar = await start_sidecar()
    await start_worker(sidecar, FIVE_MODES, name="five")

    with plugin_scope(RemoteHooks(sidecar.calls[0])), pytest.raises(PluginViolationError) as caught:
        await ask(app, "something forbidden")

    assert (caught.value.plugin_name, caught.value.code) == ("five/first", "NOT_THIS")
    violation = violation_of(caught.value)
    assert violation is not None
    assert violation.description == "A long story."
    assert violation.receipt is not None
    assert [line.outcome for line in violation.receipt.lines][:2] == ["blocked", "skipped_halted"]
    assert app.model.requests == []


async def test_a_guard_that_is_gone_blocks_and_is_named(
    app: App, start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    sidecar = await start_sidecar()
    worker = await start_worker(sidecar, FIVE_MODES, name="five")

    with plugin_scope(RemoteHooks(sidecar.calls[0])):
        await ask(app)
        worker.process.kill()
        with pytest.raises(PluginViolationError) as caught:
            await ask(app)

    assert (caught.value.plugin_name, caught.value.code) == ("five/first", "HOOK_FAILED")
    assert len(app.model.requests) == 1


async def test_a_sidecar_that_is_gone_blocks(
    app: App, start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    sidecar = await start_sidecar()
    await start_worker(sidecar, FIVE_MODES, name="five")

    with plugin_scope(RemoteHooks(sidecar.calls[0])):
        await ask(app)
        sidecar.process.kill()
        with pytest.raises(PluginViolationError) as caught:
            await ask(app)

    assert caught.value.code == "SIDECAR_UNAVAILABLE"
    assert len(app.model.requests) == 1


async def test_a_change_that_mellea_cannot_apply_is_a_failure_of_the_hook_that_made_it(
    app: App, start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    sidecar = await start_sidecar()
    await start_worker(
        sidecar,
        """
        from sidehook import hook, modify

        @hook("component_pre_execute")
        def clear(payload, ctx):
            return modify(payload, model_options={})
        """,
        name="careless",
    )

    with plugin_scope(RemoteHooks(sidecar.calls[0])), pytest.raises(PluginViolationError) as caught:
        await ask(app, model_options={"top_p": 0.5})

    assert (caught.value.plugin_name, caught.value.code) == ("careless/clear", "MERGE_FAILED")


async def test_sessions_side_by_side_never_run_each_other_s_scoped_hooks(
    app: App, start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    sidecar = await start_sidecar()
    count = 8
    functions = "".join(
        f"""
        @hook("generation_pre_call", scope="s{number}")
        def mark{number}(payload, ctx):
            seen = payload.model_options.get("stop", [])
            return modify(payload, model_options={{"stop": [*seen, "s{number}", ctx.session_id]}})
        """
        for number in range(count)
    )
    await start_worker(sidecar, f"        from sidehook import hook, modify\n{functions}")
    sessions = [
        await asyncio.to_thread(
            app.session, plugins=[RemoteHooks(sidecar.calls[0], scopes=[f"s{number}"])]
        )
        for number in range(count)
    ]

    async def talk(number: int, session: Any) -> None:
        with session:
            for _ in range(3):
                await session.ainstruct(f"I am {number}.", strategy=None, await_result=True)
            await session.backend.aclose()

    await asyncio.gather(*(talk(*one) for one in enumerate(sessions)))
    assert len(app.model.requests) == 3 * count
    for request in app.model.requests:
        number = int(request["messages"][-1]["content"].removeprefix("I am ").removesuffix("."))
        assert request["stop"] == [f"s{number}", sessions[number].id]


@sidehook.hook("component_pre_execute", priority=15)
def local(payload: Any, _context: Any) -> Any:
    """A function of the application, between the first and the second remote hook."""
    return sidehook.modify(payload, model_options={**payload.model_options, "temperature": 0.2})


async def test_a_function_of_the_application_takes_its_place_in_the_remote_order(
    app: App, start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    sidecar = await start_sidecar()
    await start_worker(sidecar, FIVE_MODES.replace("== 0.7", "== 0.2"), name="five")
    receipts: list[Receipt] = []
    hooks = RemoteHooks(sidecar.calls[0], on_receipt=lambda _, receipt: receipts.append(receipt))

    with plugin_scope(hooks), hooks.client.plugin_scope(local):
        await ask(app, model_options={"top_p": 0.5})

    assert app.model.requests[-1]["temperature"] == 0.2
    (receipt,) = [receipt for receipt in receipts if receipt.lines]
    assert [line.hook for line in receipt.lines][:3] == ["first", "local", "temperature"]


async def test_what_a_hook_keeps_it_finds_again_in_the_same_session_only(
    app: App, start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    sidecar = await start_sidecar()
    await start_worker(
        sidecar,
        """
        from sidehook import block, hook

        @hook("component_pre_execute")
        def count(payload, ctx):
            seen = ctx.state.get("seen", 0) + 1
            ctx.state.set("seen", seen)
            if seen > 2:
                return block("that is enough", code="ENOUGH", details={"seen": seen})
        """,
        name="counter",
    )

    def talk(session: Any) -> int:
        for asked in range(9):
            try:
                session.instruct("Hello.", strategy=None)
            except PluginViolationError:
                return asked
        return 9

    for _ in range(2):
        with app.session(plugins=[RemoteHooks(sidecar.calls[0])]) as session:
            assert await asyncio.to_thread(talk, session) == 2


async def test_payloads_are_built_for_types_with_hooks_and_for_new_ones_when_they_come(
    app: App, start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    sidecar = await start_sidecar()
    await start_worker(sidecar, FIVE_MODES, name="five")

    def wanted() -> set[str]:
        manager = get_plugin_manager()
        return {str(kind) for kind in HookType if manager.has_hooks_for(str(kind))}

    with plugin_scope(RemoteHooks(sidecar.calls[0])):
        await until(lambda: wanted() == {"component_pre_execute"})
        await start_worker(
            sidecar,
            """
            from sidehook import block, hook

            @hook("generation_post_call")
            def read(payload, ctx):
                return block(payload.model_output["value"], code="READ")
            """,
            name="reader",
        )
        # A hook is active once every holder of the list has it: no waiting here.
        with pytest.raises(PluginViolationError) as caught:
            await ask(app)
    assert (caught.value.code, caught.value.reason) == ("READ", "fine")


async def test_hooks_that_change_a_session_before_it_starts_are_asked_when_registered(
    app: App, start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    sidecar = await start_sidecar()
    await start_worker(
        sidecar,
        """
        from sidehook import hook, modify

        @hook("session_pre_init")
        def choose(payload, ctx):
            return modify(payload, model_id=payload.model_id + "-large")
        """,
    )
    with pytest.raises(PluginViolationError, match="register"):
        await asyncio.to_thread(app.session, plugins=[RemoteHooks(sidecar.calls[0])])

    hooks = RemoteHooks(sidecar.calls[0])
    register(hooks)
    await ask(app)
    unregister(hooks)
    assert app.model.requests[-1]["model"] == "stub-model-large"
