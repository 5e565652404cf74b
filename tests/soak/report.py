"""The table of a soak, and what of it is not flat."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from tests.soak.trend import FEWEST, Point, Trend, trend

Measured = Mapping[tuple[str, str], Sequence[Point]]
"""Series by process and by what was measured; only the points that count."""

RISE: Final[Mapping[str, float]] = {
    "files": 10,
    "threads": 2,
    "tasks": 4,
    "list holders": 0,
    "call streams": 0,
}
"""By how much a count may be higher in all of the last third than at best in the first.

gRPC closes the connection of a plugin scope with the next garbage collection: files vary.
"""

MEDIAN_QUEUED: Final = 50.0
"""How many detached events may be queued, by the median of the last third."""


def memory_bound(minutes: float) -> float:
    """KiB a minute that a process may grow: 10 MiB in all are for what fills up once.

    4096 plugin scopes that are gone are remembered, 7 MiB, and an allocator warms up; in a
    short soak both weigh more.
    """
    return 128 + 10240 / minutes


def table(measured: Measured) -> str:
    """A row for each series. Memory is in KiB."""
    rows = [_row("process", "measured", "first", "last", "least", "most", "per minute")]
    for (process, name), series in measured.items():
        if len(series) < FEWEST:
            rows.append(_row(process, name, *("-",) * 5))
            continue
        it = trend(series)
        cells = (it.first, it.last, it.least, it.most)
        rows.append(_row(process, name, *(f"{cell:.0f}" for cell in cells), f"{it.slope:+.2f}"))
    return "\n".join(rows)


def not_flat(measured: Measured, *, minutes: float, rolled: Sequence[str]) -> Iterator[str]:
    """A sentence for each series that is not flat within its tolerance.

    The memory of a rolled worker is that of several processes, each too short for a slope.
    """
    for (process, name), series in measured.items():
        if len(series) < FEWEST:
            yield f"{process}: only {len(series)} samples of {name} count"
            continue
        if name == "memory" and process in rolled:
            continue
        it = trend(series)
        if problem := _problem(name, it, minutes):
            yield f"{process}: {name} {problem}"


def _problem(name: str, it: Trend, minutes: float) -> str:
    if name == "memory" and it.slope > (bound := memory_bound(minutes)):
        return f"grows by {it.slope:.0f} KiB a minute; at most {bound:.0f} are tolerated"
    if name in RISE and it.rise > RISE[name]:
        return f"are never again as few: {it.rise:g} more; at most {RISE[name]:g} are tolerated"
    if name == "events queued" and it.last > MEDIAN_QUEUED:
        return f"are {it.last:g}; at most {MEDIAN_QUEUED:g} are tolerated"
    if name == "circuits open" and it.last > 0:
        return f"are {it.last:g}; none is tolerated"
    return ""


def _row(process: str, name: str, *cells: str) -> str:
    return f"{process:<12}{name:<18}" + "".join(f"{cell:>12}" for cell in cells)
