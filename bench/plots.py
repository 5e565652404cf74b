"""The plots of docs/performance.md, drawn from the results of the last full run."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib import pyplot

from bench.processes import ROOT
from bench.results import FULL
from bench.tables import cpu_by_kind, short

FOLDER: Final = ROOT / "docs/performance"

_KINDS: Final = ("application", "sidecar", "relay", "workers", "plugins", "guardrail")
_COLOURS: Final = ("#4c72b0", "#dd8452", "#8c8c8c", "#55a868", "#c44e52", "#937860")
_STYLE: Final[Mapping[str, Any]] = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.constrained_layout.use": True,
    "font.size": 9,
    "grid.alpha": 0.3,
    # So that drawing the same results again changes nothing.
    "svg.hashsalt": "bench",
}
_RUNGS: Final = ("relay", "sidecar-no-hooks", "one-hook", "five-on-one", "five-on-five")

Legs = Mapping[tuple[str, str], Mapping[str, Any]]
"""The legs of the results, by experiment and name."""


def draw() -> list[Path]:
    """Draw every plot for which there are results, as PNG and SVG; the files."""
    results = json.loads(FULL.read_text())
    legs = {
        (each["experiment"], each["leg"]): each for each in results["legs"] if "missing" not in each
    }
    drawn: list[Path] = []
    FOLDER.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(dict(_STYLE)):
        for name, plot in _PLOTS.items():
            figure, axes = pyplot.subplots(figsize=(7.2, 3.6))
            plot(axes, legs)
            if axes.has_data():
                drawn += _save(figure, name)
            pyplot.close(figure)
    return drawn


def _save(figure: Any, name: str) -> list[Path]:
    files = [FOLDER / f"{name}.{kind}" for kind in ("png", "svg")]
    for file in files:
        undated = {"Date": None} if file.suffix == ".svg" else {"Software": None}
        figure.savefig(file, dpi=150, metadata=undated)
    return files


def _ladder(axes: Any, legs: Legs) -> None:
    names = ("application-alone", "client-no-subscribers", *_RUNGS)
    _cpu_bars(axes, [leg for name in names if (leg := legs.get(("ladder", name)))])
    axes.set_title("The ladder: CPU of one call, 1 KB, 1 in flight")


def _peers(axes: Any, legs: Legs) -> None:
    found = [leg for (experiment, _), leg in legs.items() if experiment == "cpex-1"]
    _cpu_bars(axes, found)
    axes.set_title("Five hooks, one of each mode: CPU of one call, 1 KB, 1 in flight")


def _peers_rate(axes: Any, legs: Legs) -> None:
    found = [leg for (experiment, _), leg in legs.items() if experiment == "cpex-64"]
    positions = range(len(found))
    rates = [leg["calls_per_second"]["median"] for leg in found]
    axes.barh(positions, rates, color=_COLOURS[0], xerr=_around(found, "calls_per_second"))
    axes.set_yticks(positions, [leg["leg"] for leg in found])
    axes.invert_yaxis()
    axes.set_xlabel("calls per second, 64 in flight")
    axes.set_title("Five hooks, one of each mode, under load, 1 KB")


def _mellea(axes: Any, legs: Legs) -> None:
    for name, label in (("in-process", "in process"), ("through-us", "out of process")):
        _line(axes, legs, re.compile(rf"mellea-{name}-(\d+)"), label, scale=1e3)
    axes.set_xlabel("turns of chat")
    axes.set_ylabel("ms per hook point (p50)")
    axes.set_title("mellea: five hooks before a call of a model")
    if axes.has_data():
        axes.legend()


def _in_flight(axes: Any, legs: Legs) -> None:
    for rung in _RUNGS:
        points = {1: legs.get(("ladder", rung))}
        points |= {count: legs.get((f"in-flight-{count}", rung)) for count in (16, 64, 256)}
        _points(axes, points, "calls_per_second", rung)
    _logarithmic(axes, "calls in flight", "calls per second")
    axes.set_title("Throughput, 1 KB")


def _sizes(axes: Any, legs: Legs) -> None:
    for rung in _RUNGS:
        points = {1: legs.get(("ladder", rung))}
        points |= {size: legs.get((f"size-{size}-kb", rung)) for size in (10, 100, 1024)}
        _points(axes, points, "p50_us", rung)
    _logarithmic(axes, "payload, KB", "µs per call (p50)")
    axes.set_title("Latency by size, 1 in flight")


def _growth(axes: Any, legs: Legs) -> None:
    for what in ("hooks", "workers", "types", "fields", "sessions"):
        points = {
            int(name.rpartition("-")[2]): leg
            for (experiment, name), leg in legs.items()
            if experiment == what and name.startswith(what)
        }
        _points(axes, points, "cpu_us_per_call", what)
    _logarithmic(axes, "so many of them", "CPU µs per call")
    axes.set_title("What grows with what (types: 16 in flight, the others: 1)")


_PLOTS: Final[Mapping[str, Callable[[Any, Legs], None]]] = {
    "ladder": _ladder,
    "peers": _peers,
    "peers-under-load": _peers_rate,
    "mellea": _mellea,
    "in-flight": _in_flight,
    "sizes": _sizes,
    "growth": _growth,
}


def _cpu_bars(axes: Any, found: Sequence[Mapping[str, Any]]) -> None:
    """A bar for each leg: the CPU of each kind of process on top of each other."""
    positions = range(len(found))
    left = [0.0] * len(found)
    for kind, colour in zip(_KINDS, _COLOURS, strict=True):
        widths = [cpu_by_kind(leg).get(kind, 0.0) for leg in found]
        if any(widths):
            axes.barh(positions, widths, left=left, color=colour, label=kind)
            left = [start + width for start, width in zip(left, widths, strict=True)]
    for position, leg in zip(positions, found, strict=True):
        text = f" p50 {short(leg['p50_us']['median'])} µs"
        axes.text(left[position], position, text, va="center", fontsize=8)
    axes.set_yticks(positions, [leg["leg"] for leg in found])
    axes.invert_yaxis()
    axes.margins(x=0.2)
    axes.set_xlabel("CPU µs per call")
    if found:
        axes.legend()


def _around(found: Sequence[Mapping[str, Any]], measure: str) -> list[list[float]]:
    return [
        [leg[measure]["median"] - leg[measure]["low"] for leg in found],
        [leg[measure]["high"] - leg[measure]["median"] for leg in found],
    ]


def _line(axes: Any, legs: Legs, pattern: re.Pattern[str], label: str, *, scale: float) -> None:
    points = {
        int(match[1]): leg for (_, name), leg in legs.items() if (match := pattern.fullmatch(name))
    }
    _points(axes, points, "p50_us", label, scale=scale)


def _points(
    axes: Any,
    points: Mapping[int, Mapping[str, Any] | None],
    measure: str,
    label: str,
    *,
    scale: float = 1.0,
) -> None:
    """A line through the medians, with the quartiles behind it."""
    there = [(at, leg[measure]) for at, leg in sorted(points.items()) if leg is not None]
    if not there:
        return
    xs = [at for at, _ in there]
    low, median, high = (
        [found[key] / scale for _, found in there] for key in ("low", "median", "high")
    )
    axes.plot(xs, median, marker="o", markersize=3, label=label)
    axes.fill_between(xs, low, high, alpha=0.2)


def _logarithmic(axes: Any, x: str, y: str) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    if axes.has_data():
        axes.legend()
