"""The adapter where mellea takes plugins, and what becomes of a no, a failure and a silence."""

from __future__ import annotations

import asyncio
import gc
import threading
from pathlib import Path
from typing import Any

import pytest

from sidehook import Receipt, SidecarError, Violation
from sidehook._call import CallFailure
from sidehook._types import FailureClass
from tests.mellea.conftest import App
from tests.mellea.shapes import decoded

pytest.importorskip("mellea.plugins", reason="needs mellea: make test-mellea")

from mellea.core import CBlock
from mellea.plugins import (
    HookType,
    PluginSet,
    PluginViolationError,
    block,
    hook,
    plugin_scope,
    register,
    unregister,
)
from mellea.plugins.manager import get_plugin_manager
from mellea.stdlib.components import SimpleComponent
from mellea.telemetry.context import with_context

from sidehook.integrations.mellea import RemoteHooks, violation_of
from sidehook.testing import FakeSidecar
from tests.mellea.provoke import adapter_function, instruct

NO = Violation(
    reason="no secrets",
    code="SECRET",
    description="It looks like a key.",
    details=b'{"where":"description"}',
    hook="no_secrets",
    worker="guards",
)


def ask(app: App, **terms: Any) -> Any:
    return app.session().instruct("Hello.", strategy=None, **terms)


def asked(fake: FakeSidecar) -> set[str]:
    return {call.hook_type for call in fake.calls}


def contexts(fake: FakeSidecar, hook_type: str = "component_pre_execute") -> list[Any]:
    return [call.context for call in fake.calls if call.hook_type == hook_type]


# Where a plugin goes


def test_it_is_asked_inside_a_plugin_scope_and_not_after(app: App, fake: FakeSidecar) -> None:
    with plugin_scope(RemoteHooks(fake.target)):
        ask(app)
    before = len(fake.calls)
    assert "component_pre_execute" in asked(fake)
    ask(app)
    assert len(fake.calls) == before


def test_it_is_asked_while_it_is_registered(app: App, fake: FakeSidecar) -> None:
    hooks = RemoteHooks(fake.target)
    register(hooks)
    ask(app)
    unregister(hooks)
    before = len(fake.calls)
    assert {"session_pre_init", "component_pre_execute"} <= asked(fake)
    ask(app)
    assert len(fake.calls) == before


def test_it_is_asked_as_a_member_of_a_plugin_set(app: App, fake: FakeSidecar) -> None:
    with plugin_scope(PluginSet("guards", [PluginSet("inner", [RemoteHooks(fake.target)])])):
        ask(app)
    assert "component_pre_execute" in asked(fake)


def test_it_is_asked_in_a_with_block_of_its_own(app: App, fake: FakeSidecar) -> None:
    with RemoteHooks(fake.target):
        ask(app)
    assert "component_pre_execute" in asked(fake)


def test_one_object_in_two_places_is_refused(fake: FakeSidecar) -> None:
    hooks = RemoteHooks(fake.target)
    with plugin_scope(hooks), pytest.raises(ValueError, match="already registered"):
        register(hooks)


def test_the_same_object_serves_one_place_after_another(app: App, fake: FakeSidecar) -> None:
    hooks = RemoteHooks(fake.target)
    for _ in range(2):
        fake.calls.clear()
        with plugin_scope(hooks):
            ask(app)
        assert "component_pre_execute" in asked(fake)


@pytest.mark.parametrize(
    ("priority", "order"), [(10, ["remote", "local"]), (90, ["local", "remote"])]
)
def test_its_priority_is_its_place_among_local_plugins(
    priority: int, order: list[str], app: App, fake: FakeSidecar
) -> None:
    seen: list[str] = []

    @hook(HookType.COMPONENT_PRE_EXECUTE, priority=50)  # type: ignore[untyped-decorator] # mellea
    async def local(_payload: Any, _context: Any) -> None:
        seen.append("local")

    def remote(_: object) -> dict[str, object]:
        seen.append("remote")
        return {}

    fake.answer("component_pre_execute", remote)
    with plugin_scope(local, RemoteHooks(fake.target, priority=priority)):
        ask(app)
    assert seen == order


