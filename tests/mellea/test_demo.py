"""The demo as `make demo` runs it, with a language model that only says one thing."""

import os
import re
import subprocess
import sys

import pytest

from tests.mellea.model import NAME, Model
from tests.repository import ROOT

pytest.importorskip(
    "mellea.plugins", reason="needs mellea: make .venv-mellea/.synced, and its pytest"
)

ANSWER = "Spring, summer, autumn and winter."

# It starts three processes, and imports mellea in one of them and in its own.
pytestmark = pytest.mark.timeout(240)


def demo(model: Model) -> subprocess.CompletedProcess[str]:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("LLM_")},
        "LLM_BASE_URL": model.base_url,
        "LLM_MODEL": NAME,
    }
    return subprocess.run(
        [sys.executable, "-m", "examples.demo.demo"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def pids(output: str) -> set[int]:
    found = {int(pid) for pid in re.findall(r"pid (\d+)", output)}
    assert len(found) == 3, output
    return found


def test_the_demo_shows_everything_and_leaves_nothing_behind(model: Model) -> None:
    model.say(ANSWER)
    ended = demo(model)

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert len(model.requests) == 1
    worker = re.search(r"five-modes +pid (\d+)", ended.stdout)
    assert worker is not None
    said = re.findall(rf"five-modes, pid {worker[1]} │ ([a-z ]+), \d+:", ended.stdout)
    assert said == ["sequential", "transform", "audit", "concurrent", "fire and forget"]
    for shown in (
        "temperature in the request that the model's server received: 0.7",
        f"the model's answer: {ANSWER}",
        "block_suppressed",
        "AUDIT_001",
        "no-secrets/no-secrets-in-prompts",
        "SECRET_FOUND",
        "the model's server received nothing",
    ):
        assert shown in ended.stdout
    assert re.findall(r": exit code (\d+)$", ended.stdout, re.MULTILINE) == ["0", "0", "0"]
    assert not any(map(is_running, pids(ended.stdout)))


def test_a_demo_in_which_something_is_missing_fails_and_leaves_nothing_behind(
    model: Model,
) -> None:
    model.say("")
    ended = demo(model)

    assert ended.returncode == 1
    assert "The demo failed: the model answered nothing" in ended.stderr
    assert not any(map(is_running, pids(ended.stdout)))
