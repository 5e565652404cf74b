"""What the author of a hook should know of an answer that did not do what it says."""

from __future__ import annotations

from sidehook._run import Notice
from sidehook._types import HookOutcome
from sidehook_server.modes import Ruling
from sidehook_server.pipeline.model import Tell
from sidehook_server.pipeline.running import Running


def malformed(running: Running, call_id: str, problem: str) -> Tell:
    """The answer broke the contract."""
    return _tell(running, call_id, "ANSWER_MALFORMED", problem)


def about(running: Running, call_id: str, ruling: Ruling) -> list[Tell]:
    """What the ruling did not let the answer do; empty when it did everything."""
    mode, hook_type = running.hook.mode, running.hook.hook_type
    if ruling.outcome is HookOutcome.BLOCK_SUPPRESSED:
        return [_tell(running, call_id, "BLOCK_SUPPRESSED", f"{mode} hooks may not block")]
    if not ruling.rejected:
        return []
    if not running.hook.rights.may_modify:
        text = f"{mode} hooks may not modify"
        return [_tell(running, call_id, "PATCH_DISCARDED", text, ruling.rejected)]
    text = f"hooks of type {hook_type} may not write these fields"
    return [_tell(running, call_id, "FIELDS_REJECTED", text, ruling.rejected)]


def extension_cut(running: Running, call_id: str, asked: float, granted: float) -> Tell:
    """The hook asked for more time than it may have; both in seconds."""
    text = f"asked for {asked:.3g} s more and got {granted:.3g} s"
    return _tell(running, call_id, "EXTENSION_CUT", text)


def _tell(
    running: Running, call_id: str, code: str, message: str, fields: tuple[str, ...] = ()
) -> Tell:
    notice = Notice(
        code=code, message=message, hook=running.hook.name, call_id=call_id, fields=fields
    )
    return Tell(running.hook, running.instance, notice, running.run)
