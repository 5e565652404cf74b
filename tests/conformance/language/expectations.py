"""What a case expects. What is not said of an answer is expected not to be there.

That holds for changes of the payload and the state, for fields changed and rejected in
a line of the receipt, for shadows and digests, for cancelled runs and for unknown scopes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from sidehook._types import JSON, CallOutcome, FailureClass, HookOutcome, Mode
from tests.conformance.language import reading
from tests.conformance.language.errors import CaseError
from tests.conformance.language.reading import Keys
from tests.conformance.language.values import read_fields


class Verdict(StrEnum):
    """How a call is answered."""

    PROCEED = "proceed"
    BLOCKED = "blocked"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ViolationExpectation:
    """Of a violation; None is not looked at. `by` is `worker/hook`."""

    by: str | None
    reason: str | None
    code: str | None
    description: str | None
    details: JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureExpectation:
    """Of a failure; None is not looked at. `mentions` stand in its message."""

    reason: str
    failure_class: FailureClass | None
    by: str | None
    started: bool | None
    mentions: tuple[str, ...]
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class LineExpectation:
    """One line of the receipt. `hook` is `worker/hook`; None is not looked at.

    `has_digest`: it carries the digest of the payload, and the receipt carries the same.
    """

    hook: str
    outcome: HookOutcome
    changed: tuple[str, ...]
    rejected: tuple[str, ...]
    failure_class: FailureClass | None
    code: str | None
    message: str | None
    instance: str | None
    mode: Mode | None
    shadowed: bool
    has_digest: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EndExpectation:
    """How the call ended, as a FIRE_AND_FORGET hook is told."""

    outcome: CallOutcome
    by: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunExpectation:
    """One run as its worker saw it; None is not looked at. Times in seconds.

    `withheld` are the names of the fields whose values it did not get.
    """

    hook: str
    fields: Mapping[str, JSON]
    instance: str | None
    cancelled: bool
    state: Mapping[str, JSON] | None
    context: Mapping[str, JSON]
    mode: Mode | None
    may_block: bool | None
    may_modify: bool | None
    writable: tuple[str, ...] | None
    timeout: float | None
    time_left: float | None
    end: EndExpectation | None
    withheld: tuple[str, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallExpectation:
    """Everything about the answer to one call, and the runs it was made of.

    `payload` is the whole payload after the call; None: it is what it was before.
    `receipt`, `runs`, `sent` and `detached` None are not looked at. `sent` are the hooks of
    each run that the call waited for.
    """

    verdict: Verdict
    payload: Mapping[str, JSON] | None = None
    violation: ViolationExpectation | None = None
    failure: FailureExpectation | None = None
    state_set: Mapping[str, JSON] = field(default_factory=dict)
    state_removed: tuple[str, ...] = ()
    receipt: tuple[LineExpectation, ...] | None = None
    unknown_scopes: tuple[str, ...] = ()
    development: bool = False
    runs: tuple[RunExpectation, ...] | None = None
    sent: tuple[tuple[str, ...], ...] | None = None
    detached: tuple[RunExpectation, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeExpectation:
    """A word for a worker's log."""

    code: str
    hook: str
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EndOfCase:
    """What is there when all steps are done.

    `notices` are all that a worker was sent, in order, but for HOOKS_ACTIVE. `known` is how
    many items of its lists each run that came to a worker was said to know. `counters` are
    sums of the sidecar's metrics. `shows` is of `/state`.
    """

    notices: Mapping[str, tuple[NoticeExpectation, ...]] = field(default_factory=dict)
    known: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    counters: Mapping[str, float] = field(default_factory=dict)
    shows: Mapping[str, JSON] = field(default_factory=dict)


_TEXTS: Final = reading.list_of(reading.text)
SHOWN: Final = ("ready", "list_complete", "degraded", "missing")
"""What may be looked at of `/state`."""


def read_call_expectation(keys: Keys) -> CallExpectation:
    """The keys of an expectation that are about one call."""
    state = keys.optional("state", _read_state)
    expectation = CallExpectation(
        verdict=keys.required("verdict", reading.word(Verdict)),
        payload=keys.optional("payload", _read_payload),
        violation=keys.optional("violation", _read_violation),
        failure=keys.optional("failure", _read_failure),
        state_set=state[0] if state else {},
        state_removed=state[1] if state else (),
        receipt=keys.optional("receipt", reading.list_of(_read_line)),
        unknown_scopes=keys.several("unknown_scopes", reading.text),
        development=keys.take("development", reading.boolean, False),
        runs=keys.optional("runs", reading.list_of(_read_run)),
        sent=keys.optional("sent", reading.list_of(_TEXTS)),
        detached=keys.optional("detached", reading.list_of(_read_run)),
    )
    _agree(expectation, keys.where)
    return expectation


def _agree(expectation: CallExpectation, where: str) -> None:
    """Each verdict has its own account, and no other."""
    for given, verdict in (
        (expectation.payload, Verdict.PROCEED),
        (expectation.violation, Verdict.BLOCKED),
        (expectation.failure, Verdict.FAILED),
    ):
        if given is not None and expectation.verdict is not verdict:
            raise CaseError(where, f"what is expected does not go with {expectation.verdict}")
    if expectation.verdict is Verdict.FAILED and expectation.failure is None:
        raise CaseError(where, "a failed call needs `failure`, with its reason")


