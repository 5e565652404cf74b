"""The case language is strict: what is wrong in a file is told with its file, case and key."""

from pathlib import Path

import pytest

from sidehook._types import JSON, Value, ValueKind
from tests.conformance.language.cases import Case, Runner, read_file
from tests.conformance.language.errors import CaseError
from tests.conformance.language.values import matches
from tests.conformance.language.yaml_text import read_yaml

GOOD = """
- name: it goes well
  rules: [1]
  workers: {w: {hooks: {h: {}}}}
  call: {payload: {a: 1}}
  expect: {verdict: proceed}
"""


def read(folder: Path, text: str) -> tuple[Case, ...]:
    file = folder / "some.yaml"
    file.write_text(text)
    return read_file(file)


def told(folder: Path, text: str) -> str:
    with pytest.raises(CaseError) as caught:
        read(folder, text)
    return str(caught.value)


def test_a_good_case_is_read(tmp_path: Path) -> None:
    (case,) = read(tmp_path, GOOD)
    assert case.id == "some.yaml: it goes well"
    assert case.unfit == {}


@pytest.mark.parametrize(
    ("there", "instead", "where", "problem"),
    [
        ("rules: [1]", "rules: [1]\n  rule: [2]", "", "there is no key 'rule'; there is"),
        ("h: {}", "h: {prio: 1}", "workers: w: hooks: h", "there is no key 'prio'"),
        ("h: {}", "h: {mode: serial}", "hooks: h: mode", "takes one of sequential, transform"),
        ("h: {}", "h: {timeout: 5}", "hooks: h: timeout", "takes a time such as 60ms"),
        ("h: {}", "h: {answer: maybe}", "hooks: h: answer", "takes proceed, block"),
        ("h: {}", "h: {answer: {patch: {}, block: {}}}", "answer", "takes exactly one of"),
        ("h: {}", "h: {answer: {malformed: odd}}", "answer: malformed", "takes one of no_answer"),
        ("h: {}", "h: {answers: []}", "hooks: h", "takes one answer or more"),
        ("a: 1", "a: {$raw: '*'}", "call: payload: a", "takes bytes in base64"),
        ("verdict: proceed", "verdict: yes", "expect: verdict", "takes one of proceed"),
        ("verdict: proceed", "verdict: failed", "expect", "a failed call needs `failure`"),
        ("verdict: proceed", "verdict: blocked, payload: {}", "expect", "does not go with blocked"),
        (
            "verdict: proceed",
            "verdict: proceed, receipt: [{h: x}]",
            "receipt[0]",
            "one worker/hook",
        ),
        (
            "verdict: proceed",
            "verdict: proceed, receipt: [{w/h: proceeded, payload_digest: true}]",
            "receipt[0]: payload_digest",
            "takes same, not True",
        ),
        ("h: {}", "h: {answer: {extend: [5]}}", "answer: extend[0]", "takes a time such as"),
        ("rules: [1]", "needs: patience\n  rules: [1]", "", "takes clock, not 'patience'"),
        ("rules: [1]", "rules: [one]", "rules[0]", "takes a whole number"),
        ("call: {", "steps: [{jump: 1}]\n  call: {", "steps[0]", "takes exactly one of invoke"),
    ],
)
def test_what_is_wrong_is_told_with_file_case_and_key(
    tmp_path: Path, there: str, instead: str, where: str, problem: str
) -> None:
    text = told(tmp_path, GOOD.replace(there, instead, 1))
    assert text.startswith("some.yaml: case 'it goes well'")
    assert where in text
    assert problem in text


def test_a_key_that_is_missing_is_told(tmp_path: Path) -> None:
    assert "the key 'rules' is missing" in told(tmp_path, GOOD.replace("  rules: [1]\n", ""))


def test_a_key_that_stands_twice_is_told_with_its_line(tmp_path: Path) -> None:
    text = told(tmp_path, GOOD.replace("rules: [1]", "rules: [1]\n  rules: [2]"))
    assert text == "some.yaml: line 4: the key 'rules' stands twice"


def test_two_cases_of_one_name_are_told(tmp_path: Path) -> None:
    assert "2 cases have the name 'it goes well'" in told(tmp_path, GOOD + GOOD)


def test_what_is_no_list_of_cases_is_told(tmp_path: Path) -> None:
    assert told(tmp_path, "name: x") == "some.yaml: holds a list of cases"


def test_yaml_is_read_as_its_newer_version_has_it(tmp_path: Path) -> None:
    file = tmp_path / "some.yaml"
    file.write_text("[no, 12:30, 2001-01-01, 010, 1e2, true, ~, 0x1]")
    assert read_yaml(file) == ["no", "12:30", "2001-01-01", 10, 100.0, True, None, "0x1"]


def test_a_case_that_needs_a_clock_is_for_the_one_that_has_one(tmp_path: Path) -> None:
    (case,) = read(tmp_path, GOOD.replace("rules: [1]", "needs: clock\n  rules: [1]"))
    assert case.unfit == {Runner.ATTACH: "needs a clock", Runner.DIAL: "needs a clock"}


def test_a_case_says_why_it_does_not_fit_a_runner(tmp_path: Path) -> None:
    (case,) = read(tmp_path, GOOD.replace("rules: [1]", "not_on: {dial: why}\n  rules: [1]"))
    assert case.unfit == {Runner.DIAL: "why"}


def test_comments_and_layout_are_no_part_of_a_case(tmp_path: Path) -> None:
    (one,) = read(tmp_path, GOOD)
    (two,) = read(tmp_path, GOOD.replace("rules: [1]", "# why\n  rules:\n    - 1"))
    (other,) = read(tmp_path, GOOD.replace("a: 1", "a: 1.0"))
    assert one.digest == two.digest
    assert one.digest != other.digest


@pytest.mark.parametrize(
    ("expected", "octets", "is_same"),
    [
        (1, b"1", True),
        (1, b"1.0", False),
        (1.0, b"1.0", True),
        (1, b"true", False),
        ({"a": 1, "b": [2]}, b'{"b": [2], "a": 1}', True),
        ({"a": 1}, b'{"a": 1, "b": 2}', False),
        ([1, 2], b"[2, 1]", False),
        ("\u00e9", b'"\\u00e9"', True),
        ({"$json": "[1,2]"}, b"[1,2]", True),
        ({"$json": "[1,2]"}, b"[1, 2]", False),
        (1, b"{", False),
    ],
)
def test_values_are_compared_without_loss(
    expected: JSON,
    octets: bytes,
    is_same: bool,  # noqa: FBT001 - a column of the table
) -> None:
    assert matches(expected, Value(ValueKind.JSON, octets)) is is_same


def test_bytes_and_text_are_two_things() -> None:
    assert matches({"$raw": "MQ=="}, Value(ValueKind.RAW, b"1"))
    assert not matches({"$raw": "MQ=="}, Value(ValueKind.JSON, b"1"))
    assert not matches(1, Value(ValueKind.RAW, b"1"))
