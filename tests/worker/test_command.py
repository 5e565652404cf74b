"""The worker as a process of its own: its output, its signals, its exit codes."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sidehook._call import CallFailure
from tests.worker.fakes import FakeRegistry, dial, fake_registry, run_request, values_of
from tests.worker.waiting import DEADLINE

HOOKS = """
import asyncio
import os
import time

from sidehook.worker import hook, modify

TYPE = "component_pre_execute"

@hook(TYPE)
def shout(payload, ctx):
    return modify(payload, word=payload.word.upper())

@hook(TYPE)
async def wait(payload, ctx):
    while not os.path.exists(payload.file):
        await asyncio.sleep(0.01)
    return modify(payload, word="it is there")

@hook(TYPE)
def hang(payload, ctx):
    time.sleep(3600)

@hook(TYPE)
async def experiments(payload, ctx):
    return modify(payload, value=os.environ["GRPC_EXPERIMENTS"])
"""


@pytest.fixture
def hooks(tmp_path: Path) -> Path:
    file = tmp_path / "five_words.py"
    file.write_text(HOOKS)
    return file


@pytest.fixture
async def registry(socket_folder: Path) -> AsyncIterator[FakeRegistry]:
    async with fake_registry(f"unix://{socket_folder}/workers.sock") as running:
        yield running


@asynccontextmanager
async def running(
    *arguments: object, environment: dict[str, str] | None = None
) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "sidehook.worker", *map(str, arguments)),
        stdout=PIPE,
        stderr=PIPE,
        env=environment,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def ready(process: Process) -> str:
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), DEADLINE * 2)
    return line.decode().rstrip("\n")


async def ended(process: Process) -> tuple[int, str, str]:
    """The exit code, and what is left of the output and the errors."""
    out, err = await asyncio.wait_for(process.communicate(), DEADLINE * 2)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def outcome(*arguments: object) -> tuple[int, str]:
    async with running(*arguments) as process:
        code, _, err = await ended(process)
    return code, err


async def test_it_attaches_serves_and_leaves_in_good_order(
    hooks: Path, registry: FakeRegistry
) -> None:
    async with running(hooks, "--attach", registry.target, "--name", "words") as process:
        assert await ready(process) == f"READY words attached to {registry.target}"
        end = await registry.worker()
        result = await end.call(run_request("shout", {"word": "hush"}))
        assert values_of(result.patch) == {"word": "HUSH"}

        process.send_signal(signal.SIGTERM)

        code, out, _ = await ended(process)
        assert (code, out) == (0, "")
        assert end.seen("goodbye")
        assert end.half_closed


async def test_a_run_in_flight_is_finished_after_sigterm(
    hooks: Path, registry: FakeRegistry, tmp_path: Path
) -> None:
    awaited = tmp_path / "awaited"
    async with running(hooks, "--attach", registry.target) as process:
        end = await registry.worker()
        run = await end.start(run_request("wait", {"file": str(awaited)}))
        await end.event("started", run)

        process.send_signal(signal.SIGTERM)

        await end.event("goodbye")
        assert not end.seen("result", run)
        awaited.touch()
        assert values_of((await end.result(run)).patch) == {"word": "it is there"}
        assert (await ended(process))[0] == 0


async def test_a_handler_that_hangs_does_not_keep_the_process(
    hooks: Path, registry: FakeRegistry
) -> None:
    async with running(hooks, "--attach", registry.target, "--grace", "0.1") as process:
        end = await registry.worker()
        await end.event("started", await end.start(run_request("hang")))

        process.send_signal(signal.SIGTERM)

        code, _, err = await ended(process)
        assert code == 0
        assert "handlers_still_running worker=five_words count=1" in err


async def test_a_second_signal_cuts_the_grace_short(hooks: Path, registry: FakeRegistry) -> None:
    async with running(hooks, "--attach", registry.target, "--grace", "600") as process:
        end = await registry.worker()
        await end.event("started", await end.start(run_request("wait", {"file": "/nowhere"})))

        process.send_signal(signal.SIGINT)
        await end.event("goodbye")
        process.send_signal(signal.SIGINT)

        assert (await ended(process))[0] == 0


async def test_it_listens_and_leaves_in_good_order(hooks: Path, socket_folder: Path) -> None:
    address = f"unix://{socket_folder}/worker.sock"
    async with running(hooks, "--listen", address) as process:
        assert await ready(process) == f"READY five_words listening on {address}"
        async with dial(address) as dialler:
            end = await dialler.stream()
            assert values_of((await end.call(run_request("shout", {"word": "a"}))).patch) == {
                "word": "A"
            }
            process.send_signal(signal.SIGTERM)
            assert (await ended(process))[0] == 0
            assert end.seen("goodbye")
    assert os.listdir(socket_folder) == []


async def test_it_attaches_where_the_environment_says(hooks: Path, registry: FakeRegistry) -> None:
    async with running(hooks, environment={"SIDEHOOK_WORKERS_TARGET": registry.target}) as process:
        assert await ready(process) == f"READY five_words attached to {registry.target}"


async def test_it_attaches_beside_the_applications_socket(
    hooks: Path, registry: FakeRegistry, socket_folder: Path
) -> None:
    environment = {"SIDEHOOK_TARGET": f"unix://{socket_folder}/sidehook.sock"}
    async with running(hooks, environment=environment) as process:
        assert await ready(process) == f"READY five_words attached to {registry.target}"


async def test_grpc_is_told_to_leave_its_event_engine_out_before_it_starts(
    hooks: Path, registry: FakeRegistry
) -> None:
    async with running(hooks, "--attach", registry.target, environment={}) as process:
        end = await registry.worker()
        result = await end.call(run_request("experiments"))

        assert "-event_engine_client" in values_of(result.patch)["value"]
        process.send_signal(signal.SIGTERM)
        assert "Unknown experiment" not in (await ended(process))[2]


async def test_a_refused_manifest_is_printed_whole_and_ends_with_64(
    hooks: Path, registry: FakeRegistry
) -> None:
    registry.script.refuse = CallFailure(
        reason="INVALID_MANIFEST",
        message="2 problems",
        metadata={"hooks[0].mode": "is unknown", "hooks[1].name": "stands twice"},
    )

    code, err = await outcome(hooks, "--attach", registry.target)

    assert code == 64
    assert err.endswith(
        "sidehook worker: the sidecar does not accept the manifest (INVALID_MANIFEST):\n"
        "  2 problems\n  hooks[0].mode: is unknown\n  hooks[1].name: stands twice\n"
    )


async def test_another_version_of_the_contract_ends_with_76(
    hooks: Path, registry: FakeRegistry
) -> None:
    registry.script.version = 2

    code, err = await outcome(hooks, "--attach", registry.target)

    assert code == 76
    assert "the sidecar speaks version 2 of the contract and this worker speaks 1" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "the following arguments are required: FILE_OR_MODULE"),
        (("gone.py",), "there is no file gone.py"),
        (("nowhere_at_all",), "there is no module nowhere_at_all"),
        (("asyncio",), "holds no hook: decorate its functions with @hook"),
        (("x.py", "--attach", "/a", "--listen", "/b"), "not allowed with argument --attach"),
        (("x.py", "--threads", "0"), "0 is no number of at least 1"),
        (("x.py", "--grace", "-1"), "-1 is no number of seconds"),
    ],
)
async def test_wrong_usage_is_explained_and_ends_with_64(
    arguments: tuple[str, ...], message: str
) -> None:
    code, err = await outcome(*arguments)

    assert code == 64
    assert message in err
    assert "Traceback" not in err


@pytest.mark.parametrize("way", ["--attach", "--listen"])
async def test_a_socket_path_that_is_too_long_ends_with_64_and_the_limit(
    hooks: Path, way: str
) -> None:
    code, err = await outcome(hooks, way, f"unix:///tmp/{'x' * 120}.sock")

    assert code == 64
    assert "107" in err


async def test_a_live_socket_ends_with_64(hooks: Path, socket_folder: Path) -> None:
    address = f"unix://{socket_folder}/worker.sock"
    async with running(hooks, "--listen", address) as first:
        await ready(first)

        code, err = await outcome(hooks, "--listen", address)

    assert code == 64
    assert "another process listens there; stop it or listen elsewhere" in err


async def test_a_bad_name_ends_with_64(hooks: Path) -> None:
    code, err = await outcome(hooks, "--name", "a/b", "--attach", "/tmp/none.sock")

    assert code == 64
    assert "'a/b' is no name for a worker" in err


async def test_a_hook_that_is_declared_wrongly_ends_with_64(tmp_path: Path) -> None:
    file = tmp_path / "wrong.py"
    file.write_text(HOOKS.replace("@hook(TYPE)", "@hook(TYPE, priority='high')"))

    code, err = await outcome(file)

    assert code == 64
    assert "@hook on shout: priority 'high' must be an int" in err
