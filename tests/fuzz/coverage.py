"""Which lines of the project an input reaches, one after the other, to tell inputs apart."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from types import FrameType
from typing import Any, Final

from sidehook import _wire
from tests.fuzz.targets import TARGETS

Step = tuple[str, int, int]

_OURS: Final = _wire.__file__.rpartition("/_wire/")[0]


def steps(target: str, octets: bytes) -> frozenset[Step]:
    """The steps from line to line that the target takes on the input."""
    taken: set[Step] = set()
    before: dict[FrameType, int] = {}

    def trace(frame: FrameType, event: str, _: object) -> Any:
        file = frame.f_code.co_filename
        if not (file.startswith(_OURS) or file.endswith("manifest_file.py")):
            return None
        if event == "line":
            taken.add((file, before.get(frame, 0), frame.f_lineno))
            before[frame] = frame.f_lineno
        return trace

    old = sys.gettrace()
    sys.settrace(trace)
    try:
        TARGETS[target](octets)
    finally:
        sys.settrace(old)
    return frozenset(taken)


def fewest(target: str, inputs: Iterable[bytes]) -> list[bytes]:
    """Inputs that reach as much as all of them, the smallest first."""
    kept: list[bytes] = []
    reached: set[Step] = set()
    for octets in sorted(set(inputs), key=lambda it: (len(it), it)):
        new = steps(target, octets) - reached
        if new:
            kept.append(octets)
            reached |= new
    return kept
