"""docs/conditions.md: every example compiles, and the limits are the defaults."""

from __future__ import annotations

import re
from dataclasses import asdict

import pytest

from sidehook_server.conditions import DEFAULT_LIMITS, ConditionSyntaxError, compile_condition
from sidehook_server.conditions.language import VARIABLES
from tests.repository import ROOT

PAGE = (ROOT / "docs" / "conditions.md").read_text()


def _section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def _block(title: str) -> list[str]:
    return _section(title).partition("```text\n")[2].partition("\n```")[0].splitlines()


def test_there_are_examples() -> None:
    assert len(_block("Examples")) > 10


@pytest.mark.parametrize("example", _block("Examples"))
def test_every_example_compiles(example: str) -> None:
    compile_condition(example)


def test_every_variable_is_on_the_page() -> None:
    written = set(re.findall(r"`([\w.]+)`", _section("What a condition sees")))
    assert set(VARIABLES) <= written


def test_the_limits_are_the_defaults() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \|", _section("Limits"), re.MULTILINE)
    assert {name: int(number) for name, number in rows} == asdict(DEFAULT_LIMITS)


def test_the_error_shown_is_what_the_compiler_says() -> None:
    with pytest.raises(ConditionSyntaxError) as caught:
        compile_condition("context.tenent == 'acme'")
    assert _block("Errors") == [caught.value.problem]
