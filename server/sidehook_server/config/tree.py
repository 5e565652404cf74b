"""A YAML file as a tree that knows the place of everything in it.

Values are read from the text that stands in the file, by what their key takes: a name
`no` is no boolean here, and `1:30` no number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

import yaml

from sidehook_server.config.problems import ConfigError, Place, Problem, WrongValueError

NULL_TAG: Final = "tag:yaml.org,2002:null"
_TEXT_TAG: Final = "tag:yaml.org,2002:str"
_MAPPING_TAG: Final = "tag:yaml.org,2002:map"
_NO_PLACE: Final = -1

Node: TypeAlias = yaml.Node


@dataclass(frozen=True, slots=True)
class Override:
    """Something said outside the file: the flag, the key it sets, and the value's text."""

    flag: str
    key: str
    text: str


def parse(octets: bytes, source: str) -> yaml.MappingNode:
    """The tree of a file. Raises ConfigError for what is no YAML mapping."""
    try:
        root = yaml.compose(octets, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(source, mark.line + 1, mark.column + 1) if mark else Place(source)
        raise ConfigError([Problem(place, "", f"this is not YAML: {_said(error)}")]) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError([Problem(Place(source), "", f"this is not YAML: {error}")]) from error
    if root is None or root.tag == NULL_TAG:
        return _empty(source)
    if not isinstance(root, yaml.MappingNode):
        text = "the file must hold keys and values, such as `dev: true`"
        raise ConfigError([Problem(place_of(root, source), "", text)])
    return root


def _said(error: yaml.MarkedYAMLError) -> str:
    return ", ".join(part for part in (error.context, error.problem) if part)


def _empty(source: str) -> yaml.MappingNode:
    mark = yaml.Mark(source, 0, _NO_PLACE, _NO_PLACE, None, 0)
    return yaml.MappingNode(_MAPPING_TAG, [], mark, mark)


def place_of(node: Node, source: str) -> Place:
    """Where a node stands."""
    mark = node.start_mark
    if not is_in_file(node):
        return Place(mark.name)
    return Place(source, mark.line + 1, mark.column + 1)


def is_in_file(node: Node) -> bool:
    """Whether the node stands in the file, and was not said elsewhere."""
    return bool(node.start_mark.line != _NO_PLACE)


def overridden(root: yaml.MappingNode, overrides: Iterable[Override]) -> yaml.MappingNode:
    """The tree with values said outside the file, in place of those in it."""
    for override in overrides:
        root = _set(root, override.key.split("."), override)
    return root


def _set(node: yaml.MappingNode, path: list[str], override: Override) -> yaml.MappingNode:
    mark = yaml.Mark(override.flag, 0, _NO_PLACE, _NO_PLACE, None, 0)
    name = path[0]
    here = next((value for key, value in node.value if _is(key, name)), None)
    value: Node = yaml.ScalarNode(_TEXT_TAG, override.text, mark, mark)
    if len(path) > 1:
        inner = here if isinstance(here, yaml.MappingNode) else _empty(override.flag)
        value = _set(inner, path[1:], override)
    key = yaml.ScalarNode(_TEXT_TAG, name, mark, mark)
    others = [pair for pair in node.value if not _is(pair[0], name)]
    return yaml.MappingNode(node.tag, [*others, (key, value)], node.start_mark, node.end_mark)


def _is(key: Node, name: str) -> bool:
    return isinstance(key, yaml.ScalarNode) and key.value == name


def name_of(key: Node) -> str:
    """The name of a key. One that is a list or a mapping has none, and is no key of ours."""
    return str(key.value) if isinstance(key, yaml.ScalarNode) else "(not a name)"


def scalar(node: Node) -> str:
    """The text of a single value. Raises WrongValueError for a list, a mapping or nothing."""
    if not isinstance(node, yaml.ScalarNode):
        raise WrongValueError("takes a single value, not a list or a mapping")
    if node.tag == NULL_TAG:
        raise WrongValueError("has no value; give it one, or remove the key")
    return str(node.value)


def items(node: Node) -> list[Node]:
    """The items of a list; none for nothing. Raises WrongValueError for anything else."""
    if node.tag == NULL_TAG:
        return []
    if not isinstance(node, yaml.SequenceNode):
        raise WrongValueError("takes a list: `[a, b]`, or one item to a line after `- `")
    return list(node.value)


def members(node: Node) -> Iterator[tuple[Node, Node]]:
    """Keys and values of a mapping; none for nothing. Raises WrongValueError for anything else."""
    if node.tag == NULL_TAG:
        return iter(())
    if not isinstance(node, yaml.MappingNode):
        raise WrongValueError("takes keys and values, one to a line")
    return iter(node.value)
