"""The guard against regressions: CPU per call as a ratio to the floor of the same run.

Wall time is nowhere in it, so a slow or busy machine changes little: both sides are measured
side by side, in CPU time, and only their ratio is compared with the baseline that is checked
in. Needs no peers and no plots.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from bench.arithmetic import ratios, spread
from bench.experiments.model import Experiment, five_on_one, one, relay
from bench.rounds import Measure, Measured, cpu, cpu_of, interleave

BASELINE: Final = Path(__file__).resolve().parent / "guard-baseline.json"

FACTOR: Final = 1.5
"""How many times its baseline a ratio may be."""

_IN_FLIGHT: Final = (1, 64)

EXPERIMENTS: Final = tuple(
    Experiment(
        name=f"guard-{count}",
        part="guard",
        legs=(relay(count), one(count), five_on_one(count)),
        rounds=8,
        seconds=0.5 if count == 1 else 0.8,
    )
    for count in _IN_FLIGHT
)

_SIDES: Final[Mapping[str, tuple[Measure, Measure]]] = {
    "sidecar": (cpu_of("sidecar"), cpu_of("relay")),
    "chain": (cpu, cpu),
}
"""What is compared, with what of the relay: the sidecar alone, and all processes together."""


def compare(found: Mapping[str, float], baseline: Mapping[str, float]) -> list[str]:
    """Say of each ratio that is above its bound what it is; also of one without a baseline."""
    problems = []
    for name, ratio in found.items():
        if name not in baseline:
            problems.append(f"{name}: {ratio:.2f}, and no baseline; `make bench-guard WRITE=1`")
        elif ratio > FACTOR * baseline[name]:
            bound = FACTOR * baseline[name]
            problems.append(
                f"{name}: {ratio:.2f} times the CPU of the floor, above {bound:.2f}, which is "
                f"{FACTOR:g} times the baseline of {baseline[name]:.2f}"
            )
    return problems


def measure(
    run: Callable[[Experiment], Measured] = lambda each: interleave(
        each.legs, rounds=each.rounds, seconds=each.seconds
    ),
) -> dict[str, float]:
    """The ratios of this run, by their names. `run` runs one experiment."""
    found: dict[str, float] = {}
    for experiment in EXPERIMENTS:
        series = run(experiment).series
        for leg in ("one-hook", "five-on-one"):
            for side, (ours, floors) in _SIDES.items():
                pairs = ratios(series[leg].of(ours), series["relay"].of(floors))
                found[f"{side}/{leg}/{series[leg].leg.in_flight}"] = spread(pairs).median
    return found


def main(*, writes: bool) -> int:
    """Measure, and write the baseline or compare with it; the exit code."""
    found = measure()
    if writes:
        rounded = {name: round(ratio, 3) for name, ratio in found.items()}
        BASELINE.write_text(json.dumps(rounded, indent=1) + "\n")
        print(f"written: {BASELINE}")
        return 0
    baseline = json.loads(BASELINE.read_text())
    print("| CPU per call over the relay's | now | baseline | at most |")
    print("|---|---:|---:|---:|")
    for name, ratio in found.items():
        before = baseline.get(name, float("nan"))
        print(f"| {name} | {ratio:.2f} | {before:.2f} | {FACTOR * before:.2f} |")
    problems = compare(found, baseline)
    for problem in problems:
        print(f"bench-guard: {problem}", file=sys.stderr)
    return 1 if problems else 0
