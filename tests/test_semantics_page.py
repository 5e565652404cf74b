"""The table and the numbers of docs/semantics.md are those of the code."""

import re
from pathlib import Path

import pytest

from sidehook._session import MAX_STATE_BYTES
from sidehook._types import Mode
from sidehook_server.config.load import load_config
from sidehook_server.modes import MODES, PHASES, ModeRow, Schedule
from sidehook_server.registry.terms import DEFAULT_PRIORITY
from tests.repository import ROOT

SCHEDULES = {
    Schedule.SERIAL: "one at a time",
    Schedule.PARALLEL: "all at once",
    Schedule.DETACHED: "detached, after the verdict",
}

GATES_ROW = "*final-payload gates*"


def name_of(row: ModeRow) -> str:
    """How the page calls a row of the table."""
    return GATES_ROW if row.final_payload else row.mode.name


def page() -> str:
    return (ROOT / "docs" / "semantics.md").read_text()


def rows() -> dict[str, list[str]]:
    """The rows of the table of modes: the mode's name to the other cells."""
    lines = (line for line in page().splitlines() if line.startswith("| "))
    cells = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    return {first: rest for first, *rest in cells}


def test_the_table_names_the_modes_in_the_order_of_their_phases() -> None:
    named = {*Mode.__members__, GATES_ROW}
    assert [name for name in rows() if name in named] == [name_of(row) for row in PHASES]


@pytest.mark.parametrize("row", PHASES, ids=name_of)
def test_a_mode_may_what_the_page_says(row: ModeRow) -> None:
    schedule, block, modify, state, on_error = rows()[name_of(row)]
    assert schedule == SCHEDULES[row.schedule]
    assert block.startswith("yes") is row.may_block
    assert modify.startswith("yes") is row.may_modify
    assert state.startswith("yes") is row.keeps_state
    assert on_error == row.default_on_error.value


def test_the_numbers_of_the_page_are_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "sidehook.yaml"
    file.write_text("")
    limits = load_config(file, environment={"XDG_RUNTIME_DIR": str(tmp_path)}).limits
    timeouts = {row.default_timeout for mode, row in MODES.items()} - {
        MODES[Mode.FIRE_AND_FORGET].default_timeout
    }
    assert len(timeouts) == 1
    sentences = (
        f"Default priority {DEFAULT_PRIORITY}.",
        f"Defaults: hook {timeouts.pop():g} s, FIRE_AND_FORGET "
        f"{MODES[Mode.FIRE_AND_FORGET].default_timeout:g} s, call {limits.default_budget:g} s.",
        f"margin default {limits.margin * 1000:g} ms",
        f"a share of what is left (default {limits.observer_share * 100:g} %)",
        f"at most {limits.max_state_bytes // 1024} KiB",
        f"a lease that the sidecar renews (default {limits.list_lease:g} s)",
        f"above the limit (default {limits.max_payload_bytes // 1024**2} MiB",
    )
    text = re.sub(r"\s+", " ", page())
    assert [sentence for sentence in sentences if sentence not in text] == []
    assert limits.max_state_bytes == MAX_STATE_BYTES
