"""What a process has used, seen from outside: CPU time to the nanosecond, and memory. Linux."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_WINDOW: Final = 0.005
_IDLE_SHARE: Final = 0.10
_MOST_SECONDS: Final = 10.0


def cpu_seconds(pid: int) -> float:
    """User and system time of all threads of a process so far. Raises OSError when it is gone."""
    # The kernel's number for the CPU clock of another process; the C library has a function
    # for it (`clock_getcpuclockid`), Python has not.
    return time.clock_gettime(~pid << 3 | 2)


def resident_bytes(pid: int) -> int:
    """The resident memory of a process. Raises OSError when it is gone."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"process {pid} has no memory any more")


def wait_until_idle(pids: Iterable[int]) -> float:
    """Wait until these processes do next to nothing; the seconds until then.

    Detached work goes on after the answers. What it costs belongs to the calls that caused it.
    Raises TimeoutError after ten seconds.
    """
    watched = tuple(pids)
    began = time.monotonic()
    used = sum(map(cpu_seconds, watched))
    while (now := time.monotonic()) < began + _MOST_SECONDS:
        time.sleep(_WINDOW)
        before, used = used, sum(map(cpu_seconds, watched))
        if used - before < _IDLE_SHARE * (time.monotonic() - now):
            return now - began
    raise TimeoutError(f"still busy {_MOST_SECONDS:g} s after the last answer")


def machine() -> dict[str, object]:
    """What the results say about the machine: its cores and its Python, no more."""
    return {"cores": len(os.sched_getaffinity(0)), "python": platform.python_version()}
