"""How a local client begins and ends: its configuration, its workers, its last deliveries."""

import asyncio
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from sidehook import (
    Context,
    DefinitionError,
    Payload,
    RequiredHookMissingError,
    SidecarError,
    ViolationError,
    hook,
    local,
)
from sidehook.local import Worker
from sidehook_server.config import ConfigError
from tests.unit.local.hooks import TYPE, Telemetry, Waiting, first, outcomes

WITHIN = 5.0


async def test_leaving_the_client_delivers_telemetry_first() -> None:
    telemetry = Telemetry()
    telemetry.gate.clear()

    async with local.aio.Client(telemetry) as hooks:
        for _ in range(100):
            await hooks.invoke(TYPE, component_type="I")
        assert telemetry.seen == []
        # Whoever does not wait for them has cancelled them by then.
        asyncio.get_running_loop().call_soon(telemetry.gate.set)

    assert len(telemetry.seen) == 100


def test_leaving_the_blocking_client_delivers_telemetry_first() -> None:
    seen: list[str] = []
    gate = threading.Event()

    @hook(TYPE, mode="fire_and_forget")
    def note(payload: Payload, ctx: Context) -> None:
        assert gate.wait(WITHIN)
        seen.append(payload.component_type)

    with local.Client(note) as hooks:
        for _ in range(100):
            hooks.invoke(TYPE, component_type="I")
        assert seen == []
        threading.Timer(0.05, gate.set).start()

    assert seen == ["I"] * 100


@pytest.mark.slow
def test_the_blocking_client_waits_for_telemetry_longer_than_for_a_connection_to_close() -> None:
    seen: list[str] = []
    gate = threading.Event()

    @hook(TYPE, mode="fire_and_forget")
    def note(payload: Payload, ctx: Context) -> None:
        assert gate.wait(2 * WITHIN)
        seen.append(payload.component_type)

    with local.Client(note) as hooks:
        hooks.invoke(TYPE, component_type="I")
        threading.Timer(WITHIN + 0.5, gate.set).start()

    assert seen == ["I"]


async def test_telemetry_that_takes_longer_than_the_drain_timeout_is_given_up_and_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    telemetry = Telemetry()
    telemetry.gate.clear()

    config = {"limits": {"drain_timeout": "50ms"}}
    async with local.aio.Client(telemetry, config=config) as hooks:
        await hooks.invoke(TYPE, component_type="I")

    assert telemetry.seen == []
    assert "detached_lost" in caplog.text
    assert "undelivered" in caplog.text


