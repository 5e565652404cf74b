"""Waiting for a turn at the worker, and asking for more time."""

from __future__ import annotations

import pytest

from sidehook._types import FailureClass, HookOutcome, Mode
from sidehook_server.modes import MODES
from sidehook_server.pipeline.model import CallSettings
from tests.unit.pipeline.scripted import Scripted, a_hook, a_plan

HOOK = a_hook("h", timeout=1.0)


def test_a_run_whose_time_is_over_before_its_hook_was_called_is_overloaded() -> None:
    call = Scripted(a_plan(HOOK), tells_begin=True).wait(2.0)
    line = call.verdict.receipt.lines[0]
    assert (line.failure_class, line.code) == (FailureClass.OVERLOADED, "EXPIRED_IN_QUEUE")
    assert call.failure.failure_class is FailureClass.OVERLOADED


def test_a_hook_that_was_called_and_does_not_answer_is_a_timeout() -> None:
    call = Scripted(a_plan(HOOK), tells_begin=True).wait(0.5).begins("h").wait(2.0)
    assert call.failure.failure_class is FailureClass.TIMEOUT


def test_a_worker_that_cannot_tell_is_taken_to_have_called_its_hook() -> None:
    call = Scripted(a_plan(HOOK)).wait(2.0)
    assert call.failure.failure_class is FailureClass.TIMEOUT


def test_the_time_in_the_queue_counts() -> None:
    call = Scripted(a_plan(HOOK), tells_begin=True).wait(0.9).begins("h").wait(0.2)
    assert call.failure.failure_class is FailureClass.TIMEOUT


def test_a_hook_gets_more_time_when_it_asks() -> None:
    call = Scripted(a_plan(HOOK)).wait(0.9).asks_for("h", 1.0).wait(1.0).says("h")
    assert call.outcomes["h"] is HookOutcome.PROCEEDED
    assert call.told == []


def test_more_time_is_over_too_in_the_end() -> None:
    call = Scripted(a_plan(HOOK)).asks_for("h", 1.0).wait(2.1)
    assert call.failure.failure_class is FailureClass.TIMEOUT


def test_it_gets_more_time_once() -> None:
    call = Scripted(a_plan(HOOK)).asks_for("h", 0.5).asks_for("h", 5.0).wait(1.6)
    assert call.failure.failure_class is FailureClass.TIMEOUT
    assert [it.notice.code for it in call.told] == ["EXTENSION_CUT"]


def test_it_gets_no_more_than_the_operator_s_cap() -> None:
    settings = CallSettings(max_extension=0.5)
    call = Scripted(a_plan(HOOK), settings=settings).asks_for("h", 3.0)
    assert "asked for 3 s more and got 0.5 s" in call.told[0].notice.message
    assert call.wait(1.6).failure.failure_class is FailureClass.TIMEOUT


def test_it_gets_no_more_than_what_is_left_of_the_call() -> None:
    call = Scripted(a_plan(HOOK), budget=1.5).asks_for("h", 3.0).wait(1.49)
    assert call.failure.reason == "DEADLINE_EXCEEDED"


def test_an_observer_gets_no_more_than_the_observers_share() -> None:
    audit = a_hook("audit", Mode.AUDIT, timeout=0.1)
    settings = CallSettings(observer_share=0.5, margin=0.0)
    call = Scripted(a_plan(audit), budget=1.0, settings=settings).asks_for("audit", 3.0)
    assert call.call.wake_at - call.now == pytest.approx(0.5)


def test_more_time_does_not_hang_on_which_shadow_of_a_phase_answered_before() -> None:
    """They hold up the call together, and not one after the other."""
    hooks = [
        a_hook(name, Mode.CONCURRENT, timeout=0.3, shadow_of=MODES[Mode.CONCURRENT])
        for name in ("asks", "quick")
    ]
    settings = CallSettings(observer_share=0.5, margin=0.0)
    call = Scripted(a_plan(*hooks), budget=1.0, settings=settings)
    call.wait(0.2).says("quick").asks_for("asks", 3.0)
    assert call.call.wake_at - call.started["asks"].expires == pytest.approx(0.5 - 0.3)


def test_asking_after_the_time_is_over_changes_nothing() -> None:
    call = Scripted(a_plan(HOOK))
    call.now += 1.5
    call.asks_for("h", 3.0)
    assert call.failure.failure_class is FailureClass.TIMEOUT
