"""Stages that play back figures instead of running processes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, cast

from bench.rounds import Series
from bench.stage import Leg, Opening, Round, Stage


def a_round(p50: float = 100.0, *, rate: float = 10.0, **cpu: float) -> Round:
    """One round; `cpu` in µs per call by role."""
    return Round(calls=10, p50=p50, p99=2 * p50, rate=rate, tail=0.0, cpu=cpu)


class Playback:
    """A stage that gives the same rounds again and again, and writes down who was asked."""

    def __init__(self, name: str, asked: list[str], *rounds: Round) -> None:
        self._name = name
        self._asked = asked
        self._rounds = rounds
        self._given = 0
        self.is_open = False

    def round(self, *, seconds: float, in_flight: int, terms: Mapping[str, Any]) -> Round:
        assert self.is_open, "rounds are run while the processes are up"
        self._asked.append(self._name)
        self._given += 1
        return self._rounds[(self._given - 1) % len(self._rounds)]

    @contextmanager
    def _opened(self) -> Iterator[Stage]:
        self.is_open = True
        yield cast("Stage", self)
        self.is_open = False

    def __call__(self) -> AbstractContextManager[Stage]:
        return self._opened()


def nowhere() -> AbstractContextManager[Stage]:
    raise AssertionError("no test starts these processes")


def series(name: str, rounds: Sequence[Round], stage: Opening = nowhere) -> Series:
    return Series(Leg(name=name, stage=stage), tuple(rounds))
