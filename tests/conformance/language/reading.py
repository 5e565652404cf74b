"""Reading what YAML gave: every key is taken by somebody, or it is an error.

A reader of a value takes the value and the place it stands at, for the error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import Final, TypeAlias, TypeVar

from sidehook._types import JSON
from tests.conformance.language.errors import CaseError

T = TypeVar("T")
WordT = TypeVar("WordT", bound=Enum)

Reads: TypeAlias = Callable[[JSON, str], T]

_MISSING: Final = object()
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0}


class Keys:
    """The keys of one mapping. `finish` must follow, and fails for keys that nobody took."""

    def __init__(self, value: JSON, where: str) -> None:
        if not isinstance(value, dict):
            raise CaseError(where, f"takes keys and values, not {value!r}")
        self.where = where
        self._left = dict(value)
        self._known: list[str] = []

    def __contains__(self, key: str) -> bool:
        """Whether the key is there and not taken yet."""
        return key in self._left

    def take(self, key: str, read: Reads[T], default: T) -> T:
        """What stands under a key, or the default."""
        self._known.append(key)
        value = self._left.pop(key, _MISSING)
        return default if value is _MISSING else read(value, f"{self.where}: {key}")  # type: ignore[arg-type]  # only JSON was put in

    def optional(self, key: str, read: Reads[T]) -> T | None:
        """What stands under a key, None when there is none."""
        return self.take(key, _or_none(read), None)

    def several(self, key: str, read: Reads[T]) -> tuple[T, ...]:
        """The list under a key, an empty one when there is none."""
        return self.take(key, list_of(read), ())

    def mapping(self, key: str, read: Reads[T]) -> dict[str, T]:
        """The mapping under a key, an empty one when there is none."""
        return self.take(key, mapping_of(read), {})

    def required(self, key: str, read: Reads[T]) -> T:
        """What stands under a key that must be there."""
        if key not in self._left:
            raise CaseError(self.where, f"the key {key!r} is missing")
        self._known.append(key)
        return read(self._left.pop(key), f"{self.where}: {key}")

    def one_of(self, readers: Mapping[str, Reads[T]]) -> T:
        """The value of the one key of these that is there."""
        there = [key for key in readers if key in self._left]
        self._known += readers
        if len(there) != 1:
            names = ", ".join(readers)
            raise CaseError(self.where, f"takes exactly one of {names}, and has {there}")
        return self.required(there[0], readers[there[0]])

    def keys_with(self, mark: str) -> list[str]:
        """The keys that are left and hold a character."""
        return [key for key in self._left if mark in key]

    def rest(self) -> Iterator[tuple[str, JSON]]:
        """Everything that is left; it counts as taken."""
        left, self._left = self._left, {}
        yield from left.items()

    def finish(self) -> None:
        """Raises CaseError for a key that is left."""
        for key in self._left:
            known = ", ".join(dict.fromkeys(self._known))
            raise CaseError(self.where, f"there is no key {key!r}; there is {known}")


def _or_none(read: Reads[T]) -> Reads[T | None]:
    return read


def text(value: JSON, where: str) -> str:
    """A text."""
    if not isinstance(value, str):
        raise CaseError(where, f"takes a text, not {value!r}")
    return value


def integer(value: JSON, where: str) -> int:
    """A whole number."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise CaseError(where, f"takes a whole number, not {value!r}")
    return value


def number(value: JSON, where: str) -> float:
    """A number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise CaseError(where, f"takes a number, not {value!r}")
    return float(value)


def boolean(value: JSON, where: str) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise CaseError(where, f"takes true or false, not {value!r}")
    return value


def anything(value: JSON, _where: str) -> JSON:
    """Any value."""
    return value


def seconds(value: JSON, where: str) -> float:
    """A time such as 60ms, 5s or 1m, in seconds."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m)", value) if isinstance(value, str) else None
    if match is None:
        raise CaseError(where, f"takes a time such as 60ms, 5s or 1m, not {value!r}")
    return float(match[1]) * _UNITS[match[2]]


def list_of(read: Reads[T]) -> Reads[tuple[T, ...]]:
    """A list of such values."""

    def read_list(value: JSON, where: str) -> tuple[T, ...]:
        if not isinstance(value, list):
            raise CaseError(where, f"takes a list, not {value!r}")
        return tuple(read(item, f"{where}[{place}]") for place, item in enumerate(value))

    return read_list


def mapping_of(read: Reads[T]) -> Reads[dict[str, T]]:
    """Keys of any name, with such values."""

    def read_mapping(value: JSON, where: str) -> dict[str, T]:
        keys = Keys(value, where)
        return {key: read(item, f"{where}: {key}") for key, item in keys.rest()}

    return read_mapping


def word(words: type[WordT]) -> Reads[WordT]:
    """One of a closed set of words."""

    def read_word(value: JSON, where: str) -> WordT:
        for each in words:
            if each.value == value:
                return each
        names = ", ".join(str(each.value) for each in words)
        raise CaseError(where, f"takes one of {names}, not {value!r}")

    return read_word
