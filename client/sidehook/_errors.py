"""Every error this package raises.

::

    HookError                      a call did not end with "go on"
    ├── ViolationError             a hook said no
    └── SidecarError               nobody decided
        ├── SidecarUnavailableError    no sidecar answered at the target
        ├── HookFailedError            a hook failed and its policy ends the call
        ├── RequiredHookMissingError   a guard that must be there is not
        ├── DeadlineExceededError      the budget of the call ran out
        ├── CallRefusedError           the sidecar refused the call as it stands
        │   ├── CallerForbiddenError
        │   ├── UnknownHookTypeError
        │   ├── UnknownScopeError
        │   └── PayloadTooLargeError
        ├── OverloadedError            no room for the call
        └── ProtocolError              the other side broke the contract
    EncodeError (ValueError)       a value that JSON cannot carry, at its author
    MalformedError (ValueError)    octets that break the contract, at their reader
    DefinitionError (TypeError)    a hook that is declared wrongly, at decoration

A refusal and a failure never share a subclass below HookError. No message ever
holds payload text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sidehook._call import Receipt
    from sidehook._types import JSON, FailureClass


class _Fielded(Exception):  # noqa: N818 - what errors with fields share, no error itself
    """An error that goes through pickle with its fields, as process pools send it."""

    def __reduce__(self) -> tuple[object, ...]:
        return _restored, (type(self), self.args, self.__dict__)


def _restored(kind: type[_Fielded], args: tuple[object, ...], fields: dict[str, object]) -> object:
    error = kind.__new__(kind, *args)
    error.__dict__.update(fields)
    return error


class HookError(_Fielded):
    """A call did not end with "go on". `receipt` is None when the call never got one."""

    hook_type: str
    receipt: Receipt | None

    def __init__(
        self, message: str, *, hook_type: str = "", receipt: Receipt | None = None
    ) -> None:
        super().__init__(message)
        self.hook_type = hook_type
        self.receipt = receipt


class ViolationError(HookError):
    """A hook said no: the application must not go on."""

    def __init__(
        self,
        *,
        hook_type: str,
        reason: str,
        code: str = "",
        description: str = "",
        details: Mapping[str, JSON] | None = None,
        hook: str = "",
        worker: str = "",
        receipt: Receipt | None = None,
    ) -> None:
        tag = f"[{code}] " if code else ""
        super().__init__(
            f"{worker}/{hook} blocked {hook_type}: {tag}{reason}",
            hook_type=hook_type,
            receipt=receipt,
        )
        self.reason = reason
        self.code = code
        self.description = description
        self.details: Mapping[str, JSON] = dict(details or {})
        self.hook = hook
        self.worker = worker


class SidecarError(HookError):
    """Nobody decided. `reason` is a stable upper-snake-case name.

    `started` tells that a hook ran before the failure, so that a retry may run it twice.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: str,
        hook_type: str = "",
        failure_class: FailureClass | None = None,
        hook: str = "",
        worker: str = "",
        metadata: Mapping[str, str] | None = None,
        started: bool = False,
        receipt: Receipt | None = None,
    ) -> None:
        super().__init__(message, hook_type=hook_type, receipt=receipt)
        self.reason = reason
        self.failure_class = failure_class
        self.hook = hook
        self.worker = worker
        self.metadata: Mapping[str, str] = dict(metadata or {})
        self.started = started


class SidecarUnavailableError(SidecarError):
    """No sidecar answered at the target; the message names it and how to start one."""


class HookFailedError(SidecarError):
    """A hook failed and its policy ends the call; `failure_class` says how it failed."""


class RequiredHookMissingError(SidecarError):
    """A worker, hook or type that the operator requires is not there."""


class DeadlineExceededError(SidecarError):
    """The budget of the call ran out before every hook had its say."""


class CallRefusedError(SidecarError):
    """The sidecar refused the call as it stands; the same call would be refused again."""


class CallerForbiddenError(CallRefusedError):
    """This client may not call the hook type, or not for the tenant.

    The message names what was refused and what to do. `metadata` has `hook_type`, `tenant`,
    `caller` (the callers of the sidecar's configuration that this client is, empty for none)
    and `identity` (what the client showed).
    """


class UnknownHookTypeError(CallRefusedError):
    """Neither the catalogue nor the sidecar's configuration declares the hook type."""


class UnknownScopeError(CallRefusedError):
    """The call names a scope that no hook knows, under `strict_scopes`."""


class PayloadTooLargeError(CallRefusedError):
    """The payload is over the limit of its hook type; `metadata` has both sizes."""


class OverloadedError(SidecarError):
    """The sidecar or the client had no room for the call."""


class ProtocolError(SidecarError):
    """The other side broke the contract, or speaks another version of it."""


class EncodeError(_Fielded, ValueError):
    """A value that JSON cannot carry. `path` leads to it: `model_options.tools[2]`."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem


class MalformedError(_Fielded, ValueError):
    """Octets that break the contract. `what` names the message or field."""

    def __init__(self, what: str, problem: str) -> None:
        super().__init__(f"{what}: {problem}")
        self.what = what
        self.problem = problem


class DefinitionError(TypeError):
    """A hook that is declared wrongly; raised at decoration or registration."""
