"""docs/modes.md says what the table of modes says."""

from __future__ import annotations

from sidehook_server.modes import PHASES, ModeRow
from tests.repository import ROOT


def _yes(*, it: bool) -> str:
    return "yes" if it else "no"


def _as_written(row: ModeRow) -> str:
    cells = (
        "*final-payload gates*" if row.final_payload else row.mode.value,
        row.schedule.value,
        _yes(it=row.may_block),
        _yes(it=row.may_modify),
        _yes(it=row.keeps_state),
        row.default_on_error.value,
        f"{row.default_timeout:g} s",
    )
    return "| " + " | ".join(cells) + " |"


def test_the_page_shows_every_row_of_the_table_in_its_order() -> None:
    lines = (ROOT / "docs" / "modes.md").read_text().splitlines()
    start = lines.index(next(line for line in lines if line.startswith("| mode |"))) + 2
    rows = [_as_written(row) for row in PHASES]
    assert lines[start : start + len(rows) + 1] == [*rows, ""]
