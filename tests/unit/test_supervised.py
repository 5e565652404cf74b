"""Processes of the long suites: started, heard, ended, and never left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.repository import ROOT
from tests.supervised import Child, Nursery, nursery, until

WITHIN = 20.0


@pytest.fixture
def children(tmp_path: Path) -> Iterator[Nursery]:
    with nursery(tmp_path, preload=(), environment={}) as lent:
        yield lent


def shouts(words: str) -> None:
    sys.stdout.write(words + "\n")
    sys.stdout.flush()
    time.sleep(600)


def until_said(child: Child, pattern: str) -> None:
    assert until(lambda: child.said(pattern) is not None, within=WITHIN)


def is_there(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_process_leads_a_group_of_its_own_and_ends_with_a_kill(children: Nursery) -> None:
    child = children.start("one", shouts, "hello")
    until_said(child, "^hello$")
    assert os.getpgid(child.pid) == child.pid
    child.kill()
    assert not child.is_running


def test_a_process_started_anew_is_heard_apart_from_the_one_before_it(children: Nursery) -> None:
    first = children.start("one", shouts, "first")
    until_said(first, "^first$")
    first.kill()
    second = children.start("one", shouts, "second")
    until_said(second, "^second$")
    assert second.said("first") is None
    assert second.log.read_text() == "first\nsecond\n"


def test_the_exit_code_of_a_process_is_told_and_one_that_stays_is_killed(
    children: Nursery,
) -> None:
    assert children.start("ends", sys.exit, 3).wait(WITHIN) == 3
    stays = children.start("stays", shouts, "here")
    with pytest.raises(TimeoutError, match="stays did not end within"):
        stays.wait(0.01)
    assert not stays.is_running


def test_nothing_is_left_behind_by_a_block_that_fails(tmp_path: Path) -> None:
    left: list[Child] = []
    with pytest.raises(ZeroDivisionError):
        fail_with_a_process(tmp_path, left)
    assert not left[0].is_running


def fail_with_a_process(folder: Path, left: list[Child]) -> None:
    with nursery(folder, preload=(), environment={}) as children:
        left.append(children.start("one", shouts, "hello"))
        until_said(left[0], "^hello$")
        raise ZeroDivisionError


SUITE = """
import sys, time
from pathlib import Path
from tests.supervised import nursery, until
from tests.unit.test_supervised import shouts

if __name__ == "__main__":
    with nursery(Path(sys.argv[1]), preload=(), environment={}) as children:
        child = children.start("one", shouts, "hello")
        assert until(lambda: child.said("hello") is not None, within=20)
        print(child.pid, flush=True)
        time.sleep(600)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_behind_by_a_suite_that_is_told_to_end_or_killed(
    tmp_path: Path, number: signal.Signals
) -> None:
    file = tmp_path / "suite.py"
    file.write_text(SUITE)
    suite = subprocess.Popen(
        (sys.executable, str(file), str(tmp_path)),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert suite.stdout is not None
    with suite.stdout as output:
        pid = int(output.readline())
    suite.send_signal(number)
    suite.wait(WITHIN)
    assert until(lambda: not is_there(pid), within=WITHIN)
