"""The catalogue of hook types as it stands in the contract, read and checked."""

import keyword
import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "proto" / "catalogue" / "hook_types.yaml"
ORIGIN = SOURCE.relative_to(ROOT)

PLAIN_TYPES = ("string", "integer", "number", "boolean", "json", "object", "string_map")
SOURCES = ("mellea", "cpex")
MAX_LIST_DEPTH = 2

_HOOK_TYPE = re.compile(r"(cpex\.(cmf\.)?)?[a-z][a-z0-9_]*")
_MEMBER = re.compile(r"\$?[a-z][a-z0-9_]*")
_SENTENCE = re.compile(r"\S[^\n]{,98}\.")
# A view has these names from Mapping and Payload, so no field can.
_TAKEN = frozenset({*dir(Mapping), "from_values", "patched", "receipt", "wire_fields"})


class CatalogueError(ValueError):
    """The catalogue breaks a rule of its own head."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field of a payload, or a member of a projection."""

    name: str
    type: str
    description: str
    nullable: bool = False
    writable: bool = False
    answer: bool = False
    optional: bool = False
    note: str = ""

    @property
    def told(self) -> str:
        """The description with the note behind it."""
        return f"{self.description} {self.note}".strip()

    @property
    def base(self) -> str:
        """The type without its list marks."""
        return self.type.removesuffix("[]").removesuffix("[]")

    @property
    def list_depth(self) -> int:
        """How many lists there are round the type."""
        return self.type.count("[]")


@dataclass(frozen=True, slots=True, kw_only=True)
class HookType:
    """A hook type and its payload."""

    name: str
    source: str
    description: str
    blockable: bool
    fields: tuple[Field, ...]
    note: str = ""

    @property
    def told(self) -> str:
        """The description with the note behind it."""
        return f"{self.description} {self.note}".strip()

    @property
    def constant(self) -> str:
        """Its name as a constant: COMPONENT_PRE_EXECUTE."""
        return self.name.replace(".", "_").upper()

    @property
    def view(self) -> str:
        """Its name as a class: ComponentPreExecute."""
        return "".join(part.capitalize() for part in re.split(r"[._]", self.name))

    @property
    def writable(self) -> tuple[str, ...]:
        """The names of the fields that a hook may replace or add."""
        return tuple(field.name for field in self.fields if field.writable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Projection:
    """The JSON shape in which a live object crosses."""

    name: str
    description: str
    fields: tuple[Field, ...] = ()
    values: str = ""
    write: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """Everything in the file, in its order."""

    made_for: Mapping[str, str]
    base_fields: Mapping[str, str]
    hook_types: tuple[HookType, ...]
    projections: tuple[Projection, ...]


class _OneKeyOnce(yaml.SafeLoader):
    """Refuses a key that stands twice in one mapping, where YAML would take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 - as overridden
        """Build a mapping; called by the loader."""
        names = [self.construct_object(key) for key, _ in node.value]
        if twice := {name for name in names if names.count(name) > 1}:
            raise yaml.constructor.ConstructorError(
                problem=f"{', '.join(sorted(twice))} stands twice in one mapping",
                problem_mark=node.start_mark,
            )
        return super().construct_mapping(node, deep=deep)


def load(source: Path = SOURCE) -> Catalogue:
    """Read the catalogue.

    Raises CatalogueError with every problem there is, one a line.
    """
    try:
        document = yaml.load(source.read_text(encoding="utf-8"), Loader=_OneKeyOnce)  # noqa: S506 - a SafeLoader
        catalogue = Catalogue(
            made_for=document["made_for"],
            base_fields=document["base_fields"],
            hook_types=tuple(_hook_type(*item) for item in document["hook_types"].items()),
            projections=tuple(_projection(*item) for item in document["projections"].items()),
        )
    except (KeyError, TypeError, yaml.YAMLError) as error:
        raise CatalogueError(f"{source}: {error}") from error
    if problems := _problems(catalogue):
        raise CatalogueError("\n".join(f"{source}: {problem}" for problem in problems))
    return catalogue


def _hook_type(name: str, entry: dict[str, object]) -> HookType:
    return HookType(name=name, **{**entry, "fields": _fields(entry["fields"])})  # type: ignore[arg-type] # an unknown key is a TypeError, and the rest is checked below


def _projection(name: str, entry: dict[str, object]) -> Projection:
    return Projection(name=name, **{**entry, "fields": _fields(entry.get("fields", {}))})  # type: ignore[arg-type] # as above


def _fields(entries: object) -> tuple[Field, ...]:
    if not isinstance(entries, dict):
        raise TypeError(f"fields must be a mapping, not {entries!r}")
    return tuple(_field(name, entry) for name, entry in entries.items())


def _field(name: str, entry: dict[str, object]) -> Field:
    answer = bool(entry.get("answer"))
    return Field(name=name, **{"writable": answer, **entry})  # type: ignore[arg-type] # as above


def _problems(catalogue: Catalogue) -> list[str]:
    known = {*PLAIN_TYPES, *(projection.name for projection in catalogue.projections)}
    problems: list[str] = []
    for hook_type in catalogue.hook_types:
        problems += _hook_type_problems(hook_type)
        for field in hook_type.fields:
            problems += _field_problems(hook_type.name, field, known)
    for projection in catalogue.projections:
        if bool(projection.fields) == bool(projection.values):
            problems.append(f"{projection.name}: give fields or values, one of the two")
        for field in projection.fields:
            problems += _member_problems(projection.name, field, known)
    return problems


def _hook_type_problems(hook_type: HookType) -> list[str]:
    rules = {
        "is not a name of a hook type": _HOOK_TYPE.fullmatch(hook_type.name),
        f"source must be one of {', '.join(SOURCES)}": hook_type.source in SOURCES,
        "a type of cpex starts with `cpex.`, and no other": (
            hook_type.name.startswith("cpex.") == (hook_type.source == "cpex")
        ),
        "blockable must be true or false": isinstance(hook_type.blockable, bool),
        "description must be a sentence of at most 100 characters": _SENTENCE.fullmatch(
            hook_type.description
        ),
        "has no fields": hook_type.fields,
    }
    return [f"{hook_type.name}: {rule}" for rule, holds in rules.items() if not holds]


def _field_problems(owner: str, field: Field, known: set[str]) -> list[str]:
    problems = _member_problems(owner, field, known)
    if not field.name.isidentifier() or keyword.iskeyword(field.name) or field.name in _TAKEN:
        problems.append(f"{owner}.{field.name}: cannot be an attribute of a view")
    if field.answer and not field.writable:
        problems.append(f"{owner}.{field.name}: an answer is always writable")
    if field.optional:
        problems.append(f"{owner}.{field.name}: only a member of a projection is optional")
    return problems


def _member_problems(owner: str, field: Field, known: set[str]) -> list[str]:
    rules = {
        "is not a name of a field": _MEMBER.fullmatch(field.name),
        f"unknown type {field.type}": field.base in known and field.list_depth <= MAX_LIST_DEPTH,
        "description must be a sentence of at most 100 characters": _SENTENCE.fullmatch(
            field.description
        ),
        "the marks must be true or false": all(
            isinstance(mark, bool)
            for mark in (field.nullable, field.writable, field.answer, field.optional)
        ),
    }
    return [f"{owner}.{field.name}: {rule}" for rule, holds in rules.items() if not holds]
