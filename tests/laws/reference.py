"""What a chain must come to, told in the plainest way: one hook after another.

This shares nothing with the pipeline but the names of modes, classes and outcomes. It
walks the phases with a clock in its hand, and it is allowed to be slow.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from hashlib import blake2b, sha256
from math import inf
from typing import Final

from sidehook._types import FailureClass, HookOutcome, Mode, OnError, OnRejected
from tests.laws.chains import (
    MARGIN,
    MAX_EXTENSION,
    MS,
    OBSERVERS_SHARE,
    WRITABLE,
    Blocks,
    Breaks,
    Chain,
    Fails,
    Garbled,
    HookCase,
    Nothing,
    Patches,
    Policy,
    Silent,
)
from tests.laws.expected import Ended, EndSight, Expected, Line, Sight

FAILS_CLOSED_BY_DEFAULT: Final = {Mode.SEQUENTIAL, Mode.TRANSFORM, Mode.CONCURRENT}
MAY_BLOCK: Final = {Mode.SEQUENTIAL, Mode.CONCURRENT}
MAY_MODIFY: Final = {Mode.SEQUENTIAL, Mode.TRANSFORM}
KEEPS_STATE: Final = {Mode.SEQUENTIAL, Mode.TRANSFORM, Mode.CONCURRENT}
A_WORKERS_OWN: Final = {FailureClass.RAISED, FailureClass.MALFORMED, FailureClass.OVERLOADED}
HAD_ITS_TURN: Final = {
    HookOutcome.PROCEEDED,
    HookOutcome.MODIFIED,
    HookOutcome.BLOCK_SUPPRESSED,
    HookOutcome.PATCH_DISCARDED,
    HookOutcome.SKIPPED_SCOPE,
    HookOutcome.SKIPPED_CONDITION,
}
ASKS_AFTER: Final = 5 * MS
ASKS_AGAIN_AFTER: Final = 1 * MS
"""When a hook asks for more time, from the moment it was called on."""


def is_json(text: str) -> bool:
    """Whether a text may be the value of a field; bytes may be anything."""

    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        if len({key for key, _ in pairs}) != len(pairs):
            raise ValueError
        return dict(pairs)

    try:
        json.loads(text, object_pairs_hook=unique)
    except ValueError:
        return False
    return True


def octets_of(text: str) -> bytes:
    """The octets of the value that a text stands for."""
    return text.removeprefix("raw:").encode()


def digest_of(fields: Mapping[str, str]) -> str:
    """The digest of a payload, by rule 12."""
    octets = b""
    for name in sorted(fields, key=str.encode):
        value = octets_of(fields[name])
        kind = b"\2" if fields[name].startswith("raw:") else b"\1"
        octets += len(name.encode()).to_bytes(8, "big") + name.encode()
        octets += kind + len(value).to_bytes(8, "big") + value
    return sha256(octets).hexdigest()


@cache
def place_in_sample(tenant: str, session: str, path: str) -> float:
    """Where a session stands in the sample of a hook: from 0 up to 1, for good."""
    octets = blake2b(f"{tenant}\0{session}\0{path}".encode(), digest_size=8).digest()
    return int.from_bytes(octets, "big") / 2**64


def may(hook: HookCase, right: set[Mode]) -> bool:
    """Whether a hook has a right, or had it before it was put in shadow."""
    if hook.gate and right is MAY_MODIFY:
        return False
    return (hook.shadow_of or hook.mode) in right


def action_on(policy: Policy, mode: Mode, kind: FailureClass) -> OnError:
    """What a failure of this class does, by the worker's word or the mode's default."""
    default = OnError.FAIL if mode in FAILS_CLOSED_BY_DEFAULT else OnError.IGNORE
    return dict(policy.overrides).get(kind, policy.default or default)


def observes(hook: HookCase) -> bool:
    """Whether a hook that holds up the call lives on the observers' share."""
    return hook.shadow_of is not None or hook.mode is Mode.AUDIT


@dataclass(frozen=True, slots=True)
class Story:
    """What becomes of one run when nothing ends the call before: moments on the clock.

    `called` is from when on it does not wait any more, in the eyes of the sidecar.
    `failure` is None when it is answered at `over`. `cuts` are when it asked for more time
    than it got.
    """

    sent: float
    called: float
    over: float
    failure: tuple[FailureClass, str] | None
    cuts: tuple[float, ...]