def test_a_local_block_before_it_leaves_the_remote_hooks_unasked(
    app: App, fake: FakeSidecar
) -> None:
    @hook(HookType.COMPONENT_PRE_EXECUTE, priority=1)  # type: ignore[untyped-decorator] # mellea
    async def local(_payload: Any, _context: Any) -> Any:
        return block("not today", code="LOCAL")

    with plugin_scope(local, RemoteHooks(fake.target)), pytest.raises(PluginViolationError) as no:
        ask(app)
    assert "component_pre_execute" not in asked(fake)
    assert violation_of(no.value) is None


def test_a_payload_is_projected_once_for_all_hooks_of_a_call(app: App, fake: FakeSidecar) -> None:
    with plugin_scope(RemoteHooks(fake.target)):
        ask(app)
    assert len([call for call in fake.calls if call.hook_type == "component_pre_execute"]) == 1


# Event loops


async def test_it_is_asked_on_the_application_s_own_loop(app: App, fake: FakeSidecar) -> None:
    session = app.session()
    async with plugin_scope(RemoteHooks(fake.target)):
        await session.ainstruct("Hello.", strategy=None, await_result=True)
    await session.backend.aclose()
    assert "generation_post_call" in asked(fake)


def test_short_lived_loops_and_threads_share_one_connection(app: App, fake: FakeSidecar) -> None:
    hooks = RemoteHooks(fake.target)
    session = app.session()

    async def once() -> None:
        await session.ainstruct("Hello.", strategy=None, await_result=True)
        await session.backend.aclose()

    with plugin_scope(hooks):
        asyncio.run(once())
        session = app.session()
        asyncio.run(once())
        thread = threading.Thread(target=ask, args=(app,))
        thread.start()
        thread.join()
    assert hooks.client.stats.connections == 1
    assert len(contexts(fake)) == 3


def test_adapters_with_one_target_share_a_client(fake: FakeSidecar) -> None:
    one, other = RemoteHooks(fake.target), RemoteHooks(fake.target, tenant="acme")
    assert one.client is other.client
    assert RemoteHooks(fake.target, on_unavailable="allow").client is not one.client


def test_a_connection_that_nobody_uses_any_more_is_closed_when_the_next_is_made(
    app: App, fake: FakeSidecar
) -> None:
    hooks = RemoteHooks(fake.target)
    with plugin_scope(hooks):
        ask(app)
    client = hooks.client
    kept, other = RemoteHooks(fake.target), RemoteHooks(fake.target, on_unavailable="allow")
    del hooks
    gc.collect()
    assert RemoteHooks(fake.target).client is kept.client is client
    client.connect()
    del kept
    gc.collect()
    assert other.client is RemoteHooks(fake.target, on_unavailable="allow").client
    with pytest.raises(SidecarError, match="closed"):
        client.connect()


def test_a_client_that_was_closed_blocks_and_the_next_adapter_has_another(
    app: App, fake: FakeSidecar
) -> None:
    hooks = RemoteHooks(fake.target)
    hooks.client.close()
    with plugin_scope(hooks), pytest.raises(PluginViolationError) as caught:
        ask(app)
    assert caught.value.code == "CLIENT_CLOSED"
    with plugin_scope(RemoteHooks(fake.target)):
        ask(app)
    assert "component_pre_execute" in asked(fake)


def test_a_call_that_the_application_gives_up_is_cancelled(app: App, fake: FakeSidecar) -> None:
    fake.hold("component_pre_execute")
    session = app.session()

    async def give_up() -> Any:
        asking = asyncio.create_task(session.ainstruct("Hello.", strategy=None))
        call = await asyncio.to_thread(fake.next_call)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        return call

    with plugin_scope(RemoteHooks(fake.target)):
        call = asyncio.run(give_up())
    assert call.cancelled.wait(10)


