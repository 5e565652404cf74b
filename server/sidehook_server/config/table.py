"""What a table of configuration keys is made of: keys, what they take, and sections of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from typing import Any, Final, TypeAlias

from sidehook._types import FailureClass
from sidehook_server.config.kinds import Kind


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of single values, each once."""

    kind: Kind[str]


Values: TypeAlias = dict[str, Any]
"""What was read of a section, by the attributes of its model; given keys only."""


@dataclass(frozen=True, slots=True)
class Section:
    """Keys of their own below a key. `model` has their attributes and defaults.

    `make` makes of them what the key above is set to.
    """

    keys: tuple[Key, ...]
    model: type
    make: Callable[[Values], object]


@dataclass(frozen=True, slots=True)
class ListOfSections:
    """A list of things with keys of their own, told apart by the attribute `by`."""

    section: Section
    by: str = "name"


@dataclass(frozen=True, slots=True)
class Policy:
    """What failures do: one word, or words by failure class and `default`."""


Takes: TypeAlias = Kind[object] | ListOf | Section | ListOfSections | Policy
"""What a key takes."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key. `default` overrides what the model's default would be called.

    `attribute` is the name in the model where it is not the key's own.
    """

    name: str
    takes: Takes
    text: str
    default: str | None = None
    required: bool = False
    attribute: str = ""

    @property
    def target(self) -> str:
        """The attribute of the model that the key sets."""
        return self.attribute or self.name


POLICY_KEYS: Final = ("default", *(str(kind) for kind in FailureClass))
"""The keys of an `on_error` that is written by failure class."""


def default_of(section: Section, key: Key) -> str:
    """The default of a key, for people; empty for none."""
    if key.default is not None:
        return key.default
    if not isinstance(key.takes, Kind):
        return ""
    value = next(
        (each.default for each in fields(section.model) if each.name == key.target), MISSING
    )
    if value is MISSING or value is None:
        return ""
    return f"`{key.takes.show(value)}`"
