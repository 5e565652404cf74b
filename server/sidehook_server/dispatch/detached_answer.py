"""What a FIRE_AND_FORGET hook answered: nothing of it changes a call, all of it is counted."""

from __future__ import annotations

import logging
from typing import Final

from sidehook._run import HookFailure, HookResult, Notice
from sidehook._types import HookOutcome
from sidehook_server.dispatch.attempt import Attempt
from sidehook_server.dispatch.observer import Observer
from sidehook_server.modes import MODES, rule_on
from sidehook_server.pipeline.answers import failure_in, malformed
from sidehook_server.pipeline.model import DetachedWork

_log: Final = logging.getLogger("sidehook.dispatch")

_WHAT: Final = {
    HookOutcome.BLOCK_SUPPRESSED: ("BLOCK_SUPPRESSED", "fire_and_forget hooks may not block"),
    HookOutcome.PATCH_DISCARDED: ("PATCH_DISCARDED", "fire_and_forget hooks may not modify"),
}


def failure_in_answer(
    attempt: Attempt, work: DetachedWork, result: HookResult, observer: Observer
) -> HookFailure | None:
    """The failure that the answer is. A block or a patch in it is reported and dropped."""
    failure = failure_in(result)
    if result.index != 0:
        failure = malformed(f"a result for hook {result.index} of a run with one hook")
    if failure is not None:
        return failure
    hook = work.hook
    ruling = rule_on(MODES[hook.mode], result, fields={}, writable=frozenset())
    if ruling.outcome not in _WHAT:
        return None
    code, message = _WHAT[ruling.outcome]
    _log.warning(
        "%s hook_type=%s call_id=%s hook=%s",
        ruling.outcome,
        hook.hook_type,
        work.request.call_id,
        hook.path,
    )
    if ruling.outcome is HookOutcome.BLOCK_SUPPRESSED:
        observer.block_suppressed(hook.hook_type, hook.worker, hook.name)
    else:
        observer.patch_discarded(hook.hook_type, hook.worker, hook.name)
    if attempt.link is not None:
        attempt.link.notify(
            Notice(
                code=code,
                message=message,
                hook=hook.name,
                call_id=work.request.call_id,
                fields=ruling.rejected,
            )
        )
    return None
