"""`python -m tests.soak --minutes 30`: a steady load, and whether anything grows.

The exit code is 1 when something does, or when calls failed; what was logged is then left
in a folder that is named.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from tests.soak.report import memory_bound, not_flat, table
from tests.soak.stage import PRELOAD, ROLLED, Stage, StageError
from tests.soak.trend import Point, judged
from tests.supervised import nursery

SAMPLE_SECONDS: Final = 2.0
ROLL_SECONDS: Final = 30.0
SETTLE_SECONDS: Final = 10.0
"""How long after its start the samples of a process do not count."""

WARM_UP_SHARE: Final = 0.25
LONGEST_WARM_UP: Final = 120.0

MAY_FAIL: Final = 0.002
"""The share of calls that may fail, while workers are rolled."""

Series = dict[tuple[str, str], list[Point]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Soak, print the table, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30, help="of load (default: 30)")
    parser.add_argument("--rate", type=float, default=100, help="calls a second (default: 100)")
    options = parser.parse_args(arguments)
    seconds = options.minutes * 60
    print(f"soak: {options.minutes:g} minutes at {options.rate:g} calls a second", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="sh", dir="/tmp"))
    environment = {"GRPC_EXPERIMENTS": "-event_engine_client,-event_engine_listener"}
    series: Series = defaultdict(list)
    problems: list[str] = []
    with nursery(folder, preload=PRELOAD, environment=environment) as children:
        stage = Stage(children, rate=options.rate)
        began = time.monotonic()
        try:
            stage.start()
            began = time.monotonic()
            measure(stage, seconds, series)
            problems.extend(stage.died())
            stage.stop_calling()
            problems.extend(f"{k}: {n} are left" for k, n in stage.left().items() if n)
            stage.stop()
            problems.extend(stage.faults())
        except StageError as error:
            problems.append(str(error))
        warm = began + min(LONGEST_WARM_UP, WARM_UP_SHARE * seconds)
        measured = {
            (process, name): judged(
                points, since=warm, starts=stage.starts[process], settle=SETTLE_SECONDS
            )
            for (process, name), points in sorted(series.items())
        }
        counts = stage.counts() + Counter(rolls=stage.rolls)
    print(table(measured))
    print(f"memory may grow by {memory_bound(options.minutes):.0f} KiB a minute")
    for name, number in sorted(counts.items()):
        print(f"{name:<40}{number:>10}")
    problems.extend(not_flat(measured, minutes=options.minutes, rolled=ROLLED))
    problems.extend(not_answered(counts))
    for problem in problems:
        print(f"BROKEN {problem}")
    if problems:
        print(f"soak: {len(problems)} problems; see {folder}")
        return 1
    shutil.rmtree(folder)
    print("soak: everything is flat")
    return 0


def measure(stage: Stage, seconds: float, series: Series) -> None:
    """Sample and roll until the time is over. Raises StageError."""
    began = time.monotonic()
    next_roll = began + ROLL_SECONDS
    for at in _ticks(began, seconds):
        for process, values in stage.sample().items():
            for name, value in values.items():
                series[process, name].append(Point(at, value))
        if time.monotonic() >= next_roll:
            stage.roll()
            next_roll += ROLL_SECONDS


def not_answered(counts: Counter[str]) -> Iterator[str]:
    """A sentence for what callers did not get."""
    failed = sum(n for name, n in counts.items() if name.startswith(("failed", "plugin scope:")))
    if failed > MAY_FAIL * counts["calls"]:
        yield f"{failed} of {counts['calls']} calls failed; at most {MAY_FAIL:.1%} are tolerated"
    if counts["of another call"]:
        yield f"{counts['of another call']} calls got the answer of another one"
    if counts["proceeded"] + failed != counts["calls"]:
        yield f"not every call ended: {dict(counts)}"


def _ticks(began: float, seconds: float) -> Iterator[float]:
    """Times of samples, as they come."""
    due = began
    while (now := time.monotonic()) < began + seconds:
        if now < due:
            time.sleep(min(due - now, began + seconds - now))
            continue
        yield now
        due = max(due + SAMPLE_SECONDS, time.monotonic())


if __name__ == "__main__":
    sys.exit(main())
