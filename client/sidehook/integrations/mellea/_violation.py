"""A remote no as mellea tells it, with everything that mellea would leave out.

mellea's PluginViolationError carries reason, code and plugin name. The plugin name that
this module puts there names the remote worker and hook, and holds the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cpex.framework.models import PluginViolation

from sidehook._call import Receipt
from sidehook._errors import HookError, SidecarError, ViolationError
from sidehook._types import JSON, HookOutcome

ADAPTER_FAILED: Final = "ADAPTER_FAILED"
"""The code of a fault of the adapter itself."""

MERGE_FAILED: Final = "MERGE_FAILED"
"""The code of a change that mellea cannot apply."""

PROJECTION_FAILED: Final = "PROJECTION_FAILED"
"""The code of a payload that cannot cross."""

SESSION_PRE_INIT_MISSED: Final = "SESSION_PRE_INIT_MISSED"
"""The code of a session whose `session_pre_init` hooks could not be asked."""

NOBODY: Final = "sidehook"
"""The plugin name of a no that is no remote hook's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteViolation:
    """Why a call was blocked: a remote hook said no, or nobody could decide.

    Attributes:
        hook_type: The hook type of the call.
        reason: Why, in a sentence.
        code: A stable name: the hook's own, or the reason of the failure.
        description: More for people; empty for none.
        details: More for programs.
        hook: The remote hook; empty when none is to blame.
        worker: Its worker; empty when none is to blame.
        receipt: What happened to every hook; None when the call never got one.
        error: What the client raised; None when it was not the client that refused.

    """

    hook_type: str
    reason: str
    code: str
    description: str = ""
    details: Mapping[str, JSON] = field(default_factory=dict)
    hook: str = ""
    worker: str = ""
    receipt: Receipt | None = None
    error: HookError | None = None

    @property
    def name(self) -> str:
        """The worker and hook as `worker/hook`, or `sidehook` when none is to blame."""
        return f"{self.worker}/{self.hook}" if self.hook else self.worker or NOBODY


class HookName(str):
    """The plugin name of a remote no; it holds the whole of it."""

    __slots__ = ("violation",)

    violation: RemoteViolation

    def __new__(cls, violation: RemoteViolation) -> HookName:
        """Return the name that stands for this violation."""
        name = super().__new__(cls, violation.name)
        name.violation = violation
        return name


class NamedViolation(PluginViolation):  # type: ignore[misc] # cpex is not installed where mypy runs
    """A violation of cpex that keeps the name it was made with.

    cpex writes the name of the plugin that returned it over it: the adapter's, which
    tells a user nothing.
    """

    _shown: Any = None

    @property
    def plugin_name(self) -> str:
        """The remote worker and hook."""
        return str(NOBODY) if self._shown is None else self._shown

    @plugin_name.setter
    def plugin_name(self, _name: str) -> None:
        """Keep the name."""


def violation_of(error: BaseException) -> RemoteViolation | None:
    """Return all of what a PluginViolationError of mellea stands for.

    None when it was no remote hook, and not this adapter, that blocked.
    """
    name = getattr(error, "plugin_name", None)
    return name.violation if isinstance(name, HookName) else None


def plugin_violation(violation: RemoteViolation) -> NamedViolation:
    """Return the violation as cpex hands it on."""
    made = NamedViolation(
        reason=violation.reason,
        description=violation.description,
        code=violation.code,
        details=dict(violation.details),
    )
    made._shown = HookName(violation)  # noqa: SLF001 - pydantic has no other place for it
    return made


def from_error(hook_type: str, error: HookError) -> RemoteViolation:
    """Return what the client raised as a violation."""
    if isinstance(error, ViolationError):
        return RemoteViolation(
            hook_type=hook_type,
            reason=error.reason,
            code=error.code,
            description=error.description,
            details=error.details,
            hook=error.hook,
            worker=error.worker,
            receipt=error.receipt,
            error=error,
        )
    return RemoteViolation(
        hook_type=hook_type,
        reason=str(error),
        code=error.reason if isinstance(error, SidecarError) else type(error).__name__,
        details=_metadata(error),
        hook=getattr(error, "hook", ""),
        worker=getattr(error, "worker", ""),
        receipt=error.receipt,
        error=error,
    )


def _metadata(error: HookError) -> Mapping[str, JSON]:
    if not isinstance(error, SidecarError):
        return {}
    failure = {} if error.failure_class is None else {"failure_class": str(error.failure_class)}
    return {**error.metadata, **failure}


def from_merge(
    hook_type: str, field: str, problem: str, receipt: Receipt | None
) -> RemoteViolation:
    """Return the failure of a hook that changed a field in a way that cannot be applied."""
    hook, worker = _writer(receipt, field)
    return RemoteViolation(
        hook_type=hook_type,
        reason=problem,
        code=MERGE_FAILED,
        details={"field": field},
        hook=hook,
        worker=worker,
        receipt=receipt,
    )


def _writer(receipt: Receipt | None, field: str) -> tuple[str, str]:
    """Return hook and worker of the last to change a field, empty when nobody says."""
    for line in reversed(receipt.lines if receipt is not None else ()):
        if line.outcome == HookOutcome.MODIFIED and field in line.changed_fields:
            return line.hook, line.worker
    return "", ""
