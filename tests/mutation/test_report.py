"""`make mutation`: what it takes to pass."""

from __future__ import annotations

import pytest

from mutation import Change, reasons, report

ONE = Change("f", "return a", "return None")
TWO = Change("C.m", "if a:", "if not a:")


def mutants(*, killed: int, **others: str) -> dict[str, str]:
    return {**{f"k{number}": "killed" for number in range(killed)}, **others}


def test_it_passes_when_every_survivor_has_a_reason(capsys: pytest.CaptureFixture[str]) -> None:
    run = mutants(killed=17, late="timeout", one="survived", two="no tests")
    assert report(run, {"one": ONE, "two": TWO}, {ONE: "as good", TWO: "as good"}) == 0
    shown = capsys.readouterr().out
    assert "18 of 20 mutants were noticed: 90.0%" in shown
    assert "2 survive: 2 with a reason, 0 without one, 0 that were not tried" in shown


def test_it_fails_for_a_survivor_without_a_reason(capsys: pytest.CaptureFixture[str]) -> None:
    run = mutants(killed=98, one="survived", two="suspicious")
    assert report(run, {"one": ONE, "two": TWO}, {ONE: "as good"}) == 1
    shown = capsys.readouterr().out
    assert "- where: C.m  # two: suspicious" in shown
    assert "why: NO REASON GIVEN" in shown


def test_it_fails_for_a_mutant_that_was_not_tried_and_tells_of_no_stale_reason(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = mutants(killed=98, one="survived", two="not checked")
    assert report(run, {"one": ONE}, {ONE: "as good", TWO: "as good"}) == 1
    shown = capsys.readouterr().out
    assert "98 of 100 mutants were noticed" in shown
    assert "does not survive" not in shown


def test_it_fails_for_a_reason_without_a_survivor(capsys: pytest.CaptureFixture[str]) -> None:
    run = mutants(killed=99, one="survived")
    assert report(run, {"one": ONE}, {ONE: "as good", TWO: "as good"}) == 1
    assert "C.m: has a reason in survivors.yaml, and does not survive" in capsys.readouterr().out


@pytest.mark.parametrize(("killed", "code"), [(17, 0), (16, 1)])
def test_it_fails_below_its_share_whatever_the_reasons(killed: int, code: int) -> None:
    alive = {f"s{number}": "survived" for number in range(20 - killed)}
    same = dict.fromkeys(alive, ONE)
    assert report(mutants(killed=killed, **alive), same, {ONE: "as good"}) == code


def test_it_fails_without_mutants() -> None:
    assert report({}, {}, {}) == 1


def test_every_reason_says_something_and_stands_at_a_change_of_code() -> None:
    for change, why in reasons().items():
        assert len(why) > 20, change
        assert change.old != change.new, change
