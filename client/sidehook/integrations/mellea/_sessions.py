"""Which session of mellea a hook is called for, and whether that concerns an adapter.

mellea keeps session plugins for the life of their session, but calls them for every
session. It tells sessions apart nowhere in most payloads; what there is, is read here:
`session_id` in three payloads, and the sessions that surround the call, which mellea
keeps in a context variable inside `with session:` only.
"""

from __future__ import annotations

import inspect
import logging
import weakref
from collections.abc import Callable, Iterator
from contextvars import Token
from types import FrameType
from typing import Any, Final

from cpex.framework.registry import PluginInstanceRegistry
from mellea.plugins import manager, registry
from mellea.stdlib import session as mellea_session
from mellea.telemetry import context as telemetry

_log = logging.getLogger("sidehook.mellea")

# A chain this long is a program gone wrong, or a ring.
_MOST_SURROUNDING: Final = 100


def surrounding() -> tuple[str, ...]:
    """Return the ids of the sessions entered around this call, the innermost first."""
    found: list[str] = []
    session = mellea_session._context_session.get()  # noqa: SLF001 - mellea offers only the innermost
    while session is not None and len(found) < _MOST_SURROUNDING:
        found.append(session.id)
        token = getattr(session, "_context_token", None)
        outer = None if token is None else token.old_value
        session = None if outer is Token.MISSING else outer
    return tuple(found)


def request_id() -> str:
    """Return the id of the request, as the application told mellea; empty when it did not."""
    return telemetry.get_request_id() or ""


def current_session_id() -> str:
    """Return the id of the innermost session around this call; empty for none."""
    return telemetry.get_session_id() or ""


class Membership:
    """Whether an adapter belongs to one session, and whether a call concerns it.

    It belongs to the session that it was given to with `start_session(plugins=…)`.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._session: Callable[[], Any] = _nothing
        self._has_warned = False
        self.own: str | None = None
        """The id of the session it belongs to; None for none, and for every session."""
        self.is_starting = False
        """Whether that session has still to start."""

    def take_note(self) -> None:
        """See who registers the adapter, when somebody does: cpex calls what calls this."""
        if not any(frame.f_code is _REGISTER for frame in _stack()):
            return
        session = _starting_session()
        self.own = None if session is None else session.id
        self.is_starting = session is not None
        self._session = _nothing if session is None else weakref.ref(session)
        _belonging.add(self)

    def starts(self, session_id: str | None) -> bool:
        """Take note of a session that starts. Return whether the adapter belongs to it."""
        if not self.is_starting or session_id != self.own:
            return False
        self.is_starting = False
        return True

    def concerns(self, session_id: str | None) -> bool:
        """Whether a call concerns it; `session_id` is what the payload says, if it does.

        A call that names no session may be of any, so it concerns every adapter.
        """
        own = self.own
        if own is None:
            return True
        if not self.is_kept():
            # The session is over, and this call is one of another's under way.
            return False
        if session_id:
            return session_id == own
        around = surrounding()
        if around:
            # A session that was never entered is called from inside others, and
            # nothing tells that from a call of theirs: better once too often.
            return own in around or not self._is_entered()
        self._warn()
        return True

    def is_kept(self) -> bool:
        """Whether mellea keeps the adapter for its session."""
        return self.own is not None and self._name in _tagged(self.own)

    def _is_entered(self) -> bool:
        return getattr(self._session(), "_context_token", None) is not None

    def _warn(self) -> None:
        others = {other.own for other in tuple(_belonging) if other.is_kept()}
        if self._has_warned or len(others) < 2:
            return
        self._has_warned = True
        _log.warning(
            "session_unknown plugin=%s: there are several sessions with remote hooks of their "
            "own, and mellea does not say which one a call is for; all of them are asked. Put "
            "`with session:` around the calls",
            self._name,
        )


_belonging: weakref.WeakSet[Membership] = weakref.WeakSet()


def forget(session_id: str) -> None:
    """Unregister the plugins of a session that did not come to be; mellea leaves them."""
    manager.deregister_session_plugins(session_id)


def _tagged(session_id: str) -> set[str]:
    """Return the names of the plugins that mellea keeps for a session."""
    names: set[str] = manager._session_tags.get(session_id, set())  # noqa: SLF001 - told nowhere else
    return names


_REGISTER: Final = PluginInstanceRegistry.register.__code__
_REGISTER_FOR: Final = registry.register.__code__
_START: Final = mellea_session.start_session.__code__


def _starting_session() -> Any:
    """Return the session that is registering its plugins; None when nobody's are registered.

    mellea tells a plugin nothing of that, and keeps those of a scope in the same way. But
    it registers them while `start_session` is running, which has the session.
    """
    wanted = next(
        (f.f_locals.get("session_id") for f in _stack() if f.f_code is _REGISTER_FOR), None
    )
    starting = next((frame.f_locals for frame in _stack() if frame.f_code is _START), {})
    sessions = (v for v in starting.values() if isinstance(v, mellea_session.MelleaSession))
    return next((session for session in sessions if session.id == wanted), None)


def _stack() -> Iterator[FrameType]:
    frame = inspect.currentframe()
    while frame is not None:
        yield frame
        frame = frame.f_back


def _nothing() -> None:
    return None
