"""The configuration of a running sidecar changes: applied whole, or refused whole."""

import asyncio
import re
import signal
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

import sidehook
from sidehook._types import JSON
from tests.e2e.conftest import StartSidecar, StartWorker
from tests.e2e.processes import Sidecar
from tests.e2e.receipts import planned
from tests.e2e.waiting import until

TYPE = "component_pre_execute"
RELOADS = "sidehook_config_reloads_total"
FAILED = "sidehook_config_reload_failed"

TWO = """
    from sidehook import hook

    @hook("component_pre_execute", priority=10)
    def first(payload, ctx): ...

    @hook("component_pre_execute", priority=20)
    def second(payload, ctx): ...
"""
LOOK = """
    import asyncio
    from sidehook import hook

    @hook("component_pre_execute")
    async def look(payload, ctx):
        await asyncio.sleep(0.01)
"""
REVERSED = "workers: [{name: guards, hooks: [{name: second, priority: 5}]}]\n"


class Configured:
    """A sidecar, and the file that it is configured by."""

    def __init__(self, sidecar: Sidecar, file: Path) -> None:
        self.sidecar = sidecar
        self.file = file

    async def write(self, text: str, *, outcome: str = "applied") -> None:
        """Replace the file, and wait until the sidecar has decided on it."""
        before = await self.sidecar.metric(RELOADS, outcome=outcome)
        other = self.file.with_suffix(".tmp")
        other.write_text(text)
        other.replace(self.file)
        await self.sidecar.until_metric(RELOADS, before + 1, outcome=outcome)

    async def problems(self) -> list[str]:
        problems = (await self.last_reload())["problems"]
        assert isinstance(problems, list)
        return [str(problem) for problem in problems]

    async def last_reload(self) -> dict[str, JSON]:
        configuration = (await self.sidecar.state())["configuration"]
        assert isinstance(configuration, dict)
        last = configuration["last_reload"]
        assert isinstance(last, dict)
        return last


Run = Callable[..., subprocess.CompletedProcess[str]]
Start = Callable[..., Awaitable[Configured]]


@pytest.fixture
def configured(start_sidecar: StartSidecar, socket_folder: Path) -> Start:
    """Starts a sidecar that is configured by a file of which it has seen the first text."""

    async def start(text: str = "", *, flags: tuple[str, ...] = ()) -> Configured:
        sidecar = await start_sidecar(text, flags=flags)
        await sidecar.until_metric(RELOADS, 1, outcome="unchanged")
        return Configured(sidecar, socket_folder / "sidecar" / "sidehook.yaml")

    return start


async def generation(hooks: sidehook.aio.Client) -> int:
    payload = await hooks.invoke(TYPE, component_type="a")
    assert payload.receipt is not None
    return payload.receipt.generation


async def test_a_good_change_is_in_the_plan_and_in_the_generation_of_every_receipt(
    configured: Start, start_worker: StartWorker
) -> None:
    it = await configured("# nothing yet\n")
    await start_worker(it.sidecar, TWO, name="guards")
    async with it.sidecar.client() as hooks:
        before = await generation(hooks)
        assert planned(await it.sidecar.state(), TYPE) == ["guards/first", "guards/second"]
        await it.write(REVERSED)
        assert planned(await it.sidecar.state(), TYPE) == ["guards/second", "guards/first"]
        assert await generation(hooks) == before + 1
        with pytest.raises(sidehook.UnknownHookTypeError) as refused:
            await hooks.invoke("made_up", a=1)
        assert refused.value.receipt is None or refused.value.receipt.generation == before + 1
    assert await it.sidecar.metric("sidehook_generation") == before + 1
    assert (await it.last_reload())["outcome"] == "applied"


async def test_a_bad_change_is_refused_with_every_problem_while_the_last_good_one_serves(
    configured: Start, start_worker: StartWorker, run_sidehook: Run
) -> None:
    it = await configured(REVERSED)
    await start_worker(it.sidecar, TWO, name="guards")
    in_force = (await it.sidecar.state())["configuration"]
    assert isinstance(in_force, dict)
    async with it.sidecar.client() as hooks:
        before = await generation(hooks)
        await it.write(
            "workers: [{name: guards}]\nlimits: {margin: soon}\nworkerz: []\n", outcome="refused"
        )
        assert await it.sidecar.metric(FAILED) == 1
        problems = await it.problems()
        assert [problem.split(":")[1] for problem in problems] == ["2", "3"]
        for problem in problems:
            name = re.escape(problem.split(": ")[0])
            await it.sidecar.process.line(f"level=error .*event=configuration_problem .*{name}")
        ended = run_sidehook("status", "--admin", it.sidecar.admin)
        assert ended.stdout.count("configuration refused: ") == 2
        assert await generation(hooks) == before
        assert planned(await it.sidecar.state(), TYPE) == ["guards/second", "guards/first"]
        assert await it.sidecar.metric("sidehook_config_info", digest=str(in_force["digest"])) == 1

        await it.write(REVERSED + "strict_scopes: true\n")
        assert await it.sidecar.metric(FAILED) == 0
        assert await generation(hooks) == before + 1


