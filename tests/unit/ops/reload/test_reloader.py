import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sidehook_server.config.load import load
from sidehook_server.config.model import Config
from sidehook_server.ops.reload.reloader import Reloader, ReloadOutcome


class Bench:
    """A reloader of one file, and what came of it."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "sidehook.yaml"
        self.file.write_text("limits: {margin: 10ms}\n")
        self.config = load(self.file, environment={}).config
        self.outcomes: asyncio.Queue[ReloadOutcome] = asyncio.Queue()
        self.reloader = Reloader(
            lambda: load(self.file, environment={}),
            in_force=lambda: self.config,
            apply=self.apply,
            count=self.outcomes.put_nowait,
        )

    def apply(self, config: Config) -> None:
        self.config = config

    async def read(self, text: str | None) -> ReloadOutcome:
        """Write the file, or remove it, and have it read."""
        if text is None:
            self.file.unlink()
        else:
            self.file.write_text(text)
        self.reloader.ask()
        return await asyncio.wait_for(self.outcomes.get(), 20)

    @property
    def problems(self) -> list[str]:
        last = self.reloader.last
        return [] if last is None else [str(problem) for problem in last.problems]


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    it = Bench(tmp_path)
    running = asyncio.create_task(it.reloader.run())
    yield it
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_good_configuration_is_put_in_force(bench: Bench) -> None:
    before = bench.config.digest
    assert await bench.read("limits: {margin: 20ms}\n") is ReloadOutcome.APPLIED
    assert bench.config.limits.margin == 0.02
    assert bench.config.digest != before
    assert not bench.reloader.failed


async def test_a_bad_one_is_refused_with_every_problem_and_the_good_one_stays(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        outcome = await bench.read("limits: {margin: soon}\nworkerz: []\n")
    assert outcome is ReloadOutcome.REFUSED
    assert bench.config.limits.margin == 0.01
    assert bench.reloader.failed
    assert [problem.split(": ")[0] for problem in bench.problems] == [
        f"{bench.file}:1:18",
        f"{bench.file}:2:1",
    ]
    assert caplog.messages == [
        "configuration_problem",
        "configuration_problem",
        "configuration_refused",
    ]


async def test_a_key_that_needs_a_restart_refuses_the_whole_file(bench: Bench) -> None:
    assert await bench.read("limits: {margin: 20ms}\ndev: true\n") is ReloadOutcome.REFUSED
    assert bench.config.limits.margin == 0.01
    assert len(bench.problems) == 1
    assert bench.problems[0].startswith(f"{bench.file}:2:1: dev: ")


@pytest.mark.parametrize("text", ["", "\n \n"])
async def test_an_empty_file_is_refused(bench: Bench, text: str) -> None:
    assert await bench.read(text) is ReloadOutcome.REFUSED
    assert "the file is empty" in bench.problems[0]


async def test_a_file_that_is_gone_is_refused_and_named(bench: Bench) -> None:
    assert await bench.read(None) is ReloadOutcome.REFUSED
    assert bench.problems[0].startswith(f"{bench.file}: the configuration cannot be read")


async def test_the_same_file_again_changes_nothing_and_ends_a_failure(bench: Bench) -> None:
    good = bench.file.read_text()
    applied = bench.config
    assert await bench.read(good) is ReloadOutcome.UNCHANGED
    failed = []
    for text, outcome in (
        ("nonsense", ReloadOutcome.REFUSED),
        (good, ReloadOutcome.UNCHANGED),
    ):
        assert await bench.read(text) is outcome
        failed.append(bench.reloader.failed)
    assert failed == [True, False]
    assert bench.config is applied


async def test_the_view_shows_what_is_in_force_and_what_was_refused(bench: Bench) -> None:
    view = bench.reloader.view()
    assert view["last_reload"] is None
    await bench.read("nonsense: true")
    view = bench.reloader.view()
    assert view["digest"] == bench.config.digest
    assert view["source"] == str(bench.file)
    last = view["last_reload"]
    assert isinstance(last, dict)
    assert last["outcome"] == "refused"
    assert last["problems"] == bench.problems
