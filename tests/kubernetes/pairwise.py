"""All pairs: few combinations of switches in which every two settings meet.

A fault is most often one switch's, or two switches' together; trying all of 2^14
combinations would find little more than these ten or twenty.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TypeAlias

Row: TypeAlias = Mapping[str, str]
"""A setting for every switch."""


def all_pairs(switches: Mapping[str, Sequence[str]]) -> list[Row]:
    """Return rows in which every pair of settings of two switches stands at least once.

    Greedy: each row begins with a pair that is missing, and takes for every other switch
    the setting that covers most of what is missing. The same switches give the same rows.
    """
    missing = set(pairs(switches))
    rows: list[Row] = []
    while missing:
        row = dict(min(missing))
        for switch in switches:
            if switch not in row:
                row[switch] = max(
                    switches[switch],
                    key=lambda setting: _gain(row, (switch, setting), missing),
                )
        missing -= set(pairs({switch: [setting] for switch, setting in row.items()}))
        rows.append({switch: row[switch] for switch in switches})
    return rows


def pairs(
    switches: Mapping[str, Sequence[str]],
) -> list[tuple[tuple[str, str], tuple[str, str]]]:
    """Return every two settings that can meet, as pairs of switch and setting."""
    settings = sorted((switch, each) for switch, all_of in switches.items() for each in all_of)
    return [(a, b) for a, b in combinations(settings, 2) if a[0] != b[0]]


def _gain(
    row: Mapping[str, str],
    setting: tuple[str, str],
    missing: set[tuple[tuple[str, str], tuple[str, str]]],
) -> int:
    met = (tuple(sorted((setting, each))) for each in row.items())
    return sum(pair in missing for pair in met)
