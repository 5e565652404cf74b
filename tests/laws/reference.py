"""What a chain must come to, told in the plainest way: one hook after another.

This shares nothing with the pipeline but the names of modes and outcomes. It walks
the phases with a clock in its hand, in milliseconds, and it is allowed to be slow.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from sidehook._types import FailureClass, HookOutcome, Mode, OnError, OnRejected
from tests.laws.chains import WRITABLE, Blocks, Chain, Fails, HookCase, Nothing, Patches, Silent

MARGIN = 20
OBSERVERS_SHARE = 0.2

FAILS_CLOSED_BY_DEFAULT = {Mode.SEQUENTIAL, Mode.TRANSFORM, Mode.CONCURRENT}
MAY_BLOCK = {Mode.SEQUENTIAL, Mode.CONCURRENT}
MAY_MODIFY = {Mode.SEQUENTIAL, Mode.TRANSFORM}
KEEPS_STATE = {Mode.SEQUENTIAL, Mode.TRANSFORM, Mode.CONCURRENT}
A_WORKERS_OWN = {FailureClass.RAISED, FailureClass.MALFORMED, FailureClass.OVERLOADED}


class Ended(Exception):  # noqa: N818 - not an error: how the walk stops
    """The call is over."""

    def __init__(self, how: str, hook: int | None = None) -> None:
        super().__init__(how)
        self.how, self.hook = how, hook


@dataclass
class Expected:
    """What the call comes to. `how` is proceeded, blocked, failed, deadline or cancelled."""

    how: str = "proceeded"
    ended_by: int | None = None
    fields: dict[str, str] = field(default_factory=dict)
    lines: dict[int, HookOutcome] = field(default_factory=dict)
    classes: dict[int, FailureClass] = field(default_factory=dict)
    state: dict[str, str] = field(default_factory=dict)
    telemetry: dict[int, dict[str, str] | None] = field(default_factory=dict)


def name_of(place: int) -> str:
    """The name of the hook at this place of the chain."""
    return f"h{place:02}"


def delay_of(place: int, hook: HookCase) -> float:
    """When the hook answers, on no other hook's moment."""
    return hook.delay + place / 100


def is_json(text: str) -> bool:
    """Whether a text may be the value of a field."""

    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        if len({key for key, _ in pairs}) != len(pairs):
            raise ValueError
        return dict(pairs)

    try:
        json.loads(text, object_pairs_hook=unique)
    except ValueError:
        return False
    return True