async def test_a_journal_that_is_configured_is_not_used_and_that_is_logged(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    journal = tmp_path / "journal.sqlite"
    async with local.aio.Client(Telemetry(), config={"detached": {"journal": str(journal)}}):
        pass
    assert f"journal_not_used path={journal}" in caplog.text
    assert not journal.exists()


async def test_leaving_the_client_ends_calls_under_way_with_an_error() -> None:
    waiting = Waiting()

    async with local.aio.Client(waiting) as hooks:
        call = asyncio.create_task(hooks.invoke(TYPE, component_type="I"))
        await waiting.running.wait()

    assert waiting.cancelled.is_set()
    with pytest.raises(SidecarError, match="closed") as caught:
        await call
    assert caught.value.reason == "CLIENT_CLOSED"


async def test_a_handler_that_ignores_cancellation_does_not_hold_up_the_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    running, release = asyncio.Event(), asyncio.Event()

    @hook(TYPE)
    async def stubborn(payload: Payload, ctx: Context) -> None:
        running.set()
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    async with local.aio.Client(stubborn) as hooks:
        call = asyncio.create_task(hooks.invoke(TYPE, component_type="I"))
        await running.wait()
        call.cancel()

    assert "handlers_ignore_cancellation worker=local count=1" in caplog.text
    release.set()


async def test_a_closed_client_is_closed_once_and_refuses_calls() -> None:
    hooks = local.aio.Client(first)
    await hooks.invoke(TYPE, component_type="I")
    await hooks.close()
    await hooks.close()

    with pytest.raises(SidecarError, match="closed"):
        await hooks.invoke(TYPE, component_type="I")


def test_a_closed_blocking_client_is_closed_once_and_refuses_calls() -> None:
    hooks = local.Client(first)
    hooks.invoke(TYPE, component_type="I")
    hooks.close()
    hooks.close()

    with pytest.raises(SidecarError, match="closed"):
        hooks.invoke(TYPE, component_type="I")


def test_another_event_loop_is_told_to_make_a_client_of_its_own() -> None:
    hooks = local.aio.Client(first)

    async def call() -> None:
        await hooks.invoke(TYPE, component_type="I")

    asyncio.run(call())
    with pytest.raises(RuntimeError, match="belongs to the event loop"):
        asyncio.run(call())


def test_the_blocking_client_takes_calls_from_many_threads() -> None:
    answers: list[dict[str, str]] = []

    with local.Client(first) as hooks:

        def call() -> None:
            answers.append(outcomes(hooks.invoke(TYPE, component_type="I").receipt))

        threads = [threading.Thread(target=call) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WITHIN)

    assert answers == [{"first": "proceeded"}] * 20


@hook("no_such_type", name="unknown_type")
def unknown_type(payload: Payload, ctx: Context) -> None: ...


@hook(TYPE, name="conditional", condition="payload.")
def conditional(payload: Payload, ctx: Context) -> None: ...


async def test_hooks_that_the_sidecar_refuses_are_all_named_on_entering() -> None:
    hooks = local.aio.Client(Worker("a", unknown_type), Worker("b", conditional), first)
    for _ in range(2):
        with pytest.raises(DefinitionError) as caught:
            await hooks.connect()

        lines = str(caught.value).splitlines()
        assert ["'a'" in lines[0], "hook_type" in lines[0]] == [True, True]
        assert ["'b'" in lines[1], "condition" in lines[1]] == [True, True]
        assert len(lines) == 2


def test_the_blocking_client_refuses_them_too_and_ends_its_thread() -> None:
    before = threading.active_count()

    with pytest.raises(DefinitionError, match="hook_type"):
        local.Client(unknown_type).__enter__()

    assert threading.active_count() == before


def test_what_is_no_hook_is_refused_at_once() -> None:
    with pytest.raises(DefinitionError, match="holds no hook"):
        local.Client(object())
    with pytest.raises(DefinitionError, match="has no hooks"):
        Worker("guards")
    with pytest.raises(DefinitionError, match="no name for a worker"):
        Worker("two words", first)


def test_hooks_are_named_by_their_file_as_for_a_worker(tmp_path: Path) -> None:
    file = tmp_path / "hooks_of_a_file.py"
    file.write_text(
        textwrap.dedent(
            """
            from sidehook import hook

            @hook("component_pre_execute")
            def from_a_file(payload, ctx): ...
            """
        )
    )
    with local.Client(str(file)) as hooks:
        assert outcomes(hooks.invoke(TYPE).receipt) == {"from_a_file": "proceeded"}


async def test_a_worker_can_be_given_to_one_client_after_the_other() -> None:
    worker = Worker("guards", first)

    for _ in range(2):
        async with local.aio.Client(worker) as hooks:
            answer = await hooks.invoke(TYPE, component_type="I")
            assert outcomes(answer.receipt) == {"first": "proceeded"}


async def test_a_worker_that_weakens_a_hook_of_its_name_is_told_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    @hook(TYPE, name="first", mode="audit")
    def weaker(payload: Payload, ctx: Context) -> None: ...

    with caplog.at_level("INFO"):
        async with local.aio.Client(Worker("guards", first), Worker("guards", weaker)) as hooks:
            with pytest.raises(ViolationError):
                await hooks.invoke(TYPE, component_type="forbidden")

    assert "sidecar_notice code=DOWNGRADE" in caplog.text


async def test_the_operator_s_file_is_the_configuration(tmp_path: Path) -> None:
    file = tmp_path / "sidehook.yaml"
    file.write_text(
        """
        workers:
          - name: guards
            target: unix:///run/guards.sock
            uid: 12345
            hooks: [{name: first, mode: audit}]
          - name: elsewhere
            types: [tool_pre_invoke]
        """
    )
    async with local.aio.Client(Worker("guards", first), config=file) as hooks:
        answer = await hooks.invoke(TYPE, component_type="forbidden")
        assert outcomes(answer.receipt) == {"first": "would_block"}
        with pytest.raises(RequiredHookMissingError, match="elsewhere"):
            await hooks.invoke("tool_pre_invoke", name="ls")


async def test_nobody_is_asked_who_he_is_inside_one_process(tmp_path: Path) -> None:
    file = tmp_path / "sidehook.yaml"
    file.write_text(
        f"""
        listen:
          tcp_workers: 0.0.0.0:7000
          tls: {{certificate: not/here.pem, key: not/here.key, client_ca: not/here.ca}}
        workers:
          - name: guards
            token_sha256: {"0" * 64}
            certificate: guards.example
        """
    )
    async with local.aio.Client(Worker("guards", first), config=file) as hooks:
        with pytest.raises(ViolationError):
            await hooks.invoke(TYPE, component_type="forbidden")


def test_every_problem_of_the_configuration_is_reported_when_the_client_is_made() -> None:
    with pytest.raises(ConfigError) as caught:
        local.Client(config={"hook_types": 5, "nonsense": True})

    first_line, second_line = str(caught.value).splitlines()
    assert first_line.startswith("config: hook_types: ")
    assert second_line.startswith("config: nonsense: ")


BLOCKED = """
import sys

class NotInstalled:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "sidehook_server":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, NotInstalled())
import sidehook

for kind in (sidehook.local.Client, sidehook.local.aio.Client):
    try:
        kind()
    except ModuleNotFoundError as error:
        print(error.name, error)
"""


def test_without_the_server_distribution_the_error_says_what_to_install() -> None:
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED], check=True, capture_output=True, text=True
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("sidehook_server sidehook.local runs") for line in lines)
    assert all(line.endswith("run: pip install sidehook-server") for line in lines)
