"""One container of a test: what it said, what becomes of it, and what can be done to it."""

from __future__ import annotations

import json
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

from tests.supervised import until

if TYPE_CHECKING:
    from docker.models.containers import Container
    from testcontainers.core.container import DockerContainer

WITHIN: Final = 60.0
"""Seconds that anything may take on a machine that is busy with other things."""

_EVERY: Final = 0.1
_OFTEN: Final = 0.01
_T = TypeVar("_T")

Line: TypeAlias = dict[str, Any]
"""What the application in a container prints of one call."""


class Member:
    """A container. It is started by `Stage`, and removed with it."""

    def __init__(self, name: str, started: DockerContainer) -> None:
        self.name = name
        self._container: Container = started.get_wrapped_container()

    # What it said.

    @property
    def log(self) -> str:
        """All that it wrote, over all its starts."""
        output: bytes = self._container.logs()
        return output.decode(errors="replace")

    def tail(self, count: int) -> str:
        """The last lines of it."""
        output: bytes = self._container.logs(tail=count)
        return output.decode(errors="replace")

    def said(self, pattern: str, *, within: float = WITHIN) -> re.Match[str]:
        """Wait for a line that the pattern is found in, from its first start on."""

        def look() -> re.Match[str] | None:
            return re.search(pattern, self.log, re.MULTILINE)

        return self._waited_for(look, f"no line with {pattern!r}", within)

    # What becomes of it.

    @property
    def state(self) -> dict[str, Any]:
        """The engine's `State` of it."""
        self._container.reload()
        state: dict[str, Any] = self._container.attrs["State"]
        return state

    @property
    def starts(self) -> int:
        """How often the engine started it again."""
        self._container.reload()
        count: int = self._container.attrs["RestartCount"]
        return count

    @property
    def events(self) -> set[str]:
        """The kinds of events that the engine noted of it so far, such as `oom`."""
        now = int(time.clock_gettime(time.CLOCK_REALTIME)) + 1
        noted = self._container.client.events(
            since=0, until=now, filters={"container": self.id}, decode=True
        )
        return {event["Action"] for event in noted}

    def waits_until(
        self, holds: Callable[[], object], otherwise: str, *, within: float = WITHIN
    ) -> None:
        """Wait until something holds; `otherwise` is the failure when it does not."""
        self._waited_for(holds, otherwise, within)

    def waits_until_it_hears(self, number: signal.Signals) -> None:
        """Wait until its first process has asked for a signal, and not much longer."""
        self._waited_for(lambda: self.hears(number), f"it is deaf to {number.name}", WITHIN, _OFTEN)

    def hears(self, number: signal.Signals) -> bool:
        """Whether its first process has asked for a signal, as the kernel tells."""
        pid = self.state["Pid"]
        status = Path(f"/proc/{pid}/status").read_text() if pid else ""
        caught = re.search(r"^SigCgt:\s*(\w+)$", status, re.MULTILINE)
        return caught is not None and bool(int(caught[1], 16) >> (number - 1) & 1)

    def ended(self, *, within: float = WITHIN) -> int:
        """Wait until it has ended, and return its exit code."""
        self._waited_for(lambda: self.state["Status"] == "exited", "it still runs", within)
        code: int = self.state["ExitCode"]
        return code

    def is_healthy(self, *, within: float = WITHIN) -> None:
        """Wait until its health check says so."""
        self._waited_for(
            lambda: self.state["Health"]["Status"] == "healthy", "it is not healthy", within
        )

    # What can be done to it.

    def run(self, *command: str, user: str = "") -> tuple[int, str]:
        """Run a command in it to its end; the exit code and all it wrote."""
        code, output = self._container.exec_run(list(command), user=user)
        return code, output.decode(errors="replace").strip()

    def send(self, name: str) -> None:
        """Send its first process a signal: `KILL`, `STOP`, `CONT`."""
        self._container.kill(name)

    def pause(self) -> None:
        """Freeze all its processes."""
        self._container.pause()

    def unpause(self) -> None:
        """Let them go on."""
        self._container.unpause()

    def stop(self, *, grace: int = 30) -> float:
        """Send it SIGTERM, and SIGKILL after `grace` seconds; the seconds until it had ended."""
        began = time.monotonic()
        self._container.stop(timeout=grace)
        return time.monotonic() - began

    def start(self) -> None:
        """Start it again, as it was."""
        self._container.start()

    @property
    def id(self) -> str:
        """The engine's id of it."""
        identity: str = self._container.id
        return identity

    def _waited_for(
        self, look: Callable[[], _T | None], otherwise: str, within: float, every: float = _EVERY
    ) -> _T:
        found = until(look, within=within, every=every)
        if not found:
            raise AssertionError(
                f"{self.name}: {otherwise} within {within:g} s; it is {self.state} and wrote:\n"
                f"{self.log}"
            )
        return found


class App(Member):
    """The application: it calls all the time, and tells of each call."""

    @property
    def calls(self) -> list[Line]:
        """Every call that has ended, the first of them first."""
        return [json.loads(line) for line in self.log.splitlines() if line.startswith("{")]

    def next(self, *, within: float = WITHIN, **wanted: object) -> Line:
        """Wait for a call that ends after this moment, with these values in its line."""
        before = len(self.calls)

        def look() -> Line | None:
            for line in self.calls[before:]:
                if wanted.items() <= line.items():
                    return line
            return None

        return self._waited_for(look, f"no call ends with {wanted}", within)

    def ask(self, word: str, size: int = 0) -> Line:
        """Make one call about a word, on a connection of its own."""
        code, output = self.run("python", "/programs/caller.py", "--once", word, str(size))
        assert code == 0, output
        line: Line = json.loads(output.splitlines()[-1])
        return line
