"""What a chain must come to, told in the plainest way: one hook after another.

This shares nothing with the pipeline but the names of modes, classes and outcomes. It
walks the phases with a clock in its hand, and it is allowed to be slow. What an answer
does is in `answers`, how a run goes in `story`, who may do what in `rights`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from sidehook._types import FailureClass, HookOutcome, Mode
from tests.laws.answers import Answers
from tests.laws.chains import MARGIN, OBSERVERS_SHARE, Chain, HookCase
from tests.laws.expected import Ended, EndSight, Expected, Line, Sight
from tests.laws.rights import observes, place_in_sample
from tests.laws.story import Story, story
from tests.laws.texts import digest_of

HAD_ITS_TURN: Final = {
    HookOutcome.PROCEEDED,
    HookOutcome.MODIFIED,
    HookOutcome.BLOCK_SUPPRESSED,
    HookOutcome.PATCH_DISCARDED,
    HookOutcome.SKIPPED_SCOPE,
    HookOutcome.SKIPPED_CONDITION,
}


class Reference:
    """One walk over one chain."""

    def __init__(self, chain: Chain, payload: Mapping[str, str]) -> None:
        self.chain = chain
        self.now = 0.0
        self.spent_by_observers = 0.0
        self.answers = Answers(chain, payload)
        self.result = self.answers.result
        self.lines = self.result.lines
        self.expires = float(chain.budget - min(MARGIN, chain.budget / 2))
        self.stop, self.stops_as = self.expires, "deadline"
        if chain.cancel_at is not None and chain.cancel_at < self.expires:
            self.stop, self.stops_as = float(chain.cancel_at), "cancelled"

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
            self.serial(self.of(Mode.SEQUENTIAL, gate=True))
            self.serial(self.of(Mode.AUDIT))
            self.parallel(self.of(Mode.CONCURRENT))
        except Ended as end:
            result.how, result.hook, result.code = end.how, end.hook, end.code
        self.telemetry()
        for hook in self.chain.hooks:
            self.lines.setdefault(hook.name, Line(self.never_started(hook)))
        result.state = self.answers.state
        if any(hook.gate for hook in self.chain.hooks):
            result.digest = digest_of(result.fields)
        return result

    @property
    def is_late(self) -> bool:
        """Whether the budget is over."""
        return self.now >= self.expires

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
        for key, text in self.answers.state.items():
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
            self.answers.failed(hook, FailureClass.RAISED, "CONDITION_FAILED")
        elif not holds:
            self.lines[hook.name] = Line(HookOutcome.SKIPPED_CONDITION)
        elif until <= self.now:
            self.answers.failed(hook, FailureClass.TIMEOUT, "NO_TIME_LEFT")
        else:
            self.result.seen[hook.name] = sight
            if hook.gate:
                self.answers.vouch(hook)
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
                self.answers.cancelled(
                    hook, took, late=self.is_late, waits=took is None or self.now <= run.called
                )
                raise self.stopped(hook)
            self.answers.ended(hook, run, took)

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
            for hook, _ in runs:
                del self.result.seen[hook.name]
                self.answers.cancelled(hook, None, late=False)
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
                self.answers.ended(hook, run, took, parallel=True)
            except Ended:
                self.cancel_all(waiting, start, order, order[hook.name])
                raise
        self.answers.settle([hook for hook, _ in runs], self.now - start)

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
            self.answers.cancelled(
                hook, took, late=self.is_late, waits=took is None or self.now <= run.called
            )

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
                self.answers.tell(hook, "EXTENSION_CUT")

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
                self.answers.failed(hook, FailureClass.RAISED, "CONDITION_FAILED")
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
