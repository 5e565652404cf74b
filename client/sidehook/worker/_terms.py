"""What the terms of a hook must be: one table, a row for each rule. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from sidehook._errors import DefinitionError
from sidehook._manifest import HookSpec
from sidehook._types import Mode

MAX_PRIORITY = 1_000_000
"""Priorities lie between minus this and this."""

MAX_TIMEOUT = 3600.0
"""The longest a run may take, in seconds."""

_HOOK_TYPE = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
_OBSERVERS = (Mode.AUDIT, Mode.FIRE_AND_FORGET)
_CHARACTERS = "1 to 128 of letters, digits, _ - and ."


@dataclass(frozen=True, slots=True)
class _Rule:
    """A term, what it must be in words, and the test for it. A term not given passes."""

    term: str
    wanted: str
    holds: Callable[[HookSpec], bool]


def _matches(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _within(value: object, highest: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= highest


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MAX_PRIORITY


def _distinct_names(fields: tuple[object, ...]) -> bool:
    return all(_text(name) for name in fields) and len(set(fields)) == len(fields)


_RULES = (
    _Rule(
        "hook_type",
        f"a name of {_CHARACTERS}",
        lambda s: _matches(_HOOK_TYPE, s.hook_type),
    ),
    _Rule(
        "name",
        f"a name of {_CHARACTERS} (and :); give one with name=...",
        lambda s: _matches(_NAME, s.name),
    ),
    _Rule(
        "priority",
        "an int from -1000000 to 1000000",
        lambda s: s.priority is None or _whole(s.priority),
    ),
    _Rule(
        "timeout",
        "seconds over 0 and up to 3600",
        lambda s: s.timeout is None or _within(s.timeout, MAX_TIMEOUT),
    ),
    _Rule("scope", "a name that is not empty", lambda s: s.scope is None or _text(s.scope)),
    _Rule(
        "condition",
        "a CEL expression that is not empty",
        lambda s: s.condition is None or _text(s.condition),
    ),
    _Rule(
        "fields",
        "names that are not empty, each once",
        lambda s: s.fields is None or _distinct_names(s.fields),
    ),
    _Rule(
        "requires_final_payload",
        "a bool",
        lambda s: isinstance(s.requires_final_payload, bool | None),
    ),
    _Rule(
        "requires_final_payload",
        "for mode SEQUENTIAL only: gates are SEQUENTIAL hooks behind all mutators",
        lambda s: not s.requires_final_payload or s.mode in (None, Mode.SEQUENTIAL),
    ),
    _Rule("idempotent", "a bool", lambda s: isinstance(s.idempotent, bool | None)),
    _Rule(
        "sample",
        "a share over 0 and up to 1",
        lambda s: s.sample is None or _within(s.sample, 1.0),
    ),
    _Rule(
        "sample",
        "for modes AUDIT and FIRE_AND_FORGET only: a guard sees every call",
        lambda s: s.sample is None or s.mode in _OBSERVERS,
    ),
    _Rule("description", "a str", lambda s: isinstance(s.description, str | None)),
)


def check_terms(where: str, spec: HookSpec) -> None:
    """Raise DefinitionError, which begins with `where`, for the first term that is wrong."""
    for rule in _RULES:
        if not rule.holds(spec):
            given = getattr(spec, rule.term)
            raise DefinitionError(f"{where}: {rule.term} {given!r} must be {rule.wanted}")
