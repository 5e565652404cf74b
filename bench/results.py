"""What a run gave, as the JSON of `bench/results`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from bench.arithmetic import Spread
from bench.measures import machine
from bench.rounds import Measured, Series, cpu, cpu_of, p50, rate
from bench.targets import Outcome, Results
from sidehook_server.ops.build import COMPILED

_FOLDER: Final = Path(__file__).resolve().parent / "results"

LATEST: Final = _FOLDER / "latest.json"
"""The last run, quick or full."""

FULL: Final = _FOLDER / "full.json"
"""The last full run: what the page and the plots show."""

SELECTION: Final = _FOLDER / "selection.json"
"""A run of selected experiments, which never takes the place of a whole one."""

_VERSIONS: Final = ("sidehook", "grpcio", "protobuf", "orjson", "uvloop")


def document(
    results: Results, outcomes: Sequence[Outcome], *, kind: str, not_run: Mapping[str, str]
) -> dict[str, Any]:
    """Everything that a run gave. `not_run` are experiments, and why they were left out."""
    return {
        "kind": kind,
        "machine": machine(),
        "compiled": COMPILED,
        "versions": {name: metadata.version(name) for name in _VERSIONS},
        "targets": [outcome.as_json() for outcome in outcomes],
        "legs": [leg for name, measured in results.items() for leg in legs_of(name, measured)],
        "not_run": dict(not_run),
    }


def legs_of(experiment: str, measured: Measured) -> list[dict[str, Any]]:
    """The legs of one experiment; those that are missing say why."""
    found = [_leg(experiment, series) for series in measured.series.values()]
    missing = [
        {"experiment": experiment, "leg": leg, "missing": why}
        for leg, why in measured.missing.items()
    ]
    return [*found, *missing]


def write(found: Mapping[str, Any], file: Path) -> None:
    """Write the results where the next reader looks for them."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(found, indent=1) + "\n")


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


def _spread(found: Spread) -> dict[str, float]:
    return {
        "median": round(found.median, 4),
        "low": round(found.low, 4),
        "high": round(found.high, 4),
    }
