"""`make laws`: what it prints, when it fails, and that it can do again what it did."""

from __future__ import annotations

from time import monotonic

import pytest

from tests.laws.__main__ import main, run_batch
from tests.laws.chains import HookCase, chain_of, drawn
from tests.laws.evidence import Evidence


def no_chain_of_two(it: Evidence) -> None:
    assert len(it.chain.hooks) != 2


def test_every_law_holds_on_a_few_hundred_chains(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--chains", "300", "--seed", "1", "--processes", "1"]) == 0
    shown = capsys.readouterr().out
    assert "300 chains, seed 1, 1 processes" in shown
    assert "300 of 300 chains in" in shown


def test_it_stops_when_its_time_is_over_and_that_is_a_failure(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--chains", "300", "--minutes", "0", "--processes", "1"]) == 1
    assert "0 of 300 chains" in capsys.readouterr().out


def test_a_chain_that_breaks_a_law_is_named_by_its_place() -> None:
    batch = run_batch(0, seed=1, end=100, until=monotonic() + 50, laws={"pairs": no_chain_of_two})
    assert batch.broken is not None
    assert len(chain_of(*drawn(1, batch.broken.index)).hooks) == 2
    assert batch.broken.why.startswith("pairs: AssertionError")
    assert batch.count == batch.broken.index + 1


def test_one_chain_can_be_run_again(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seed", "1", "--index", "7"]) == 0
    shown = capsys.readouterr().out
    assert f"@example(chain_of{drawn(1, 7)})" in shown
    assert HookCase.__name__ in shown
    assert "every law holds" in shown
