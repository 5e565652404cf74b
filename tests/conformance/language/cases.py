"""Cases and the files they stand in."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from sidehook._types import JSON
from tests.conformance.language import reading
from tests.conformance.language.errors import CaseError
from tests.conformance.language.expectations import (
    EndOfCase,
    read_call_expectation,
    read_end_of_case,
)
from tests.conformance.language.reading import Keys
from tests.conformance.language.steps import Steps, read_only_call, read_step
from tests.conformance.language.workers import DEFAULT_TYPE, ScriptedWorker, read_workers
from tests.conformance.language.yaml_text import read_yaml

DEFAULT_HOOK_TYPES: Final[list[JSON]] = [{"name": DEFAULT_TYPE, "writable": ["a", "b", "c"]}]
"""The `hook_types` of a configuration that has none."""

CLOCK: Final = "clock"
"""What a case needs that takes too long, or is too precise, for real time."""


class Runner(StrEnum):
    """What a case is run by."""

    PIPELINE = "pipeline"
    """Registry, dispatcher, pipeline and links in this process, on a clock of their own."""
    ATTACH = "attach"
    """A running sidecar, to which the workers attach."""
    DIAL = "dial"
    """A running sidecar, which dials the workers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One case. `unfit` says by which runners it is not run, and why."""

    file: str
    name: str
    rules: tuple[int, ...]
    mellea: tuple[str, ...]
    configuration: Mapping[str, JSON]
    workers: Mapping[str, ScriptedWorker]
    steps: Steps
    end: EndOfCase
    unfit: Mapping[Runner, str]
    digest: str

    @property
    def id(self) -> str:
        """Names the case in the whole suite."""
        return f"{self.file}: {self.name}"


def read_file(path: Path) -> tuple[Case, ...]:
    """The cases of a file. Raises CaseError, which names file, case and key."""
    content = read_yaml(path)
    if not isinstance(content, list):
        raise CaseError(path.name, "holds a list of cases")
    cases = tuple(_read_case(item, path.name, place) for place, item in enumerate(content))
    for name, times in Counter(case.name for case in cases).items():
        if times > 1:
            raise CaseError(path.name, f"{times} cases have the name {name!r}")
    return cases


def _read_case(value: JSON, file: str, place: int) -> Case:
    named = value.get("name") if isinstance(value, dict) else None
    where = f"{file}: case {named!r}" if isinstance(named, str) else f"{file}: case {place}"
    keys = Keys(value, where)
    steps, end = _read_what_happens(keys)
    case = Case(
        file=file,
        name=keys.required("name", reading.text),
        rules=keys.required("rules", reading.list_of(reading.integer)),
        mellea=keys.several("mellea", reading.text),
        configuration=_configuration(keys),
        workers=keys.take("workers", read_workers, {}),
        steps=steps,
        end=end,
        unfit=dict(_read_unfit(keys)),
        digest=digest_of(value),
    )
    keys.finish()
    return case


def _read_what_happens(keys: Keys) -> tuple[Steps, EndOfCase]:
    """A `call` and what is expected of it, or `steps` that say so each for itself."""
    if "steps" in keys:
        nested = keys.required("steps", reading.list_of(read_step))
        end = keys.take("expect", _read_end, EndOfCase())
        return tuple(step for steps in nested for step in steps), end
    expect = Keys(keys.required("expect", reading.anything), f"{keys.where}: expect")
    of_call, end = read_call_expectation(expect), read_end_of_case(expect)
    expect.finish()
    call = keys.required("call", reading.anything)
    return read_only_call(call, f"{keys.where}: call", of_call), end


def _read_end(value: JSON, where: str) -> EndOfCase:
    keys = Keys(value, where)
    end = read_end_of_case(keys)
    keys.finish()
    return end


def _configuration(keys: Keys) -> Mapping[str, JSON]:
    said = keys.mapping("configuration", reading.anything)
    return {"hook_types": DEFAULT_HOOK_TYPES, **said}


def _read_unfit(keys: Keys) -> Iterator[tuple[Runner, str]]:
    needs = keys.take("needs", reading.text, "")
    if needs not in ("", CLOCK):
        raise CaseError(keys.where, f"needs: takes {CLOCK}, not {needs!r}")
    if needs:
        yield from ((each, "needs a clock") for each in (Runner.ATTACH, Runner.DIAL))
    for name, why in keys.mapping("not_on", reading.text).items():
        yield reading.word(Runner)(name, f"{keys.where}: not_on"), why


def digest_of(value: JSON) -> str:
    """Stands for what a case says; comments and layout are no part of it."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
