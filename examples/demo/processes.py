"""The processes of the demo: the sidecar and the workers. Starting, listening to, stopping them."""

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[2]
COMMAND = Path(sys.executable).with_name("sidehook")

START_TIMEOUT_S = 120
STOP_TIMEOUT_S = 20
LOG_TAIL = 2000


class DemoError(Exception):
    """The demo did not show what it is there to show; the message says what is missing."""


class Child:
    """A child process. What it writes is kept, standard output and error alike."""

    def __init__(self, name: str, command: Sequence[str | Path], serves: str = "") -> None:
        self.name = name
        self.serves = serves
        self._lines: list[str] = []
        self._ended = False
        self._news = threading.Condition()
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        if self._process.stdout is None:
            raise AssertionError("the process was started with a pipe")
        self._reader = threading.Thread(target=self._read, args=(self._process.stdout,))
        self._reader.start()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def matches(self, pattern: str) -> list[re.Match[str]]:
        """Return what a pattern finds in the lines written so far, in their order."""
        with self._news:
            return self._matches(pattern)

    def wait_for(self, pattern: str, count: int = 1, within: float = START_TIMEOUT_S) -> list[str]:
        """Wait until a pattern is found in `count` lines; return the first group of each.

        Raises DemoError when the process ends before that, and when it takes too long.
        """
        deadline = time.monotonic() + within
        with self._news:
            while len(found := self._matches(pattern)) < count:
                left = deadline - time.monotonic()
                if self._ended or left <= 0:
                    raise DemoError(self._last_words(f"{count} lines with {pattern}"))
                self._news.wait(left)
        return [match[1] for match in found]

    def stop(self) -> int:
        """Ask it to stop, wait until it has, and return its exit code. Safe to call twice."""
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
        code = self._process.wait()
        self._reader.join()
        return code

    def _matches(self, pattern: str) -> list[re.Match[str]]:
        found = (re.search(pattern, line) for line in self._lines)
        return [match for match in found if match is not None]

    def _last_words(self, awaited: str) -> str:
        state = "ended" if self._ended else "is running"
        said = "\n".join(self._lines)[-LOG_TAIL:]
        return f"{self.name} {state} and did not write {awaited}; it wrote:\n{said}"

    def _read(self, output: IO[str]) -> None:
        with output:
            for line in output:
                with self._news:
                    self._lines.append(line.rstrip("\n"))
                    self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()


@dataclass(frozen=True, slots=True, kw_only=True)
class Processes:
    """The sidecar, its workers by name, and the target that applications call."""

    sidecar: Child
    workers: Mapping[str, Child]
    target: str

    @property
    def all(self) -> tuple[Child, ...]:
        """Every process, in the order in which they were started."""
        return (self.sidecar, *self.workers.values())


@contextmanager
def running(folder: Path, workers: Mapping[str, Sequence[str]]) -> Iterator[Processes]:
    """Run a sidecar with workers until the block ends, sockets and state in `folder`.

    `workers` has for each worker's name the arguments of `sidehook worker` that say what
    it serves. Blocks until applications know their hooks. Raises DemoError when one of the
    processes does not start.
    """
    socket, registration = folder / "sidehook.sock", folder / "workers.sock"
    with ExitStack() as stack:
        sidecar = Child(
            "sidecar",
            [
                *(COMMAND, "serve", "--admin", "off", "--state-dir", folder / "state"),
                *("--socket", socket, "--workers-socket", registration),
            ],
        )
        stack.callback(sidecar.stop)
        sidecar.wait_for("^(READY) ")
        started: dict[str, Child] = {}
        for name, served in workers.items():
            way = ["--attach", f"unix://{registration}", "--name", name]
            child = Child(name, [COMMAND, "worker", *served, *way], served[-1])
            stack.callback(child.stop)
            started[name] = child
        for child in started.values():
            # A worker is ready when applications know its hooks.
            child.wait_for("^(READY) ")
        yield Processes(sidecar=sidecar, workers=started, target=f"unix://{socket}")
