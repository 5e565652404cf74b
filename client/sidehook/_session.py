"""What surrounds a call: the session it belongs to and the scopes it is in.

`session(...)` and `scope(...)` of a client hold for everything that is called inside
their `with` block, in this task or thread and in the tasks started inside the block.
Two tasks never see each other's.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from types import MappingProxyType, TracebackType
from typing import Protocol, Self

from sidehook import _json
from sidehook._call import StateChange
from sidehook._errors import EncodeError
from sidehook._types import JSON

MAX_STATE_BYTES = 64 * 1024
"""The most that a session's state may hold: keys in UTF-8 and JSON texts together."""


class Handle(Protocol):
    """A scope that the application serves itself, as `plugin_scope` opens it."""

    @property
    def handle(self) -> str:
        """What calls name to run its hooks, as the sidecar minted it."""
        ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a call stands in. `outer` is what stood there before `owner` was entered."""

    session: Session | None = None
    scopes: tuple[str, ...] = ()
    handles: tuple[Handle, ...] = ()
    owner: object = None
    outer: Surroundings | None = field(default=None, repr=False)


NOWHERE = Surroundings()

# By client: what surrounds the calls of one says nothing about another's. Empty where
# nothing surrounds anybody's.
AROUND: ContextVar[Mapping[object, Surroundings]] = ContextVar(
    "sidehook_surroundings", default=MappingProxyType({})
)


def surroundings(client: object) -> Surroundings:
    """Return what a call that `client` makes here and now stands in."""
    return AROUND.get().get(client, NOWHERE)


def enter(client: object, owner: object, inner: Surroundings) -> None:
    """Put `inner` around what follows in this context, until `owner` is left."""
    inner = replace(inner, owner=owner, outer=surroundings(client))
    AROUND.set(MappingProxyType({**AROUND.get(), client: inner}))


def leave(client: object, owner: object) -> None:
    """Take away what `owner` put around. Raises RuntimeError where it is not the innermost."""
    current = surroundings(client)
    if current.owner is not owner or current.outer is None:
        raise RuntimeError(
            "sessions and scopes are left in the context they were entered in, innermost first"
        )
    others = {key: value for key, value in AROUND.get().items() if key is not client}
    if current.outer is not NOWHERE:
        others[client] = current.outer
    AROUND.set(MappingProxyType(others))


class Session:
    """A conversation: who it is with, and the state that hooks leave behind in it.

    Made by a client's `session(...)`. It is a context manager; calls made inside carry
    its terms and its state, and what hooks keep comes back into it, also from calls
    that were blocked or failed. The same session can be entered again later and in
    several tasks or threads at once.
    """

    def __init__(
        self,
        client: object,
        *,
        session_id: str | None,
        tenant: str,
        user: str,
        labels: Mapping[str, str],
        state: Mapping[str, object] | None,
    ) -> None:
        self._client = client
        self.session_id = uuid.uuid4().hex if session_id is None else session_id
        self.tenant = tenant
        self.user = user
        self.labels = MappingProxyType(dict(labels))
        self._lock = threading.Lock()
        self._state: Mapping[str, bytes] = _encoded(state or {})

    @property
    def state(self) -> dict[str, JSON]:
        """A copy of the state, decoded; `client.session(state=…)` takes it up again."""
        return {key: _json.decode(octets) for key, octets in self._state.items()}

    @property
    def wire_state(self) -> Mapping[str, bytes]:
        """The state as it travels: key to JSON text. Replaced whole when it changes."""
        return self._state

    def keep(self, change: StateChange) -> bool:
        """Merge what hooks set and removed. Return whether there was room for it."""
        with self._lock:
            kept = {k: v for k, v in self._state.items() if k not in change.removed}
            kept.update(change.set)
            if _size(kept) > MAX_STATE_BYTES:
                return False
            self._state = MappingProxyType(kept)
        return True

    def __enter__(self) -> Self:
        enter(self._client, self, replace(surroundings(self._client), session=self))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        leave(self._client, self)

    def __repr__(self) -> str:
        return f"Session({self.session_id!r}, state keys: {', '.join(sorted(self._state)) or '-'})"


class Scope:
    """Named scopes around the calls in a `with` block. Made by a client's `scope(...)`."""

    def __init__(self, client: object, names: tuple[str, ...]) -> None:
        if not names or "" in names or any(not isinstance(name, str) for name in names):
            raise ValueError("scope() takes the names of one or more scopes, each a non-empty str")
        self._client = client
        self.names = names

    def __enter__(self) -> Self:
        around = surroundings(self._client)
        # dict.fromkeys keeps the order and drops what an outer scope names already.
        names = tuple(dict.fromkeys((*around.scopes, *self.names)))
        enter(self._client, self, replace(around, scopes=names))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        leave(self._client, self)


def _encoded(state: Mapping[str, object]) -> Mapping[str, bytes]:
    octets = {key: _json.encode(value, f"state[{key!r}]") for key, value in state.items()}
    if (size := _size(octets)) > MAX_STATE_BYTES:
        raise EncodeError("state", f"{size} bytes are over the limit of {MAX_STATE_BYTES}")
    return MappingProxyType(octets)


def _size(state: Mapping[str, bytes]) -> int:
    return sum(len(key.encode()) + len(octets) for key, octets in state.items())
