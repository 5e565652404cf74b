"""The client for applications that run on asyncio."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Self, overload

from sidehook._client_errors import closed
from sidehook._client_settings import DEFAULT_BUDGET, OnUnavailable, Settings
from sidehook._client_shared import NO_LIST, ClientTerms, PayloadT, Prepared, process
from sidehook._client_thread import LinkThread
from sidehook._payload import Payload, to_payload, unasked
from sidehook._session import AROUND
from sidehook._tls import Tls

if TYPE_CHECKING:
    import grpc

    from sidehook._client_line import Line, OwnLine
    from sidehook._scope import AsyncPluginScope


class Client(ClientTerms):
    """Asks the sidecar's hooks, from any event loop and any number of tasks.

    Use it as `async with Client() as hooks`, or make it, use it and `close` it. It
    connects by itself, when it is entered or first used, and again whenever the
    connection breaks. The event loop that uses it first has a connection of its own;
    calls from other loops and threads share one in a thread. After a fork, make
    another client: a connected one refuses to be used in the child.

    Args:
        target: Where the sidecar is: `unix:///path`, a path, or `host:port`; or several that
            share the calls, `dns:///host:port` for every address of a name and
            `ipv4:10.0.0.1:7000,10.0.0.2:7000` for those that are listed. Default:
            `SIDEHOOK_TARGET`, else the socket of a sidecar on this machine.
        budget: Seconds that each call may take in all; over 0. The sidecar answers
            a little earlier.
        on_unavailable: What `invoke` does when no sidecar can be reached: "raise"
            SidecarUnavailableError, or "proceed" without a verdict, which is logged,
            counted and reported to the sidecar with the next call.
        required: Refuse to start without a sidecar: entering the client raises
            SidecarUnavailableError. Never goes with "proceed".
        tenant: The tenant that calls are for, unless their session says otherwise.
        user: The end user that calls are for, unless their session says otherwise.
        labels: Free labels on every call, over those of `SIDEHOOK_LABELS`
            ("pod=chat-7f,team=a"); at most 64 together.
        credentials: gRPC channel credentials of your own, in place of `tls`.
        tls: Certificates for a sidecar that listens on TCP with TLS. Default: what
            `SIDEHOOK_TLS_CA`, `SIDEHOOK_TLS_CERT`, `SIDEHOOK_TLS_KEY` and
            `SIDEHOOK_TLS_SERVER_NAME` say, plain text when none is set. A Unix socket
            goes without.
        token: What says who this client is, where the sidecar's configuration names
            callers by tokens. Default: `SIDEHOOK_CALLER_TOKEN`. Never sent to another
            machine in plain text.
        token_file: A file with the token, read for every connection, in place of
            `token`. Default: `SIDEHOOK_CALLER_TOKEN_FILE`.

    Raises ValueError or TypeError for arguments that cannot be.
    """

    def __init__(
        self,
        target: str | None = None,
        *,
        budget: float = DEFAULT_BUDGET,
        on_unavailable: OnUnavailable = "raise",
        required: bool = False,
        tenant: str = "",
        user: str = "",
        labels: Mapping[str, str] | None = None,
        credentials: grpc.ChannelCredentials | None = None,
        tls: Tls | None = None,
        token: str | None = None,
        token_file: str | Path | None = None,
    ) -> None:
        super().__init__(
            Settings(
                target=target,
                budget=budget,
                on_unavailable=on_unavailable,
                required=required,
                tenant=tenant,
                user=user,
                labels=dict(labels or {}),
                credentials=credentials,
                tls=tls,
                token=token,
                token_file=token_file,
            )
        )
        self._lock = threading.Lock()
        self._home: OwnLine | None = None
        self._elsewhere: LinkThread | None = None
        self._closed = False

    async def __aenter__(self) -> Self:
        self._line().start()
        if self._settings.required:
            try:
                await self.connect()
            except BaseException:
                # Nobody leaves a block that was not entered.
                await self.close()
                raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def connect(self) -> None:
        """Wait until there is a connection, at most the budget.

        Raises SidecarUnavailableError, and ProtocolError for what is no sidecar.
        """
        await self._line().connect(self._settings.budget)

    @overload
    async def invoke(self, hook_type: str, payload: PayloadT, /, **fields: object) -> PayloadT: ...
    @overload
    async def invoke(
        self, hook_type: str, payload: Mapping[str, object] | None = None, /, **fields: object
    ) -> Payload: ...
    async def invoke(
        self, hook_type: str, payload: Mapping[str, object] | None = None, /, **fields: object
    ) -> Payload:
        """Ask the hooks of `hook_type` and return the payload to go on with.

        `payload` is a Payload, a mapping from field name to value, or left out;
        `fields` are added to it or take the place of its own. The result has what
        hooks changed, and in `receipt` what each of them did. Its receipt is None
        when the client went on without a verdict.

        Raises ViolationError when a hook said no, SidecarError when nobody decided,
        EncodeError for a value that JSON cannot carry (where no hook listens, when the
        result is first read). Cancelling it cancels the
        call and the hooks that run.
        """
        _, until, unheard = self._live.held
        if hook_type in unheard and monotonic() < until and not AROUND.get():
            # Nobody listens, which is all there is to find out: nothing is prepared for a call.
            self._tally.skipped()
            return unasked(payload, fields, self._ids)
        return await self._ask(self._prepare(hook_type, to_payload(payload, fields)))

    @overload
    async def call(
        self,
        hook_type: str,
        payload: PayloadT,
        *,
        budget: float | None = None,
        request_id: str = "",
    ) -> PayloadT: ...
    @overload
    async def call(
        self,
        hook_type: str,
        payload: Mapping[str, object],
        *,
        budget: float | None = None,
        request_id: str = "",
    ) -> Payload: ...
    async def call(
        self,
        hook_type: str,
        payload: Mapping[str, object],
        *,
        budget: float | None = None,
        request_id: str = "",
    ) -> Payload:
        """`invoke` with terms of its own.

        `budget` in seconds takes the place of the client's; `request_id` names the
        request that the call belongs to, in the application's terms.
        """
        prepared = self._prepare(
            hook_type, to_payload(payload, {}), budget=budget, request_id=request_id
        )
        return await self._ask(prepared)

    def has_hooks(self, hook_type: str, *, scopes: tuple[str, ...] | None = None) -> bool:
        """Whether a call of `hook_type` here and now would have hooks to ask.

        Answered from the live list, without a round trip; True also while the list is
        not known. `scopes` defaults to those that surround the call. Raises
        UnknownHookTypeError for a type that the sidecar would refuse, and RuntimeError
        where no event loop runs.
        """
        return self._has_hooks(self._line().live, hook_type, monotonic(), scopes)

    def plugin_scope(self, *hooks: object) -> AsyncPluginScope:
        """Return an async context manager in which functions of this application are hooks.

        `hooks` are decorated functions, classes, hook sets or modules, as `serve`
        takes them. They run in this process, in the place of the remote order that
        their mode and priority give them, for calls made inside the block only.
        """
        # Imported here: most applications serve no hooks, and need not load the worker SDK.
        from sidehook._scope import AsyncPluginScope

        return AsyncPluginScope(self, self._settings, hooks, lambda: self._line().home())

    async def close(self) -> None:
        """Close the connections. Calls under way end with an error. Safe to call twice."""
        if self._is_of_other_process():
            return
        with self._lock:
            self._closed = True
            self._live = NO_LIST
            home, elsewhere = self._home, self._elsewhere
        if home is not None and not home.loop.is_closed():
            await _closed_on_its_loop(home)
        if elsewhere is not None:
            await asyncio.to_thread(elsewhere.close)

    async def _ask(self, call: Prepared[PayloadT]) -> PayloadT:
        line = self._line()
        if self._is_skipped(call, line.live, monotonic()):
            return self._skipped(call)
        request = self._reporting(call.request)
        try:
            answer = await line.call(request, call.budget)
        except BaseException as error:
            return self._without_answer(call, request, error)
        return self._conclude(call, answer)

    def _line(self) -> Line:
        """Return the connection for the running loop; the first loop gets one of its own."""
        self._check_process()
        loop = asyncio.get_running_loop()
        home = self._home
        if home is not None and home.loop is loop and not self._closed:
            return home
        with self._lock:
            if self._closed:
                raise closed()
            self._connected_in = process()
            if self._home is None or self._home.loop.is_closed():
                self._home = self._line_on(loop)
                self._live = self._home.live
                return self._home
            if self._elsewhere is None:
                self._elsewhere = LinkThread(self._line_on)
            return self._elsewhere


async def _closed_on_its_loop(link: OwnLine) -> None:
    if link.loop is asyncio.get_running_loop():
        await link.close()
    elif link.loop.is_running():
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(link.close(), link.loop))
