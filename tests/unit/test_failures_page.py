"""docs/failures.md says what the tables of `policy` say, and the tables are complete."""

from __future__ import annotations

import subprocess
import sys
from itertools import product

from sidehook._types import FailureClass, OnError
from sidehook_server.policy import CLASSES, CONSEQUENCES
from tests.repository import ROOT


def test_the_page_is_what_the_tables_generate() -> None:
    tool = [sys.executable, str(ROOT / "tools" / "failures_page.py"), "--check"]
    assert subprocess.run(tool, check=False).returncode == 0, "write it anew: make docs"


def test_there_is_a_row_for_every_class_and_policy() -> None:
    assert set(CONSEQUENCES) == set(product(FailureClass, OnError))
    assert set(CLASSES) == set(FailureClass)
