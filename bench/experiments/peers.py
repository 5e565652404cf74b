"""Peers and floors, each beside what does the same here."""

from __future__ import annotations

from typing import Final

from bench import floor_stages, peer_stages
from bench.experiments.model import (
    Experiment,
    five_on_five,
    five_on_one,
    one,
    relay,
)
from bench.experiments.targets import cpex, mellea
from bench.payloads import KB
from bench.stage import Leg, Opening

_FLOORS: Final[tuple[tuple[str, Opening], ...]] = (
    ("unary-echo", floor_stages.unary_echo),
    ("unary-relay", floor_stages.unary_relay),
    ("raw-relay", floor_stages.raw_relay),
)


def _floors(in_flight: int) -> Experiment:
    bare = (
        Leg(name=name, stage=stage, in_flight=in_flight, terms={"size": KB})
        for name, stage in _FLOORS
    )
    return Experiment(
        name=f"floors-{in_flight}", part="floors", legs=(relay(in_flight), *bare), seconds=0.5
    )


def _cpex(in_flight: int) -> Experiment:
    return Experiment(
        name=f"cpex-{in_flight}",
        part="peers",
        legs=(
            five_on_one(in_flight),
            five_on_five(in_flight),
            cpex(peer_stages.CPEX_LOCAL, "cpex-in-process", in_flight),
            cpex(peer_stages.CPEX_GRPC, "cpex-grpc-tcp", in_flight),
            cpex(peer_stages.CPEX_GRPC_UNIX, "cpex-grpc-unix", in_flight),
            cpex(peer_stages.CPEX_UNIX, "cpex-unix", in_flight),
        ),
        seconds=0.6 if in_flight == 1 else 1.0,
    )


def _guardrail(hooks: int, in_flight: int) -> Leg:
    return Leg(
        name=f"litellm-{hooks}",
        stage=peer_stages.litellm,
        in_flight=in_flight,
        terms={"size": KB, "hooks": hooks},
    )


_LITELLM_ONE: Final = Experiment(
    name="litellm-1",
    part="peers",
    legs=(one(), five_on_one(), _guardrail(1, 1), _guardrail(5, 1)),
    seconds=0.6,
)
# One guardrail only: five of them, one after the other, take seconds with so many calls in flight.
_LITELLM_MANY: Final = Experiment(
    name="litellm-64", part="peers", legs=(one(64), _guardrail(1, 64)), seconds=1.0
)

PEERS: Final = (
    _floors(1),
    _floors(64),
    _cpex(1),
    _cpex(64),
    *(
        Experiment(name=f"mellea-{turns}", part="peers", legs=mellea(turns), rounds=8, seconds=0.5)
        for turns in (0, 10)
    ),
    _LITELLM_ONE,
    _LITELLM_MANY,
)
