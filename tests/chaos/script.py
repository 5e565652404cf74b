"""The script of a run: who is killed when. All of it follows from the seed."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

SETTLED_SHARE: Final = 0.75
"""In so many rounds everything is connected again before the next kill; else anything may be."""

SHORTEST: Final = 0.05
LONGEST: Final = 0.5


@dataclass(frozen=True, slots=True)
class Round:
    """One kill. `wait` is how many seconds of load come before it, after what settled."""

    number: int
    kind: str
    victim: str
    settle: bool
    wait: float


def script(seed: int, rounds: int, victims: Mapping[str, Sequence[str]]) -> Iterator[Round]:
    """The rounds of a seed. `victims` are the names of each kind; kinds are equally likely."""
    chance = random.Random(seed)
    kinds = tuple(victims)
    for number in range(1, rounds + 1):
        kind = chance.choice(kinds)
        yield Round(
            number=number,
            kind=kind,
            victim=chance.choice(victims[kind]),
            settle=chance.random() < SETTLED_SHARE,
            wait=chance.uniform(SHORTEST, LONGEST),
        )
