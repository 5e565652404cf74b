"""Paired, interleaved rounds: A B C A B C …, each leg's first one dropped."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TypeAlias

from bench.arithmetic import Spread, ratios, spread
from bench.processes import ProcessError
from bench.stage import Leg, LegError, MissingPeerError, Opening, Round, Stage

Measure: TypeAlias = Callable[[Round], float]
"""A figure of a round."""


def p50(one: Round) -> float:
    """Microseconds of the median call."""
    return one.p50


def rate(one: Round) -> float:
    """Calls per second."""
    return one.rate


def cpu(one: Round) -> float:
    """CPU microseconds per call, all processes together."""
    return one.cpu_total


def cpu_of(role: str) -> Measure:
    """CPU microseconds per call of one process."""
    return lambda one: one.cpu[role]


@dataclass(frozen=True, slots=True)
class Series:
    """The rounds of one leg, in the order in which they were run."""

    leg: Leg
    rounds: tuple[Round, ...]

    def of(self, measure: Measure) -> list[float]:
        """One figure of every round."""
        return [measure(each) for each in self.rounds]

    def spread(self, measure: Measure) -> Spread:
        """Median and quartiles of a figure over the rounds."""
        return spread(self.of(measure))

    def against(self, other: Series, measure: Measure, under: Measure | None = None) -> Spread:
        """The ratio to another leg's figure (`under` when it is another), round by round."""
        return spread(ratios(self.of(measure), other.of(under or measure)))


@dataclass(frozen=True, slots=True)
class Measured:
    """What an experiment gave: the series by leg, and why legs are missing, by leg."""

    series: Mapping[str, Series]
    missing: Mapping[str, str]


def interleave(legs: Sequence[Leg], *, rounds: int, seconds: float) -> Measured:
    """Run every leg in turn, `rounds` times, for `seconds` each, after one that is dropped.

    Every stage is up for the whole time, so that each leg meets the same machine. A peer that
    is not installed is missing; anything else that goes wrong raises LegError or ProcessError.
    """
    with ExitStack() as stack:
        stages, missing = _open(legs, stack)
        present = [leg for leg in legs if leg.stage in stages]
        measured: dict[str, list[Round]] = {leg.name: [] for leg in present}
        for number in range(rounds + 1):
            for leg in present:
                one = _round(leg, stages[leg.stage], seconds)
                if number:
                    measured[leg.name].append(one)
        series = {leg.name: Series(leg, tuple(measured[leg.name])) for leg in present}
        return Measured(
            series, {leg.name: missing[leg.stage] for leg in legs if leg.stage in missing}
        )


def _open(
    legs: Sequence[Leg], stack: ExitStack
) -> tuple[Mapping[Opening, Stage], Mapping[Opening, str]]:
    stages: dict[Opening, Stage] = {}
    missing: dict[Opening, str] = {}
    for opening in dict.fromkeys(leg.stage for leg in legs):
        try:
            stages[opening] = stack.enter_context(opening())
        except MissingPeerError as error:
            missing[opening] = str(error)
    return stages, missing


def _round(leg: Leg, stage: Stage, seconds: float) -> Round:
    try:
        return stage.round(seconds=seconds, in_flight=leg.in_flight, terms=leg.terms)
    except (LegError, ProcessError, TimeoutError) as error:
        raise LegError(f"{leg.name}: {error}") from error
