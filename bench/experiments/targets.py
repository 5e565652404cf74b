"""What the targets are computed from (`bench.targets`)."""

from __future__ import annotations

from functools import partial
from typing import Final

from bench import ours, peer_stages
from bench.experiments.model import (
    ONE,
    Experiment,
    five_on_five,
    five_on_one,
    one,
    relay,
)
from bench.payloads import HOOK_TYPE, KB
from bench.stage import Leg, Opening

HOOK_COUNTS: Final = (1, 2, 4, 8, 16, 32, 64)

_NO_HOOK: Final[Opening] = partial(ours.sidecar, ours.NOBODY, application="bench.apps.no_hook")
_LAST_TYPES: Final = tuple(f"type_{number:03}" for number in range(1, 1000))

_CHAINS: Final[Opening] = partial(
    ours.sidecar,
    ours.Workers(
        many=tuple(f"chain_{count}:{count}" for count in HOOK_COUNTS),
        types=tuple(f"chain_{count}" for count in HOOK_COUNTS),
    ),
)
"""Chains of several lengths on one worker, a hook type each."""


def types(count: int) -> Opening:
    """A sidecar with so many hook types, a hook each, all on one worker."""
    names = (HOOK_TYPE, *_LAST_TYPES[: count - 1])
    return partial(
        ours.sidecar, ours.Workers(many=tuple(f"{name}:1" for name in names), types=names)
    )


def cpex(stage: Opening, name: str, in_flight: int = 1) -> Leg:
    """Five plugins of cpex, one of each mode."""
    return Leg(name=name, stage=stage, in_flight=in_flight, terms={"size": KB})


def mellea(turns: int) -> tuple[Leg, Leg]:
    """Five hooks before a call of a model: in mellea's process, and through us."""
    terms = {"turns": turns}
    return (
        Leg(name=f"mellea-in-process-{turns}", stage=peer_stages.mellea_in_process, terms=terms),
        Leg(name=f"mellea-through-us-{turns}", stage=peer_stages.mellea_through_us, terms=terms),
    )


def _chain(count: int) -> Leg:
    modes = ["sequential"] * count
    terms = {"hook_type": f"chain_{count}", "size": KB, "modes": modes}
    return Leg(name=f"hooks-{count}", stage=_CHAINS, terms=terms)


TARGETS: Final = (
    Experiment(
        name="one-at-a-time",
        part="targets",
        legs=(
            relay(),
            five_on_one(),
            five_on_five(),
            cpex(peer_stages.CPEX_GRPC_UNIX, "cpex-grpc-unix"),
        ),
        rounds=12,
        seconds=0.5,
    ),
    Experiment(
        name="64-in-flight",
        part="targets",
        legs=(
            relay(64),
            one(64),
            five_on_one(64),
            five_on_five(64),
            cpex(peer_stages.CPEX_LOCAL, "cpex-in-process", 64),
            cpex(peer_stages.CPEX_GRPC_UNIX, "cpex-grpc-unix", 64),
        ),
        rounds=10,
        seconds=1.0,
    ),
    Experiment(name="mellea-100", part="targets", legs=mellea(100), rounds=12, seconds=0.6),
    Experiment(
        name="no-hook",
        part="targets",
        legs=tuple(
            Leg(name=what, stage=_NO_HOOK, terms={"what": what}) for what in ("empty", "invoke")
        ),
        rounds=12,
        seconds=0.2,
    ),
    Experiment(
        name="hooks",
        part="targets",
        legs=(relay(), *map(_chain, HOOK_COUNTS)),
        rounds=10,
        seconds=0.3,
    ),
    Experiment(
        name="one-mb",
        part="targets",
        legs=(relay(size=KB * KB), one(size=KB * KB, stage=ONE)),
        rounds=12,
        seconds=0.5,
    ),
    Experiment(
        name="hook-types",
        part="targets",
        legs=tuple(one(16, stage=types(count), name=f"types-{count}") for count in (1, 1000)),
        rounds=24,
        seconds=0.4,
    ),
)
