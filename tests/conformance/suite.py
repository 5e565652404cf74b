"""The suite: every case, what is known to fail, and which cases a runner runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from sidehook._types import JSON
from tests.conformance.language import reading
from tests.conformance.language.cases import Case, Runner, read_file
from tests.conformance.language.reading import Keys
from tests.conformance.language.yaml_text import read_yaml

FOLDER = Path(__file__).parent


@cache
def cases() -> tuple[Case, ...]:
    """Every case, by file and in the order in which they stand there."""
    files = sorted((FOLDER / "cases").glob("*.yaml"))
    return tuple(case for file in files for case in read_file(file))


def cases_for(runner: Runner) -> Sequence[Case]:
    """The cases that a runner runs."""
    return [case for case in cases() if runner not in case.unfit]


@cache
def known_failures() -> Mapping[tuple[str, Runner], str]:
    """Case and runner of what is known to fail, and why."""
    known: dict[tuple[str, Runner], str] = {}
    for place, item in enumerate(reading.list_of(reading.anything)(_content(), "known failures")):
        keys = Keys(item, f"known_failures.yaml: {place}")
        case = keys.required("case", reading.text)
        runners = keys.take("on", reading.list_of(reading.word(Runner)), tuple(Runner))
        because = keys.required("because", reading.text)
        keys.finish()
        known |= {(case, runner): because for runner in runners}
    return known


def _content() -> JSON:
    return read_yaml(FOLDER / "known_failures.yaml") or []
