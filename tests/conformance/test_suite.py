"""The suite is whole: frozen, about every rule and every row, and at least as large as promised."""

import pytest

from tests.conformance import frozen
from tests.conformance.frozen import Change
from tests.conformance.language.cases import Runner
from tests.conformance.rows import rows
from tests.conformance.suite import cases, cases_for, known_failures
from tests.test_rules_are_shown import SHOWN, rules

END_TO_END = ("e2e/", "polyglot/")


def test_there_are_three_hundred_cases_or_more_and_every_one_is_run() -> None:
    assert len(cases()) >= 300
    assert all(set(case.unfit) < set(Runner) for case in cases())
    assert all(cases_for(runner) for runner in Runner)


def test_every_rule_has_a_case_or_an_end_to_end_test() -> None:
    with_case = {rule for case in cases() for rule in case.rules}
    assert with_case <= set(rules()), "a case is about a rule that is not on the page"
    with_test = {
        rule
        for rule, clauses in SHOWN.items()
        if any(test.startswith(END_TO_END) for tests in clauses.values() for test in tests)
    }
    assert set(rules()) == with_case | with_test


def test_every_case_is_about_a_rule() -> None:
    assert [case.id for case in cases() if not case.rules] == []


def test_every_row_about_cpex_has_a_case() -> None:
    shown = {row for case in cases() for row in case.mellea}
    assert shown == {row.name for row in rows()}


def test_every_known_failure_is_a_case_that_the_runner_runs() -> None:
    there = {(case.id, runner) for runner in Runner for case in cases_for(runner)}
    assert set(known_failures()) <= there
    assert all(known_failures().values())


def test_every_case_is_as_it_was_frozen() -> None:
    must = frozen.expected(frozen.frozen(), frozen.changes())
    assert list(frozen.problems(must, frozen.digests())) == []


def test_a_case_that_was_changed_is_told() -> None:
    assert list(frozen.problems({"f: c": "old"}, {"f: c": "new"})) == [
        "f: c was old and is new: add a case instead of changing this one, or say in "
        "changed.yaml why it must change"
    ]


def test_a_case_that_was_taken_out_is_told() -> None:
    assert "is gone" in next(frozen.problems({"f: c": "old"}, {}))


def test_a_case_that_is_not_frozen_is_told() -> None:
    assert "freeze it" in next(frozen.problems({}, {"f: c": "new"}))


def test_a_change_with_an_entry_is_no_problem() -> None:
    made = [Change("f: c", "old", "new", "because")]
    assert list(frozen.problems(frozen.expected({"f: c": "old"}, made), {"f: c": "new"})) == []


def test_an_entry_for_something_else_than_what_was_there_is_refused() -> None:
    with pytest.raises(ValueError, match="f: c was old, not older"):
        frozen.expected({"f: c": "old"}, [Change("f: c", "older", "new", "because")])
