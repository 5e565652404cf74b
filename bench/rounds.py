"""Paired, interleaved rounds: A B C A B C …, each leg's first one dropped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TypeAlias

from bench.arithmetic import Spread, ratios, spread
from bench.stage import Leg, Opening, Round, Stage

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


def interleave(legs: Sequence[Leg], *, rounds: int, seconds: float) -> dict[str, Series]:
    """Run every leg in turn, `rounds` times, for `seconds` each; the series by leg.

    Every stage is up for the whole time, so that each leg meets the same machine. Raises
    LegError and ProcessError.
    """
    with ExitStack() as stack:
        stages: dict[Opening, Stage] = {}
        for leg in legs:
            if leg.stage not in stages:
                stages[leg.stage] = stack.enter_context(leg.stage())
        measured: dict[str, list[Round]] = {leg.name: [] for leg in legs}
        for number in range(rounds + 1):
            for leg in legs:
                stage = stages[leg.stage]
                one = stage.round(seconds=seconds, in_flight=leg.in_flight, terms=leg.terms)
                if number:
                    measured[leg.name].append(one)
        return {leg.name: Series(leg, tuple(measured[leg.name])) for leg in legs}
