import os
from pathlib import Path

import pytest

from tests.e2e.conftest import (
    environment,
    processes,
    pytest_runtest_makereport,
    start_sidecar,
    start_worker,
)
from tests.polyglot.workers import LANGUAGES, Language, ToolchainMissingError, build

# What real sidecars and workers need, from the end-to-end tests.
__all__ = [
    "environment",
    "processes",
    "pytest_runtest_makereport",
    "start_sidecar",
    "start_worker",
]


@pytest.fixture(params=LANGUAGES, ids=str)
def language(request: pytest.FixtureRequest) -> Language:
    """Each language that has an example worker."""
    chosen = request.param
    assert isinstance(chosen, Language)
    return chosen


@pytest.fixture
def executable(language: Language) -> Path:
    """The language's worker, built; a test without its tools is skipped, or fails in CI."""
    return require(language)


def require(language: Language) -> Path:
    """Return a language's worker, for a test that wants several languages at once."""
    try:
        return build(language)
    except ToolchainMissingError as error:
        if os.environ.get("CI"):
            pytest.fail(f"CI is set, so nothing may be skipped: {error}")
        pytest.skip(str(error))