def read_end_of_case(keys: Keys) -> EndOfCase:
    """The keys of an expectation that are about the whole case."""
    return EndOfCase(
        notices=keys.take("notices", reading.mapping_of(reading.list_of(_read_notice)), {}),
        known=keys.mapping("known", reading.list_of(reading.integer)),
        counters=keys.mapping("counters", reading.number),
        shows=keys.take("shows", _read_shows, {}),
    )


def _read_payload(value: JSON, where: str) -> Mapping[str, JSON]:
    payload = reading.mapping_of(reading.anything)(value, where)
    read_fields(dict(payload), where)
    return payload


def _read_state(value: JSON, where: str) -> tuple[Mapping[str, JSON], tuple[str, ...]]:
    keys = Keys(value, where)
    set_to: Mapping[str, JSON] = keys.take("set", _read_payload, {})
    removed = keys.several("removed", reading.text)
    keys.finish()
    return set_to, removed


def _read_violation(value: JSON, where: str) -> ViolationExpectation:
    keys = Keys(value, where)
    violation = ViolationExpectation(
        by=keys.optional("by", reading.text),
        reason=keys.optional("reason", reading.text),
        code=keys.optional("code", reading.text),
        description=keys.optional("description", reading.text),
        details=keys.optional("details", reading.anything),
    )
    keys.finish()
    return violation


def _read_failure(value: JSON, where: str) -> FailureExpectation:
    keys = Keys(value, where)
    failure = FailureExpectation(
        reason=keys.required("reason", reading.text),
        failure_class=keys.optional("class", reading.word(FailureClass)),
        by=keys.optional("by", reading.text),
        started=keys.optional("started", reading.boolean),
        mentions=keys.several("mentions", reading.text),
        metadata=keys.mapping("metadata", reading.text),
    )
    keys.finish()
    return failure


def path_in(keys: Keys) -> tuple[str, JSON]:
    """The one key that is a `worker/hook`, and what stands under it."""
    paths = keys.keys_with("/")
    if len(paths) != 1:
        raise CaseError(keys.where, f"names one worker/hook, not {paths}")
    return paths[0], keys.required(paths[0], reading.anything)


def _read_line(value: JSON, where: str) -> LineExpectation:
    keys = Keys(value, where)
    hook, outcome = path_in(keys)
    line = LineExpectation(
        hook=hook,
        outcome=reading.word(HookOutcome)(outcome, f"{where}: {hook}"),
        changed=keys.several("changed", reading.text),
        rejected=keys.several("rejected", reading.text),
        failure_class=keys.optional("class", reading.word(FailureClass)),
        code=keys.optional("code", reading.text),
        message=keys.optional("message", reading.text),
        instance=keys.optional("instance", reading.text),
        mode=keys.optional("mode", reading.word(Mode)),
        shadowed=keys.take("shadowed", reading.boolean, False),
        has_digest=keys.take("payload_digest", _read_same, False),
    )
    keys.finish()
    return line


def _read_same(value: JSON, where: str) -> bool:
    if value != "same":
        raise CaseError(where, f"takes same, not {value!r}")
    return True


def _read_run(value: JSON, where: str) -> RunExpectation:
    keys = Keys(value, where)
    hook, fields = path_in(keys)
    run = RunExpectation(
        hook=hook,
        fields=_read_payload(fields, f"{where}: {hook}"),
        instance=keys.optional("instance", reading.text),
        cancelled=keys.take("cancelled", reading.boolean, False),
        state=keys.optional("state", _read_payload),
        context=keys.mapping("context", reading.anything),
        mode=keys.optional("mode", reading.word(Mode)),
        may_block=keys.optional("may_block", reading.boolean),
        may_modify=keys.optional("may_modify", reading.boolean),
        writable=keys.optional("writable", _TEXTS),
        timeout=keys.optional("timeout", reading.seconds),
        time_left=keys.optional("time_left", reading.seconds),
        end=keys.optional("end", _read_end),
        withheld=keys.optional("withheld", _TEXTS),
    )
    keys.finish()
    return run


def _read_end(value: JSON, where: str) -> EndExpectation:
    keys = Keys(value, where)
    end = EndExpectation(
        outcome=keys.required("outcome", reading.word(CallOutcome)),
        by=keys.take("by", reading.text, ""),
        code=keys.take("code", reading.text, ""),
    )
    keys.finish()
    return end


def _read_notice(value: JSON, where: str) -> NoticeExpectation:
    keys = Keys(value, where)
    notice = NoticeExpectation(
        code=keys.required("code", reading.text),
        hook=keys.take("hook", reading.text, ""),
        fields=keys.several("fields", reading.text),
    )
    keys.finish()
    return notice


def _read_shows(value: JSON, where: str) -> Mapping[str, JSON]:
    keys = Keys(value, where)
    shows = {name: keys.take(name, reading.anything, None) for name in SHOWN if name in keys}
    keys.finish()
    return shows
