"""The receipt of a call while it is written: one line for every hook, in plan order."""

from __future__ import annotations

from typing import Final

from sidehook._call import ReceiptLine
from sidehook._types import HookOutcome, Mode
from sidehook_server.pipeline.model import PlannedHook

_REDACTED: Final = frozenset(
    {
        HookOutcome.PROCEEDED,
        HookOutcome.MODIFIED,
        HookOutcome.BLOCK_SUPPRESSED,
        HookOutcome.PATCH_DISCARDED,
        HookOutcome.SKIPPED_SCOPE,
    }
)
"""What the line of a TRANSFORM hook says when nothing it would redact can be left."""


class Ledger:
    """Lines by place in the plan. A hook without a line has not had its turn."""

    __slots__ = ("_hooks", "_lines")

    def __init__(self, hooks: tuple[PlannedHook, ...]) -> None:
        self._hooks = hooks
        self._lines: list[ReceiptLine | None] = [None] * len(hooks)

    def write(self, place: int, line: ReceiptLine) -> None:
        """Sets the line of the hook at this place, over one written before."""
        self._lines[place] = line

    def note(self, place: int, outcome: HookOutcome) -> None:
        """Sets a line with nothing to tell but the outcome."""
        hook = self._hooks[place]
        self._lines[place] = ReceiptLine(
            hook=hook.name, worker=hook.worker, mode=hook.mode, outcome=outcome
        )

    def is_written(self, place: int) -> bool:
        """Whether the hook at this place has a line."""
        return self._lines[place] is not None

    def may_hold_unredacted(self) -> bool:
        """Whether a TRANSFORM hook failed or has not had its turn."""
        return any(
            hook.mode is Mode.TRANSFORM and (line is None or line.outcome not in _REDACTED)
            for hook, line in zip(self._hooks, self._lines, strict=True)
        )

    def close(self) -> tuple[ReceiptLine, ...]:
        """Every line. A hook that still has none was halted."""
        for place, line in enumerate(self._lines):
            if line is None:
                self.note(place, HookOutcome.SKIPPED_HALTED)
        return tuple(line for line in self._lines if line is not None)
