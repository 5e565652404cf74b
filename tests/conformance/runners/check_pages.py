"""How the pages of the admin port differ from what a case expects."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from sidehook._types import JSON


def counter_differences(expected: Mapping[str, float], metrics: str) -> Iterator[str]:
    """How sums differ, each over the series that a selector chooses.

    A selector is `sidehook_guard_missed_total{cause="failed_open"}`, with any number of labels.
    """
    for selector, value in expected.items():
        total = _total(metrics, selector)
        if total != value:
            yield f"{selector} is {total:g}, not {value:g}"


def _total(metrics: str, selector: str) -> float:
    name, _, labels = selector.partition("{")
    wanted = re.findall(r'\w+="[^"]*"', labels)
    lines = re.findall(rf"^{re.escape(name)}(?:{{(.*)}})? (\S+)$", metrics, re.MULTILINE)
    return sum(float(value) for series, value in lines if all(w in series for w in wanted))


def state_differences(expected: Mapping[str, JSON], state: Mapping[str, JSON]) -> Iterator[str]:
    """How `/state` differs: a flag as it is, of a list of sentences some words of each."""
    for name, wanted in expected.items():
        there = state.get(name)
        if isinstance(wanted, list) and isinstance(there, list):
            yield from _sentences(name, wanted, there)
        elif wanted != there:
            yield f"/state: {name} is {there!r}, not {wanted!r}"


def _sentences(name: str, wanted: list[JSON], there: list[JSON]) -> Iterator[str]:
    if len(wanted) != len(there):
        yield f"/state: {name} is {there}, not {wanted}"
    for words in wanted:
        if not any(str(words) in str(sentence) for sentence in there):
            yield f"/state: {name} does not mention {words!r}: {there}"
