"""A worker's words are cut where they are repeated, and whole where the caller reads them."""

from __future__ import annotations

from dataclasses import replace

from sidehook._call import Violation
from sidehook._run import HookFailure, HookResult, Patch
from sidehook._types import FailureClass, HookOutcome, Mode, OnRejected, Value, ValueKind
from sidehook_server.pipeline.words import cut, named
from tests.unit.pipeline.scripted import Scripted, a_hook, a_plan

LONG = "x" * 100_000


def test_a_text_is_cut_with_an_ellipsis_and_short_ones_stay() -> None:
    assert cut("abc", 3) == "abc"
    assert cut("abcd", 3) == "ab…"


def test_of_many_names_the_first_are_told_and_the_others_counted() -> None:
    assert named(["a", "b"]) == "a,b"
    assert named([str(n) for n in range(25)]).endswith(",18,19 and 5 more")
    assert named([str(n) for n in range(21)]).endswith(",18,19 and 1 more")
    assert named([str(n) for n in range(20)]).endswith(",18,19")


def test_a_long_reason_reaches_the_caller_whole_and_the_receipt_in_short() -> None:
    call = Scripted(a_plan(a_hook("one")))
    call.says("one", HookResult(answer=Violation(reason=LONG, code=LONG)))
    assert call.violation.reason == LONG
    assert len(call.violation.code) == 128
    (line,) = call.verdict.receipt.lines
    assert (len(line.code), len(line.message)) == (128, 1024)


def test_a_long_block_that_is_suppressed_is_short_in_the_receipt() -> None:
    call = Scripted(a_plan(a_hook("one", Mode.TRANSFORM)))
    call.says("one", HookResult(answer=Violation(reason=LONG, code=LONG)))
    (line,) = call.verdict.receipt.lines
    assert line.outcome is HookOutcome.BLOCK_SUPPRESSED
    assert (len(line.code), len(line.message)) == (128, 1024)


def test_a_failure_in_many_words_is_short_everywhere() -> None:
    failure = HookFailure(failure_class=FailureClass.RAISED, code=LONG, message=LONG)
    call = Scripted(a_plan(a_hook("one"))).says("one", HookResult(answer=failure))
    (line,) = call.verdict.receipt.lines
    assert (len(line.code), len(line.message)) == (128, 1024)
    assert len(call.failure.message) < 1500
    assert len(call.failure.metadata["code"]) == 128


def test_very_many_rejected_fields_are_not_all_named_in_the_failure() -> None:
    hook = replace(a_hook("one"), on_rejected=OnRejected.ERROR)
    answer = Patch({f"field{n}": Value(ValueKind.JSON, b"1") for n in range(4000)})
    call = Scripted(a_plan(hook)).says("one", HookResult(answer=answer))
    assert len(call.failure.message) < 1500
    assert "and 3980 more" in call.failure.message
