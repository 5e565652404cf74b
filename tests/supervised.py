"""Processes for suites that run for minutes: real ones, quickly started, surely ended.

A server that has the imports already forks them, so that starting one again costs
milliseconds. Each leads a process group of its own and writes to a file. None outlives
the block that started it, however that block ends, nor a suite that was killed.
"""

import json
import multiprocessing
import os
import re
import signal
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, Final, TypeVar

ENDS_WITHIN: Final = 20.0
"""Seconds in which a process ends that was told to."""

_Seen = TypeVar("_Seen")

Entry = Callable[..., object]
"""What a process does: a function of a module, called with its arguments."""


class Child:
    """A process. What it writes, and what those of its name wrote before it, is in `log`."""

    def __init__(
        self,
        context: multiprocessing.context.ForkServerContext,
        name: str,
        log: Path,
        entry: Entry,
        arguments: Sequence[object],
    ) -> None:
        self.name = name
        self.log = log
        self._before = log.stat().st_size if log.exists() else 0
        self._process = context.Process(
            target=_begin, args=(str(log), entry, tuple(arguments)), name=name, daemon=True
        )
        self._process.start()

    @property
    def pid(self) -> int:
        """The process id."""
        pid = self._process.pid
        assert pid is not None, "it was started"
        return pid

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._process.is_alive()

    def said(self, pattern: str) -> re.Match[str] | None:
        """The first line of this process that the pattern is found in."""
        return re.search(pattern, self.text, re.MULTILINE)

    @property
    def text(self) -> str:
        """What this process wrote so far."""
        if not self.log.exists():
            return ""
        with self.log.open("rb") as file:
            file.seek(self._before)
            return file.read().decode(errors="replace")

    def kill(self) -> None:
        """End it and its group at once, as a crash would, and wait until it is gone."""
        with suppress(ProcessLookupError):
            # Its group is there once it has begun; before that it is alone.
            os.kill(self.pid, signal.SIGKILL)
            os.killpg(self.pid, signal.SIGKILL)
        self._process.join(ENDS_WITHIN)

    def tell(self, number: signal.Signals) -> None:
        """Send it a signal; none when it has ended."""
        if self.is_running:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def wait(self, within: float = ENDS_WITHIN) -> int:
        """Its exit code. One that does not end in time is killed: TimeoutError."""
        self._process.join(within)
        code = self._process.exitcode
        if code is None:
            self.kill()
            raise TimeoutError(f"{self.name} did not end within {within:g} s")
        return code


class Nursery:
    """Starts processes, their output in `folder`. To be had by `nursery`."""

    def __init__(self, folder: Path, context: multiprocessing.context.ForkServerContext) -> None:
        self.folder = folder
        self._context = context
        self._children: list[Child] = []

    def start(self, name: str, entry: Entry, *arguments: object) -> Child:
        """Start a process that calls `entry`. It takes up the log of the one before it."""
        log = self.folder / f"{name}.log"
        child = Child(self._context, name, log, entry, arguments)
        self._children = [each for each in self._children if each.is_running]
        self._children.append(child)
        return child

    def end(self) -> None:
        """Kill what still runs."""
        for child in self._children:
            child.kill()


@contextmanager
def nursery(
    folder: Path, *, preload: Sequence[str], environment: Mapping[str, str]
) -> Iterator[Nursery]:
    """Lend a nursery whose processes have the modules of `preload` and this environment.

    SIGTERM ends the block as Ctrl-C does.
    """
    os.environ.update(environment)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(preload))
    before = signal.signal(signal.SIGTERM, _interrupt)
    lent = Nursery(folder, context)
    try:
        yield lent
    finally:
        lent.end()
        signal.signal(signal.SIGTERM, before)


def until(look: Callable[[], _Seen], *, within: float, every: float = 0.05) -> _Seen:
    """Look again and again until something is to be seen, or the time is over; what was seen."""
    deadline = time.monotonic() + within
    while not (seen := look()) and time.monotonic() < deadline:
        time.sleep(every)
    return seen


def sidehook(*arguments: str) -> None:
    """The entry of a process that is the `sidehook` command."""
    from sidehook_server.cli import main

    sys.argv = ["sidehook", *arguments]
    main()


def sidecar_arguments(folder: Path, configuration: Path) -> tuple[str, ...]:
    """What `sidehook` is told to serve with everything in one folder, on any admin port."""
    return (
        *("serve", "--config", str(configuration)),
        *("--socket", str(folder / "sidehook.sock")),
        *("--workers-socket", str(folder / "workers.sock")),
        *("--state-dir", str(folder / "state"), "--admin", "127.0.0.1:0"),
    )


def sidecar_state(admin: str) -> dict[str, Any]:
    """What `/state` says; empty when nobody answers there."""
    try:
        state = json.loads(page(f"{admin}/state"))
    except (OSError, ValueError):
        return {}
    assert isinstance(state, dict)
    return state


def page(url: str) -> str:
    """The text of a page of an admin port. Raises OSError."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=5) as answer:
        text: str = answer.read().decode()
        return text


def _begin(log: str, entry: Entry, arguments: Sequence[object]) -> None:
    os.setsid()
    threading.Thread(target=_end_with_suite, name="suite", daemon=True).start()
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
    os.close(output)
    entry(*arguments)


def _end_with_suite() -> None:
    suite = multiprocessing.parent_process()
    assert suite is not None, "this is a child"
    suite.join()
    os.kill(os.getpid(), signal.SIGKILL)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
