"""docs/errors.md says what the client and the wire do."""

from __future__ import annotations

import re

import pytest

from sidehook._call import CallFailure
from sidehook._client_errors import failure_error
from sidehook._types import FailureClass
from sidehook._wire import status_code
from tests.repository import ROOT

PAGE = (ROOT / "docs" / "errors.md").read_text()
ROWS = re.findall(r"^\| `([A-Z_]+)` \| `([A-Z_]+)` \| `(\w+)` \|$", PAGE, re.MULTILINE)


def test_the_page_has_every_reason_that_the_contract_names() -> None:
    contract = (ROOT / "proto/sidehook/v1/receipt.proto").read_text()
    failure = contract[contract.index("message CallFailure") :]
    named = set(re.findall(r"`([A-Z_]{5,})`", failure))
    # Nobody is left to read the answer of a call that its caller cancelled.
    assert {reason for reason, _, _ in ROWS} == named - {"CANCELLED"}


@pytest.mark.parametrize(("reason", "code", "error"), ROWS)
def test_each_reason_is_the_status_and_the_error_that_the_page_says(
    reason: str, code: str, error: str
) -> None:
    failure = CallFailure(reason=reason, message="")
    assert status_code(failure) == code
    assert type(failure_error(failure)).__name__ == error


def test_the_page_has_every_class_of_failure() -> None:
    classes = re.findall(r"^\| `([a-z_]+)` \| [a-z]", PAGE, re.MULTILINE)
    assert classes == [kind.value for kind in FailureClass]
