"""Frozen cases: a case that other implementations may have been built on stays as it is.

`frozen.txt` has a digest for each case and only grows; `python -m
tests.conformance.frozen` adds the new ones. A case that must change, or go, has an
entry in `changed.yaml` that says why, with the digest that it had and the one it has.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from tests.conformance.language import reading
from tests.conformance.language.reading import Keys
from tests.conformance.language.yaml_text import read_yaml
from tests.conformance.suite import FOLDER, cases

FROZEN: Final = FOLDER / "frozen.txt"
CHANGED: Final = FOLDER / "changed.yaml"
GONE: Final = "gone"
"""What a case is now that was taken out."""


@dataclass(frozen=True, slots=True)
class Change:
    """A case that is no longer what it was frozen as."""

    case: str
    was: str
    now: str
    because: str


def frozen() -> dict[str, str]:
    """The cases as they were frozen first: name to digest."""
    lines = FROZEN.read_text().splitlines() if FROZEN.exists() else []
    pairs = (line.split(" ", 1) for line in lines)
    return {name: digest for digest, name in pairs}


def changes() -> list[Change]:
    """What was changed since, in order."""
    found = []
    for place, item in enumerate(reading.list_of(reading.anything)(read_yaml(CHANGED) or [], "")):
        keys = Keys(item, f"{CHANGED.name}: {place}")
        names = ("case", "was", "now", "because")
        change = Change(*(keys.required(name, reading.text) for name in names))
        keys.finish()
        found.append(change)
    return found


def expected(before: Mapping[str, str], made: list[Change]) -> dict[str, str]:
    """What every case must be. Raises ValueError for a change of what is not there."""
    now = dict(before)
    for change in made:
        if now.get(change.case) != change.was:
            there = now.get(change.case)
            raise ValueError(f"{CHANGED.name}: {change.case} was {there}, not {change.was}")
        now[change.case] = change.now
    return now


def problems(must: Mapping[str, str], there: Mapping[str, str]) -> Iterator[str]:
    """What is not as it was frozen, each with what to do."""
    for case, digest in must.items():
        now = there.get(case, GONE)
        if now != digest:
            yield (
                f"{case} was {digest} and is {now}: add a case instead of changing this one, or "
                f"say in {CHANGED.name} why it must change"
            )
    for case in there.keys() - must.keys():
        yield f"{case} is new: freeze it with `python -m tests.conformance.frozen`"


def digests() -> dict[str, str]:
    """The cases as they are."""
    return {case.id: case.digest for case in cases()}


def freeze() -> int:
    """Adds what is new; the number of cases that are not as they were frozen."""
    before = frozen()
    must = expected(before, changes())
    new = {case: digest for case, digest in digests().items() if case not in must}
    with FROZEN.open("a") as file:
        file.writelines(f"{digest} {case}\n" for case, digest in new.items())
    changed = list(problems({**must, **new}, digests()))
    sys.stdout.write("\n".join([f"{len(new)} cases frozen", *changed]) + "\n")
    return len(changed)


if __name__ == "__main__":
    sys.exit(min(freeze(), 1))
