"""The catalogue of hook types as Python source, not formatted yet."""

from collections.abc import Iterable

from catalogue import ORIGIN, Catalogue, Field, HookType

PYTHON_TYPES = {
    "string": "str",
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "json": "JSON",
    "string_map": "Mapping[str, str]",
}
# A projection, and an object, are JSON objects.
OBJECT = "Mapping[str, JSON]"


def catalogue_module(catalogue: Catalogue) -> str:
    """Return the source of the names and of all that is known of them."""
    return "\n".join(
        [
            f'"""The hook types of the catalogue. Generated from {ORIGIN}."""',
            "",
            "# ruff: noqa: E501, S105 - descriptions are long, and no name here is a password",
            "",
            "from __future__ import annotations",
            "",
            "from collections.abc import Mapping",
            "from enum import StrEnum",
            "from types import MappingProxyType",
            "",
            "from sidehook._hook_type_info import FieldInfo, HookTypeInfo",
            "class HookType(StrEnum):",
            '    """The names of the known hook types.',
            "",
            "    Each equals its name as a string. A hook type of the application's own, not among",
            "    these, is a plain string wherever one of these is taken.",
            '    """',
            *map(_constant, catalogue.hook_types),
            "def _fields(*fields: FieldInfo) -> Mapping[str, FieldInfo]:",
            "    return MappingProxyType({field.name: field for field in fields})",
            "CATALOGUE: Mapping[str, HookTypeInfo] = MappingProxyType({",
            *map(_info, catalogue.hook_types),
            "})",
            '"""What is known of each hook type, by its name."""',
        ]
    )


def _constant(hook_type: HookType) -> str:
    return f'\n    {hook_type.constant} = "{hook_type.name}"\n    {_docstring(hook_type.told)}'


def _info(hook_type: HookType) -> str:
    fields = "".join(map(_field_info, hook_type.fields))
    return (
        f"HookType.{hook_type.constant}: HookTypeInfo("
        f"name={hook_type.name!r}, source={hook_type.source!r}, "
        f"description={hook_type.description!r}, blockable={hook_type.blockable}, "
        f"fields=_fields({fields}), writable={_frozenset(hook_type.writable)}),"
    )


def _field_info(field: Field) -> str:
    marks = "".join(f"{mark}=True, " for mark in _marks(field))
    return (
        f"FieldInfo(name={field.name!r}, type={field.type!r}, {marks}"
        f"description={field.description!r}),"
    )


def _marks(field: Field) -> list[str]:
    return [mark for mark in ("nullable", "writable", "answer") if getattr(field, mark)]


def _frozenset(names: Iterable[str]) -> str:
    listed = ", ".join(map(repr, names))
    return f"frozenset({{{listed}}})" if listed else "frozenset()"


def views_module(catalogue: Catalogue) -> str:
    """Return the source of a class for each payload."""
    return "\n".join(
        [
            f'"""Typed views of the payloads in the catalogue. Generated from {ORIGIN}.',
            "",
            "A view is the payload with its fields as typed attributes. The shapes of the values",
            "that stand for live objects are in docs/hook-types.md.",
            '"""',
            "",
            "# ruff: noqa: E501 - descriptions are long",
            "",
            "from __future__ import annotations",
            "",
            "from collections.abc import Mapping, Sequence",
            "from types import MappingProxyType",
            "from typing import cast",
            "",
            "from sidehook._catalogue import HookType",
            "from sidehook._payload import Payload",
            "from sidehook._types import JSON",
            *map(_view, catalogue.hook_types),
            "VIEWS: Mapping[str, type[Payload]] = MappingProxyType({",
            *(f"HookType.{known.constant}: {known.view}," for known in catalogue.hook_types),
            "})",
            '"""The view of each known hook type, by its name."""',
        ]
    )


def _view(hook_type: HookType) -> str:
    head = f"class {hook_type.view}(Payload):\n    {_docstring(_view_summary(hook_type))}\n"
    return head + "    __slots__ = ()\n" + "".join(map(_property, hook_type.fields))


def _view_summary(hook_type: HookType) -> str:
    return f"The payload of `{hook_type.name}`.\n\n    {hook_type.told}\n    "


def _property(field: Field) -> str:
    annotation = _annotation(field)
    value = f"self.get({field.name!r})" if field.answer else f"self[{field.name!r}]"
    return (
        f"\n    @property\n    def {field.name}(self) -> {annotation}:\n"
        f"        {_docstring(_property_summary(field))}\n"
        f"        return cast({annotation!r}, {value})\n"
    )


def _annotation(field: Field) -> str:
    annotation = PYTHON_TYPES.get(field.base, OBJECT)
    for _ in range(field.list_depth):
        annotation = f"Sequence[{annotation}]"
    # JSON holds null, and an answer that no hook gave reads as None.
    may_be_none = (field.nullable or field.answer) and annotation != "JSON"
    return f"{annotation} | None" if may_be_none else annotation


def _property_summary(field: Field) -> str:
    rights = "A hook's answer. " if field.answer else "Writable. " if field.writable else ""
    return f"{rights}{field.told}"


def _docstring(text: str) -> str:
    return f'"""{text}"""'
