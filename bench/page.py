"""The tables of docs/performance.md, which are written from the results that are checked in."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from bench.processes import ROOT
from bench.results import FULL
from bench.tables import legs_table, targets_table

PAGE: Final = ROOT / "docs/performance.md"

_PLACE: Final = re.compile(r"(<!-- results: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def render(page: str, results: Mapping[str, Any]) -> str:
    """The page with every table as the results have it. Raises KeyError for an unknown one."""
    return _PLACE.sub(lambda place: f"{place[1]}\n{_table(place[2], results)}\n\n{place[3]}", page)


def write_page(page: Path = PAGE, results: Path = FULL) -> None:
    """Bring the page up to the results."""
    page.write_text(render(page.read_text(), json.loads(results.read_text())))


def _table(name: str, results: Mapping[str, Any]) -> str:
    if name == "targets":
        return targets_table(results["targets"])
    if name == "machine":
        return _machine(results)
    legs = [leg for leg in results["legs"] if leg["experiment"] == name]
    if legs:
        return legs_table(legs)
    if name in results["not_run"]:
        return f"Not measured: {results['not_run'][name]}."
    raise KeyError(f"the results have no experiment {name}")


def _machine(results: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    own = results["machine"]
    build = "compiled" if results["compiled"] else "not compiled"
    return f"Measured on {own['cores']} cores with Python {own['python']}; {versions}; {build}."
