"""What each hook's answer or failure does to its call, by the rules."""

from __future__ import annotations

from collections.abc import Mapping

from sidehook._types import FailureClass, HookOutcome, Mode, OnError, OnRejected
from tests.laws.chains import WRITABLE, Blocks, Chain, Fails, Garbled, HookCase, Nothing, Patches
from tests.laws.expected import Ended, Expected, Line
from tests.laws.rights import (
    A_WORKERS_OWN,
    KEEPS_STATE,
    MAY_BLOCK,
    MAY_MODIFY,
    action_on,
    may,
)
from tests.laws.story import Story
from tests.laws.texts import digest_of, is_json, size_of


class Answers:
    """What the answers of one call have come to so far; raises Ended when one ends it."""

    def __init__(self, chain: Chain, payload: Mapping[str, str]) -> None:
        self.chain = chain
        self.result = Expected(fields=dict(payload))
        self.lines = self.result.lines
        self.state = dict(chain.state)
        self.vouched: dict[str, str] = {}

    def vouch(self, hook: HookCase) -> None:
        """A gate's turn has come: from here on it stands for the payload as it is."""
        self.vouched[hook.name] = digest_of(self.result.fields)

    def tell(self, hook: HookCase, code: str) -> None:
        self.result.told.append((hook.name, code))

    def write(
        self,
        hook: HookCase,
        outcome: HookOutcome,
        took: float | None = None,
        **rest: object,
    ) -> None:
        digest = self.vouched.get(hook.name, "")
        self.lines[hook.name] = Line(outcome, took=took, digest=digest, **rest)  # type: ignore[arg-type]  # named by the callers

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
        too_large = changed and size_of(after) > self.chain.max_payload
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
        if hook.stages and size_of(after) > self.chain.max_state:
            return False
        self.state = after
        return True

    def cancelled(
        self, hook: HookCase, took: float | None, *, late: bool, waits: bool = True
    ) -> None:
        """The call ended while the hook ran, or waited for its turn; `late` when its budget did."""
        over = FailureClass.OVERLOADED if waits else FailureClass.TIMEOUT
        kind = over if late else None
        self.write(hook, HookOutcome.CANCELLED, took, kind=kind)

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

    def settle(self, hooks: list[HookCase], took: float) -> None:
        """Keep the state of a parallel phase in plan order, or nothing of it."""
        before = dict(self.state)
        for hook in hooks:
            line = self.lines[hook.name]
            kept = line.outcome in (HookOutcome.PROCEEDED, HookOutcome.PATCH_DISCARDED)
            if kept and not self.keep_state(hook):
                try:
                    self.malformed(hook, took, rejected=line.rejected)
                except Ended:
                    self.state = before
                    raise
