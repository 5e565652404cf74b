"""The receipt of a call while it is written: one line for every hook, in plan order."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from sidehook._call import ReceiptLine
from sidehook._run import HookFailure
from sidehook._types import FailureClass, HookOutcome, Mode
from sidehook_server.modes import Ruling
from sidehook_server.pipeline.ending import reason_of
from sidehook_server.pipeline.model import PlannedHook
from sidehook_server.pipeline.running import Running
from sidehook_server.pipeline.words import MAX_CODE, MAX_SENTENCE, cut

NO_ANNOTATIONS: Final[Mapping[str, str]] = MappingProxyType({})
"""What most hooks have to say for the decision log."""

HAD_ITS_TURN: Final = frozenset(
    {
        HookOutcome.PROCEEDED,
        HookOutcome.MODIFIED,
        HookOutcome.BLOCK_SUPPRESSED,
        HookOutcome.PATCH_DISCARDED,
        HookOutcome.SKIPPED_SCOPE,
        HookOutcome.SKIPPED_CONDITION,
    }
)
"""What the line of a TRANSFORM hook says when nothing it would redact can be left."""


class Ledger:
    """Lines by place in the plan. A hook without a line has not had its turn."""

    __slots__ = ("_hooks", "_lines")

    def __init__(self, hooks: tuple[PlannedHook, ...]) -> None:
        self._hooks = hooks
        self._lines: list[ReceiptLine | None] = [None] * len(hooks)

    def answered(
        self, running: Running, ruling: Ruling, now: float, *, annotations: Mapping[str, str]
    ) -> None:
        """The hook answered, and this is what its answer does."""
        violation = ruling.violation
        self._write(
            running,
            ruling.outcome,
            now,
            changed_fields=ruling.changed,
            rejected_fields=ruling.rejected,
            code="" if violation is None else cut(violation.code, MAX_CODE),
            message=(
                "" if violation is None else cut(reason_of(violation, running.hook), MAX_SENTENCE)
            ),
            annotations=annotations,
        )

    def failed(
        self,
        running: Running,
        failure: HookFailure,
        now: float,
        *,
        outcome: HookOutcome,
        rejected: tuple[str, ...] = (),
    ) -> None:
        """The hook gave no answer, or none that counts; over what was written before."""
        self._write(
            running,
            outcome,
            now,
            rejected_fields=rejected,
            failure_class=failure.failure_class,
            code=failure.code,
            message=failure.message,
        )

    def cancelled(self, running: Running, now: float, *, out_of_time: bool) -> None:
        """The call ended while the hook ran, or waited for its turn."""
        late = FailureClass.OVERLOADED if running.waits else FailureClass.TIMEOUT
        self._write(
            running, HookOutcome.CANCELLED, now, failure_class=late if out_of_time else None
        )

    def shed(self, place: int, why: HookFailure) -> None:
        """The hook has not run, and not failed either: there was too much to do."""
        self.note(place, HookOutcome.SHED, code=why.code, message=why.message)

    def note(self, place: int, outcome: HookOutcome, *, code: str = "", message: str = "") -> None:
        """Sets the line of a hook that had no turn, or was handed to the queue."""
        hook = self._hooks[place]
        self._lines[place] = ReceiptLine(
            hook=hook.name,
            worker=hook.worker,
            mode=hook.mode,
            outcome=outcome,
            shadowed=hook.in_shadow,
            code=code,
            message=message,
        )

    def may_hold_unredacted(self) -> bool:
        """Whether a TRANSFORM hook failed or has not had its turn.

        One in shadow redacts nothing for anybody, whatever becomes of it.
        """
        return any(
            hook.mode is Mode.TRANSFORM
            and not hook.in_shadow
            and (line is None or line.outcome not in HAD_ITS_TURN)
            for hook, line in zip(self._hooks, self._lines, strict=True)
        )

    def close(self) -> tuple[ReceiptLine, ...]:
        """Every line. A hook that still has none was halted."""
        for place, line in enumerate(self._lines):
            if line is None:
                self.note(place, HookOutcome.SKIPPED_HALTED)
        return tuple(line for line in self._lines if line is not None)

    def _write(
        self,
        running: Running,
        outcome: HookOutcome,
        now: float,
        *,
        changed_fields: tuple[str, ...] = (),
        rejected_fields: tuple[str, ...] = (),
        failure_class: FailureClass | None = None,
        code: str = "",
        message: str = "",
        annotations: Mapping[str, str] = NO_ANNOTATIONS,
    ) -> None:
        self._lines[running.place] = ReceiptLine(
            hook=running.hook.name,
            worker=running.hook.worker,
            instance=running.instance,
            mode=running.hook.mode,
            outcome=outcome,
            duration=running.took(now),
            changed_fields=changed_fields,
            rejected_fields=rejected_fields,
            failure_class=failure_class,
            code=code,
            message=message,
            shadowed=running.hook.in_shadow,
            payload_digest=running.digest,
            annotations=annotations,
        )