# What a call carries


def test_a_call_carries_tenant_user_labels_scopes_and_budget(app: App, fake: FakeSidecar) -> None:
    hooks = RemoteHooks(
        fake.target,
        scopes=["guards", "billing"],
        tenant="acme",
        user="u1",
        labels={"stage": "test"},
        budget=3.0,
    )
    with plugin_scope(hooks):
        ask(app)
    (context,) = contexts(fake)
    assert (context.tenant, context.user) == ("acme", "u1")
    assert context.labels == {"stage": "test", "mellea.backend_name": "stub-model"}
    assert context.scopes == ("guards", "billing")
    # What is left of it when the call is sent.
    assert all(call.budget is not None and 2 < call.budget <= 3 for call in fake.calls)


def test_a_call_carries_the_request_that_the_application_names(app: App, fake: FakeSidecar) -> None:
    with plugin_scope(RemoteHooks(fake.target)), with_context(request_id="r1"):
        ask(app)
    assert {context.request_id for context in contexts(fake)} == {"r1"}


async def test_a_call_carries_the_metadata_of_its_payload_as_labels(fake: FakeSidecar) -> None:
    from mellea.plugins.hooks.session import SessionResetPayload
    from mellea.plugins.manager import invoke_hook

    payload = SessionResetPayload(user_metadata={"experiment": 7}, request_id="r2")
    async with plugin_scope(RemoteHooks(fake.target, labels={"stage": "test"})):
        await invoke_hook(HookType.SESSION_RESET, payload)
    (context,) = contexts(fake, "session_reset")
    assert context.labels == {"stage": "test", "experiment": "7"}
    assert context.request_id == "r2"


def test_a_session_of_the_client_takes_the_place_of_mellea_s(app: App, fake: FakeSidecar) -> None:
    hooks = RemoteHooks(fake.target, tenant="acme")
    with plugin_scope(hooks), hooks.client.session("request-9", tenant="other", user="u9"):
        ask(app)
    (context,) = contexts(fake)
    assert (context.session_id, context.tenant, context.user) == ("request-9", "other", "u9")


def test_only_the_newest_entries_of_a_context_cross(app: App, fake: FakeSidecar) -> None:
    from tests.mellea.provoke import chat

    session = chat(app)
    with plugin_scope(RemoteHooks(fake.target, context_entries=1)):
        session.instruct("And again.", strategy=None)
    (call,) = [call for call in fake.calls if call.hook_type == "component_pre_execute"]
    view = decoded(call.fields)["context_view"]
    assert ([entry["text"] for entry in view["entries"]], view["total"]) == (["hello"], 2)
    assert view["left_out"] is not None


def test_every_receipt_is_told_also_that_of_a_blocked_call(app: App, fake: FakeSidecar) -> None:
    told: list[tuple[str, Receipt]] = []
    fake.answer("generation_pre_call", NO)
    hooks = RemoteHooks(fake.target, on_receipt=lambda *what: told.append(what))
    with plugin_scope(hooks), pytest.raises(PluginViolationError):
        ask(app)
    types = [hook_type for hook_type, _ in told]
    assert types.index("component_pre_execute") < types.index("generation_pre_call")
    assert all(receipt.call_id for _, receipt in told)


def test_a_listener_that_raises_changes_nothing(
    app: App, fake: FakeSidecar, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: object) -> None:
        raise LookupError("no")

    with plugin_scope(RemoteHooks(fake.target, on_receipt=fails)):
        assert str(ask(app)) == "fine"
    assert "receipt_listener_failed hook_type=component_pre_execute" in caplog.text


# No


