"""What an expression looks at, and what of CEL it may not use."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from sidehook_server.conditions.errors import ConditionSyntaxError
from sidehook_server.conditions.functions import FUNCTIONS, matching, pattern_of
from sidehook_server.conditions.language import TYPES, VARIABLES, check_pattern, place
from sidehook_server.conditions.limits import ConditionLimits
from sidehook_server.conditions.sizes import NOTHING
from sidehook_server.conditions.tree import (
    Call,
    Constant,
    Entries,
    Loop,
    Name,
    Node,
    Select,
    Tree,
    children,
)

_RESERVED: Final = frozenset(name.partition(".")[0] for name in VARIABLES)


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of a map that an expression names: some to read, some only to ask for."""

    read: frozenset[str] = frozenset()
    asked: frozenset[str] = frozenset()
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Names:
    """The variables that an expression uses, each with the keys that it names of it."""

    keys: Mapping[str, Keys]

    def keys_of(self, variable: str) -> Keys:
        """The keys of `variable` that are named."""
        return self.keys.get(variable, Keys())


def look(source: str, tree: Tree, limits: ConditionLimits) -> Names:
    """Find the names in an expression. Raises ConditionSyntaxError for what it may not do."""
    walk = _Walk(source, tree, limits)
    walk.into(tree.root, frozenset(), 0)
    keys = {
        name: Keys(
            frozenset(walk.read[name]),
            frozenset(walk.asked[name] - walk.read[name]),
            name in walk.whole,
        )
        for name in walk.variables
    }
    return Names(keys)


@dataclass(slots=True)
class _Walk:
    source: str
    tree: Tree
    limits: ConditionLimits
    variables: set[str] = field(default_factory=set)
    read: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    asked: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    whole: set[str] = field(default_factory=set)
    macros: int = 0
    patterns: int = 0

    def into(self, node: Node, local: frozenset[str], loops: int) -> None:
        match node:
            case Select(operand=Name(name=name), field=key) if name not in local:
                self._key(node, name, key, asks=node.tests)
            case Call(function="_[_]", arguments=(Name(name=name), Constant(value=str() as key))):
                self._key(node, name, key, asks=False)
            case Call(function="@in", arguments=(Constant(value=str() as key), Name(name=name))):
                self._key(node, name, key, asks=True)
            case Name(name=name):
                self._name(node, name, local)
            case Loop():
                self._loop(node, local, loops)
            case Entries(message=message) if message:
                raise self._refusal(node, f"a message ({message}) cannot be built here: use a map")
            case Call():
                self._call(node)
                self._inside(node, local, loops)
            case _:
                self._inside(node, local, loops)

    def _inside(self, node: Node, local: frozenset[str], loops: int) -> None:
        for child in children(node):
            self.into(child, local, loops)

    def _name(self, node: Node, name: str, local: frozenset[str]) -> None:
        if name in local or name in TYPES:
            return
        if name not in VARIABLES:
            raise self._refusal(node, f"{name} is not a name that a condition knows")
        self.variables.add(name)
        self.whole.add(name)

    def _key(self, node: Node, name: str, key: str, *, asks: bool) -> None:
        if name not in VARIABLES:
            return
        if name == "end" and isinstance(node, Select):
            raise self._refusal(
                node,
                "end has outcome, hook, code and payload_withheld, each always there when end "
                "is not null: ask for end != null",
            )
        self.variables.add(name)
        (self.asked if asks else self.read)[name].add(key)

    def _loop(self, node: Loop, local: frozenset[str], loops: int) -> None:
        self.macros += 1
        if self.macros > self.limits.macros:
            raise self._refusal(
                node, f"more than {self.limits.macros} of all, exists, exists_one, map and filter"
            )
        if loops >= self.limits.macro_nesting:
            raise self._refusal(
                node, f"more than {self.limits.macro_nesting} macros stand in each other"
            )
        if node.variable in _RESERVED:
            raise self._refusal(
                node, f"{node.variable} is the name of a variable: call the element otherwise"
            )
        self.into(node.values, local, loops)
        inner = local | {node.variable, node.total}
        for child in (node.start, node.go_on, node.step, node.result):
            self.into(child, inner, loops + 1)

    def _call(self, node: Call) -> None:
        function = FUNCTIONS.get(node.function)
        if function is None:
            raise self._refusal(node, f"{node.function} is not a function that a condition has")
        if len(node.arguments) > function.most:
            raise self._refusal(node, f"{node.function} takes no time zone: times are in UTC")
        if node.function == "matches":
            self._pattern(node)

    def _pattern(self, node: Call) -> None:
        self.patterns += 1
        if self.patterns > self.limits.patterns:
            raise self._refusal(
                node,
                f"more than {self.limits.patterns} regular expressions: join them with |, or use "
                "contains",
            )
        pattern = pattern_of(node.arguments)
        if pattern is None or "\0" in pattern:
            raise self._refusal(node, "a regular expression must be written out, as a text")
        if len(pattern) > self.limits.pattern:
            raise self._refusal(
                node, f"a regular expression has at most {self.limits.pattern} characters"
            )
        if matching(pattern)((NOTHING,))[0].at() > self.limits.steps:
            raise self._refusal(
                node,
                "this regular expression is too expensive: repeat fewer times than {…} says, and "
                "name ranges such as [a-z] rather than classes of Unicode",
            )
        try:
            check_pattern(pattern)
        except ValueError as error:
            raise self._refusal(node, f"this is no regular expression of RE2: {error}") from None

    def _refusal(self, node: Node, problem: str) -> ConditionSyntaxError:
        at = self.tree.positions.get(node.at, 0)
        return ConditionSyntaxError(f"{place(self.source, at)}: {problem}")
