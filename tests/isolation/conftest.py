"""Real sidecars and workers, as for the end-to-end tests, and a way to print what was measured."""

import sys
from collections.abc import Callable

import pytest

from tests.e2e.conftest import (  # noqa: F401 - fixtures, and the hook that shows their logs
    environment,
    processes,
    pytest_runtest_makereport,
    start_sidecar,
    start_worker,
)

Say = Callable[[str], None]


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    """Prints a line also when the test passes."""

    def line(text: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n{text}")
            sys.stdout.flush()

    return line
