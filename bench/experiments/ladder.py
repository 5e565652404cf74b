"""The ladder: what each step away from the application adds, along one axis at a time."""

from __future__ import annotations

from functools import partial
from typing import Final

from bench import ours
from bench.experiments.model import (
    NOBODY,
    Experiment,
    five,
    five_on_five,
    five_on_one,
    nobody,
    one,
    relay,
)
from bench.payloads import KB
from bench.stage import Leg, Opening

SIZES: Final = (KB, 10 * KB, 100 * KB, KB * KB)
IN_FLIGHT: Final = (1, 16, 64, 256)
TRANSPORTS: Final = ("unix", "tcp", "tls")


def _rungs(in_flight: int = 1, size: int = KB) -> tuple[Leg, ...]:
    return (
        relay(in_flight, size),
        nobody(in_flight, size),
        one(in_flight, size),
        five_on_one(in_flight, size),
        five_on_five(in_flight, size),
    )


_FIRST: Final = Experiment(
    name="ladder",
    part="ladder",
    legs=(
        Leg(name="application-alone", stage=NOBODY, terms={"alone": True}),
        Leg(name="client-no-subscribers", stage=NOBODY),
        *_rungs(),
    ),
    rounds=8,
)
_BY_IN_FLIGHT: Final = tuple(
    Experiment(name=f"in-flight-{count}", part="ladder", legs=_rungs(count), seconds=0.8)
    for count in IN_FLIGHT[1:]
)
_BY_SIZE: Final = tuple(
    Experiment(name=f"size-{size // KB}-kb", part="ladder", legs=_rungs(1, size))
    for size in SIZES[1:]
)


def _alike(name: str, opening: Opening, other: Opening) -> tuple[Leg, ...]:
    """The rungs with hooks at 1 and 16 in flight, on stages of another kind."""
    return tuple(
        leg
        for count in (1, 16)
        for leg in (
            one(count, stage=opening, name=f"{name}-one-hook-{count}"),
            five(count, stage=other, name=f"{name}-five-on-one-{count}"),
        )
    )


def _stages(**terms: str) -> tuple[Opening, Opening]:
    return (
        partial(ours.sidecar, ours.ONE, **terms),  # type: ignore[arg-type]  # by their names
        partial(ours.sidecar, ours.FIVE_ON_ONE, **terms),  # type: ignore[arg-type]  # as above
    )


_CLIENTS: Final = Experiment(
    name="clients",
    part="ladder",
    legs=(
        *_alike("async", *_stages()),
        *_alike("sync", *_stages(application="bench.apps.blocking")),
    ),
    rounds=5,
)
_TRANSPORTS: Final = Experiment(
    name="transports",
    part="ladder",
    legs=tuple(
        leg for transport in TRANSPORTS for leg in _alike(transport, *_stages(transport=transport))
    ),
    rounds=5,
)
_PLAIN: Final[Opening] = partial(ours.sidecar, ours.ONE, environment={"BENCH_PLAIN": "1"})
_SETTINGS: Final = Experiment(
    name="application-settings",
    part="ladder",
    legs=tuple(
        leg
        for count in (1, 64)
        for leg in (
            one(count, name=f"tuned-{count}"),
            one(count, stage=_PLAIN, name=f"plain-{count}"),
        )
    ),
    rounds=5,
)

LADDER: Final = (_FIRST, *_BY_IN_FLIGHT, *_BY_SIZE, _CLIENTS, _TRANSPORTS, _SETTINGS)
