"""The bench's processes: started, told apart by role, ended with the bench however it ends."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from sidehook._process import GRPC_EXPERIMENTS

ROOT: Final = Path(__file__).resolve().parent.parent

WITHIN: Final = 60.0
"""Seconds in which a process says what is waited for."""

_ENDS_WITHIN: Final = 10.0
_DIES_WITH_PARENT: Final = 1
_libc: Final = ctypes.CDLL(None)

TUNED: Final[Mapping[str, str]] = {"GRPC_EXPERIMENTS": GRPC_EXPERIMENTS}
"""The environment of our own processes that gRPC reads: docs/process-settings.md."""


class ProcessError(Exception):
    """A process ended, or did not say what it should; the message has the end of its log."""


class Process:
    """One process. Its standard output is read line by line, its errors go to a log."""

    def __init__(
        self,
        role: str,
        command: Sequence[str],
        folder: Path,
        *,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.role: Final = role
        self._log = folder / f"{role}.err"
        self._output = b""
        with self._log.open("wb") as errors:
            self._popen = subprocess.Popen(
                command,
                cwd=ROOT,
                env=_environment(environment or {}),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - this process has one thread
            )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._popen.pid

    def write(self, line: str) -> None:
        """Send a line to its standard input."""
        assert self._popen.stdin is not None
        try:
            self._popen.stdin.write(line.encode() + b"\n")
            self._popen.stdin.flush()
        except BrokenPipeError as error:
            raise self._failure("has ended") from error

    def line(self, within: float = WITHIN) -> str:
        """The next line of its standard output. Raises ProcessError when none comes in time."""
        deadline = time.monotonic() + within
        assert self._popen.stdout is not None
        descriptor = self._popen.stdout.fileno()
        while b"\n" not in self._output:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([descriptor], [], [], left)[0]:
                raise self._failure(f"said nothing for {within:g} s")
            octets = os.read(descriptor, 1 << 16)
            if not octets:
                raise self._failure("has ended")
            self._output += octets
        line, _, self._output = self._output.partition(b"\n")
        return line.decode()

    def until(self, sign: str) -> str:
        """The first line of its output with `sign` in it."""
        while sign not in (line := self.line()):
            continue
        return line

    def end(self) -> None:
        """Tell it to stop, and kill it if it does not. Safe to call twice."""
        if self._popen.poll() is None:
            self._popen.send_signal(signal.SIGTERM)
            try:
                self._popen.wait(_ENDS_WITHIN)
            except subprocess.TimeoutExpired:
                self._popen.kill()
                self._popen.wait()
        for pipe in (self._popen.stdin, self._popen.stdout):
            assert pipe is not None
            pipe.close()

    def _failure(self, what: str) -> ProcessError:
        tail = self._log.read_text(errors="replace")[-2000:].strip()
        return ProcessError(f"{self.role} {what}; the end of its log:\n{tail}")


class Processes:
    """Processes of one stage, which end with the block in the reverse order of their start."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._all: list[Process] = []

    def start(
        self, role: str, command: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> Process:
        """Start one; `role` is how the results name it."""
        process = Process(role, command, self._folder, environment=environment)
        self._all.append(process)
        return process

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for process in reversed(self._all):
            process.end()


def module(name: str, *arguments: str, python: Path | None = None) -> list[str]:
    """The command that runs a module of the bench, here or in another environment."""
    return [str(python or sys.executable), "-m", name, *arguments]


def _environment(own: Mapping[str, str]) -> dict[str, str]:
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SIDEHOOK_", "GRPC_", "PLUGINS_"))
    }
    return {**inherited, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **own}


def _die_with_parent() -> None:
    _libc.prctl(_DIES_WITH_PARENT, signal.SIGKILL)
