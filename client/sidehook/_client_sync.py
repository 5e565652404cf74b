"""The client for applications that block: the same names as `sidehook.aio.Client`."""

from __future__ import annotations

import threading
import weakref
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

    from sidehook._scope import PluginScope


class Client(ClientTerms):
    """Asks the sidecar's hooks, from any number of threads. Its calls block.

    Use it as `with Client() as hooks`, or make it, use it and `close` it. It connects
    by itself, when it is entered or first used, and again whenever the connection
    breaks; the connection lives in a thread of its own. After a fork, make another
    client: a connected one refuses to be used in the child. In a coroutine use
    `sidehook.aio.Client`, which does not hold up the event loop.

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
        self._thread: LinkThread | None = None
        self._closed = False

    def __enter__(self) -> Self:
        self._line().start()
        if self._settings.required:
            try:
                self.connect()
            except BaseException:
                # Nobody leaves a block that was not entered.
                self.close()
                raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def connect(self) -> None:
        """Block until there is a connection, at most the budget.

        Raises SidecarUnavailableError, and ProtocolError for what is no sidecar.
        """
        line = self._line()
        line.wait(line.link.connect(self._settings.budget))

    @overload
    def invoke(self, hook_type: str, payload: PayloadT, /, **fields: object) -> PayloadT: ...
    @overload
    def invoke(
        self, hook_type: str, payload: Mapping[str, object] | None = None, /, **fields: object
    ) -> Payload: ...
    def invoke(
        self, hook_type: str, payload: Mapping[str, object] | None = None, /, **fields: object
    ) -> Payload:
        """Ask the hooks of `hook_type` and return the payload to go on with.

        `payload` is a Payload, a mapping from field name to value, or left out;
        `fields` are added to it or take the place of its own. The result has what
        hooks changed, and in `receipt` what each of them did. Its receipt is None
        when the client went on without a verdict.

        Blocks for the budget at most. Raises ViolationError when a hook said no,
        SidecarError when nobody decided, EncodeError for a value that JSON cannot carry
        (where no hook listens, when the result is first read). An exception in the
        waiting thread, such as KeyboardInterrupt, cancels the call and the hooks that run.
        """
        _, until, unheard = self._live.held
        if hook_type in unheard and monotonic() < until and not AROUND.get():
            # Nobody listens, which is all there is to find out: nothing is prepared for a call.
            self._tally.skipped()
            return unasked(payload, fields, self._ids)
        return self._ask(self._prepare(hook_type, to_payload(payload, fields)))

    @overload
    def call(
        self,
        hook_type: str,
        payload: PayloadT,
        *,
        budget: float | None = None,
        request_id: str = "",
    ) -> PayloadT: ...
    @overload
    def call(
        self,
        hook_type: str,
        payload: Mapping[str, object],
        *,
        budget: float | None = None,
        request_id: str = "",
    ) -> Payload: ...
    def call(
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
        return self._ask(prepared)

    def has_hooks(self, hook_type: str, *, scopes: tuple[str, ...] | None = None) -> bool:
        """Whether a call of `hook_type` here and now would have hooks to ask.

        Answered from the live list, without a round trip; True also while the list is
        not known. `scopes` defaults to those that surround the call. Raises
        UnknownHookTypeError for a type that the sidecar would refuse.
        """
        return self._has_hooks(self._line().live, hook_type, monotonic(), scopes)

    def plugin_scope(self, *hooks: object) -> PluginScope:
        """Return a context manager in which functions of this application are hooks.

        `hooks` are decorated functions, classes, hook sets or modules, as `serve`
        takes them. They run in this process, in the place of the remote order that
        their mode and priority give them, for calls made inside the block only: plain
        functions in a pool of threads, coroutine functions on the client's own loop.
        """
        # Imported here: most applications serve no hooks, and need not load the worker SDK.
        from sidehook._scope import PluginScope

        return PluginScope(self, self._settings, hooks, self._line())

    def close(self) -> None:
        """Close the connection. Calls under way end with an error. Safe to call twice."""
        if self._is_of_other_process():
            return
        with self._lock:
            self._closed = True
            self._live = NO_LIST
        if self._thread is not None:
            self._thread.close()

    def _ask(self, call: Prepared[PayloadT]) -> PayloadT:
        line = self._line()
        if self._is_skipped(call, line.live, monotonic()):
            return self._skipped(call)
        request = self._reporting(call.request)
        try:
            answer = line.wait(line.link.call(request, call.budget))
        except BaseException as error:
            return self._without_answer(call, request, error)
        return self._conclude(call, answer)

    def _line(self) -> LinkThread:
        """Return the connection, which is made for the first caller."""
        self._check_process()
        with self._lock:
            if self._closed:
                raise closed()
            if self._thread is None:
                self._connected_in = process()
                self._thread = LinkThread(self._line_on)
                self._live = self._thread.live
                # Also at exit, so that gRPC is not torn down under a running thread.
                weakref.finalize(self, self._thread.close)
            return self._thread
