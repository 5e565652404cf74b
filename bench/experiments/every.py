"""All experiments, in the order in which they are run: the targets first, they must be had."""

from __future__ import annotations

from typing import Final

from bench.experiments.growth import GROWTH
from bench.experiments.ladder import LADDER
from bench.experiments.peers import PEERS
from bench.experiments.targets import TARGETS

EVERY: Final = (*TARGETS, *PEERS, *LADDER, *GROWTH)
PARTS: Final = tuple(dict.fromkeys(each.part for each in EVERY))
