"""What grows with what: workers, hook types, fields, sessions. Hooks are among the targets."""

from __future__ import annotations

from functools import partial
from typing import Final

from bench import ours
from bench.experiments.model import Experiment, one
from bench.experiments.targets import types
from bench.stage import Leg, Opening

WORKER_COUNTS: Final = (1, 2, 4, 8, 16, 32)
TYPE_COUNTS: Final = (1, 10, 100, 1000)
FIELD_COUNTS: Final = (5, 50, 500)
SESSION_COUNTS: Final = (1, 10, 100, 1000)


def _workers(count: int) -> Leg:
    opening: Opening = partial(ours.sidecar, ours.Workers(groups=(("gate",),) * count))
    terms = {"modes": ["sequential"] * count}
    return Leg(name=f"workers-{count}", stage=opening, terms=terms)


GROWTH: Final = (
    Experiment(
        name="workers", part="growth", legs=tuple(map(_workers, WORKER_COUNTS)), seconds=0.4
    ),
    Experiment(
        name="types",
        part="growth",
        legs=tuple(one(16, stage=types(count), name=f"types-{count}") for count in TYPE_COUNTS),
    ),
    Experiment(
        name="fields",
        part="growth",
        legs=tuple(one(fields=count, name=f"fields-{count}") for count in FIELD_COUNTS),
    ),
    Experiment(
        name="sessions",
        part="growth",
        legs=tuple(one(sessions=count, name=f"sessions-{count}") for count in SESSION_COUNTS),
    ),
)
