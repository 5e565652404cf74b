"""Running experiments one after the other, within a bound of time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from bench import ours
from bench.experiments.model import Experiment
from bench.measures import resident_bytes, wait_until_idle
from bench.results import legs_of
from bench.rounds import Measured, interleave
from bench.tables import legs_table

_STAGE_SECONDS: Final = 3.0
"""What starting and ending the processes of a stage takes, about."""

_FEWEST_ROUNDS: Final = 4

_MIB: Final = 1024 * 1024


@dataclass(slots=True)
class Run:
    """What a run gave so far; `not_run` says why an experiment was left out."""

    measured: dict[str, Measured] = field(default_factory=dict)
    not_run: dict[str, str] = field(default_factory=dict)


def run(experiments: Iterable[Experiment], *, seconds: float, say: Callable[[str], None]) -> Run:
    """Run what fits into `seconds`, and say what each experiment gave.

    Raises LegError and ProcessError: a leg that fails fails the run.
    """
    deadline = time.monotonic() + seconds
    done = Run()
    to_come = list(experiments)
    while to_come:
        left = deadline - time.monotonic()
        experiment = fitted(to_come, left)
        to_come.pop(0)
        if left < takes(experiment):
            done.not_run[experiment.name] = f"{max(0.0, left):.0f} s were left, which is not enough"
            continue
        measured = interleave(experiment.legs, rounds=experiment.rounds, seconds=experiment.seconds)
        done.measured[experiment.name] = measured
        say(f"### {experiment.name}\n\n{legs_table(legs_of(experiment.name, measured))}\n")
    return done


def idle_mebibytes() -> float:
    """The resident memory of a sidecar that has just become idle."""
    with ours.idle_sidecar() as serving:
        wait_until_idle((serving.pid,))
        return resident_bytes(serving.pid) / _MIB


def fitted(to_come: Sequence[Experiment], seconds: float) -> Experiment:
    """The first of the experiments, with fewer rounds where all of them would not fit.

    On a machine that is slow to start processes every experiment is run with fewer rounds,
    instead of the last ones not at all.
    """
    first = to_come[0]
    starts = sum(_start_seconds(each) for each in to_come)
    rounds = sum(takes(each) for each in to_come) - starts
    share = (seconds - starts) / rounds
    return replace(first, rounds=max(_FEWEST_ROUNDS, min(first.rounds, int(first.rounds * share))))


def takes(experiment: Experiment) -> float:
    """The seconds that an experiment takes, about."""
    rounds = (experiment.rounds + 1) * len(experiment.legs)
    return rounds * experiment.seconds + _start_seconds(experiment)


def _start_seconds(experiment: Experiment) -> float:
    return len({leg.stage for leg in experiment.legs}) * _STAGE_SECONDS
