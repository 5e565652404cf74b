"""An experiment: legs that are run in turn, and compared with each other alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from bench import floor_stages, ours
from bench.payloads import AFTER, KB
from bench.stage import Leg, Opening


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """`rounds` of `seconds` for each leg. `part` is what the command line selects it by."""

    name: str
    part: str
    legs: tuple[Leg, ...]
    rounds: int = 6
    seconds: float = 0.4


ONE: Final[Opening] = partial(ours.sidecar, ours.ONE)
NOBODY: Final[Opening] = partial(ours.sidecar, ours.NOBODY)
FIVE_ON_ONE: Final[Opening] = partial(ours.sidecar, ours.FIVE_ON_ONE)
FIVE_ON_FIVE: Final[Opening] = partial(ours.sidecar, ours.FIVE_ON_FIVE)


def relay(in_flight: int = 1, size: int = KB, name: str = "relay") -> Leg:
    """The bare multiplexed relay."""
    return Leg(name=name, stage=floor_stages.relay, in_flight=in_flight, terms={"size": size})


def nobody(in_flight: int = 1, size: int = KB) -> Leg:
    """A round trip to a sidecar without hooks: the calls name a scope, so they are made."""
    terms = {"size": size, "scoped": True}
    return Leg(name="sidecar-no-hooks", stage=NOBODY, in_flight=in_flight, terms=terms)


def one(
    in_flight: int = 1,
    size: int = KB,
    *,
    stage: Opening = ONE,
    name: str = "one-hook",
    **terms: Any,
) -> Leg:
    """One SEQUENTIAL hook that does nothing, on one worker."""
    own = {"size": size, "modes": ["sequential"], **terms}
    return Leg(name=name, stage=stage, in_flight=in_flight, terms=own)


def five(in_flight: int = 1, size: int = KB, *, stage: Opening, name: str) -> Leg:
    """A hook of each mode."""
    terms = {"size": size, "modes": list(ours.MODES), "temperature": AFTER}
    return Leg(name=name, stage=stage, in_flight=in_flight, terms=terms)


def five_on_one(in_flight: int = 1, size: int = KB) -> Leg:
    """A hook of each mode, all on one worker."""
    return five(in_flight, size, stage=FIVE_ON_ONE, name="five-on-one")


def five_on_five(in_flight: int = 1, size: int = KB) -> Leg:
    """A hook of each mode, each on a worker of its own."""
    return five(in_flight, size, stage=FIVE_ON_FIVE, name="five-on-five")