def story(hook: HookCase, start: float, until: float, limit: float) -> Story:
    """A run from its start on: it has until `until`, or when it asks for more until `limit`."""
    trip = hook.trip
    if trip.refused is not None:
        return Story(inf, inf, start, (trip.refused, "REFUSED"), ())
    sent = inf if trip.sent is None else start + trip.sent
    begun = inf if trip.begins is None else sent + trip.begins
    called = begun if trip.tells else sent
    cuts = []
    for number, extra in enumerate(hook.asks):
        asks = begun + ASKS_AFTER + number * ASKS_AGAIN_AFTER
        if asks < until:
            more = min(extra, MAX_EXTENSION) if number == 0 else 0
            granted = max(0, min(until + more, limit) - until)
            until += granted
            if granted < extra:
                cuts.append(asks)
    answers = inf if isinstance(hook.says, Silent) else begun + hook.delay
    if answers < until:
        failure = (hook.says.kind, "BROKE") if isinstance(hook.says, Breaks) else None
        return Story(sent, called, answers, failure, tuple(cuts))
    if until <= called:
        failure = (FailureClass.OVERLOADED, "EXPIRED_IN_QUEUE")
        return Story(sent, called, until, failure, tuple(cuts))
    return Story(sent, called, until, (FailureClass.TIMEOUT, "HOOK_TIMEOUT"), tuple(cuts))


