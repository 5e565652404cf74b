"""The plugin that lets remote hooks take part in mellea: one adapter, one call for each hook.

cpex takes any plugin with an `invoke_hook` method for an external one and hands it every
hook type, so this one object serves all of them. It always returns a result: what it
raised would reach the user as an error of cpex, or not at all.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from cpex.framework.models import OnError, PluginConfig, PluginMode, PluginResult
from mellea.plugins.base import MelleaPlugin
from mellea.plugins.manager import get_plugin_manager

from sidehook import _json
from sidehook._call import Receipt
from sidehook._catalogue import CATALOGUE
from sidehook._client_settings import check_budget, check_labels
from sidehook._errors import EncodeError, HookError, SidecarError, SidecarUnavailableError
from sidehook._payload import Payload
from sidehook._types import JSON
from sidehook.integrations.mellea import _sessions
from sidehook.integrations.mellea._asking import OnUnavailable, Question, Terms, shared_client
from sidehook.integrations.mellea._choices import Choices
from sidehook.integrations.mellea._crossing import DEFAULT_ENTRIES, Crossing, ProjectionError
from sidehook.integrations.mellea._merge import MergeError, merged
from sidehook.integrations.mellea._opaque import text
from sidehook.integrations.mellea._projection import project
from sidehook.integrations.mellea._subscription import Subscriber, keep_in_step
from sidehook.integrations.mellea._violation import (
    ADAPTER_FAILED,
    PROJECTION_FAILED,
    SESSION_PRE_INIT_MISSED,
    RemoteViolation,
    from_error,
    from_merge,
    plugin_violation,
)

if TYPE_CHECKING:
    import grpc

    from sidehook._client_sync import Client

_log = logging.getLogger("sidehook.mellea")

HOOK_TYPES: Final = tuple(str(name) for name, info in CATALOGUE.items() if info.source == "mellea")
"""The hook types of mellea."""

SWALLOWING: Final = frozenset(
    {name for name in HOOK_TYPES if not CATALOGUE[name].blockable}
    | {"adapter_function_invocation_complete"}
)
"""Where mellea logs a block with a traceback, and goes on."""

DEFAULT_BUDGET: Final = 4.5
"""Seconds for one call. mellea gives a plugin 5 s, and what takes longer is an error of cpex."""

DEFAULT_PRIORITY: Final = 50

BACKEND_LABEL: Final = "mellea.backend_name"
"""The label that carries mellea's `backend_name`, which is the id of the model."""


class MissedPreInitError(Exception):
    """A session must not start: remote hooks would have had to be asked before."""

    def __init__(self, there_are: str) -> None:
        super().__init__(
            f"{there_are} remote hooks of session_pre_init, and start_session(plugins=…) comes too "
            "late for them: call register(RemoteHooks(…)) before start_session(…) instead"
        )


CODES: Final[Mapping[type[Exception], str]] = {
    EncodeError: PROJECTION_FAILED,
    ProjectionError: PROJECTION_FAILED,
    MissedPreInitError: SESSION_PRE_INIT_MISSED,
}
"""The code of a block that is no answer of the sidecar."""

ReceiptListener: TypeAlias = Callable[[str, Receipt], object]
"""Is told the hook type and the receipt of each call."""

_numbers = itertools.count(1)


