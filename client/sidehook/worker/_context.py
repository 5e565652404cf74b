"""What a handler learns besides the payload."""

from __future__ import annotations

import asyncio
import copy
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sidehook import _json
from sidehook._call import CallEnd, StateChange
from sidehook._run import HookRun, RunRequest
from sidehook._types import JSON, Mode

MAX_ANNOTATIONS = 16
"""How many facts one run may note for the decision log."""

MAX_ANNOTATION_BYTES = 256
"""How long a name or a text of them may be, in UTF-8."""

_HOOK_LOG = "sidehook.hook"


class State:
    """The session's state as this hook sees it, with what it wants to change.

    A key is under the worker's own name, unless it starts with `shared.`. What is set
    and deleted is staged: it is kept when the hook proceeds, modifies or blocks, and in
    modes that keep state (not AUDIT and FIRE_AND_FORGET). Values are what JSON can
    carry; they are encoded when the handler ends, so one that cannot be carried is a
    failure of the hook then.
    """

    __slots__ = ("_before", "_removed", "_set")

    def __init__(self, before: Mapping[str, bytes]) -> None:
        self._before = before
        self._set: dict[str, object] = {}
        self._removed: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of `key`, staged or from before, or `default`.

        The value is a copy: changing it changes nothing until it is set again.
        """
        if key in self._set:
            return copy.deepcopy(self._set[key])
        if key in self._removed or key not in self._before:
            return default
        return _json.decode(self._before[key])

    def set(self, key: str, value: object) -> None:
        """Stage `value` under `key`. Raises ValueError for a key that is empty."""
        if not key:
            raise ValueError("a key of the state cannot be empty")
        self._removed.discard(key)
        self._set[key] = value

    def delete(self, key: str) -> None:
        """Stage the removal of `key`. A key that is not there is no error."""
        self._set.pop(key, None)
        if key in self._before:
            self._removed.add(key)

    def __contains__(self, key: object) -> bool:
        return key in self._set or (key in self._before and key not in self._removed)

    def __iter__(self) -> Iterator[str]:
        yield from (key for key in self._before if key in self and key not in self._set)
        yield from self._set

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def staged(self) -> StateChange:
        """Encode what was set and deleted. Raises EncodeError for a value JSON cannot carry."""
        encoded = {key: _json.encode(value, f"state {key}") for key, value in self._set.items()}
        changed = {k: text for k, text in encoded.items() if self._before.get(k) != text}
        return StateChange(changed, frozenset(self._removed))


class Cancellation:
    """Whether the task that serves a run was cancelled, as its handler may ask.

    The handler may run in another thread, so this is safe from any.
    """

    __slots__ = ("_event", "_over", "_task")

    def __init__(self, task: asyncio.Task[Any] | None) -> None:
        self._task = task
        self._over = False
        self._event: threading.Event | None = None

    def __bool__(self) -> bool:
        """Whether the task was cancelled."""
        return self._over or (self._task is not None and self._task.cancelling() > 0)

    def wait(self, timeout: float) -> bool:
        """Block up to `timeout` seconds, or until it is over; return whether it is."""
        # Most handlers never wait, so the event is made when it is wanted. It is stored
        # before the flag is read, and `end` raises the flag first: none is missed.
        event = self._event = self._event or threading.Event()
        if not self:
            event.wait(timeout)
        return bool(self)

    def end(self) -> None:
        """Say for good that nobody waits: a task that timed out is not cancelled for ever."""
        self._over = True
        if self._event is not None:
            self._event.set()


class Context:
    """Who a call is for, how much time there is, and the session's state.

    Attributes:
        call_id: Names the call everywhere.
        request_id: The request it belongs to, in the application's terms.
        session_id: The conversation or session it belongs to.
        tenant: The tenant it is for. Nothing of these is verified.
        user: The end user it is for.
        labels: Free labels of the application.
        scopes: The named scopes the call is in.
        hook_type: The named point in the application's life.
        hook: The name of this hook.
        mode: The mode it runs in, which the operator may have changed.
        deadline: When its time is up, in seconds of `time.monotonic()`.
        state: The session's state.
        call_end: How the call ended; for FIRE_AND_FORGET only, else None.
        idempotency_key: The same for every attempt at this run.
        annotations: Facts for the sidecar's decision log, by name; see `annotate`.

    """

    __slots__ = (
        "_ask_for_time",
        "_cancellation",
        "_latest",
        "_log",
        "annotations",
        "call_end",
        "call_id",
        "deadline",
        "hook",
        "hook_type",
        "idempotency_key",
        "labels",
        "mode",
        "request_id",
        "scopes",
        "session_id",
        "state",
        "tenant",
        "user",
    )

    call_end: CallEnd | None
    mode: Mode

    def __init__(
        self,
        request: RunRequest,
        run: HookRun,
        cancellation: Cancellation,
        *,
        ask_for_time: Callable[[float], None] | None = None,
        state: Mapping[str, bytes] | None = None,
        time_left: float | None = None,
    ) -> None:
        """In a run of several hooks, `state` and `time_left` are as they are at this one's turn."""
        who = request.context
        self.call_id = request.call_id
        self.request_id = who.request_id
        self.session_id = who.session_id
        self.tenant = who.tenant
        self.user = who.user
        # A copy: what a handler does with it is nobody else's business.
        self.labels = dict(who.labels)
        self.scopes = who.scopes
        self.hook_type = request.hook_type
        self.hook = run.hook
        self.mode = run.mode
        now = time.monotonic()
        left = request.time_left if time_left is None else time_left
        self.deadline = now + min(left, run.timeout)
        self._latest = now + left
        self._ask_for_time = ask_for_time
        self.annotations: dict[str, str] = {}
        self.state = State(who.state if state is None else state)
        self.call_end = request.call_end
        key = request.idempotency_key
        self.idempotency_key = key + run.hook if request.is_fused else key
        self._cancellation = cancellation
        self._log: logging.LoggerAdapter[logging.Logger] | None = None

    @property
    def cancelled(self) -> bool:
        """Whether nobody waits for the answer any more. A blocking handler then returns."""
        return bool(self._cancellation)

    def wait_cancelled(self, timeout: float) -> bool:
        """Block up to `timeout` seconds, or until the run is cancelled; return `cancelled`.

        For `def` handlers, in place of `time.sleep`.
        """
        return self._cancellation.wait(timeout)

    def time_left(self) -> float:
        """Return the seconds left for this hook, 0 when there are none."""
        return max(0.0, self.deadline - time.monotonic())

    def extend(self, seconds: float) -> bool:
        """Ask the sidecar for `seconds` more for this run; return whether it could be asked.

        It grants up to the operator's `max_extension`, out of what is left of the call, and
        once: asking again changes nothing and returns False. `deadline` moves to the latest
        time that can be granted; when less is, the run is cancelled earlier, as `cancelled`
        tells. A worker that serves single runs only cannot ask. Safe from any thread. Raises
        ValueError for a time that is not over 0.
        """
        if not seconds > 0:
            raise ValueError(f"{seconds!r} s is no time to ask for; it must be over 0")
        ask, self._ask_for_time = self._ask_for_time, None
        if ask is None:
            return False
        ask(seconds)
        self.deadline = max(self.deadline, min(self.deadline + seconds, self._latest))
        return True

    def annotate(self, name: str, text: str) -> None:
        """Note a fact for the sidecar's decision log; never payload text.

        At most 16 names, and 256 bytes of UTF-8 for each name and text. Raises ValueError
        for more.
        """
        if not name or max(len(name.encode()), len(text.encode())) > MAX_ANNOTATION_BYTES:
            raise ValueError(
                f"annotation {name[:40]!r}: names and texts have at most "
                f"{MAX_ANNOTATION_BYTES} bytes, and a name is not empty"
            )
        if name not in self.annotations and len(self.annotations) >= MAX_ANNOTATIONS:
            raise ValueError(f"a run has at most {MAX_ANNOTATIONS} annotations")
        self.annotations[name] = text

    @property
    def log(self) -> logging.LoggerAdapter[logging.Logger]:
        """A logger whose records carry `hook` and `call_id`."""
        if self._log is None:
            extra: Mapping[str, JSON] = {"hook": self.hook, "call_id": self.call_id}
            self._log = logging.LoggerAdapter(logging.getLogger(f"{_HOOK_LOG}.{self.hook}"), extra)
        return self._log
