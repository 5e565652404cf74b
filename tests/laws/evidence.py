"""What the pipeline did with a chain, in the words of the reference model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from sidehook._call import CallAnswer, CallFailure, Proceed, ReceiptLine, Violation
from sidehook._types import FailureClass, HookOutcome
from sidehook_server.pipeline.model import PlannedHook
from tests.laws.cases import texts_of
from tests.laws.chains import PAYLOAD, Chain, HookCase
from tests.laws.driver import NOBODY, Driver, Trace
from tests.laws.expected import Line

CALL_ENDS: Final = {"DEADLINE_EXCEEDED": "deadline", "CANCELLED": "cancelled"}


@dataclass(frozen=True)
class Evidence:
    """A chain and what the pipeline did with it."""

    chain: Chain
    trace: Trace

    @property
    def answer(self) -> CallAnswer:
        """The verdict and its receipt."""
        return self.trace.answer

    @cached_property
    def lines(self) -> dict[str, ReceiptLine]:
        """The lines of the receipt by hook."""
        return {line.hook: line for line in self.answer.receipt.lines}

    @cached_property
    def hooks(self) -> dict[str, HookCase]:
        """The hooks of the chain by name."""
        return {hook.name: hook for hook in self.chain.hooks}

    @cached_property
    def planned(self) -> dict[str, PlannedHook]:
        """The hooks as the pipeline had them."""
        return {hook.name: hook for hook in self.trace.plan.hooks}

    @cached_property
    def returned(self) -> dict[str, str] | None:
        """The payload that the application goes on with; None when it does not."""
        outcome = self.answer.outcome
        if not isinstance(outcome, Proceed):
            return None
        return {**PAYLOAD, **texts_of(outcome.patch)}


def ran(
    chain: Chain,
    *,
    arrivals: Mapping[str, float] | None = None,
    latest_first: bool = False,
    known: Mapping[str, PlannedHook] = NOBODY,
    fused: bool = False,
) -> Evidence:
    """The chain, run through the pipeline."""
    driver = Driver(
        chain, PAYLOAD, arrivals=arrivals, latest_first=latest_first, known=known, fused=fused
    )
    return Evidence(chain, driver.run())


def how(answer: CallAnswer) -> str:
    match answer.outcome:
        case Proceed():
            return "proceeded"
        case Violation():
            return "blocked"
        case CallFailure(reason=reason):
            return CALL_ENDS.get(reason, "failed")


def lines_of(it: Evidence) -> dict[str, Line]:
    return {
        name: Line(
            HookOutcome(line.outcome),
            None if line.failure_class is None else FailureClass(line.failure_class),
            line.code,
            frozenset(line.changed_fields),
            frozenset(line.rejected_fields),
            line.duration,
            line.payload_digest,
        )
        for name, line in it.lines.items()
    }


def outcomes(it: Evidence) -> list[tuple[str, HookOutcome | str]]:
    return [(name, line.outcome) for name, line in it.lines.items()]


def state_after(it: Evidence) -> dict[str, str]:
    state = dict(it.chain.state)
    for key in it.answer.state.removed:
        del state[key]
    changed = {key: text.decode() for key, text in it.answer.state.set.items()}
    assert all(state.get(key) != text for key, text in changed.items()), "only changed keys"
    return state | changed


def seen(it: Evidence) -> dict[str, tuple[dict[str, str], dict[str, str], float, float]]:
    requests = {name: start.request for name, start in it.trace.starts.items()}
    return {
        name: (
            texts_of(request.fields),
            {key: text.decode() for key, text in request.context.state.items()},
            request.steps[0][0].timeout,
            request.time_left,
        )
        for name, request in (requests | it.trace.detached).items()
    }


def ends(it: Evidence) -> dict[str, tuple[str, str, str, frozenset[str] | None]]:
    ends = {name: request.call_end for name, request in it.trace.detached.items()}
    return {
        name: (
            end.outcome,
            end.hook,
            end.code,
            frozenset(end.field_names) if end.payload_withheld else None,
        )
        for name, end in ends.items()
        if end is not None
    }