class RemoteHooks(Subscriber, MelleaPlugin):  # type: ignore[misc] # mellea is not installed where mypy runs
    """The hooks of a sidecar as one plugin of mellea.

    It goes wherever a plugin goes: `plugin_scope(hooks)`, `register(hooks)`,
    `start_session(plugins=[hooks])`, a `PluginSet`, `with hooks:`. Hooks of all five
    modes run where it stands among local plugins, in one call. Given to a session it
    is asked for that session's calls only. One object is in one place at a time; make
    another for another session: those with the same target share a connection.

    Args:
        target: Where the sidecar is, as for `sidehook.Client`.
        scopes: Named scopes that every call names.
        on_unavailable: "block" a call when no sidecar can be reached, with code
            SIDECAR_UNAVAILABLE, or "allow" it: logged, counted and reported to the
            sidecar each time.
        budget: Seconds that a call may take; keep it below the 5 s of mellea.
        tenant: The tenant that calls are for.
        user: The end user that calls are for.
        labels: Free labels on every call; at most 64.
        priority: Its place among local plugins in mellea; lower is earlier. The
            priority of a PluginSet does not change it.
        context_entries: How many of the newest entries of a context cross; of the
            others their number and a digest.
        choices: What hooks may choose by name: formats, strategies, tools.
        on_receipt: Is called with hook type and receipt after each call, on the event
            loop of the hook. What it raises is logged.
        credentials: gRPC channel credentials for a sidecar behind TLS.

    Raises ValueError or TypeError for arguments that cannot be. Blocks only to close
    connections that nobody has a use for any more.
    """

    def __init__(
        self,
        target: str | None = None,
        *,
        scopes: Iterable[str] = (),
        on_unavailable: OnUnavailable = "block",
        budget: float = DEFAULT_BUDGET,
        tenant: str = "",
        user: str = "",
        labels: Mapping[str, str] | None = None,
        priority: int = DEFAULT_PRIORITY,
        context_entries: int = DEFAULT_ENTRIES,
        choices: Choices | None = None,
        on_receipt: ReceiptListener | None = None,
        credentials: grpc.ChannelCredentials | None = None,
    ) -> None:
        if on_unavailable not in ("block", "allow"):
            raise ValueError(f'on_unavailable is "block" or "allow", not {on_unavailable!r}')
        if context_entries < 0:
            raise ValueError(f"context_entries is a number from 0, not {context_entries}")
        super().__init__(
            PluginConfig(
                name=f"sidehook-{next(_numbers)}",
                kind="sidehook",
                hooks=list(HOOK_TYPES),
                mode=PluginMode.SEQUENTIAL,
                on_error=OnError.FAIL,
                priority=priority,
            )
        )
        self._terms = Terms(
            scopes=_checked_scopes(scopes),
            tenant=tenant,
            user=user,
            labels=check_labels(dict(labels or {})),
            budget=check_budget(budget),
        )
        self._context_entries = context_entries
        self._choices = Choices() if choices is None else choices
        self._on_receipt = on_receipt
        self._client = shared_client(
            self, target, on_unavailable=on_unavailable, credentials=credentials
        )
        self._membership = _sessions.Membership(self.name)

    @property
    def client(self) -> Client:
        """The client that asks, shared by all with the same target.

        Inside `with hooks.client.plugin_scope(function):` that function is a hook too, in
        its place of the remote order. `session`, `scope` and `stats` are there as well.
        """
        return self._client

    @property
    def hooks(self) -> list[str]:
        """The hook types of mellea, all of them. cpex reads this when it registers the plugin."""
        manager = get_plugin_manager()
        if manager is not None:
            keep_in_step(manager._registry)  # noqa: SLF001 - there is no public way to it
        self._membership.take_note()
        # A client that cannot be used says so at the first call, and blocks it.
        with contextlib.suppress(SidecarError):
            self._client.start()
        return list(HOOK_TYPES)

    def wants(self, hook_type: str) -> bool:
        """Whether a call of this type would have hooks to ask here and now.

        True also while that is not known.
        """
        if hook_type == "session_post_init" and self._membership.is_starting:
            return True
        try:
            return self._client.listens(hook_type, self._terms)
        except SidecarError:
            # The call will say what is wrong.
            return True

    async def invoke_hook(self, hook_type: str, payload: Any, context: Any) -> PluginResult:
        """Ask the remote hooks. cpex calls this for every hook type."""
        hook_type = str(getattr(hook_type, "value", hook_type))
        starts = hook_type == "session_post_init" and self._membership.starts(payload.session_id)
        if not self._membership.concerns(payload.session_id):
            return PluginResult()
        violation: RemoteViolation | None = None
        result = PluginResult()
        try:
            if starts:
                await self._refuse_missed_pre_init(payload.session_id)
            result = await self._asked(hook_type, payload, _labels(payload, context))
        except Exception as error:
            violation = _violation(hook_type, error)
        if violation is None:
            return result
        if starts:
            # start_session raises, and nobody is left to unregister the session's plugins.
            _sessions.forget(payload.session_id)
        return _blocked(violation)

    async def _refuse_missed_pre_init(self, session_id: str) -> None:
        """Raise when hooks of the first hook type of a session were passed by.

        mellea registers the plugins of `start_session(plugins=…)` after it.
        """
        if self._client.was_asked_before_init(session_id):
            return
        try:
            known = await self._client.knows_who_listens(self._terms.budget / 2)
        except SidecarUnavailableError:
            # What becomes of that is decided when the call is made.
            return
        if known and not self._client.may_have_hooks("session_pre_init", self._terms):
            return
        raise MissedPreInitError("there are" if known else "nobody can say whether there are")

    async def _asked(self, hook_type: str, payload: Any, labels: Mapping[str, str]) -> PluginResult:
        if not self._client.listens(hook_type, self._terms):
            return PluginResult()
        crossing = Crossing(self._context_entries)
        fields = project(hook_type, payload, crossing)
        before = Payload.from_values(fields)
        question = Question(
            hook_type=hook_type,
            payload=before,
            session_id=self._session_id(payload),
            request_id=payload.request_id or _sessions.request_id(),
            labels=labels,
        )
        after = await self._ask(question)
        changes = _changes(fields, before, after)
        if not changes:
            return PluginResult()
        try:
            live = merged(hook_type, payload, changes, crossing.opaques, self._choices)
        except MergeError as error:
            error.receipt = after.receipt
            raise
        return PluginResult(modified_payload=payload.model_copy(update=live))

    def _session_id(self, payload: Any) -> str:
        return self._membership.own or payload.session_id or _sessions.current_session_id()

    async def _ask(self, question: Question) -> Payload:
        if question.hook_type == "session_pre_init":
            self._client.note_asked_before_init(question.session_id)
        try:
            after = await self._client.ask(question, self._terms)
        except HookError as error:
            self._tell(question.hook_type, error.receipt)
            raise
        self._tell(question.hook_type, after.receipt)
        return after

    def _tell(self, hook_type: str, receipt: Receipt | None) -> None:
        if self._on_receipt is None or receipt is None:
            return
        try:
            self._on_receipt(hook_type, receipt)
        except Exception:
            _log.exception("receipt_listener_failed hook_type=%s", hook_type)


