"""Errors go through pickle with their fields, as process pools and test runners send them."""

from __future__ import annotations

import pickle

import pytest

from sidehook import (
    EncodeError,
    FailureClass,
    HookFailedError,
    HookOutcome,
    MalformedError,
    Mode,
    Receipt,
    ReceiptLine,
    ViolationError,
)

LINE = ReceiptLine(hook="h", worker="w", mode=Mode.AUDIT, outcome=HookOutcome.PROCEEDED)
RECEIPT = Receipt(call_id="c", lines=(LINE,))


@pytest.mark.parametrize(
    "error",
    [
        ViolationError(
            hook_type="t", reason="no", code="NO", details={"a": 1}, hook="h", receipt=RECEIPT
        ),
        HookFailedError(
            "it broke", reason="HOOK_FAILED", failure_class=FailureClass.RAISED, receipt=RECEIPT
        ),
        EncodeError("a.b", "is no JSON"),
        MalformedError("Run", "has no step"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_comes_back_with_its_text_and_fields(error: Exception) -> None:
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is type(error)
    assert str(back) == str(error)
    assert vars(back) == vars(error)
