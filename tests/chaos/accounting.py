"""What must hold of everything that callers and workers wrote down. Pure.

Nothing the sidecar says of itself is believed, but for one thing: that it counted an event
as lost, which is no proof that all went well, only that nothing was silent.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from tests.chaos.hooks import GUARD, NO, PLAN
from tests.chaos.records import BEGAN, BLOCKED, ENDED, FAILED, PROCEEDED, Call, Run

RAN: Final = frozenset({"proceeded", "modified", "blocked", "block_suppressed", "patch_discarded"})
"""Outcomes that say that a hook ran, and answered."""

ENDS_CALL: Final = frozenset({"blocked", "failed_closed"})
"""Outcomes that no call survives."""

MAY_BE_COUNTED: Final = frozenset({"unknown", "unreachable", "timeout"})
"""Why an event of a hook that is not idempotent may be counted as lost: it may have run."""

_SHOWN: Final = 3
_PATHS: Final = [hook.path for hook in PLAN]
_DETACHED: Final = frozenset(hook.path for hook in PLAN if hook.detached)
_ONCE: Final = frozenset(hook.path for hook in PLAN if not hook.idempotent)


@dataclass(frozen=True, slots=True)
class Kill:
    """The end of one life of the sidecar.

    `queued` is what its queue held at `asked`, a moment before.
    """

    at: float
    asked: float
    queued: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything that was recorded. `counted` are hook, call id and cause of lost events."""

    calls: Sequence[Call]
    runs: Sequence[Run]
    counted: Mapping[tuple[str, str], str]
    kills: Sequence[Kill]
    has_journal: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Detached:
    """The events that receipts called accepted, and what became of them."""

    accepted: int = 0
    delivered: int = 0
    counted: Mapping[str, int] = field(default_factory=dict)
    lost: tuple[tuple[str, Call], ...] = ()