def _labels(payload: Any, context: Any) -> dict[str, str]:
    """Return what mellea says beside a payload: its metadata, and the id of the model."""
    labels = {text(key): text(value) for key, value in payload.user_metadata.items()}
    backend = context.global_context.state.get("backend_name")
    return labels if backend is None else {**labels, BACKEND_LABEL: text(backend)}


def _changes(
    fields: Mapping[str, JSON], before: Payload, after: Payload
) -> dict[str, tuple[JSON | bytes, JSON]]:
    """Return for each field that hooks changed what came back and what had crossed."""
    sent = before.wire_fields
    changed = {name: value for name, value in after.wire_fields.items() if value != sent.get(name)}
    return {name: (_json.decode_value(value), fields.get(name)) for name, value in changed.items()}


def _violation(hook_type: str, error: Exception) -> RemoteViolation:
    """Return why a call must not go on, whatever it was that failed."""
    if isinstance(error, HookError):
        return from_error(hook_type, error)
    if isinstance(error, MergeError):
        return from_merge(hook_type, error.field, str(error), error.receipt)
    for kind, code in CODES.items():
        if isinstance(error, kind):
            return RemoteViolation(hook_type=hook_type, reason=str(error), code=code)
    # What is raised here would be an error of cpex, or nothing, and not a block.
    _log.error("adapter_failed hook_type=%s", hook_type, exc_info=error)
    reason = f"the adapter failed with {type(error).__name__}; its log says how"
    return RemoteViolation(hook_type=hook_type, reason=reason, code=ADAPTER_FAILED)


def _blocked(violation: RemoteViolation) -> PluginResult:
    if violation.hook_type in SWALLOWING:
        _log.warning(
            "block_suppressed hook_type=%s hook=%s code=%s: mellea takes no block here",
            violation.hook_type,
            violation.name,
            violation.code,
        )
        return PluginResult()
    return PluginResult(continue_processing=False, violation=plugin_violation(violation))


def _checked_scopes(scopes: Iterable[str]) -> tuple[str, ...]:
    if isinstance(scopes, str):
        raise TypeError(f"scopes is a list of names; write scopes=[{scopes!r}]")
    names = tuple(scopes)
    if "" in names or any(not isinstance(name, str) for name in names):
        raise ValueError("scopes are names, each a non-empty str")
    return names
