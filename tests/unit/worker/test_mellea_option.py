"""`--mellea` and `--on-error` of the worker's command, as far as that needs no mellea."""

import importlib.util
import subprocess
import sys

import pytest

from sidehook.worker.__main__ import EXIT_USAGE


def worker(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sidehook.worker", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_on_error_without_mellea_is_wrong_usage() -> None:
    ended = worker("hooks.py", "--on-error", "mellea")
    assert ended.returncode == EXIT_USAGE
    assert "--on-error goes with --mellea" in ended.stderr


@pytest.mark.skipif(
    importlib.util.find_spec("mellea") is not None, reason="says what happens without mellea"
)
def test_without_mellea_the_command_says_what_to_install() -> None:
    ended = worker("hooks.py", "--mellea")
    assert ended.returncode == EXIT_USAGE
    assert "pip install 'sidehook[mellea]'" in ended.stderr
