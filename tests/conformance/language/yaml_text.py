"""YAML as the suite means it: the core schema of YAML 1.2, and every key once.

Readers of YAML 1.1 take `no`, `12:30` and dates for something else than the texts they
are here, so a file is read the same way in every language only under one schema.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import yaml

from sidehook._types import JSON
from tests.conformance.language.errors import CaseError


class _CoreLoader(yaml.SafeLoader):
    """PyYAML's safe loader, with the tags of the core schema in place of those of 1.1."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 - PyYAML's own way to say it


_WORDS: Final = (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+", list("-+0123456789")),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?",
        list("-+.0123456789"),
    ),
)

for _tag, _pattern, _first in _WORDS:
    _CoreLoader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), _first
    )


def _integer(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    # The one of YAML 1.1 takes a leading 0 for octal.
    return int(str(loader.construct_scalar(node)))


def _mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[str, JSON]:
    mapping: dict[str, JSON] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        line = key_node.start_mark.line + 1
        if not isinstance(key, str):
            raise CaseError(f"line {line}", f"the key {key!r} is no text")
        if key in mapping:
            raise CaseError(f"line {line}", f"the key {key!r} stands twice")
        mapping[key] = loader.construct_object(value_node, deep=True)
    return mapping


_CoreLoader.add_constructor("tag:yaml.org,2002:int", _integer)
_CoreLoader.add_constructor("tag:yaml.org,2002:map", _mapping)


def read_yaml(path: Path) -> JSON:
    """What stands in a file. Raises CaseError, with the file's name and the line."""
    try:
        content: JSON = yaml.load(path.read_text(), _CoreLoader)
    except yaml.YAMLError as error:
        raise CaseError(path.name, f"this is not YAML: {error}") from error
    except CaseError as error:
        raise CaseError(f"{path.name}: {error.where}", error.problem) from error
    return content
