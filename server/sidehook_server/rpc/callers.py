"""Who calls, and what of it is let through: asked by HookService, decided by the registry."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from sidehook._call import CallAnswer, CallFailure, CallRequest, Receipt
from sidehook._hook_list import WatchResponse
from sidehook_server.dispatch.account import account_for
from sidehook_server.dispatch.dispatcher import CallHandle
from sidehook_server.dispatch.driver import OnAnswer
from sidehook_server.dispatch.observer import Observer
from sidehook_server.registry.caller_refusals import refused_call, refused_scope
from sidehook_server.registry.callers import EVERYTHING, CallerBook, Rights
from sidehook_server.registry.identity import Peer
from sidehook_server.registry.model import Registry
from sidehook_server.rpc.context import RpcContext
from sidehook_server.rpc.invoke_stream import Calls
from sidehook_server.rpc.peer import peer_of

_log: Final = logging.getLogger("sidehook.rpc")

_REMEMBERED: Final = 1024


class Caller:
    """Whoever is at the other end of one RPC.

    Its rights are looked up when it first calls, and again when the configuration has
    changed since.
    """

    __slots__ = ("_book", "_callers", "_context", "_rights")

    def __init__(self, callers: Callers, context: RpcContext) -> None:
        self._callers = callers
        self._context = context
        self._book: CallerBook | None = None
        self._rights = EVERYTHING

    @property
    def rights(self) -> Rights:
        """What it may call now."""
        book = self._callers.registry().callers
        if book is not self._book:
            self._rights = self._callers.rights(book, self._context)
            self._book = book
        return self._rights

    def refusal(self, request: CallRequest) -> CallAnswer | None:
        """Why it may not make this call; None when it may. A refusal is accounted for."""
        rights = self.rights
        context = request.context
        if rights.is_everything or context.tenant in rights.tenants(request.hook_type):
            return None
        peer = self._callers.peer(self._context)
        failure = refused_call(rights, peer, hook_type=request.hook_type, tenant=context.tenant)
        return self._callers.refuse(request, failure)

    def scope_refusal(self) -> CallFailure | None:
        """Why it may not attach hooks for calls of its own; None when it may call something."""
        rights = self.rights
        if rights.is_everything or rights.names:
            return None
        return refused_scope(rights, self._callers.peer(self._context))

    def sees(self, update: WatchResponse) -> WatchResponse:
        """What it is told of the live list."""
        if update.hook_list is None or self.rights.is_everything:
            return update
        return replace(update, hook_list=self.rights.sees(update.hook_list))


class Callers:
    """Tells the peers of one address apart. `socket_uid` is for those on the Unix socket."""

    def __init__(
        self,
        *,
        registry: Callable[[], Registry],
        observer: Observer,
        socket_uid: Callable[[], int | None],
    ) -> None:
        self.registry: Final = registry
        self._observer = observer
        self._socket_uid = socket_uid
        self._known_of: CallerBook | None = None
        self._known: dict[Peer, Rights] = {}

    def caller(self, context: RpcContext) -> Caller:
        """Whoever is at the other end. Costs nothing while no callers are configured."""
        return Caller(self, context)

    def peer(self, context: RpcContext) -> Peer:
        """What can be told of whoever is at the other end."""
        return peer_of(context, socket_uid=self._socket_uid)

    def rights(self, book: CallerBook, context: RpcContext) -> Rights:
        """What a peer may call; the same peer is looked up once, however often it connects."""
        if book.is_open:
            return EVERYTHING
        if book is not self._known_of or len(self._known) >= _REMEMBERED:
            self._known_of, self._known = book, {}
        peer = self.peer(context)
        rights = self._known.get(peer)
        if rights is None:
            rights = self._known[peer] = book.rights(peer)
        return rights

    def refuse(self, request: CallRequest, failure: CallFailure) -> CallAnswer:
        """Answer a call that may not be made; metrics and the log of decisions have it."""
        if not request.call_id:
            request = replace(request, call_id=secrets.token_hex(16))
        generation = self.registry().generation
        answer = CallAnswer(failure, Receipt(call_id=request.call_id, generation=generation))
        try:
            account_for(self._observer, request, answer, 0.0)
        except Exception:
            _log.exception("refusal_not_accounted call_id=%s", request.call_id)
        return answer


@dataclass(frozen=True, slots=True)
class AllowedCalls:
    """Calls of one peer: those that it may not make are answered here, the others go on."""

    calls: Calls
    caller: Caller

    @property
    def draining(self) -> bool:
        """Whether new calls are refused."""
        return self.calls.draining

    def start(self, request: CallRequest, on_answer: OnAnswer) -> CallHandle:
        """Begin a call; `on_answer` is called exactly once, perhaps before this returns."""
        refused = self.caller.refusal(request)
        if refused is None:
            return self.calls.start(request, on_answer)
        on_answer(refused)
        return _ANSWERED


class _Answered:
    """The handle of a call that was answered at once."""

    __slots__ = ()

    def cancel(self) -> None:
        """Too late."""


_ANSWERED: Final = _Answered()
