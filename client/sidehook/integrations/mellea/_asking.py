"""The client that adapters share, one for each target.

mellea runs hooks on several event loops, some of them short-lived. So the connection
lives in a thread of its own, as that of the blocking client does, and whoever asks
awaits the answer on the loop that he is on.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
import weakref
from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, TypeVar

from sidehook._client_shared import Prepared
from sidehook._client_sync import Client
from sidehook._errors import UnknownHookTypeError
from sidehook._payload import Payload
from sidehook._session import Session, surroundings

if TYPE_CHECKING:
    import grpc

    from sidehook._live_list import LiveList

K = TypeVar("K")
V = TypeVar("V")

OnUnavailable: TypeAlias = Literal["block", "allow"]
"""What becomes of a call when no sidecar can be reached."""

MAX_SESSIONS: Final = 1024
"""Of how many sessions one client keeps the state; the least recent one is forgotten."""

_LOOK_AGAIN: Final = 0.01
_CLIENT_SAYS: Final[Mapping[OnUnavailable, Literal["raise", "proceed"]]] = {
    "block": "raise",
    "allow": "proceed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """For whom an adapter asks, and how. `budget` in seconds."""

    scopes: tuple[str, ...] = ()
    tenant: str = ""
    user: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    budget: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One call: what is asked, and in whose name.

    `labels` are added to those of the terms.
    """

    hook_type: str
    payload: Payload
    session_id: str = ""
    request_id: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


class AskingClient(Client):
    """A blocking client that can also be awaited, on any event loop.

    Inside `with client.session(...)` calls are made in the name of that session in
    place of mellea's; `client.scope(...)` and `client.plugin_scope(...)` hold too.
    """

    def __init__(
        self,
        target: str | None,
        *,
        on_unavailable: OnUnavailable,
        credentials: grpc.ChannelCredentials | None,
    ) -> None:
        super().__init__(
            target, on_unavailable=_CLIENT_SAYS[on_unavailable], credentials=credentials
        )
        self._sessions: OrderedDict[object, Session] = OrderedDict()
        self._asked_before_init: OrderedDict[str, None] = OrderedDict()
        self._keeping = threading.Lock()

    @property
    def is_closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def start(self) -> None:
        """Begin to connect, and to keep connected. Never blocks."""
        self._line().start()

    def listens(self, hook_type: str, terms: Terms) -> bool:
        """Whether a call of this type would have hooks to ask here and now.

        A call that names scopes is always made: a name that no hook knows must be seen.
        """
        around = surroundings(self)
        if terms.scopes or around.scopes or around.handles:
            return True
        tenant = terms.tenant if around.session is None else around.session.tenant
        return self._line().live.has_hooks(hook_type, time.monotonic(), tenant=tenant)

    def may_have_hooks(self, hook_type: str, terms: Terms) -> bool:
        """Whether the live list has hooks of a type for these terms, or does not say."""
        now = time.monotonic()
        live = self._line().live
        return live.has_hooks(hook_type, now, tenant=terms.tenant, scopes=terms.scopes)

    async def ask(self, question: Question, terms: Terms) -> Payload:
        """Ask the hooks, for at most the budget of the terms.

        Raises as `sidehook.aio.Client.invoke` does. Cancelling it cancels the call.
        """
        call = self._named(question, terms)
        line = self._line()
        if self._is_skipped(call, line.live, time.monotonic()):
            return self._skipped(call)
        request = self._reporting(call.request)
        try:
            answer = await line.call(request, call.budget)
        except BaseException as error:
            return self._without_answer(call, request, error)
        return self._conclude(call, answer)

    async def knows_who_listens(self, within: float) -> bool:
        """Wait for a live list that is in force, at most `within` seconds.

        Raises SidecarUnavailableError when there is no sidecar.
        """
        line = self._line()
        await line.connect(within)
        for _ in range(round(within / _LOOK_AGAIN)):
            if _is_in_force(line.live):
                return True
            await asyncio.sleep(_LOOK_AGAIN)
        return _is_in_force(line.live)

    def note_asked_before_init(self, session_id: str) -> None:
        """Remember that the `session_pre_init` hooks of a session were asked."""
        with self._keeping:
            _keep(self._asked_before_init, session_id, None)

    def was_asked_before_init(self, session_id: str) -> bool:
        """Whether the `session_pre_init` hooks of a session were asked."""
        return session_id in self._asked_before_init

    def _named(self, question: Question, terms: Terms) -> Prepared[Payload]:
        with contextlib.ExitStack() as around:
            if surroundings(self).session is None:
                around.enter_context(self._session(question.session_id, terms))
            if terms.scopes:
                around.enter_context(self.scope(*terms.scopes))
            call = self._prepare(
                question.hook_type,
                question.payload,
                budget=terms.budget,
                request_id=question.request_id,
            )
        context = call.request.context
        labels = {**context.labels, **question.labels}
        return replace(call, request=replace(call.request, context=replace(context, labels=labels)))

    def _session(self, session_id: str, terms: Terms) -> Session:
        """Return the session whose state hooks keep; a new one where none is known."""
        if not session_id:
            return self._new_session("", terms)
        key = (session_id, terms.tenant, terms.user, *sorted(terms.labels.items()))
        with self._keeping:
            session = self._sessions.get(key)
            if session is None:
                session = self._new_session(session_id, terms)
            _keep(self._sessions, key, session)
        return session

    def _new_session(self, session_id: str, terms: Terms) -> Session:
        return self.session(session_id, tenant=terms.tenant, user=terms.user, labels=terms.labels)


def shared_client(
    user: object,
    target: str | None,
    *,
    on_unavailable: OnUnavailable,
    credentials: grpc.ChannelCredentials | None,
) -> AskingClient:
    """Return the client of everyone in this process who asks the same sidecar in this way.

    One that has no user left stays, for an application that makes an adapter for each
    request, until somebody asks for another one. It is closed then: when its last user
    is collected, that thread may be in the middle of anything.
    """
    key = (os.getpid(), target, on_unavailable, credentials)
    with _sharing:
        while _left:
            _left.popleft().users -= 1
        shared = _clients.get(key)
        if shared is None or shared.client.is_closed:
            client = AskingClient(target, on_unavailable=on_unavailable, credentials=credentials)
            shared = _clients[key] = _Shared(client)
        shared.users += 1
        unused = [name for name, one in _clients.items() if not one.users]
        closing = [_clients.pop(name).client for name in unused]
    weakref.finalize(user, _left.append, shared).atexit = False
    for client in closing:
        client.close()
    return shared.client


@dataclass(slots=True)
class _Shared:
    client: AskingClient
    users: int = 0


_clients: dict[object, _Shared] = {}
_left: deque[_Shared] = deque()
_sharing = threading.Lock()


def _is_in_force(live: LiveList) -> bool:
    try:
        # No hook type is called so: only a list that is not in force says "perhaps".
        return not live.has_hooks("\0", time.monotonic())
    except UnknownHookTypeError:
        return True


def _keep(kept: OrderedDict[K, V], key: K, value: V) -> None:
    """Keep the most recent ones."""
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > MAX_SESSIONS:
        kept.popitem(last=False)
