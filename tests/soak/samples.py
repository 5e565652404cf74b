"""What processes use, as the system and their own counts say it."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_PAGE_KIB: Final = os.sysconf("SC_PAGE_SIZE") // 1024
_THREADS: Final = re.compile(r"^Threads:\s+(\d+)$", re.MULTILINE)
_METRIC: Final = re.compile(r"^(sidehook_[a-z_]+) (\S+)$", re.MULTILINE)

OF_SIDECAR: Final[Mapping[str, str]] = {
    "sidehook_tasks": "tasks",
    "sidehook_calls_in_flight": "calls in flight",
    "sidehook_detached_queued": "events queued",
    "sidehook_circuits_open": "circuits open",
    "sidehook_list_holders": "list holders",
    "sidehook_call_streams": "call streams",
}
"""Gauges of the sidecar, and what they are called here."""


def of_process(pid: int) -> dict[str, float]:
    """Memory in KiB, open files and threads; empty when the process is gone."""
    folder = Path(f"/proc/{pid}")
    try:
        resident = int((folder / "statm").read_text().split()[1]) * _PAGE_KIB
        threads = _THREADS.search((folder / "status").read_text())
        files = len(list((folder / "fd").iterdir()))
    except (OSError, IndexError):
        return {}
    # One that ended and was not waited for has no memory, and no threads worth counting.
    if resident == 0 or threads is None:
        return {}
    return {"memory": resident, "files": files, "threads": int(threads[1])}


def of_metrics(page: str) -> dict[str, float]:
    """The gauges of OF_SIDECAR on a page of metrics."""
    found = dict(_METRIC.findall(page))
    return {name: float(found[gauge]) for gauge, name in OF_SIDECAR.items() if gauge in found}
