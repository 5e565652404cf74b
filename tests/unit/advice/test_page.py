"""docs/operating.md names every finding of lint."""

from __future__ import annotations

import re

from sidehook_server.advice.lint import Code
from tests.repository import ROOT


def test_the_page_has_a_row_for_every_finding() -> None:
    page = (ROOT / "docs" / "operating.md").read_text()
    table = page[page.index("| finding |") :]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(Code)
