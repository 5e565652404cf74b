"""Calls and manifests that cannot be: each with an error that says what, where and what to do."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

import sidehook
from tests.e2e.conftest import StartSidecar, StartWorker
from tests.e2e.processes import COMMAND, Process, Sidecar

LISTENER = """
    from sidehook import hook

    @hook("component_pre_execute")
    def look(payload, ctx): ...
"""


@pytest.mark.parametrize("hook_type", ["", "nobody_declared_this"])
@pytest.mark.parametrize("is_served", [False, True])
async def test_a_hook_type_that_is_not_declared_is_refused_with_and_without_a_round_trip(
    start_sidecar: StartSidecar,
    start_worker: StartWorker,
    hook_type: str,
    is_served: bool,  # noqa: FBT001 - pytest passes it by name
) -> None:
    sidecar = await start_sidecar()
    if is_served:
        await start_worker(sidecar, LISTENER)
    async with sidecar.client() as hooks:
        for _ in range(2):
            with pytest.raises(sidehook.UnknownHookTypeError) as caught:
                await hooks.invoke(hook_type, a=1)
            assert hook_type in str(caught.value)
            assert "configuration" in str(caught.value)


async def test_undeclared_types_may_be_allowed(
    start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    sidecar = await start_sidecar("undeclared_types: allow")
    await start_worker(sidecar, LISTENER.replace("component_pre_execute", "mine"))
    async with sidecar.client() as hooks:
        payload = await hooks.invoke("mine", a=1)
        assert payload.receipt is not None
        assert [line.hook for line in payload.receipt.lines] == ["look"]


async def test_a_payload_over_the_limit_is_refused_before_any_hook_runs(
    start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    sidecar = await start_sidecar(
        "hook_types: [{name: component_pre_execute, max_payload_bytes: 1KiB}]"
    )
    await start_worker(sidecar, LISTENER)
    async with sidecar.client() as hooks:
        with pytest.raises(sidehook.PayloadTooLargeError) as caught:
            await hooks.invoke("component_pre_execute", component_type="x" * 2000)
    assert caught.value.metadata["limit_bytes"] == "1024"
    assert "max_payload_bytes" in str(caught.value)
    assert caught.value.receipt is not None
    assert caught.value.receipt.lines == ()
    assert await sidecar.metric("sidehook_hook_outcomes_total") == 0


async def test_a_payload_over_what_the_stream_takes_is_refused(
    start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    sidecar = await start_sidecar("limits: {max_payload_bytes: 1MiB}")
    await start_worker(sidecar, LISTENER)
    async with sidecar.client() as hooks:
        with pytest.raises(sidehook.PayloadTooLargeError):
            await hooks.invoke("component_pre_execute", component_type="x" * 3_000_000)
        payload = await hooks.invoke("component_pre_execute", component_type="x" * 900_000)
    assert len(payload["component_type"]) == 900_000


@pytest.mark.parametrize("value", [float("nan"), 2**64, {1: 2}, {"a": b"raw"}, "\ud800", object()])
async def test_a_value_that_is_not_json_is_refused_where_it_is_made(
    start_sidecar: StartSidecar, value: object
) -> None:
    sidecar = await start_sidecar()
    async with sidecar.client() as hooks:
        with pytest.raises(sidehook.EncodeError, match="model_options"):
            await hooks.invoke("component_pre_execute", model_options=value)


StartProcess = Callable[[Sidecar, str], Awaitable[Process]]


@pytest.fixture
def start_process(
    socket_folder: Path, environment: dict[str, str], processes: list[Process]
) -> StartProcess:
    """Starts a worker that need not become ready."""

    async def start(sidecar: Sidecar, source: str) -> Process:
        file = socket_folder / "hooks.py"
        file.write_text(source)
        command = (COMMAND, "worker", str(file), "--attach", sidecar.workers[0], "--name", "bad")
        process = Process("bad", command, environment)
        processes.append(process)
        return process

    return start


async def test_a_worker_is_refused_with_every_problem_of_its_manifest(
    start_sidecar: StartSidecar, start_process: StartProcess
) -> None:
    sidecar = await start_sidecar()
    worker = await start_process(
        sidecar,
        "from sidehook import hook\n"
        "@hook('nobody_declared_this')\n"
        "def one(payload, ctx): ...\n"
        "@hook('component_pre_execute', condition='payload.')\n"
        "def two(payload, ctx): ...\n"
        "@hook('component_pre_execute', condition='payload.a == 1', fields=('b',))\n"
        "def three(payload, ctx): ...\n",
    )
    assert await worker.ended() == 64
    for word in ("one", "nobody_declared_this", "two", "condition", "three", "names a"):
        assert word in worker.log
    state = await sidecar.state()
    assert state["workers"] == []


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (
            "from sidehook import hook\n"
            "@hook('component_pre_execute', name='same')\n"
            "def one(payload, ctx): ...\n"
            "@hook('component_pre_execute', name='same')\n"
            "def two(payload, ctx): ...\n",
            ["same"],
        ),
        (
            "from sidehook import hook\n"
            "@hook('component_pre_execute', mode='sometimes')\n"
            "def one(payload, ctx): ...\n",
            ["sometimes", "sequential"],
        ),
        ("from sidehook import hook\n@hook('')\ndef one(payload, ctx): ...\n", ["one", "1 to 128"]),
    ],
    ids=["two hooks of one name", "an unknown mode", "an empty hook type"],
)
async def test_hooks_that_cannot_be_are_refused_where_they_are_made(
    start_sidecar: StartSidecar, start_process: StartProcess, source: str, words: list[str]
) -> None:
    sidecar = await start_sidecar()
    worker = await start_process(sidecar, source)
    assert await worker.ended() != 0
    for word in words:
        assert word in worker.log
    assert (await sidecar.state())["workers"] == []


async def test_a_worker_at_the_door_for_applications_is_sent_to_the_right_one(
    start_sidecar: StartSidecar, start_process: StartProcess
) -> None:
    sidecar = await start_sidecar()
    wrong = Sidecar(
        process=sidecar.process, calls=sidecar.calls, workers=sidecar.calls, admin=sidecar.admin
    )
    worker = await start_process(
        wrong,
        "from sidehook import hook\n@hook('component_pre_execute')\ndef one(payload, ctx): ...\n",
    )
    assert await worker.ended() == 64
    assert sidecar.workers[0] in worker.log


async def test_no_sidecar_is_an_error_that_names_the_socket_and_the_command(
    socket_folder: Path,
) -> None:
    async with sidehook.aio.Client(f"unix://{socket_folder}/it.sock", budget=2) as hooks:
        with pytest.raises(sidehook.SidecarUnavailableError) as caught:
            await asyncio.wait_for(hooks.invoke("component_pre_execute", a=1), 10)
    assert f"{socket_folder}/it.sock" in str(caught.value)
    assert "sidehook serve" in str(caught.value)
