"""What both clients do before and after they ask the sidecar. No I/O, no event loop.

A call is prepared where it is made, in the caller's own context. Then it is skipped,
because nobody listens, or sent. It ends with a payload or an error.
"""

from __future__ import annotations

import itertools
import logging
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Generic, TypeVar
from weakref import WeakSet

from sidehook._call import (
    CallAnswer,
    CallContext,
    CallRequest,
    Proceed,
    Receipt,
    Verdict,
    Violation,
)
from sidehook._client_choice import Choice
from sidehook._client_errors import failure_error, violation_error
from sidehook._client_settings import Settings, check_budget, check_labels
from sidehook._client_spread import line_to
from sidehook._client_stats import ClientStats, Tally
from sidehook._errors import (
    SidecarError,
    SidecarUnavailableError,
    UnknownHookTypeError,
)
from sidehook._live_list import LiveList
from sidehook._payload import Payload
from sidehook._session import Scope, Session, Surroundings, surroundings

PayloadT = TypeVar("PayloadT", bound=Payload)

_log = logging.getLogger("sidehook.client")

NO_LIST = LiveList()
"""The list of who has no connection: it knows nothing."""

_process = os.getpid()


def process() -> int:
    """Return the id of this process, without asking the system for each call."""
    return _process


_clients: WeakSet[ClientTerms] = WeakSet()


def _forked() -> None:
    global _process
    _process = os.getpid()
    for client in tuple(_clients):
        # What it knows came over a connection that is not this process's.
        client._live = NO_LIST  # noqa: SLF001 - this module's own class


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared(Generic[PayloadT]):
    """A call that is ready to be sent, and what its answer goes into. `budget` in seconds."""

    request: CallRequest
    payload: PayloadT
    session: Session | None
    budget: float


class CallIds:
    """Names for the calls of one client. Called, it makes the receipt of one that no hook saw."""

    __slots__ = ("_numbers", "_prefix")

    def __init__(self) -> None:
        self._prefix = secrets.token_hex(8)
        self._numbers = itertools.count(1)

    def next(self) -> str:
        """Return another id."""
        return f"{self._prefix}-{next(self._numbers)}"

    def __call__(self) -> Receipt:
        """Return the receipt of a call that nobody listened to."""
        return Receipt(call_id=self.next())


