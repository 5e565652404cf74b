"""What is wrong with a configuration: every problem at once, each with its place and the fix."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_NO_LINE: Final = 0


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something was said: a file with line and column from 1, or a flag."""

    source: str
    line: int = _NO_LINE
    column: int = _NO_LINE

    def __str__(self) -> str:
        if self.line == _NO_LINE:
            return self.source
        return f"{self.source}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem. `key` is the path of what it is about: `workers[0].target`."""

    place: Place
    key: str
    text: str

    def __str__(self) -> str:
        return (
            f"{self.place}: {self.key}: {self.text}" if self.key else f"{self.place}: {self.text}"
        )


class ConfigError(Exception):
    """A configuration that cannot be used. `problems` has every one that was found."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: (problem.place, problem.key)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class WrongValueError(Exception):
    """A value that is not what its key takes. The text says what it takes."""