class Reference:
    """One walk over one chain."""

    def __init__(self, chain: Chain, payload: dict[str, str]) -> None:
        self.chain = chain
        self.now = 0.0
        self.result = Expected(fields=dict(payload))
        deadline = chain.budget - MARGIN
        cancel = chain.cancel_at
        self.expires = float(deadline)
        self.stop = (float(deadline), "deadline")
        if cancel is not None and cancel + 0.005 < deadline:
            self.stop = (cancel + 0.005, "cancelled")

    def walk(self) -> Expected:
        """Run every phase; then hand what is left to telemetry."""
        try:
            for mode in (Mode.SEQUENTIAL, Mode.TRANSFORM, Mode.AUDIT):
                self.serial(mode)
            self.parallel()
        except Ended as end:
            self.result.how, self.result.ended_by = end.how, end.hook
        self.telemetry()
        return self.result

    def of(self, mode: Mode) -> list[tuple[int, HookCase]]:
        """The hooks of a mode that the call is in scope of, in their order."""
        hooks = []
        for place, hook in enumerate(self.chain.hooks):
            if hook.mode is not mode:
                continue
            if hook.scope is None or hook.scope in self.chain.scopes:
                hooks.append((place, hook))
            else:
                self.result.lines[place] = HookOutcome.SKIPPED_SCOPE
        return sorted(hooks, key=lambda it: (it[1].priority, name_of(it[0])))

    def wait(self, place: int, hook: HookCase, until: float) -> bool:
        """Let time pass until the hook answers, or its time is over: then False."""
        at = self.now + delay_of(place, hook)
        answers = not isinstance(hook.says, Silent) and at < until
        over = at if answers else until
        if self.stop[0] <= over:
            self.now = self.stop[0]
            self.result.lines[place] = HookOutcome.CANCELLED
            raise Ended(self.stop[1], place if self.stop[1] == "deadline" else None)
        self.now = over
        return answers

    def serial(self, mode: Mode) -> None:
        """One at a time; observers share a part of what is left."""
        share = self.now + (self.expires - self.now) * OBSERVERS_SHARE
        for place, hook in self.of(mode):
            until = min(self.now + hook.timeout, self.expires)
            if mode is Mode.AUDIT:
                until = min(until, share)
            if until <= self.now or not self.wait(place, hook, until):
                self.failed(place, hook, FailureClass.TIMEOUT)
            else:
                self.answered(place, hook)

    def parallel(self) -> None:
        """All at once; what happens is sorted by when it happens."""
        started = self.now
        hooks = self.of(Mode.CONCURRENT)
        moments = []
        for place, hook in hooks:
            until = min(started + hook.timeout, self.expires)
            at = started + delay_of(place, hook)
            answers = not isinstance(hook.says, Silent) and at < until
            moments.append((at if answers else until, place, hook, answers))
        for at, place, hook, answers in sorted(moments, key=lambda it: it[0]):
            if self.stop[0] <= at:
                self.now = self.stop[0]
                self.cancel_rest(hooks)
                first = next(p for p, _ in hooks if self.result.lines[p] is HookOutcome.CANCELLED)
                raise Ended(self.stop[1], first if self.stop[1] == "deadline" else None)
            self.now = at
            try:
                if answers:
                    self.answered(place, hook, parallel=True)
                else:
                    self.failed(place, hook, FailureClass.TIMEOUT)
            except Ended:
                self.cancel_rest(hooks)
                raise
        self.settle(hooks)

    def cancel_rest(self, hooks: list[tuple[int, HookCase]]) -> None:
        for place, _ in hooks:
            self.result.lines.setdefault(place, HookOutcome.CANCELLED)

    def settle(self, hooks: list[tuple[int, HookCase]]) -> None:
        """Keep the state of a parallel phase in plan order."""
        before = dict(self.result.state)
        for place, hook in hooks:
            if self.result.lines[place] in (
                HookOutcome.PROCEEDED,
                HookOutcome.PATCH_DISCARDED,
            ) and not self.keep_state(hook):
                try:
                    self.failed(place, hook, FailureClass.MALFORMED)
                except Ended:
                    self.result.state = before
                    raise

    def keep_state(self, hook: HookCase) -> bool:
        """Keep what the hook set; False when it is no JSON."""
        if hook.mode not in KEEPS_STATE:
            return True
        if not all(is_json(text) for _, text in hook.sets_state):
            return False
        for key, text in hook.sets_state:
            self.result.state[key if key.startswith("shared.") else f"w/{key}"] = text
        return True

    def answered(self, place: int, hook: HookCase, *, parallel: bool = False) -> None:
        """What the answer does, by what the mode allows."""
        says = hook.says
        if isinstance(says, Fails):
            kind = says.kind if says.kind in A_WORKERS_OWN else FailureClass.RAISED
            self.failed(place, hook, kind)
        elif isinstance(says, Patches):
            self.patched(place, hook, dict(says.texts), parallel=parallel)
        elif isinstance(says, Blocks):
            self.blocked(place, hook)
        else:
            assert isinstance(says, Nothing)
            self.settled(place, hook, HookOutcome.PROCEEDED, parallel=parallel)

    def settled(
        self, place: int, hook: HookCase, outcome: HookOutcome, *, parallel: bool = False
    ) -> bool:
        """Write the line, unless the state that came with the answer is malformed."""
        if not parallel and not self.keep_state(hook):
            self.failed(place, hook, FailureClass.MALFORMED)
            return False
        self.result.lines[place] = outcome
        return True

    def blocked(self, place: int, hook: HookCase) -> None:
        if hook.mode in MAY_BLOCK:
            if self.settled(place, hook, HookOutcome.BLOCKED):
                raise Ended("blocked", place)
        else:
            self.settled(place, hook, HookOutcome.BLOCK_SUPPRESSED)

    def patched(self, place: int, hook: HookCase, texts: dict[str, str], *, parallel: bool) -> None:
        may = hook.mode in MAY_MODIFY
        rejected = set(texts) - WRITABLE if may else set(texts)
        if rejected and hook.on_rejected is OnRejected.ERROR:
            self.failed(place, hook, FailureClass.MALFORMED)
            return
        changed = {
            name: text
            for name, text in texts.items()
            if may and name in WRITABLE and self.result.fields.get(name) != text
        }
        if not all(is_json(text) for text in changed.values()):
            self.failed(place, hook, FailureClass.MALFORMED)
            return
        outcome = HookOutcome.PATCH_DISCARDED if rejected else HookOutcome.PROCEEDED
        if changed:
            outcome = HookOutcome.MODIFIED
        if self.settled(place, hook, outcome, parallel=parallel):
            self.result.fields.update(changed)

    def failed(self, place: int, hook: HookCase, kind: FailureClass) -> None:
        """A failure ends the call, or leaves everything as it was."""
        closed = hook.mode in FAILS_CLOSED_BY_DEFAULT
        if hook.on_error is not None:
            closed = hook.on_error is OnError.FAIL
        closed = closed or hook.required
        outcome = HookOutcome.FAILED_CLOSED if closed else HookOutcome.FAILED_OPEN
        self.result.lines[place] = outcome
        self.result.classes[place] = kind
        if closed:
            raise Ended("failed", place)

    def telemetry(self) -> None:
        """What FIRE_AND_FORGET hooks get, and the lines of those that never ran."""
        room = self.chain.queue_room
        for mode in Mode:
            hooks = self.of(mode)
            if mode is not Mode.FIRE_AND_FORGET:
                for place, _ in hooks:
                    self.result.lines.setdefault(place, HookOutcome.SKIPPED_HALTED)
                continue
            for place, _ in hooks:
                taken, room = room > 0, room - 1
                self.result.lines[place] = HookOutcome.DETACHED if taken else HookOutcome.SHED
                self.result.telemetry[place] = None if self.withheld() else self.result.fields

    def withheld(self) -> bool:
        """Whether a TRANSFORM hook might have left something that it would redact."""
        if self.result.how == "cancelled":
            return True
        redacting = {
            HookOutcome.PROCEEDED,
            HookOutcome.MODIFIED,
            HookOutcome.BLOCK_SUPPRESSED,
            HookOutcome.PATCH_DISCARDED,
        }
        return not self.chain.payload_on_block and any(
            self.result.lines.get(place) not in redacting for place, hook in self.of(Mode.TRANSFORM)
        )
