"""Remote hooks of a session are that session's own, which mellea's own are not."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from sidehook import Receipt, Violation
from sidehook._call import CallAnswer, Proceed, StateChange
from tests.mellea.conftest import App

pytest.importorskip("mellea.plugins", reason="needs mellea: make test-mellea")

from mellea.plugins import HookType, PluginViolationError, plugin_scope, register, unregister
from mellea.plugins.manager import get_plugin_manager

from sidehook.integrations.mellea import RemoteHooks
from sidehook.testing import FakeSidecar

PRE_EXECUTE = "component_pre_execute"


@pytest.fixture(autouse=True)
def _nobody_listens_before_a_session(fake: FakeSidecar) -> Iterator[None]:
    """A list that has hooks of every type but the first of a session."""
    hooks = RemoteHooks(fake.target)
    hooks.client.connect()
    fake.hooks({str(kind): kind != HookType.SESSION_PRE_INIT for kind in HookType}, lease=60)
    yield
    del hooks


def remote(fake: FakeSidecar, **terms: Any) -> RemoteHooks:
    return RemoteHooks(fake.target, **terms)


def users(fake: FakeSidecar, hook_type: str = PRE_EXECUTE) -> list[str]:
    """For which users calls of a type were made."""
    return [call.context.user for call in fake.calls if call.hook_type == hook_type]


def sessions(fake: FakeSidecar, hook_type: str = PRE_EXECUTE) -> list[str]:
    """For which sessions calls of a type were made."""
    return [call.context.session_id for call in fake.calls if call.hook_type == hook_type]


def ask(session: Any) -> None:
    session.instruct("Hello.", strategy=None)


def test_sessions_in_threads_side_by_side_never_ask_each_other_s_hooks(
    app: App, fake: FakeSidecar
) -> None:
    started = [app.session(plugins=[remote(fake, user=f"u{number}")]) for number in range(4)]
    expected = {f"u{number}": session.id for number, session in enumerate(started)}
    fake.calls.clear()
    together = threading.Barrier(len(started))

    def run(session: Any) -> None:
        with session:
            together.wait(10)
            for _ in range(3):
                ask(session)
            together.wait(10)

    threads = [threading.Thread(target=run, args=(session,)) for session in started]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(users(fake)) == sorted([*expected] * 3)
    assert {(call.context.user, call.context.session_id) for call in fake.calls} == set(
        expected.items()
    )


async def test_sessions_in_tasks_side_by_side_never_ask_each_other_s_hooks(
    app: App, fake: FakeSidecar
) -> None:
    started = [
        await asyncio.to_thread(app.session, plugins=[remote(fake, user=f"u{number}")])
        for number in range(4)
    ]
    fake.calls.clear()

    async def run(session: Any) -> None:
        with session:
            for _ in range(3):
                await session.ainstruct("Hello.", strategy=None, await_result=True)
            await session.backend.aclose()

    await asyncio.gather(*map(run, started))
    expected = {(f"u{number}", session.id) for number, session in enumerate(started)}
    assert {(call.context.user, call.context.session_id) for call in fake.calls} == expected
    assert len(users(fake)) == 12


def test_the_end_of_one_session_concerns_no_other(app: App, fake: FakeSidecar) -> None:
    one, _other = (app.session(plugins=[remote(fake, user=user)]) for user in ("u1", "u2"))
    fake.calls.clear()
    one.cleanup()
    assert users(fake, "session_cleanup") == ["u1"]


def test_the_start_of_one_session_concerns_no_other(app: App, fake: FakeSidecar) -> None:
    for user in ("u1", "u2"):
        app.session(plugins=[remote(fake, user=user)])
    assert users(fake, "session_post_init") == ["u1", "u2"]


def test_hooks_of_a_session_leave_with_it(app: App, fake: FakeSidecar) -> None:
    with app.session(plugins=[remote(fake)]):
        pass
    assert not get_plugin_manager().has_hooks_for(PRE_EXECUTE)


def test_a_call_that_names_no_session_asks_the_hooks_of_all(
    app: App, fake: FakeSidecar, caplog: pytest.LogCaptureFixture
) -> None:
    one, _other = (app.session(plugins=[remote(fake, user=user)]) for user in ("u1", "u2"))
    ask(one)
    ask(one)
    assert sorted(users(fake)) == ["u1", "u1", "u2", "u2"]
    assert caplog.text.count("session_unknown plugin=") == 2


def test_one_session_alone_need_not_be_entered(
    app: App, fake: FakeSidecar, caplog: pytest.LogCaptureFixture
) -> None:
    session = app.session(plugins=[remote(fake)])
    ask(session)
    assert sessions(fake) == [session.id]
    assert "session_unknown" not in caplog.text


def test_a_session_that_is_not_entered_keeps_its_hooks_inside_another(
    app: App, fake: FakeSidecar
) -> None:
    own = app.session(plugins=[remote(fake, user="u1")])
    with app.session():
        ask(own)
    assert users(fake) == ["u1"]


def test_a_session_that_is_entered_has_no_part_in_what_another_asks(
    app: App, fake: FakeSidecar
) -> None:
    own = app.session(plugins=[remote(fake, user="u1")])
    other = app.session(plugins=[remote(fake, user="u2")])

    def elsewhere() -> None:
        with other:
            ask(other)

    with own:
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join(30)
    assert users(fake) == ["u2"]


def test_sessions_inside_one_another_ask_the_hooks_of_both(app: App, fake: FakeSidecar) -> None:
    outer = app.session(plugins=[remote(fake, user="u1")])
    inner = app.session(plugins=[remote(fake, user="u2")])
    with outer, inner:
        ask(outer)
    assert sorted(users(fake)) == ["u1", "u2"]


def test_one_object_serves_one_session_after_another(app: App, fake: FakeSidecar) -> None:
    hooks = remote(fake)
    ids = []
    for _ in range(2):
        with app.session(plugins=[hooks]) as session:
            ask(session)
            ids.append(session.id)
    assert sessions(fake) == ids


def test_hooks_of_a_scope_are_told_the_session_around_the_call(app: App, fake: FakeSidecar) -> None:
    with plugin_scope(remote(fake)), app.session() as session:
        ask(session)
    assert sessions(fake) == [session.id]


def test_hooks_of_a_scope_are_told_no_session_where_none_is_entered(
    app: App, fake: FakeSidecar
) -> None:
    with plugin_scope(remote(fake)):
        ask(app.session())
    assert sessions(fake) == [""]


# State


def keeping(**state: str) -> CallAnswer:
    """An answer whose hooks keep something."""
    change = StateChange(set={f"counter/{key}": text.encode() for key, text in state.items()})
    return CallAnswer(Proceed({}), Receipt(call_id="c"), state=change)


def states(fake: FakeSidecar, hook_type: str = PRE_EXECUTE) -> list[dict[str, bytes]]:
    return [dict(call.context.state) for call in fake.calls if call.hook_type == hook_type]


def test_what_hooks_keep_comes_back_with_the_next_call_of_the_session(
    app: App, fake: FakeSidecar
) -> None:
    fake.answer(PRE_EXECUTE, keeping(seen="1"))
    with app.session(plugins=[remote(fake)]) as session:
        ask(session)
        ask(session)
    assert states(fake) == [{}, {"counter/seen": b"1"}]
    assert states(fake, "session_cleanup") == [{"counter/seen": b"1"}]


def test_what_hooks_keep_is_kept_from_other_sessions(app: App, fake: FakeSidecar) -> None:
    fake.answer(PRE_EXECUTE, keeping(seen="1"))
    hooks = remote(fake)
    with plugin_scope(hooks):
        for _ in range(2):
            with app.session() as session:
                ask(session)
    assert states(fake) == [{}, {}]


def test_what_hooks_keep_outlives_the_adapter_within_the_session(
    app: App, fake: FakeSidecar
) -> None:
    fake.answer(PRE_EXECUTE, keeping(seen="1"))
    with app.session() as session:
        for _ in range(2):
            with plugin_scope(remote(fake)):
                ask(session)
    assert states(fake) == [{}, {"counter/seen": b"1"}]


def test_what_the_hooks_of_a_blocked_call_keep_is_kept(app: App, fake: FakeSidecar) -> None:
    no = Violation(reason="no", hook="h", worker="counter")
    change = StateChange(set={"counter/seen": b"1"})
    fake.answer(PRE_EXECUTE, CallAnswer(no, Receipt(call_id="c"), state=change))
    with app.session(plugins=[remote(fake)]) as session:
        for _ in range(2):
            with contextlib.suppress(PluginViolationError):
                ask(session)
    assert states(fake) == [{}, {"counter/seen": b"1"}]


def test_nothing_is_kept_for_a_session_that_nobody_names(app: App, fake: FakeSidecar) -> None:
    fake.answer(PRE_EXECUTE, keeping(seen="1"))
    session = app.session()
    with plugin_scope(remote(fake)):
        ask(session)
        ask(session)
    assert states(fake) == [{}, {}]


# The first hook type of a session


def test_a_session_whose_first_hooks_were_passed_by_does_not_start(
    app: App, fake: FakeSidecar
) -> None:
    fake.hooks({str(kind): True for kind in HookType}, lease=60)
    with pytest.raises(PluginViolationError, match=r"register\(RemoteHooks") as caught:
        app.session(plugins=[remote(fake)])
    assert caught.value.code == "SESSION_PRE_INIT_MISSED"
    assert fake.calls == []


def test_a_session_whose_first_hooks_were_asked_starts(app: App, fake: FakeSidecar) -> None:
    fake.hooks({str(kind): True for kind in HookType}, lease=60)
    first = remote(fake)
    register(first)
    session = app.session(plugins=[remote(fake)])
    unregister(first)
    assert [call.hook_type for call in fake.calls[:2]] == ["session_pre_init", "session_post_init"]
    assert sessions(fake, "session_pre_init") == [session.id]


def test_a_session_does_not_start_while_nobody_can_say_what_was_passed_by(
    app: App, fake: FakeSidecar
) -> None:
    fake.hooks({str(kind): False for kind in HookType}, complete=False)
    with pytest.raises(PluginViolationError, match="nobody can say"):
        app.session(plugins=[remote(fake, budget=0.4)])