@dataclass(frozen=True, slots=True)
class Outage:
    """A time in which no call of any caller proceeded."""

    began: float = 0.0
    ended: float = 0.0

    @property
    def seconds(self) -> float:
        """How long it was."""
        return self.ended - self.began


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The verdict: sentences about what is wrong, and the figures."""

    problems: tuple[str, ...]
    outcomes: Mapping[str, int]
    reasons: Mapping[str, int]
    detached: Detached
    could_be_lost: int
    longest_outage: Outage


class Ledger:
    """The runs, by what is asked about them."""

    def __init__(self, runs: Iterable[Run]) -> None:
        self.began: dict[tuple[str, str], list[Run]] = defaultdict(list)
        self.ended: set[tuple[str, str]] = set()
        for run in runs:
            if run.part == BEGAN:
                self.began[run.hook, run.call_id].append(run)
            elif run.part == ENDED:
                self.ended.add((run.hook, run.call_id))

    def has(self, hook: str, call_id: str, *, by: float | None = None) -> bool:
        """Whether the hook ran for the call, before a moment."""
        return any(by is None or run.at <= by for run in self.began.get((hook, call_id), ()))


def account_for(evidence: Evidence) -> Account:
    """Hold every law against the evidence."""
    ledger = Ledger(evidence.runs)
    detached = _detached(evidence, ledger)
    kills = () if evidence.has_journal else evidence.kills
    could_be_lost = sum(_could_be_lost(kill, evidence.calls) for kill in kills)
    problems = [sentence for law in _LAWS for sentence in _few(law(evidence.calls, ledger))]
    problems += _few(_never_twice(ledger))
    problems += _few(_one_key(ledger))
    problems += _few(_explained(evidence, detached, could_be_lost))
    return Account(
        problems=tuple(problems),
        outcomes=Counter(call.outcome for call in evidence.calls),
        reasons=Counter(call.reason for call in evidence.calls if call.outcome == FAILED),
        detached=detached,
        could_be_lost=could_be_lost,
        longest_outage=longest_outage(evidence.calls),
    )


def longest_outage(calls: Iterable[Call]) -> Outage:
    """The longest time between two calls that proceeded."""
    ends = sorted(call.ended for call in calls if call.outcome == PROCEEDED)
    gaps = (Outage(before, after) for before, after in pairwise(ends))
    return max(gaps, key=lambda gap: gap.seconds, default=Outage())


# The laws. Each yields a sentence for each breach.


def _own_answers(calls: Sequence[Call], _ledger: Ledger) -> Iterator[str]:
    """No answer belongs to another call."""
    for call in calls:
        if call.outcome == PROCEEDED and call.back != call.marker:
            yield f"call {call.marker} got the answer of {call.back!r}"
    for call_id, count in Counter(call.call_id for call in calls if call.call_id).items():
        if count > 1:
            yield f"{count} calls got a receipt of call id {call_id}"


def _adds_up(calls: Sequence[Call], _ledger: Ledger) -> Iterator[str]:
    """Every verdict has a receipt with one line for each hook of the plan, in its order."""
    for call in calls:
        lines = [hook for hook, _ in call.lines]
        if (lines or call.outcome in (PROCEEDED, BLOCKED)) and lines != _PATHS:
            yield f"the receipt of {call.marker} ({call.outcome}) has the lines {lines}"


def _guarded(calls: Sequence[Call], ledger: Ledger) -> Iterator[str]:
    """What proceeded was let through by the required guard, and by nobody refused."""
    for call in calls:
        if call.outcome != PROCEEDED:
            continue
        lines = dict(call.lines)
        if call.text == NO:
            yield f"call {call.marker} proceeded, and was to be blocked"
        if lines.get(GUARD) != "proceeded" or ENDS_CALL & set(lines.values()):
            yield f"call {call.marker} proceeded with {lines}"
        if not ledger.has(GUARD, call.call_id, by=call.ended):
            yield f"call {call.marker} proceeded, and {GUARD} had not run"


def _lines_are_true(calls: Sequence[Call], ledger: Ledger) -> Iterator[str]:
    """What a receipt says has run is in the ledger."""
    for call in calls:
        for hook, outcome in call.lines:
            if outcome in RAN and not ledger.has(hook, call.call_id, by=call.ended):
                yield f"the receipt of {call.marker} says {hook} {outcome}, and it never ran"


def _own_runs(calls: Sequence[Call], ledger: Ledger) -> Iterator[str]:
    """Hooks saw the payload of the call that they ran for."""
    for call in calls:
        for hook in _PATHS:
            for run in ledger.began.get((hook, call.call_id), ()):
                if run.marker not in ("", call.marker):
                    yield f"{hook} ran for {call.marker} and saw {run.marker}"


_LAWS: Final[Sequence[Callable[[Sequence[Call], Ledger], Iterator[str]]]] = (
    _own_answers,
    _adds_up,
    _guarded,
    _lines_are_true,
    _own_runs,
)
"""Those that are about calls; the others are about runs and events."""


def _never_twice(ledger: Ledger) -> Iterator[str]:
    """No hook that is not idempotent ran twice for one call, whatever its id."""
    seen: Counter[tuple[str, str]] = Counter()
    for (hook, call_id), runs in ledger.began.items():
        if hook in _ONCE:
            if len(runs) > 1:
                yield f"{hook} is not idempotent and ran {len(runs)} times for call id {call_id}"
            seen.update((hook, run.marker) for run in runs[:1] if run.marker)
    for (hook, marker), count in seen.items():
        if count > 1:
            yield f"{hook} is not idempotent and ran for call {marker} under {count} call ids"


def _one_key(ledger: Ledger) -> Iterator[str]:
    """The runs of a hook for one call share an idempotency key, and nobody else has it."""
    owners: dict[tuple[str, str], str] = {}
    for (hook, call_id), runs in ledger.began.items():
        keys = {run.key for run in runs}
        if len(keys) > 1:
            yield f"{hook} ran for call id {call_id} under {len(keys)} idempotency keys"
        for key in keys:
            if owners.setdefault((hook, key), call_id) != call_id:
                yield f"two calls share the idempotency key of {hook}"


def _explained(evidence: Evidence, detached: Detached, could_be_lost: int) -> Iterator[str]:
    """Accepted events are delivered, or counted, or no more than a queue without a journal."""
    causes = {cause for cause in detached.counted if cause not in MAY_BE_COUNTED}
    for cause in sorted(causes):
        yield f"{detached.counted[cause]} accepted events are counted as lost: {cause}"
    if evidence.has_journal:
        for hook, call in detached.lost:
            yield f"the event of {call.marker} for {hook} was accepted and is lost"
        return
    if len(detached.lost) > could_be_lost:
        yield f"{len(detached.lost)} events are lost, and at most {could_be_lost} were queued"
    for hook, call in detached.lost:
        if all(kill.at < call.began for kill in evidence.kills):
            yield f"the event of {call.marker} for {hook} is lost, and no sidecar was killed after"


# The figures.


def _detached(evidence: Evidence, ledger: Ledger) -> Detached:
    accepted, delivered = 0, 0
    counted: Counter[str] = Counter()
    lost: list[tuple[str, Call]] = []
    for call in evidence.calls:
        for hook in call.accepted:
            accepted += 1
            cause = evidence.counted.get((hook, call.call_id))
            if _is_delivered(hook, call, ledger):
                delivered += 1
            elif cause is not None and hook in _ONCE:
                counted[cause] += 1
            else:
                lost.append((hook, call))
    return Detached(accepted=accepted, delivered=delivered, counted=dict(counted), lost=tuple(lost))


def _is_delivered(hook: str, call: Call, ledger: Ledger) -> bool:
    """An idempotent hook handled the event to its end; another one was at least begun."""
    if hook in _ONCE:
        return ledger.has(hook, call.call_id)
    return (hook, call.call_id) in ledger.ended


def _could_be_lost(kill: Kill, calls: Iterable[Call]) -> int:
    """What was queued when it was asked, and what may have been accepted from then on."""
    later = (call for call in calls if call.began < kill.at and call.ended > kill.asked)
    return kill.queued + sum(1 for call in later for hook in call.accepted if hook in _DETACHED)


def _few(sentences: Iterable[str]) -> Iterator[str]:
    """The first of them, and how many there are."""
    found = list(sentences)
    yield from found[:_SHOWN]
    if len(found) > _SHOWN:
        yield f"... and {len(found) - _SHOWN} more of the kind"
