"""The images on a real engine. `make e2e-containers` makes the environment, the engine, the images.

Nothing in here is skipped: in that environment a test without an engine or an image fails and says
so. In the one of `make test`, which has no client of an engine, this folder is not collected.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

if TYPE_CHECKING:
    from tests.containers.stage import Stage

# testcontainers' helper that removes what is left behind is an image of its own, from a registry.
os.environ["TESTCONTAINERS_RYUK_DISABLED"] = "true"

if importlib.util.find_spec("testcontainers") is None:
    collect_ignore_glob = ["test_*.py"]

Report: TypeAlias = Callable[[str], None]
"""Takes a sentence with a figure, for the end of the run."""

_STAGE = pytest.StashKey["Stage"]()
_FIGURE = "figure"


@pytest.fixture(scope="session")
def engine() -> Iterator[Any]:
    """A client of the engine that the tests use."""
    from docker.client import DockerClient

    from tests.containers.stage import SIDECAR, WORKER

    client = DockerClient.from_env(timeout=120)
    client.ping()
    for image in (SIDECAR, WORKER):
        assert client.images.list(image), f"{image} is not built; run `make e2e-containers`"
    yield client
    client.close()


@pytest.fixture
def stage(engine: Any, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stage]:
    """Where the test's containers are. What they wrote is shown when it fails."""
    from tests.containers.stage import stage_for

    with stage_for(engine, tmp_path) as lent:
        request.node.stash[_STAGE] = lent
        yield lent


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Report:
    """Prints a figure at the end of the run."""
    # A property of the test gets from the process that runs it to the one that prints.
    return lambda figure: request.node.user_properties.append((_FIGURE, figure))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the containers of a failed test wrote, before they are removed."""
    result = yield
    if result.failed and call.when == "call" and _STAGE in item.stash:
        for member in item.stash[_STAGE].members:
            result.sections.append((f"{member.name}: {member.state}", member.log[-3000:]))
    return result


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures."""
    for result in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, figure in result.user_properties:
            if name == _FIGURE and result.when == "call":
                terminalreporter.write_line(figure)
