import json

import pytest

from bench.page import PAGE, render
from bench.results import FULL
from bench.tables import legs_table, targets_table

LEG = {
    "experiment": "ladder",
    "leg": "one-hook",
    "in_flight": 1,
    "p50_us": {"median": 1234.5, "low": 1200.0, "high": 1300.0},
    "calls_per_second": {"median": 800.0, "low": 790.0, "high": 810.0},
    "cpu_us_per_call": {"median": 50.25, "low": 50.0, "high": 51.0},
    "cpu_us_per_call_by_process": {
        "application": 20.0,
        "sidecar": 20.25,
        "worker-1": 4.0,
        "worker-2": 6.0,
    },
}


def test_the_page_has_the_tables_and_the_targets_of_the_full_run_that_is_checked_in() -> None:
    page = PAGE.read_text()
    assert page == render(page, json.loads(FULL.read_text()))


def test_the_workers_of_a_leg_are_one_in_its_row() -> None:
    row = legs_table([LEG]).splitlines()[-1]
    assert row == (
        "| one-hook | 1 | 1,234 | 1,200 to 1,300 | 800 | 50.2 "
        "| application 20, sidecar 20.2, workers 10 |"
    )


def test_a_leg_that_is_missing_says_why_in_its_row() -> None:
    row = legs_table([{"leg": "litellm-1", "missing": "there is no\n.venv-litellm"}]).splitlines()[
        -1
    ]
    assert "not measured: there is no .venv-litellm" in row


def test_a_target_says_whether_it_holds() -> None:
    target = {"id": "t", "kind": "at most", "bound": 1.25, "value": 2.0, "low": 1.9, "high": 2.1}
    assert targets_table([{**target, "holds": False}]).endswith(
        "| `t` | 2 | 1.9 to 2.1 | at most 1.25 | **no** |"
    )
    assert targets_table([{**target, "holds": True}]).endswith("| yes |")


def test_an_experiment_that_was_not_run_says_so_on_the_page() -> None:
    page = "<!-- results: growth -->\n<!-- end -->"
    results = {"legs": [], "not_run": {"growth": "3 s were left, which is not enough"}}
    assert "Not measured: 3 s were left" in render(page, results)
    with pytest.raises(KeyError, match="no experiment"):
        render(page, {"legs": [], "not_run": {}})
