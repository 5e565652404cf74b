"""Whether JSON has the shape that the catalogue gives a field or a projection."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, cast

import yaml

from sidehook._call import Fields
from sidehook._types import JSON
from tests.repository import ROOT

SOURCE: dict[str, Any] = yaml.safe_load(
    (ROOT / "proto" / "catalogue" / "hook_types.yaml").read_text()
)
PROJECTIONS: dict[str, Any] = SOURCE["projections"]

PLAIN: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
}


def decoded(fields: Fields) -> dict[str, Any]:
    """The fields of a payload, as plain values."""
    return {name: json.loads(value.octets) for name, value in fields.items()}


def misshapen(hook_type: str, fields: Mapping[str, JSON]) -> list[str]:
    """What is not as the catalogue says, each with its place."""
    described = SOURCE["hook_types"][hook_type]["fields"]
    return [*_members(hook_type, described, fields)]


def misshapen_value(type_name: str, value: JSON) -> list[str]:
    """What of one value is not as the catalogue says of its type, each with its place."""
    return [*_value(type_name, {"type": type_name, "nullable": True}, value)]


def _members(
    place: str, described: Mapping[str, Any], members: Mapping[str, JSON]
) -> Iterator[str]:
    required = {name for name, field in described.items() if not field.get("optional")}
    if missing := required - members.keys():
        yield f"{place} lacks {sorted(missing)}"
    if unknown := members.keys() - described.keys():
        yield f"{place} has {sorted(unknown)}, which nobody describes"
    for name in described.keys() & members.keys():
        yield from _value(f"{place}.{name}", described[name], members[name])


def _value(place: str, described: Mapping[str, Any], value: JSON) -> Iterator[str]:
    if value is None:
        if not described.get("nullable") and described["type"] != "json":
            yield f"{place} is null"
        return
    yield from _of_type(place, described["type"], value)


def _of_type(place: str, type_name: str, value: JSON) -> Iterator[str]:
    if type_name.endswith("[]"):
        if not isinstance(value, list):
            yield f"{place} is no list"
            return
        for index, item in enumerate(value):
            yield from _of_type(f"{place}[{index}]", type_name.removesuffix("[]"), item)
    elif type_name in PLAIN:
        kinds = PLAIN[type_name]
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            yield f"{place} is a {type(value).__name__} and no {type_name}"
    elif type_name in PROJECTIONS:
        if not isinstance(value, dict):
            yield f"{place} is no {type_name}"
        elif "fields" in PROJECTIONS[type_name]:
            yield from _members(place, PROJECTIONS[type_name]["fields"], cast("Any", value))


def writable_fields() -> list[tuple[str, str]]:
    """Every field of a hook type of mellea that a hook may change, with its type."""
    return [
        (hook_type, name)
        for hook_type, info in SOURCE["hook_types"].items()
        if info["source"] == "mellea"
        for name, field in info["fields"].items()
        if field.get("writable")
    ]