class Reference:
    """One walk over one chain."""

    def __init__(self, chain: Chain, payload: Mapping[str, str]) -> None:
        self.chain = chain
        self.now = 0.0
        self.spent_by_observers = 0.0
        self.state = dict(chain.state)
        self.result = Expected(fields=dict(payload))
        self.lines = self.result.lines
        self.expires = float(chain.budget - min(MARGIN, chain.budget / 2))
        self.stop, self.stops_as = self.expires, "deadline"
        if chain.cancel_at is not None and chain.cancel_at < self.expires:
            self.stop, self.stops_as = float(chain.cancel_at), "cancelled"
        self.gates_digest = ""
        self.vouches: set[str] = set()

    def walk(self) -> Expected:
        """Run every phase; then hand what is left to telemetry."""
        result = self.result
        try:
            if self.chain.missing:
                raise Ended("failed", code="REQUIRED_HOOK_MISSING")
            if self.chain.lost_handle:
                raise Ended("failed", code="SCOPE_HANDLE_UNKNOWN")
            self.serial(self.of(Mode.SEQUENTIAL))
            self.serial(self.of(Mode.TRANSFORM))
            if gates := self.of(Mode.SEQUENTIAL, gate=True):
                self.gates_digest = digest_of(result.fields)
                self.serial(gates)
            self.serial(self.of(Mode.AUDIT))
            self.parallel(self.of(Mode.CONCURRENT))
        except Ended as end:
            result.how, result.hook, result.code = end.how, end.hook, end.code
        self.telemetry()
        for hook in self.chain.hooks:
            self.lines.setdefault(hook.name, Line(self.never_started(hook)))
        result.state = self.state
        if any(hook.gate for hook in self.chain.hooks):
            result.digest = digest_of(result.fields)
        return result

    # Who has a turn.

    def of(self, mode: Mode, *, gate: bool = False) -> list[HookCase]:
        """The hooks of a phase in their order."""
        hooks = [hook for hook in self.chain.hooks if (hook.mode, hook.gate) == (mode, gate)]
        return sorted(hooks, key=lambda it: (it.priority, it.worker, it.name))

    def never_started(self, hook: HookCase) -> HookOutcome:
        """What the line of a hook says that the call did not get to."""
        return self.left_out(hook) or HookOutcome.SKIPPED_HALTED

    def left_out(self, hook: HookCase) -> HookOutcome | None:
        """Why a hook has no turn, whatever the payload is."""
        chain = self.chain
        if hook.scope is not None and not hook.by_handle:
            tenant, scope = hook.scope
            if tenant != chain.tenant or scope not in chain.scopes:
                return HookOutcome.SKIPPED_SCOPE
        if hook.sample < 1:
            session = chain.session or "call"
            if place_in_sample(chain.tenant, session, hook.path) >= hook.sample:
                return HookOutcome.SKIPPED_SAMPLED
        return None

    def condition_of(self, hook: HookCase, sight: Sight, how: str | None = None) -> bool | None:
        """Whether a hook's condition holds for what the hook would see; None on an error."""
        match hook.condition:
            case "no":
                return False
            case "breaks":
                return None
            case "a is 1":
                return sight.fields.get("a") == "1"
            case "b is there":
                return True if "b" in sight.fields else None
            case "w is 1":
                return sight.state.get("k") == "1"
            case "ended":
                return how in ("blocked", "failed")
            case _:
                return True

    def sight_of(self, hook: HookCase, *, timeout: float, time_left: float) -> Sight:
        fields = self.result.fields
        if hook.fields is not None:
            fields = {name: text for name, text in fields.items() if name in hook.fields}
        state = {}
        for key, text in self.state.items():
            owner, _, own = key.partition("/")
            if key.startswith("shared."):
                state[key] = text
            elif owner == hook.worker:
                state[own] = text
        return Sight(dict(fields), state, timeout, time_left)

    def may_start(self, hook: HookCase) -> Story | None:
        """The run of a hook whose turn has come; None when it has none, or fails before."""
        skipped = self.left_out(hook)
        if skipped is not None:
            self.lines[hook.name] = Line(skipped)
            return None
        limit = self.expires
        if observes(hook):
            # A part of what the others leave of the budget, less what observers had of it.
            others = self.now - self.spent_by_observers
            pot = OBSERVERS_SHARE * (self.expires - others) - self.spent_by_observers
            limit = self.now + max(0.0, pot)
        until = min(self.now + hook.timeout, limit)
        left = self.expires - self.now
        sight = self.sight_of(hook, timeout=until - self.now, time_left=left)
        holds = self.condition_of(hook, sight)
        if holds is None:
            self.failed(hook, FailureClass.RAISED, "CONDITION_FAILED")
        elif not holds:
            self.lines[hook.name] = Line(HookOutcome.SKIPPED_CONDITION)
        elif until <= self.now:
            self.failed(hook, FailureClass.TIMEOUT, "NO_TIME_LEFT")
        else:
            self.result.seen[hook.name] = sight
            if hook.gate:
                self.vouches.add(hook.name)
            return story(hook, self.now, until, limit)
        return None

    # The phases.

    def serial(self, hooks: list[HookCase]) -> None:
        """One at a time."""
        for hook in hooks:
            run = self.may_start(hook)
            if run is None:
                continue
            start, self.now = self.now, min(run.over, self.stop)
            took = self.now - start if run.sent < self.now else None
            self.travelled(hook, run, took)
            if observes(hook):
                self.spent_by_observers += self.now - start
            if self.stop <= run.over:
                self.cancelled(hook, run, took)
                raise self.stopped(hook)
            self.ended(hook, run, took)

    def parallel(self, hooks: list[HookCase]) -> None:
        """All at once; what happens is sorted by when it happens."""
        start = self.now
        runs: list[tuple[HookCase, Story]] = []
        try:
            for hook in hooks:
                run = self.may_start(hook)
                if run is not None:
                    runs.append((hook, run))
        except Ended:
            for hook, run in runs:
                del self.result.seen[hook.name]
                self.cancelled(hook, run, None)
            raise
        order = {hook.name: number for number, (hook, _) in enumerate(runs)}
        waiting = sorted(runs, key=lambda it: (it[1].over, order[it[0].name]))
        while waiting:
            hook, run = waiting[0]
            if self.stop <= run.over:
                self.now = self.stop
                self.cancel_all(waiting, start, order, 0)
                raise self.stopped(min(waiting, key=lambda it: order[it[0].name])[0])
            self.now = run.over
            waiting.pop(0)
            took = self.now - start if run.sent < run.over else None
            self.travelled(hook, run, took)
            try:
                self.ended(hook, run, took, parallel=True)
            except Ended:
                self.cancel_all(waiting, start, order, order[hook.name])
                raise
        self.settle([hook for hook, _ in runs], start)

    def cancel_all(
        self, waiting: list[tuple[HookCase, Story]], start: float, order: dict[str, int], upto: int
    ) -> None:
        """Cancels what still runs; what starts at this very moment does up to the `upto`th."""
        for hook, run in waiting:
            started = start < self.now or order[hook.name] < upto
            if not started:
                del self.result.seen[hook.name]
            sent = run.sent < self.now or (run.sent == start and started)
            took = self.now - start if sent else None
            self.travelled(hook, run, took)
            self.cancelled(hook, run, took)

    def settle(self, hooks: list[HookCase], start: float) -> None:
        """Keep the state of a parallel phase in plan order, or nothing of it."""
        before = dict(self.state)
        for hook in hooks:
            line = self.lines[hook.name]
            kept = line.outcome in (HookOutcome.PROCEEDED, HookOutcome.PATCH_DISCARDED)
            if kept and not self.keep_state(hook):
                try:
                    self.malformed(hook, self.now - start, rejected=line.rejected)
                except Ended:
                    self.state = before
                    raise

    def stopped(self, hook: HookCase) -> Ended:
        """The budget ran out while this hook ran, or the caller is gone."""
        if self.stops_as == "cancelled":
            return Ended("cancelled", code="CANCELLED")
        return Ended("deadline", hook=hook.path, code="DEADLINE_EXCEEDED")

    def travelled(self, hook: HookCase, run: Story, took: float | None) -> None:
        """The run is under way no longer: was it sent, and did its hook ask in vain?"""
        if took is not None:
            self.result.started = True
        for cut in run.cuts:
            if cut < self.now:
                self.tell(hook, "EXTENSION_CUT")

    def tell(self, hook: HookCase, code: str) -> None:
        self.result.told.append((hook.name, code))

    def write(
        self,
        hook: HookCase,
        outcome: HookOutcome,
        took: float | None = None,
        **rest: object,
    ) -> None:
        digest = self.gates_digest if hook.name in self.vouches else ""
        self.lines[hook.name] = Line(outcome, took=took, digest=digest, **rest)  # type: ignore[arg-type]  # named by the callers

    # Answers and failures.

    def ended(
        self, hook: HookCase, run: Story, took: float | None, *, parallel: bool = False
    ) -> None:
        """The run is over: what comes of it."""
        says = hook.says
        if run.failure is not None:
            self.failed(hook, *run.failure, took)
        elif isinstance(says, Fails):
            kind = says.kind if says.kind in A_WORKERS_OWN else FailureClass.RAISED
            self.failed(hook, kind, "BOOM", took)
        elif isinstance(says, Garbled):
            self.malformed(hook, took)
        elif isinstance(says, Patches):
            self.patched(hook, dict(says.texts), took, parallel=parallel)
        elif isinstance(says, Blocks):
            self.blocked(hook, says, took, parallel=parallel)
        else:
            assert isinstance(says, Nothing)
            self.judged(
                hook,
                HookOutcome.PROCEEDED,
                took,
                rejected=frozenset(says.held_back),
                parallel=parallel,
            )

    def blocked(self, hook: HookCase, says: Blocks, took: float | None, *, parallel: bool) -> None:
        if says.details and not says.details.startswith("{"):
            self.malformed(hook, took)
            return
        outcome = HookOutcome.BLOCKED
        if not may(hook, MAY_BLOCK):
            outcome = HookOutcome.BLOCK_SUPPRESSED
            self.tell(hook, "BLOCK_SUPPRESSED")
        blocks = outcome is HookOutcome.BLOCKED and hook.shadow_of is None
        kept = self.judged(hook, outcome, took, code=says.code, parallel=parallel and not blocks)
        if kept and blocks:
            raise Ended("blocked", hook=hook.path, code=says.code)

    def patched(
        self, hook: HookCase, texts: dict[str, str], took: float | None, *, parallel: bool
    ) -> None:
        modifies = may(hook, MAY_MODIFY)
        rejected = set(texts) - WRITABLE if modifies else set(texts)
        fields = self.result.fields
        changed = {
            name: text
            for name, text in texts.items()
            if modifies and name in WRITABLE and fields.get(name) != text
        }
        outcome = HookOutcome.PATCH_DISCARDED if rejected else HookOutcome.PROCEEDED
        if changed:
            outcome = HookOutcome.MODIFIED
        after = {**fields, **changed}
        too_large = changed and self.size(after) > self.chain.max_payload
        bad = not all(is_json(it) for it in changed.values() if not it.startswith("raw:"))
        kept = self.judged(
            hook,
            outcome,
            took,
            changed=frozenset(changed),
            rejected=frozenset(rejected),
            parallel=parallel,
            bad=bool(too_large or bad),
        )
        if kept and hook.shadow_of is None:
            self.result.fields = after

    def size(self, texts: Mapping[str, str]) -> int:
        return sum(len(name.encode()) + len(octets_of(text)) for name, text in texts.items())

    def judged(
        self,
        hook: HookCase,
        outcome: HookOutcome,
        took: float | None,
        *,
        code: str = "",
        changed: frozenset[str] = frozenset(),
        rejected: frozenset[str] = frozenset(),
        parallel: bool = False,
        bad: bool = False,
    ) -> bool:
        """Write the line, unless something that came with the answer is malformed."""
        if rejected:
            self.tell(hook, "FIELDS_REJECTED" if may(hook, MAY_MODIFY) else "PATCH_DISCARDED")
        if rejected and hook.on_rejected is OnRejected.ERROR:
            bad = True
        if bad or not (parallel or self.keep_state(hook)):
            self.malformed(hook, took, rejected=rejected)
            return False
        if hook.shadow_of is not None and outcome is HookOutcome.BLOCKED:
            outcome = HookOutcome.WOULD_BLOCK
        if hook.shadow_of is not None and outcome is HookOutcome.MODIFIED:
            outcome = HookOutcome.WOULD_MODIFY
        self.write(hook, outcome, took, code=code, changed=changed, rejected=rejected)
        return True

    def keep_state(self, hook: HookCase) -> bool:
        """Keep what the hook staged, all of it; False when that cannot be."""
        if hook.shadow_of is not None or hook.mode not in KEEPS_STATE:
            return True
        written = [key for key, text in hook.stages if text is not None]
        if any(key in written for key, text in hook.stages if text is None):
            return False
        after = dict(self.state)
        for key, text in hook.stages:
            full = key if key.startswith("shared.") else f"{hook.worker}/{key}"
            if text is None:
                after.pop(full, None)
            elif is_json(text):
                after[full] = text
            else:
                return False
        if hook.stages and self.size(after) > self.chain.max_state:
            return False
        self.state = after
        return True

    def cancelled(self, hook: HookCase, run: Story, took: float | None) -> None:
        """The call ended while the hook ran, or waited for its turn."""
        late = None
        if self.now >= self.expires:
            waits = took is None or self.now <= run.called
            late = FailureClass.OVERLOADED if waits else FailureClass.TIMEOUT
        self.write(hook, HookOutcome.CANCELLED, took, kind=late)

    def malformed(
        self, hook: HookCase, took: float | None, *, rejected: frozenset[str] = frozenset()
    ) -> None:
        self.failed(hook, FailureClass.MALFORMED, "ANSWER_MALFORMED", took, rejected=rejected)

    def failed(
        self,
        hook: HookCase,
        kind: FailureClass,
        code: str,
        took: float | None = None,
        *,
        rejected: frozenset[str] = frozenset(),
    ) -> None:
        """A failure ends the call, or leaves everything as it was."""
        action = OnError.FAIL if hook.required else action_on(hook.policy, hook.mode, kind)
        closed = action is OnError.FAIL
        if hook.shadow_of is not None or hook.mode is Mode.FIRE_AND_FORGET:
            closed = False
        outcome = HookOutcome.FAILED_CLOSED if closed else HookOutcome.FAILED_OPEN
        # What is not there cannot be left out, and what is left out already is not again.
        opens = action is OnError.DISABLE and kind is not FailureClass.UNREACHABLE
        if action is OnError.DISABLE and kind is FailureClass.CIRCUIT_OPEN:
            outcome, opens = HookOutcome.SKIPPED_DISABLED, False
        self.result.blamed.append((kind, opens))
        if kind is FailureClass.MALFORMED and took is not None:
            self.tell(hook, "ANSWER_MALFORMED")
        self.write(hook, outcome, took, kind=kind, code=code, rejected=rejected)
        if closed:
            raise Ended("failed", hook=hook.path, code="HOOK_FAILED")

    # After the verdict.

    def telemetry(self) -> None:
        """What FIRE_AND_FORGET hooks get."""
        result, room = self.result, self.chain.queue_room
        withheld = self.withheld()
        for hook in self.of(Mode.FIRE_AND_FORGET):
            skipped = self.left_out(hook)
            if skipped is not None:
                self.lines[hook.name] = Line(skipped)
                continue
            sight = self.sight_of(hook, timeout=hook.timeout, time_left=hook.timeout)
            names = None
            if withheld:
                names, sight = frozenset(sight.fields), replace(sight, fields={})
            holds = self.condition_of(hook, sight, result.how)
            if holds is None:
                self.failed(hook, FailureClass.RAISED, "CONDITION_FAILED")
            elif not holds:
                self.lines[hook.name] = Line(HookOutcome.SKIPPED_CONDITION)
            else:
                result.seen[hook.name] = sight
                result.ends[hook.name] = EndSight(result.how, result.hook, result.code, names)
                outcome = HookOutcome.DETACHED if room > 0 else HookOutcome.SHED
                self.lines[hook.name] = Line(outcome)
                room -= 1

    def withheld(self) -> bool:
        """Whether a TRANSFORM hook might have left something that it would redact."""
        if self.result.how == "cancelled":
            return True
        if self.chain.payload_on_block:
            return False
        if self.chain.missing or self.chain.lost_handle:
            return True
        for hook in self.of(Mode.TRANSFORM):
            line = self.lines.get(hook.name) or Line(self.never_started(hook))
            if hook.shadow_of is None and line.outcome not in HAD_ITS_TURN:
                return True
        return False
