"""What callers and workers write down, each for itself: one JSON line for each thing seen.

A line is handed to the system in one piece, so that a killed process leaves whole lines.
Times are of the monotonic clock, which all processes of a machine share.
"""

import json
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Final, Self

from sidehook._types import JSON

PROCEEDED: Final = "proceeded"
BLOCKED: Final = "blocked"
FAILED: Final = "failed"
CANCELLED: Final = "cancelled"


class _Line:
    """A record that is one line of a file."""

    __slots__ = ()

    def line(self) -> bytes:
        """The line, with its end."""
        values: dict[str, JSON] = asdict(self)  # type: ignore[call-overload]  # each subclass is one
        return json.dumps(list(values.values()), separators=(",", ":")).encode() + b"\n"

    @classmethod
    def of(cls, line: bytes) -> Self:
        """The record of a line."""
        names = [each.name for each in fields(cls)]  # type: ignore[arg-type]  # each subclass is one
        return cls(**dict(zip(names, json.loads(line), strict=True)))


@dataclass(frozen=True, slots=True)
class Call(_Line):
    """One call as its caller saw it. `lines` are hook and outcome, empty without a receipt.

    `text` is what it asked for, empty for nothing special; `back` is what came back of the
    payload's marker, by the hook that copies it.
    """

    marker: str
    text: str
    call_id: str
    began: float
    ended: float
    outcome: str
    reason: str
    back: str
    lines: list[list[str]]

    @property
    def accepted(self) -> Iterator[str]:
        """The hooks whose event the sidecar has accepted, by this receipt."""
        return (hook for hook, outcome in self.lines if outcome == "detached")


@dataclass(frozen=True, slots=True)
class Run(_Line):
    """One run as its worker saw it; `part` tells its beginning from its end."""

    hook: str
    call_id: str
    key: str
    marker: str
    part: str
    at: float
    process: int


BEGAN: Final = "began"
ENDED: Final = "ended"


class Pen:
    """Appends records to a file."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, record: _Line) -> None:
        """Append one."""
        os.write(self._file, record.line())


def calls(files: Iterable[Path]) -> list[Call]:
    """Every call that a caller wrote down."""
    return [Call.of(line) for line in _whole_lines(files)]


def runs(files: Iterable[Path]) -> list[Run]:
    """Every run that a worker wrote down."""
    return [Run.of(line) for line in _whole_lines(files)]


def now() -> float:
    """The time of records."""
    return time.monotonic()


def _whole_lines(files: Iterable[Path]) -> Iterator[bytes]:
    for path in files:
        with path.open("rb") as file:
            # What a full disk or a kill cut off was never told to anybody.
            yield from (line for line in file if line.endswith(b"\n"))