def test_a_remote_no_is_mellea_s_violation_and_names_worker_and_hook(
    app: App, fake: FakeSidecar
) -> None:
    fake.answer("component_pre_execute", NO)
    with plugin_scope(RemoteHooks(fake.target)), pytest.raises(PluginViolationError) as caught:
        ask(app)
    error = caught.value
    assert str(error) == "Plugin blocked component_pre_execute: [SECRET] no secrets"
    assert (error.reason, error.code, error.hook_type) == (
        "no secrets",
        "SECRET",
        "component_pre_execute",
    )
    assert error.plugin_name == "guards/no_secrets"
    assert app.model.requests == []


def test_the_whole_violation_is_reachable(app: App, fake: FakeSidecar) -> None:
    fake.answer("component_pre_execute", NO)
    with plugin_scope(RemoteHooks(fake.target)), pytest.raises(PluginViolationError) as caught:
        ask(app)
    violation = violation_of(caught.value)
    assert violation is not None
    assert violation.description == "It looks like a key."
    assert violation.details == {"where": "description"}
    assert (violation.hook, violation.worker) == ("no_secrets", "guards")
    assert violation.receipt is not None
    assert violation.error is not None


def test_a_no_without_a_code_is_one_all_the_same(app: App, fake: FakeSidecar) -> None:
    fake.answer("component_pre_execute", Violation(reason="no"))
    with plugin_scope(RemoteHooks(fake.target)), pytest.raises(PluginViolationError) as caught:
        ask(app)
    assert str(caught.value) == "Plugin blocked component_pre_execute: no"


def test_what_no_remote_hook_said_is_no_remote_violation() -> None:
    assert violation_of(PluginViolationError("component_pre_execute", "no")) is None
    assert violation_of(ValueError("no")) is None


@pytest.mark.parametrize(
    "hook_type", ["adapter_function_phase_complete", "adapter_function_invocation_complete"]
)
def test_a_no_that_mellea_would_swallow_is_logged_and_changes_nothing(
    hook_type: str, app: App, fake: FakeSidecar, caplog: pytest.LogCaptureFixture
) -> None:
    fake.answer(hook_type, NO)
    with plugin_scope(RemoteHooks(fake.target)), adapter_function(app):
        pass
    said = f"block_suppressed hook_type={hook_type} hook=guards/no_secrets code=SECRET"
    assert said in caplog.text


async def test_a_no_for_an_embedded_adapter_is_logged_and_changes_nothing(
    fake: FakeSidecar, caplog: pytest.LogCaptureFixture
) -> None:
    from mellea.backends.adapters._core import Identity, _await_embedded_generation

    async def breaks() -> None:
        raise LookupError("no weights")

    fake.answer("adapter_function_invocation_complete", NO)
    async with plugin_scope(RemoteHooks(fake.target)):
        with pytest.raises(LookupError):
            await _await_embedded_generation(breaks(), Identity("answerability", "lora"))
    assert "block_suppressed hook_type=adapter_function_invocation_complete" in caplog.text


# Nobody decides


@pytest.fixture
def nowhere(socket_folder: Path) -> str:
    return str(socket_folder / "nobody.sock")


def test_without_a_sidecar_every_call_is_blocked(app: App, nowhere: str) -> None:
    with plugin_scope(RemoteHooks(nowhere)), pytest.raises(PluginViolationError) as caught:
        ask(app)
    assert caught.value.code == "SIDECAR_UNAVAILABLE"
    assert caught.value.plugin_name == "sidehook"
    assert nowhere in caught.value.reason
    assert "sidehook serve" in caught.value.reason
    assert app.model.requests == []


def test_without_a_sidecar_a_session_with_remote_hooks_does_not_start(
    app: App, nowhere: str
) -> None:
    with pytest.raises(PluginViolationError) as caught:
        app.session(plugins=[RemoteHooks(nowhere)])
    assert caught.value.code == "SIDECAR_UNAVAILABLE"


def test_without_a_sidecar_calls_go_on_where_that_was_chosen_and_are_counted(
    app: App, nowhere: str, caplog: pytest.LogCaptureFixture
) -> None:
    hooks = RemoteHooks(nowhere, on_unavailable="allow")
    session = app.session(plugins=[hooks])
    assert str(session.instruct("Hello.", strategy=None)) == "fine"
    counted = hooks.client.stats.calls_unguarded
    assert counted > 2
    assert caplog.text.count("call_without_verdict") == counted


