"""The targets: what each is, how it is computed from measured rounds, and whether it holds."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from bench.arithmetic import Spread, slope, spread
from bench.experiments.targets import HOOK_COUNTS
from bench.rounds import Measure, Measured, Series, cpu, cpu_of, p50, rate

Results: TypeAlias = Mapping[str, Measured]
"""What was measured, by experiment."""

AT_MOST: Final = "at most"
AT_LEAST: Final = "at least"
_HOLDS: Final = {AT_MOST: operator.le, AT_LEAST: operator.ge}


class NotMeasuredError(Exception):
    """A leg that a target needs is missing; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One row: `value` must be `kind` (at most, at least) `bound`."""

    id: str
    what: str
    bound: float
    kind: str = AT_MOST
    unit: str = "ratio"
    value: Callable[[Results], Spread]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A target and what it came to. Without a value it does not hold, and `why` says why."""

    target: Target
    value: Spread | None
    why: str = ""

    @property
    def holds(self) -> bool:
        """Whether the median keeps to the bound."""
        compare = _HOLDS[self.target.kind]
        return self.value is not None and bool(compare(self.value.median, self.target.bound))

    def as_json(self) -> dict[str, Any]:
        """How `latest.json` has it."""
        own = self.target
        found = self.value
        return {
            "id": own.id,
            "what": own.what,
            "value": None if found is None else round(found.median, 4),
            "low": None if found is None else round(found.low, 4),
            "high": None if found is None else round(found.high, 4),
            "unit": own.unit,
            "kind": own.kind,
            "bound": own.bound,
            "holds": self.holds,
            **({"why": self.why} if self.why else {}),
        }


def judge(target: Target, results: Results) -> Outcome:
    """Compute a target from what was measured."""
    try:
        return Outcome(target=target, value=target.value(results))
    except NotMeasuredError as error:
        return Outcome(target=target, value=None, why=str(error))


def _series(results: Results, experiment: str, leg: str) -> Series:
    measured = results.get(experiment)
    if measured is None:
        raise NotMeasuredError(f"experiment {experiment} was not run")
    if leg in measured.missing:
        raise NotMeasuredError(f"{leg}: {measured.missing[leg]}")
    return measured.series[leg]


def _ratio(
    experiment: str, leg: str, other: str, measure: Measure, under: Measure | None = None
) -> Callable[[Results], Spread]:
    def value(results: Results) -> Spread:
        mine = _series(results, experiment, leg)
        return mine.against(_series(results, experiment, other), measure, under)

    return value


def _slope_per_hook(results: Results) -> Spread:
    """The slope of the median call over the hooks, in medians of the relay, round by round."""
    floor = _series(results, "hooks", "relay").of(p50)
    chains = [_series(results, "hooks", f"hooks-{count}").of(p50) for count in HOOK_COUNTS]
    by_round = zip(floor, zip(*chains, strict=True), strict=True)
    return spread([slope(HOOK_COUNTS, times) / bare for bare, times in by_round])


def idle_memory(mebibytes: float) -> Target:
    """The memory of the idle sidecar, which is looked at once."""
    return Target(
        id="idle-rss-mib",
        what="resident memory of the idle sidecar with default features",
        bound=80.0,
        unit="MiB",
        value=lambda _: Spread(mebibytes, mebibytes, mebibytes),
    )


TARGETS: Final = (
    Target(
        id="five-workers-vs-cpex-grpc",
        what="p50 of five modes on five workers, against cpex's gRPC (Unix socket) with five, "
        "1 in flight",
        bound=0.25,
        value=_ratio("one-at-a-time", "five-on-five", "cpex-grpc-unix", p50),
    ),
    Target(
        id="fused-vs-own-relay",
        what="p50 of five modes on one worker, against the bare multiplexed relay, 1 in flight",
        bound=1.25,
        value=_ratio("one-at-a-time", "five-on-one", "relay", p50),
    ),
    Target(
        id="fused-64-vs-cpex-inprocess",
        what="calls/s of five modes on one worker, against cpex in process with five, 64 in flight",
        bound=4.0,
        kind=AT_LEAST,
        value=_ratio("64-in-flight", "five-on-one", "cpex-in-process", rate),
    ),
    Target(
        id="five-workers-64-vs-cpex-grpc",
        what="calls/s of five modes on five workers, against cpex's gRPC (Unix socket) with five, "
        "64 in flight",
        bound=15.0,
        kind=AT_LEAST,
        value=_ratio("64-in-flight", "five-on-five", "cpex-grpc-unix", rate),
    ),
    Target(
        id="sidecar-cpu-vs-relay",
        what="CPU per call of the sidecar with one hook that does nothing, against that of the "
        "bare relay, 64 in flight",
        bound=1.5,
        value=_ratio("64-in-flight", "one-hook", "relay", cpu_of("sidecar"), cpu_of("relay")),
    ),
    Target(
        id="mellea-100-turns",
        what="p50 of mellea's hook point with five hooks and a chat of 100 turns, through us "
        "against in process",
        bound=0.5,
        value=_ratio("mellea-100", "mellea-through-us-100", "mellea-in-process-100", p50),
    ),
    Target(
        id="no-hook-vs-empty-coroutine",
        what="await invoke when no hook listens, against awaiting an empty coroutine",
        bound=10.0,
        value=_ratio("no-hook", "invoke", "empty", p50),
    ),
    Target(
        id="fused-extra-hook",
        what="slope of the p50 per hook, over 1 to 64 hooks of one worker, in p50 of the relay",
        bound=0.04,
        value=_slope_per_hook,
    ),
    Target(
        id="one-mb-vs-relay",
        what="p50 with 1 MB and one hook that does nothing, against the bare relay, 1 in flight",
        bound=1.2,
        value=_ratio("one-mb", "one-hook", "relay", p50),
    ),
    Target(
        id="thousand-types-vs-one",
        what="CPU per call, all processes, with 1000 hook types registered, against 1",
        bound=1.05,
        value=_ratio("hook-types", "types-1000", "types-1", cpu),
    ),
)
