"""The pipeline against the reference model, and what holds for every chain."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings

from sidehook._call import CallAnswer, CallFailure, Proceed, Violation
from sidehook._types import HookOutcome, Mode
from tests.laws.chains import CHAINS, Chain, HookCase
from tests.laws.driver import Driver, Outcome
from tests.laws.reference import Expected, Reference, name_of

PAYLOAD = {"a": "0", "b": '"secret"'}
CALL_ENDS = {"DEADLINE_EXCEEDED": "deadline", "CANCELLED": "cancelled"}


def ran(chain: Chain) -> tuple[Outcome, CallAnswer]:
    outcome = Driver(chain, dict(PAYLOAD)).run()
    assert outcome.answer is not None
    return outcome, outcome.answer


def how(answer: CallAnswer) -> str:
    match answer.outcome:
        case Proceed():
            return "proceeded"
        case Violation():
            return "blocked"
        case CallFailure(reason=reason):
            return CALL_ENDS.get(reason, "failed")


def returned(answer: CallAnswer) -> dict[str, str]:
    assert isinstance(answer.outcome, Proceed)
    patch = {name: value.octets.decode() for name, value in answer.outcome.patch.items()}
    return {**PAYLOAD, **patch}


def agrees(outcome: Outcome, answer: CallAnswer, expected: Expected) -> None:
    lines = {int(line.hook[1:]): line for line in answer.receipt.lines}
    assert {place: line.outcome for place, line in lines.items()} == expected.lines
    assert how(answer) == expected.how
    if isinstance(answer.outcome, Proceed):
        assert returned(answer) == expected.fields
    elif expected.ended_by is not None:
        assert answer.outcome.hook == name_of(expected.ended_by)
    failed = {HookOutcome.FAILED_OPEN, HookOutcome.FAILED_CLOSED}
    classes = {p: line.failure_class for p, line in lines.items() if line.outcome in failed}
    assert classes == expected.classes
    assert {key: text.decode() for key, text in answer.state.set.items()} == expected.state
    assert outcome.telemetry == expected.telemetry


@pytest.mark.timeout(300)
@settings(max_examples=10_000)
@given(CHAINS)
def test_the_pipeline_does_what_the_reference_model_says(chain: Chain) -> None:
    outcome, answer = ran(chain)
    agrees(outcome, answer, Reference(chain, dict(PAYLOAD)).walk())
    assert outcome.finishes == 1
    assert len(answer.receipt.lines) == len(chain.hooks)


@settings(max_examples=1_000)
@given(CHAINS)
def test_a_chain_of_observers_never_changes_a_byte_and_only_concurrent_may_block(
    chain: Chain,
) -> None:
    observers = tuple(
        hook for hook in chain.hooks if hook.mode not in (Mode.SEQUENTIAL, Mode.TRANSFORM)
    )
    _, answer = ran(_with(chain, observers))
    if isinstance(answer.outcome, Proceed):
        assert answer.outcome.patch == {}
    if isinstance(answer.outcome, Violation):
        lines = {line.hook: line for line in answer.receipt.lines}
        assert lines[answer.outcome.hook].mode is Mode.CONCURRENT


@settings(max_examples=1_000)
@given(CHAINS)
def test_transform_never_blocks(chain: Chain) -> None:
    only = tuple(hook for hook in chain.hooks if hook.mode is Mode.TRANSFORM)
    _, answer = ran(_with(chain, only))
    assert not isinstance(answer.outcome, Violation)


def _with(chain: Chain, hooks: tuple[HookCase, ...]) -> Chain:
    return replace(chain, hooks=hooks)