def test_a_sidecar_that_goes_away_blocks_from_then_on(app: App, fake: FakeSidecar) -> None:
    session = app.session()
    with plugin_scope(RemoteHooks(fake.target)):
        assert str(session.instruct("Hello.", strategy=None)) == "fine"
        fake.stop()
        with pytest.raises(PluginViolationError) as caught:
            session.instruct("Hello.", strategy=None)
        assert caught.value.code == "SIDECAR_UNAVAILABLE"
        fake.start()
        assert str(session.instruct("Hello.", strategy=None)) == "fine"


def test_a_call_whose_sidecar_is_lost_on_the_way_is_blocked(app: App, fake: FakeSidecar) -> None:
    fake.hold("component_pre_execute")
    session = app.session()
    errors: list[BaseException] = []

    def run() -> None:
        try:
            session.instruct("Hello.", strategy=None)
        except PluginViolationError as error:
            errors.append(error)

    with plugin_scope(RemoteHooks(fake.target)):
        thread = threading.Thread(target=run)
        thread.start()
        fake.next_call()
        fake.drop()
        thread.join(10)
    (error,) = errors
    assert isinstance(error, PluginViolationError)
    assert error.code == "SIDECAR_UNAVAILABLE"


@pytest.mark.parametrize("on_unavailable", ["block", "allow"])
def test_a_failure_to_decide_blocks_with_its_reason(
    on_unavailable: Any, app: App, fake: FakeSidecar
) -> None:
    failure = CallFailure(
        reason="HOOK_FAILED",
        message="hook guards/slow took too long",
        failure_class=FailureClass.TIMEOUT,
        hook="slow",
        worker="guards",
    )
    fake.answer("component_pre_execute", failure)
    hooks = RemoteHooks(fake.target, on_unavailable=on_unavailable)
    with plugin_scope(hooks), pytest.raises(PluginViolationError) as caught:
        ask(app)
    assert (caught.value.code, caught.value.plugin_name) == ("HOOK_FAILED", "guards/slow")
    violation = violation_of(caught.value)
    assert violation is not None
    assert violation.details["failure_class"] == "timeout"


def test_a_sidecar_that_does_not_answer_blocks_within_the_budget(
    app: App, fake: FakeSidecar
) -> None:
    fake.hold("component_pre_execute")
    hooks = RemoteHooks(fake.target, budget=0.2)
    with plugin_scope(hooks), pytest.raises(PluginViolationError) as caught:
        ask(app)
    assert caught.value.code == "DEADLINE_EXCEEDED"


def test_a_payload_that_cannot_cross_is_blocked_and_its_text_stays_here(
    app: App, fake: FakeSidecar
) -> None:
    class Broken(SimpleComponent):  # type: ignore[misc] # mellea is not installed where mypy runs
        def format_for_llm(self) -> Any:
            raise RuntimeError("a secret")

    with plugin_scope(RemoteHooks(fake.target)), pytest.raises(PluginViolationError) as caught:
        app.session().act(Broken(part=CBlock("x")), strategy=None)
    assert caught.value.code == "PROJECTION_FAILED"
    assert "a secret" not in str(caught.value)


def test_a_fault_of_the_adapter_itself_blocks_and_is_logged(
    app: App, fake: FakeSidecar, caplog: pytest.LogCaptureFixture
) -> None:
    class Faulty(RemoteHooks):
        async def _asked(self, hook_type: str, payload: Any, labels: Any) -> Any:
            raise LookupError("a fault")

    with plugin_scope(Faulty(fake.target)), pytest.raises(PluginViolationError) as caught:
        ask(app)
    assert caught.value.code == "ADAPTER_FAILED"
    assert "LookupError: a fault" in caplog.text


