"""Reads a tree by the tables of `schema`, and goes on after every problem."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import yaml

from sidehook._manifest import ErrorPolicy
from sidehook._types import FailureClass, OnError
from sidehook_server.config import kinds, tree
from sidehook_server.config.kinds import Kind
from sidehook_server.config.naming import did_you_mean
from sidehook_server.config.problems import Place, Problem, WrongValueError
from sidehook_server.config.table import (
    POLICY_KEYS,
    ListOf,
    ListOfSections,
    Policy,
    Section,
    Takes,
    Values,
)
from sidehook_server.config.tree import Node

SingleT = TypeVar("SingleT")


class Reader:
    """Reads one file. `problems` and `places` (by the path of a key) fill up on the way.

    Paths in the file are relative to `folder`, those said elsewhere to the current one.
    """

    def __init__(self, source: str, folder: Path) -> None:
        self._source = source
        self._folder = folder
        self.problems: list[Problem] = []
        self.places: dict[str, Place] = {}

    def section(self, section: Section, node: Node, path: str = "") -> Values:
        """The values of the keys that are given and right."""
        values: Values = {}
        keys = {key.name: key for key in section.keys}
        given = self._given(tuple(keys), node, path)
        if given is None:
            return values
        for name, value_node in given.items():
            key = keys[name]
            try:
                values[key.target] = self._value(key.takes, value_node, _join(path, name))
            except WrongValueError as wrong:
                self._report(value_node, _join(path, name), str(wrong))
        for key in section.keys:
            if key.required and key.name not in given:
                self._report(node, path, f"the key {key.name} is missing; add it")
        return values

    def _given(
        self,
        known: tuple[str, ...],
        node: Node,
        path: str,
    ) -> Mapping[str, Node] | None:
        """The known keys of a mapping with their values; the others are reported.

        None, and a report, for a node that is no mapping.
        """
        try:
            pairs = tree.members(node)
        except WrongValueError as wrong:
            self._report(node, path, str(wrong))
            return None
        given: dict[str, Node] = {}
        for key_node, value_node in pairs:
            name = tree.name_of(key_node)
            if name in given:
                first = self.places[_join(path, name)]
                self._report(
                    key_node, _join(path, name), f"is here twice, first at {first}; keep one"
                )
            elif name in known:
                given[name] = value_node
                self.places[_join(path, name)] = tree.place_of(key_node, self._source)
            else:
                self._report(key_node, _join(path, name), _unknown(name, known))
        return given

    def _value(self, takes: Takes, node: Node, path: str) -> object:
        match takes:
            case Section():
                return takes.make(self.section(takes, node, path))
            case ListOf():
                return self._list(takes.kind, node, path)
            case ListOfSections():
                return self._sections(takes, node, path)
            case Policy():
                return self._policy(node, path)
            case _:
                return self._single(takes, node)

    def _list(self, kind: Kind[str], node: Node, path: str) -> frozenset[str]:
        read: set[str] = set()
        for number, item in enumerate(tree.items(node)):
            where = f"{path}[{number}]"
            self.places[where] = tree.place_of(item, self._source)
            try:
                value = self._single(kind, item)
            except WrongValueError as wrong:
                self._report(item, where, str(wrong))
                continue
            if value in read:
                self._report(item, where, f"{value!r} is here twice; keep one")
            read.add(value)
        return frozenset(read)

    def _sections(self, takes: ListOfSections, node: Node, path: str) -> tuple[object, ...]:
        section = takes.section
        key = next(key.name for key in section.keys if key.target == takes.by)
        made: dict[str, object] = {}
        for number, item in enumerate(tree.items(node)):
            where = f"{path}[{number}]"
            self.places[where] = tree.place_of(item, self._source)
            values = self.section(section, item, where)
            name = values.get(takes.by)
            if name is None:
                continue
            if name in made:
                self._report(item, _join(where, key), f"{name!r} is here twice; keep one")
                continue
            made[name] = section.make(values)
            # Checks find the place of a thing by its name, so that a list may be in any order.
            self._name_places(where, f"{path}[{name}]")
        return tuple(made.values())

    def _name_places(self, numbered: str, named: str) -> None:
        here = {key: place for key, place in self.places.items() if key.startswith(numbered)}
        for key, place in here.items():
            self.places[named + key.removeprefix(numbered)] = place

    def _policy(self, node: Node, path: str) -> ErrorPolicy:
        if not isinstance(node, yaml.MappingNode):
            return ErrorPolicy(default=self._action(node))
        actions: dict[str, OnError] = {}
        for name, action in (self._given(POLICY_KEYS, node, path) or {}).items():
            try:
                actions[name] = self._action(action)
            except WrongValueError as wrong:
                self._report(action, _join(path, name), str(wrong))
        default = actions.pop("default", None)
        return ErrorPolicy(
            default=default, overrides={FailureClass(name): it for name, it in actions.items()}
        )

    def _action(self, node: Node) -> OnError:
        return self._single(kinds.ON_ERROR, node)

    def _single(self, kind: Kind[SingleT], node: Node) -> SingleT:
        folder = self._folder if tree.is_in_file(node) else Path.cwd()
        return kind.read(tree.scalar(node), folder)

    def _report(self, node: Node, path: str, text: str) -> None:
        self.problems.append(Problem(tree.place_of(node, self._source), path, text))


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _unknown(name: str, known: tuple[str, ...]) -> str:
    hint = did_you_mean(name, known) or f"; the keys here are {', '.join(known)}"
    return f"there is no such key{hint}"
