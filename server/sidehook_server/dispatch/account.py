"""What one finished call means to those who count and to the log."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Final

from sidehook._call import CallAnswer, CallFailure, CallRequest, ReceiptLine, Violation
from sidehook._types import HookOutcome, Mode
from sidehook_server.dispatch.observer import GuardMissed, Observer
from sidehook_server.modes import MODES
from sidehook_server.pipeline.words import named

_log: Final = logging.getLogger("sidehook.dispatch")


def account_for(
    observer: Observer, request: CallRequest, answer: CallAnswer, seconds: float
) -> None:
    """Reports a finished call, and everything in it that must not be silent."""
    observer.call_finished(request, answer, seconds)
    hook_type = request.hook_type
    if request.unguarded_calls:
        _log.warning(
            "unguarded_calls hook_type=%s call_id=%s count=%d",
            hook_type,
            request.call_id,
            request.unguarded_calls,
        )
        observer.guard_missed(hook_type, GuardMissed.UNGUARDED, count=request.unguarded_calls)
    if answer.receipt.unknown_scopes:
        observer.scopes_unknown(hook_type, count=len(answer.receipt.unknown_scopes))
    for line in answer.receipt.lines:
        _account_for_line(observer, request, line)
    _log_end(request, answer)


def _account_for_line(observer: Observer, request: CallRequest, line: ReceiptLine) -> None:
    if line.rejected_fields:
        observer.fields_rejected(
            request.hook_type, line.worker, line.hook, count=len(line.rejected_fields)
        )
    report = _REPORTS.get(line.outcome)
    if report is None or (line.outcome in _MISSES and not _is_guard(line)):
        return
    _log.warning(
        "%s hook_type=%s call_id=%s hook=%s/%s failure_class=%s code=%s fields=%s",
        _EVENTS[line.outcome],
        request.hook_type,
        request.call_id,
        line.worker,
        line.hook,
        line.failure_class or "",
        line.code,
        named(line.rejected_fields),
    )
    report(observer, request.hook_type, line)


def _is_guard(line: ReceiptLine) -> bool:
    return isinstance(line.mode, Mode) and not (line.shadowed or MODES[line.mode].observes)


_MISSES: Final[Mapping[HookOutcome | str, GuardMissed]] = {
    HookOutcome.FAILED_OPEN: GuardMissed.FAILED_OPEN,
    HookOutcome.SKIPPED_DISABLED: GuardMissed.DISABLED,
}
"""The ways in which a guard does not run and the call goes on."""

_EVENTS: Final[Mapping[HookOutcome | str, str]] = {
    **dict.fromkeys(_MISSES, "guard_missed"),
    HookOutcome.BLOCK_SUPPRESSED: "block_suppressed",
    HookOutcome.PATCH_DISCARDED: "patch_discarded",
}

_Report = Callable[[Observer, str, ReceiptLine], None]

_REPORTS: Final[Mapping[HookOutcome | str, _Report]] = {
    **dict.fromkeys(
        _MISSES,
        lambda observer, hook_type, line: observer.guard_missed(hook_type, _MISSES[line.outcome]),
    ),
    HookOutcome.BLOCK_SUPPRESSED: lambda observer, hook_type, line: observer.block_suppressed(
        hook_type, line.worker, line.hook
    ),
    HookOutcome.PATCH_DISCARDED: lambda observer, hook_type, line: observer.patch_discarded(
        hook_type, line.worker, line.hook
    ),
}


def _log_end(request: CallRequest, answer: CallAnswer) -> None:
    outcome = answer.outcome
    if isinstance(outcome, Violation):
        _log.info(
            "call_blocked hook_type=%s call_id=%s hook=%s/%s code=%s",
            request.hook_type,
            request.call_id,
            outcome.worker,
            outcome.hook,
            outcome.code,
        )
    elif isinstance(outcome, CallFailure):
        _log.warning(
            "call_failed hook_type=%s call_id=%s reason=%s message=%r",
            request.hook_type,
            request.call_id,
            outcome.reason,
            outcome.message,
        )