async def test_a_key_that_needs_a_restart_refuses_the_file_by_its_name(configured: Start) -> None:
    it = await configured(flags=("--listen", "127.0.0.1:0"))
    await it.write("strict_scopes: true\ndev: true\n", outcome="refused")
    (problem,) = await it.problems()
    assert problem.startswith(f"{it.file}:2:1: dev: it cannot change while the sidecar runs")
    # What flags say goes on to hold, whatever the file says of it.
    await it.write("listen: {tcp: '127.0.0.1:1'}\n")


async def test_the_swap_of_a_link_is_followed_as_a_config_map_makes_it(
    start_sidecar: StartSidecar, start_worker: StartWorker, socket_folder: Path
) -> None:
    mount = socket_folder / "mount"
    mount.mkdir()

    def version(number: int, text: str) -> None:
        folder = mount / f"..2026_{number}"
        folder.mkdir()
        (folder / "sidehook.yaml").write_text(text)
        (mount / "..data_tmp").symlink_to(folder.name)
        (mount / "..data_tmp").rename(mount / "..data")

    version(1, "# first\n")
    (mount / "sidehook.yaml").symlink_to("..data/sidehook.yaml")
    # The last of two is the one that counts.
    sidecar = await start_sidecar(flags=("--config", str(mount / "sidehook.yaml")))
    await start_worker(sidecar, TWO, name="guards")
    await sidecar.until_metric(RELOADS, 1, outcome="unchanged")
    version(2, REVERSED)
    await sidecar.until_metric(RELOADS, 1, outcome="applied")
    assert planned(await sidecar.state(), TYPE) == ["guards/second", "guards/first"]
    version(3, "# third\n")
    await sidecar.until_metric(RELOADS, 2, outcome="applied")
    assert planned(await sidecar.state(), TYPE) == ["guards/first", "guards/second"]


async def test_a_dialled_worker_comes_with_its_target_and_goes_with_it(
    configured: Start, start_worker: StartWorker, socket_folder: Path
) -> None:
    it = await configured("# nobody\n")
    target = f"unix://{socket_folder}/look.sock"
    await start_worker(None, LOOK, name="looker", listen=target)
    async with it.sidecar.client() as hooks:
        await it.write(f"workers: [{{name: looker, target: '{target}', optional: true}}]\n")
        await it.sidecar.until_metric("sidehook_workers_connected", 1, worker="looker")
        payload = await hooks.invoke(TYPE, component_type="a")
        assert payload.receipt is not None
        assert [line.hook for line in payload.receipt.lines] == ["look"]

        await it.write("# nobody again\n")

        async def is_gone() -> bool:
            return await it.sidecar.metric("sidehook_workers_connected", worker="looker") == 0

        await until(is_gone)
        # A guard that is gone is a failure, never an absence, until it is retired.
        with pytest.raises(sidehook.HookFailedError):
            await hooks.invoke(TYPE, component_type="a")


async def test_a_signal_makes_it_look_at_once(configured: Start) -> None:
    it = await configured(REVERSED)
    for count in (2, 3):
        it.sidecar.process.send(signal.SIGHUP)
        await it.sidecar.until_metric(RELOADS, count, outcome="unchanged")
    assert it.sidecar.process.is_running


async def test_an_editor_that_writes_in_steps_makes_no_storm_of_errors(configured: Start) -> None:
    it = await configured(REVERSED)
    text = "strict_scopes: true\n" + REVERSED
    with it.file.open("w") as writing:
        for part in (text[:5], text[5:30], text[30:]):
            writing.write(part)
            writing.flush()
            await asyncio.sleep(0)
    await it.sidecar.until_metric(RELOADS, 1, outcome="applied")
    assert await it.sidecar.metric(RELOADS, outcome="refused") == 0


async def test_no_call_fails_because_the_configuration_changes_under_it(
    configured: Start, start_worker: StartWorker, socket_folder: Path
) -> None:
    it = await configured("# nothing yet\n")
    await start_worker(it.sidecar, TWO, name="guards")
    for place in ("here", "there"):
        target = f"unix://{socket_folder}/{place}.sock"
        await start_worker(None, LOOK, name="looker", instance=place, listen=target)
    stop = asyncio.Event()
    generations: set[int] = set()

    async def calls() -> int:
        count = 0
        # Not the client that reads the plan before and after: the plan changes all the time.
        async with sidehook.aio.Client(it.sidecar.calls[0]) as hooks:
            while not stop.is_set():
                generations.add(await generation(hooks))
                count += 1
        return count

    def text(priority: int, place: str) -> str:
        return (
            f"workers: [{{name: guards, hooks: [{{name: first, priority: {priority}}}]}}, "
            f"{{name: looker, target: 'unix://{socket_folder}/{place}.sock', optional: true}}]\n"
        )

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(calls()) for _ in range(4)]
        for priority in range(1, 5):
            await it.write(text(priority, "there" if priority % 2 else "here"))
            await it.write("strict_scopes: perhaps\n", outcome="refused")
        stop.set()
    assert sum(task.result() for task in tasks) > 0
    assert len(generations) > 2

    assert await it.sidecar.metric("sidehook_calls_total", outcome="failed") == 0
