"""A stage is the processes of one way to run hooks; a leg is a stage and the terms of its calls."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from bench.driver import Report
from bench.measures import cpu_seconds, wait_until_idle
from bench.processes import Process, ProcessError

APPLICATION = "application"
"""The role of the process that makes the calls and measures their time."""


class LegError(Exception):
    """A leg did not do what it must: a call failed, or came back with something else."""


class MissingPeerError(Exception):
    """A peer's environment is not there; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One round of one leg.

    `p50` and `p99` in µs; `rate` in calls per second, the detached work of these calls done;
    `cpu` in µs per call, by role; `tail` in seconds: how long detached work went on.
    """

    calls: int
    p50: float
    p99: float
    rate: float
    tail: float
    cpu: Mapping[str, float]

    @property
    def cpu_total(self) -> float:
        """All processes together."""
        return sum(self.cpu.values())


@dataclass(frozen=True, slots=True)
class Stage:
    """Running processes. The first of them is the application."""

    application: Process
    others: tuple[Process, ...] = ()

    def round(self, *, seconds: float, in_flight: int, terms: Mapping[str, Any]) -> Round:
        """Run one round. Raises LegError and ProcessError."""
        processes = (self.application, *self.others)
        pids = tuple(process.pid for process in processes)
        try:
            before = [cpu_seconds(pid) for pid in pids]
            report = self._ask({"seconds": seconds, "in_flight": in_flight, "terms": dict(terms)})
            tail = wait_until_idle(pids)
            used = [cpu_seconds(pid) - was for pid, was in zip(pids, before, strict=True)]
        except OSError as error:
            raise ProcessError(f"a process of {self.application.role} is gone") from error
        return Round(
            calls=report.calls,
            p50=report.p50,
            p99=report.p99,
            rate=report.calls / (report.seconds + tail),
            tail=tail,
            cpu={
                process.role: seconds / report.calls * 1e6
                for process, seconds in zip(processes, used, strict=True)
            },
        )

    def _ask(self, order: Mapping[str, Any]) -> Report:
        self.application.write(json.dumps(order))
        answer = json.loads(self.application.line())
        if "error" in answer:
            raise LegError(str(answer["error"]))
        return Report(**answer)


Opening: TypeAlias = Callable[[], AbstractContextManager[Stage]]
"""Starts the processes of a stage, and ends them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """What is measured under one name. Legs with the same `stage` share its processes."""

    name: str
    stage: Opening
    in_flight: int = 1
    terms: Mapping[str, Any] = field(default_factory=dict)
