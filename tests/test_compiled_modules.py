"""What the compiler takes, and does otherwise than the interpreter, is in no compiled module."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.repository import ROOT

Function = ast.FunctionDef | ast.AsyncFunctionDef


def _hook(distribution: str) -> dict[str, list[str]]:
    project = tomllib.loads((ROOT / distribution / "pyproject.toml").read_text())
    hook: dict[str, list[str]] = project["tool"]["hatch"]["build"]["targets"]["wheel"]["hooks"][
        "mypyc"
    ]
    return hook


def _matching(distribution: str, key: str) -> Iterator[tuple[str, list[Path]]]:
    for pattern in _hook(distribution)[key]:
        glob = pattern.removeprefix("/") if pattern.startswith("/") else f"**/{pattern}"
        yield pattern, sorted((ROOT / distribution).glob(glob))


def _compiled() -> list[Path]:
    modules: set[Path] = set()
    for distribution in ("client", "server"):
        for _, found in _matching(distribution, "include"):
            modules.update(found)
        for _, found in _matching(distribution, "exclude"):
            modules.difference_update(found)
    return sorted(path.relative_to(ROOT) for path in modules)


@pytest.mark.parametrize("distribution", ["client", "server"])
@pytest.mark.parametrize("key", ["include", "exclude"])
def test_every_pattern_names_a_module_that_exists(distribution: str, key: str) -> None:
    assert [pattern for pattern, found in _matching(distribution, key) if not found] == []


@pytest.mark.parametrize("module", _compiled(), ids=str)
def test_no_name_is_for_exceptions_of_two_kinds(module: Path) -> None:
    # The compiler gives a name one type in a function, and raises TypeError for another.
    assert list(_two_kinds(ast.parse((ROOT / module).read_text()))) == []


@pytest.mark.parametrize("module", _compiled(), ids=str)
def test_nothing_is_awaited_while_an_exception_is_handled(module: Path) -> None:
    # Compiled, the exception stays the one that is handled for ever: the context of every
    # other, and kept alive.
    assert list(_awaited_in_handlers(ast.parse((ROOT / module).read_text()))) == []


SAMPLE = """
def kinds():
    try:
        pass
    except KeyError as error:
        pass
    except ValueError as error:
        pass

async def waits():
    try:
        await it
    finally:
        await other

async def enters():
    async with it:
        pass

async def fine():
    try:
        await it
    except KeyError as error:
        pass
    finally:
        done()
"""


def test_both_are_found_where_they_are() -> None:
    tree = ast.parse(SAMPLE)
    assert list(_two_kinds(tree)) == ["kinds: error"]
    assert list(_awaited_in_handlers(tree)) == ["waits: line 14", "enters: line 17"]


def _functions(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def _two_kinds(tree: ast.AST) -> Iterator[str]:
    for function in _functions(tree):
        kinds: dict[str, set[str]] = {}
        for node in ast.walk(function):
            if isinstance(node, ast.ExceptHandler) and node.name and node.type:
                kinds.setdefault(node.name, set()).add(ast.unparse(node.type))
        yield from (f"{function.name}: {name}" for name, types in kinds.items() if len(types) > 1)


def _awaited_in_handlers(tree: ast.AST) -> Iterator[str]:
    for function in _functions(tree):
        for node in ast.walk(function):
            handling = (
                [*node.handlers, *node.finalbody]
                if isinstance(node, ast.Try)
                else [node]
                if isinstance(node, ast.AsyncWith)
                else []
            )
            for each in handling:
                yield from (
                    f"{function.name}: line {inner.lineno}"
                    for inner in ast.walk(each)
                    if isinstance(inner, ast.Await | ast.AsyncFor | ast.AsyncWith)
                )
