"""`bench/results/latest.json`, and the tables that a person reads."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from bench.arithmetic import Spread
from bench.measures import machine
from bench.rounds import Measured, Series, cpu, cpu_of, p50, rate
from bench.targets import Outcome, Results

FILE: Final = Path(__file__).resolve().parent / "results/latest.json"
SELECTION_FILE: Final = FILE.with_name("selection.json")
"""Where a run of selected experiments goes."""

_VERSIONS: Final = ("sidehook", "grpcio", "protobuf", "orjson", "uvloop")


def document(
    results: Results, outcomes: Sequence[Outcome], *, kind: str, not_run: Mapping[str, str]
) -> dict[str, Any]:
    """Everything that a run gave. `not_run` are experiments, and why they were left out."""
    return {
        "kind": kind,
        "machine": machine(),
        "versions": {name: metadata.version(name) for name in _VERSIONS},
        "targets": [outcome.as_json() for outcome in outcomes],
        "legs": [
            _leg(experiment, series)
            for experiment, measured in results.items()
            for series in measured.series.values()
        ],
        "missing": [
            {"experiment": experiment, "leg": leg, "why": why}
            for experiment, measured in results.items()
            for leg, why in measured.missing.items()
        ],
        "not_run": dict(not_run),
    }


def write(found: Mapping[str, Any], file: Path) -> None:
    """Write the results where the next reader looks for them."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(found, indent=1) + "\n")


def experiment_table(name: str, measured: Measured) -> str:
    """The legs of one experiment as a Markdown table."""
    return "\n".join(_experiment_lines(name, measured))


def targets_table(outcomes: Sequence[Outcome]) -> str:
    """The targets as a Markdown table."""
    lines = ["| target | value | quartiles | bound | holds |", "|---|---:|---|---|---|"]
    for each in outcomes:
        own = each.target
        bound = f"{own.kind} {own.bound:g}"
        holds = "yes" if each.holds else "**no**"
        if each.value is None:
            lines.append(f"| `{own.id}` | none: {each.why} | | {bound} | {holds} |")
            continue
        around = f"{_short(each.value.low)} to {_short(each.value.high)}"
        value = _short(each.value.median)
        lines.append(f"| `{own.id}` | {value} | {around} | {bound} | {holds} |")
    return "\n".join(lines)


def _experiment_lines(name: str, measured: Measured) -> Iterator[str]:
    yield f"### {name}"
    yield ""
    yield "| leg | in flight | p50 µs | quartiles | calls/s | CPU µs per call | of which |"
    yield "|---|---:|---:|---|---:|---:|---|"
    for leg, series in measured.series.items():
        time, calls, used = series.spread(p50), series.spread(rate), series.spread(cpu)
        around = f"{_short(time.low)} to {_short(time.high)}"
        parts = ", ".join(f"{role} {_short(value)}" for role, value in _by_kind(series).items())
        yield (
            f"| {leg} | {series.leg.in_flight} | {_short(time.median)} | {around} "
            f"| {_short(calls.median)} | {_short(used.median)} | {parts} |"
        )
    for leg, why in measured.missing.items():
        yield f"| {leg} | | none: {why.splitlines()[0]} | | | | |"
    yield ""


def _leg(experiment: str, series: Series) -> dict[str, Any]:
    return {
        "experiment": experiment,
        "leg": series.leg.name,
        "in_flight": series.leg.in_flight,
        "rounds": len(series.rounds),
        "calls": sum(each.calls for each in series.rounds),
        "p50_us": _spread(series.spread(p50)),
        "p99_us": _spread(series.spread(lambda one: one.p99)),
        "calls_per_second": _spread(series.spread(rate)),
        "cpu_us_per_call": _spread(series.spread(cpu)),
        "cpu_us_per_call_by_process": {
            role: round(series.spread(cpu_of(role)).median, 2) for role in series.rounds[0].cpu
        },
    }


def _by_kind(series: Series) -> dict[str, float]:
    """The median CPU by process; the workers are one."""
    kinds: dict[str, float] = {}
    for role in series.rounds[0].cpu:
        kind = "workers" if role.startswith("worker") else role
        kinds[kind] = kinds.get(kind, 0.0) + series.spread(cpu_of(role)).median
    return kinds


def _spread(found: Spread) -> dict[str, float]:
    return {
        "median": round(found.median, 2),
        "low": round(found.low, 2),
        "high": round(found.high, 2),
    }


def _short(number: float) -> str:
    """Three digits, or all before the point."""
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"