# Arguments


@pytest.mark.parametrize(
    "terms",
    [
        {"on_unavailable": "ignore"},
        {"budget": 0},
        {"context_entries": -1},
        {"scopes": [""]},
        {"target": " "},
        {"labels": {str(number): "" for number in range(65)}},
    ],
    ids=lambda terms: next(iter(terms)),
)
def test_terms_that_cannot_be_are_refused(terms: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        RemoteHooks(**terms)


def test_a_text_is_no_list_of_scopes() -> None:
    with pytest.raises(TypeError, match=r"scopes=\['guards'\]"):
        RemoteHooks(scopes="guards")


# Who is asked at all


def test_mellea_builds_no_payload_that_nobody_wants_to_see(app: App, fake: FakeSidecar) -> None:
    hooks = RemoteHooks(fake.target)
    with plugin_scope(hooks):
        assert get_plugin_manager().has_hooks_for("streaming_event")
        hooks.client.connect()
        fake.hooks({str(kind): kind == HookType.GENERATION_PRE_CALL for kind in HookType})
        wanted = {str(kind) for kind in HookType if get_plugin_manager().has_hooks_for(kind)}
        assert wanted == {"generation_pre_call"}
        fake.calls.clear()
        instruct(app)
    assert [call.hook_type for call in fake.calls] == ["generation_pre_call"]


def test_a_hook_that_appears_later_is_asked_from_then_on(app: App, fake: FakeSidecar) -> None:
    hooks = RemoteHooks(fake.target)
    session = app.session()
    with plugin_scope(hooks):
        hooks.client.connect()
        fake.hooks({str(kind): False for kind in HookType})
        session.instruct("Hello.", strategy=None)
        assert fake.calls == []
        fake.hooks({str(kind): kind == HookType.COMPONENT_PRE_EXECUTE for kind in HookType})
        session.instruct("Hello.", strategy=None)
    assert asked(fake) == {"component_pre_execute"}


def test_a_list_that_is_incomplete_is_no_reason_not_to_ask(app: App, fake: FakeSidecar) -> None:
    hooks = RemoteHooks(fake.target)
    with plugin_scope(hooks):
        hooks.client.connect()
        fake.hooks({str(kind): False for kind in HookType}, complete=False)
        ask(app)
    assert "component_pre_execute" in asked(fake)


def test_a_list_past_its_lease_is_no_reason_not_to_ask(app: App, fake: FakeSidecar) -> None:
    from tests.worker.waiting import wait_until

    hooks = RemoteHooks(fake.target)
    with plugin_scope(hooks):
        hooks.client.connect()
        fake.hooks({str(kind): False for kind in HookType}, lease=0.2)
        fake.freeze_list()
        wait_until(lambda: get_plugin_manager().has_hooks_for("component_pre_execute"))
        ask(app)
        fake.thaw_list()
    assert "component_pre_execute" in asked(fake)


def test_a_call_that_names_scopes_is_made_whoever_listens(app: App, fake: FakeSidecar) -> None:
    hooks = RemoteHooks(fake.target, scopes=["guards"])
    with plugin_scope(hooks):
        hooks.client.connect()
        fake.hooks({str(kind): False for kind in HookType})
        ask(app)
    assert "component_pre_execute" in asked(fake)


def test_other_plugins_are_called_as_ever(app: App, fake: FakeSidecar) -> None:
    seen: list[str] = []

    @hook(HookType.COMPONENT_PRE_EXECUTE)  # type: ignore[untyped-decorator] # mellea
    async def local(payload: Any, _context: Any) -> None:
        seen.append(payload.component_type)

    hooks = RemoteHooks(fake.target)
    with plugin_scope(hooks, local):
        hooks.client.connect()
        fake.hooks({str(kind): False for kind in HookType})
        ask(app)
    assert seen == ["Instruction"]
    assert fake.calls == []
    assert not get_plugin_manager().has_hooks_for("component_pre_execute")