class ClientTerms:
    """What the two clients have in common: their terms, what surrounds a call, what they count.

    A base class, so that one docstring serves both: everything here is the same in both.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._tally = Tally()
        _clients.add(self)
        self._line_on = partial(line_to, settings, self._tally, Choice())
        self._ids = CallIds()
        self._connected_in: int | None = None
        # The list that `invoke` looks into first: of a connection that is kept, or none.
        self._live = NO_LIST
        self._plain_context = CallContext(
            tenant=settings.tenant,
            user=settings.user,
            labels=MappingProxyType(dict(settings.resolved_labels())),
        )

    @property
    def target(self) -> str:
        """Where the client looks for the sidecar."""
        return self._settings.resolved_target()

    @property
    def stats(self) -> ClientStats:
        """What the client has counted since it was made."""
        return self._tally.snapshot()

    def session(
        self,
        session_id: str | None = None,
        *,
        tenant: str | None = None,
        user: str | None = None,
        labels: Mapping[str, str] | None = None,
        state: Mapping[str, object] | None = None,
    ) -> Session:
        """Return a session: a context manager whose calls carry its terms and its state.

        `session_id` defaults to a random one, `tenant` and `user` to the client's;
        `labels` are added to the client's. `state` takes up the state of an earlier
        session, as `Session.state` gave it; EncodeError when it is over 64 KiB.
        """
        own = self._settings
        return Session(
            self,
            session_id=session_id,
            tenant=own.tenant if tenant is None else tenant,
            user=own.user if user is None else user,
            labels=check_labels({**self._plain_context.labels, **(labels or {})}),
            state=state,
        )

    def scope(self, *names: str) -> Scope:
        """Return a context manager whose calls name these scopes, and those around it.

        A hook with a scope runs only for calls of its worker's tenant that name it.
        """
        return Scope(self, names)

    def _prepare(
        self,
        hook_type: str,
        payload: PayloadT,
        *,
        budget: float | None = None,
        request_id: str = "",
    ) -> Prepared[PayloadT]:
        around = surroundings(self)
        seconds = self._settings.budget if budget is None else check_budget(budget)
        request = CallRequest(
            hook_type=checked_type(hook_type),
            fields=payload.wire_fields,
            call_id=self._ids.next(),
            budget=seconds,
            context=self._context(around, request_id),
            scope_handles=tuple(scope.handle for scope in around.handles),
        )
        return Prepared(request=request, payload=payload, session=around.session, budget=seconds)

    def _context(self, around: Surroundings, request_id: str) -> CallContext:
        session = around.session
        if session is None:
            plain = self._plain_context
            if not request_id and not around.scopes:
                return plain
            return replace(plain, request_id=request_id, scopes=around.scopes)
        return CallContext(
            request_id=request_id,
            session_id=session.session_id,
            tenant=session.tenant,
            user=session.user,
            labels=session.labels,
            state=session.wire_state,
            scopes=around.scopes,
        )

    def _is_skipped(self, call: Prepared[PayloadT], live: LiveList, now: float) -> bool:
        """Whether nobody listens. A call that names scopes is always made (rule 22)."""
        request = call.request
        if request.context.scopes or request.scope_handles:
            return False
        return not live.has_hooks(request.hook_type, now)

    def _skipped(self, call: Prepared[PayloadT]) -> PayloadT:
        self._tally.skipped()
        return call.payload.patched({}, receipt=Receipt(call_id=call.request.call_id))

    def _has_hooks(
        self, live: LiveList, hook_type: str, now: float, scopes: tuple[str, ...] | None
    ) -> bool:
        around = surroundings(self)
        if around.handles:
            return True
        tenant = self._settings.tenant if around.session is None else around.session.tenant
        names = around.scopes if scopes is None else scopes
        return live.has_hooks(checked_type(hook_type), now, tenant=tenant, scopes=names)

    def _reporting(self, request: CallRequest) -> CallRequest:
        """Let the request report the calls that went on without a verdict (rule 25)."""
        unguarded = self._tally.take_unreported()
        return replace(request, unguarded_calls=unguarded) if unguarded else request

    def _conclude(self, call: Prepared[PayloadT], answer: CallAnswer | Verdict) -> PayloadT:
        """Return what the application goes on with, or raise why it must not."""
        self._keep_state(call, answer)
        outcome, receipt = answer.outcome, answer.receipt
        if isinstance(outcome, Proceed):
            return call.payload.patched(outcome.patch, receipt=receipt)
        hook_type = call.request.hook_type
        receipt = receipt if isinstance(receipt, Receipt) else receipt()
        if isinstance(outcome, Violation):
            raise violation_error(outcome, hook_type=hook_type, receipt=receipt)
        error = failure_error(outcome, hook_type=hook_type, receipt=receipt)
        if isinstance(error, SidecarUnavailableError):
            return self._unavailable(call, error)
        raise error

    def _keep_state(self, call: Prepared[PayloadT], answer: CallAnswer | Verdict) -> None:
        if call.session is None or not answer.state or call.session.keep(answer.state):
            return
        self._tally.add("state_refused")
        _log.warning(
            "session_state_refused call_id=%s session_id=%s: over 64 KiB with this change",
            call.request.call_id,
            call.session.session_id,
        )

    def _without_answer(
        self, call: Prepared[PayloadT], request: CallRequest, error: BaseException
    ) -> PayloadT:
        """Raise what came instead of an answer, or go on without one."""
        self._tally.give_back(request.unguarded_calls)
        if isinstance(error, SidecarError):
            error.hook_type = error.hook_type or request.hook_type
        if isinstance(error, SidecarUnavailableError):
            return self._unavailable(call, error)
        raise error

    def _unavailable(self, call: Prepared[PayloadT], error: SidecarUnavailableError) -> PayloadT:
        """Go on without a verdict where the application chose to, else raise (rule 31)."""
        if self._settings.on_unavailable == "raise":
            raise error
        self._tally.unguarded()
        _log.warning(
            "call_without_verdict hook_type=%s call_id=%s: %s",
            call.request.hook_type,
            call.request.call_id,
            error,
        )
        return call.payload.patched({})

    def _is_of_other_process(self) -> bool:
        return self._connected_in not in (None, process())

    def _check_process(self) -> None:
        """Refuse to use a connection that another process made: gRPC does not survive a fork."""
        if self._is_of_other_process():
            raise SidecarError(
                f"this client was connected in process {self._connected_in} and process "
                f"{process()} was forked from it; make a client in each process, or start "
                "processes with spawn or forkserver",
                reason="FORKED",
                metadata={"connected_in": str(self._connected_in)},
            )


def checked_type(hook_type: str) -> str:
    """Return the hook type as plain text. Raises UnknownHookTypeError for an empty one."""
    if not isinstance(hook_type, str):
        raise TypeError(f"a hook type is a str, not {type(hook_type).__name__}")
    if not hook_type:
        raise UnknownHookTypeError(
            "the hook type is empty; name one of the catalogue's, such as "
            "HookType.COMPONENT_PRE_EXECUTE, or one that the sidecar's configuration declares",
            reason="UNKNOWN_HOOK_TYPE",
            metadata={"hook_type": ""},
        )
    return str(hook_type)
