"""Sidecars and workers as processes of their own, for tests that want the real thing."""

import asyncio
import json
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Self

import sidehook
from sidehook._types import JSON
from tests.e2e.checked_client import CheckedClient

COMMAND = str(Path(sys.executable).parent / "sidehook")
"""The `sidehook` command of the environment that the tests run in."""

STARTS_WITHIN = 30.0
STOPS_WITHIN = 20.0


class Process:
    """One process. What it writes is in `lines`, standard output and error alike."""

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self.name = name
        self.command = command
        self._lines: list[str] = []
        self._news = threading.Condition()
        self._process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
            env=dict(environment),
        )
        assert self._process.stdout is not None
        self._ended = False
        self._reader = threading.Thread(
            target=self._read, args=(self._process.stdout,), daemon=True
        )
        self._reader.start()

    def _read(self, output: IO[str]) -> None:
        with output:
            for line in output:
                with self._news:
                    self._lines.append(line.rstrip("\n"))
                    self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    @property
    def log(self) -> str:
        """Everything written so far."""
        with self._news:
            return "\n".join(self._lines)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    async def line(self, pattern: str, *, within: float = STARTS_WITHIN) -> re.Match[str]:
        """Wait for a line that the pattern is found in, from the first line on."""
        return await asyncio.to_thread(self.wait_for_line, pattern, within=within)

    def wait_for_line(self, pattern: str, *, within: float = STARTS_WITHIN) -> re.Match[str]:
        """As `line`, for tests without an event loop."""
        deadline = time.monotonic() + within
        seen = 0
        with self._news:
            while True:
                for line in self._lines[seen:]:
                    if match := re.search(pattern, line):
                        return match
                seen = len(self._lines)
                left = deadline - time.monotonic()
                if self._ended or left <= 0:
                    raise AssertionError(self._no_line(pattern))
                self._news.wait(left)

    def _no_line(self, pattern: str) -> str:
        state = "ended" if self._ended else "is running"
        log = "\n".join(self._lines)
        return f"{self.name} {state} and wrote no line with {pattern!r}; it wrote:\n{log}"

    def send(self, number: signal.Signals) -> None:
        """Send it a signal: SIGSTOP freezes it, SIGCONT lets it go on."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self._process.kill()
        self._process.wait(STOPS_WITHIN)
        self._reader.join(STOPS_WITHIN)

    async def stop(self) -> int:
        """Ask it to stop, wait until it has, and return its exit code."""
        return await asyncio.to_thread(self.stop_and_wait)

    def stop_and_wait(self) -> int:
        """As `stop`, for tests without an event loop. Safe to call twice."""
        if self.is_running:
            # A frozen process would not hear it.
            self.send(signal.SIGCONT)
            self.send(signal.SIGTERM)
        return self.wait()

    async def ended(self) -> int:
        """Wait until it ends by itself, and return its exit code."""
        return await asyncio.to_thread(self.wait)

    def wait(self) -> int:
        """As `ended`, for tests without an event loop. One that does not end is killed."""
        try:
            code = self._process.wait(STOPS_WITHIN)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not stop; it wrote:\n{self.log}") from None
        self._reader.join(STOPS_WITHIN)
        return code


@dataclass(kw_only=True)
class Sidecar:
    """A running sidecar. `calls` and `workers` are all its targets, the Unix socket first."""

    process: Process
    calls: tuple[str, ...]
    workers: tuple[str, ...]
    admin: str
    tolerates_faults: bool = field(default=False)
    """Set by tests that make the sidecar log a traceback; every other one fails for it."""

    @classmethod
    async def ready(cls, process: Process) -> Self:
        """Wait until it listens."""
        line = await process.line(r"^READY sidecar \S+ calls=(\S+) workers=(\S+) admin=(\S+)$")
        return cls(
            process=process,
            calls=tuple(line[1].split(",")),
            workers=tuple(line[2].split(",")),
            admin=line[3],
        )

    def client(self, *, target: str | None = None, budget: float = 10.0) -> sidehook.aio.Client:
        """A client for it, to be entered with `async with`.

        Every receipt is added up, unless the sidecar has no admin port to read the plan from.
        """
        target = target or self.calls[0]
        if self.admin == "off":
            return sidehook.aio.Client(target, budget=budget)
        return CheckedClient(target, budget=budget, state=self.state)

    async def page(self, path: str) -> tuple[int, str]:
        """Status and text of a page of its admin port."""
        return await asyncio.to_thread(_get, self.admin + path)

    async def state(self) -> dict[str, JSON]:
        """What `/state` says."""
        _, text = await self.page("/state")
        state = json.loads(text)
        assert isinstance(state, dict)
        return state

    async def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric over every series that has these labels; 0 when there is none."""
        _, text = await self.page("/metrics")
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        lines = re.findall(rf"^{name}(?:{{(.*)}})? (\S+)$", text, re.MULTILINE)
        return sum(float(value) for series, value in lines if all(w in series for w in wanted))

    async def until_metric(self, name: str, value: float, **labels: str) -> None:
        """Wait until a metric has reached a value."""
        deadline = time.monotonic() + STARTS_WITHIN
        while (seen := await self.metric(name, **labels)) < value:
            assert time.monotonic() < deadline, f"{name} is {seen}, not {value}"
            await asyncio.sleep(0.02)


@dataclass(kw_only=True)
class Worker:
    """A running worker. `target` is where it listens, empty when it attached."""

    process: Process
    name: str
    target: str


def _get(url: str) -> tuple[int, str]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _AnyStatus())
    with opener.open(url, timeout=10) as answer:
        return answer.status, answer.read().decode()


class _AnyStatus(urllib.request.HTTPErrorProcessor):
    """Gives an answer back whatever its status."""

    def http_response(self, request: object, response: object) -> object:
        return response
