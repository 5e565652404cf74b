"""Which session of mellea a hook is called for, and whether that concerns an adapter.

mellea keeps session plugins for the life of their session, but calls them for every
session. It tells sessions apart nowhere in most payloads; what there is, is read here:
`session_id` in three payloads, and the sessions that surround the call, which mellea
keeps in a context variable inside `with session:` only.
"""

from __future__ import annotations

import gc
import logging
import weakref
from collections.abc import Callable
from contextvars import Token
from typing import Any, Final

from mellea.plugins import manager
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

    It belongs to the session that it was given to with `start_session(plugins=…)`. It
    learns so from `session_post_init`, the first that comes from there: mellea keeps a
    `plugin_scope` in the same way as a session, under an id of the same kind.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._own: str | None = None
        self._find: Callable[[], Any] = _nothing
        self._has_warned = False

    @property
    def own(self) -> str | None:
        """The id of the session it belongs to; None for none, and for every session."""
        if self._own is not None and self._name not in _tagged(self._own):
            self._own = None
            _belonging.discard(self)
        return self._own

    @property
    def is_undecided(self) -> bool:
        """Whether `session_post_init` may still tell what it belongs to."""
        return self.own is None

    def learn(self, session_id: str) -> bool:
        """Take note of a session that starts. Return whether the adapter belongs to it."""
        if not session_id or self._name not in _tagged(session_id):
            return False
        self._own = session_id
        self._find = _reference(session_id)
        _belonging.add(self)
        return True

    def concerns(self, session_id: str | None) -> bool:
        """Whether a call concerns it; `session_id` is what the payload says, if it does.

        A call that names no session may be of any, so it concerns every adapter.
        """
        own = self.own
        if own is None:
            return True
        if session_id:
            return session_id == own
        around = surrounding()
        if around:
            # A session that was never entered is called from inside others, and
            # nothing tells that from a call of theirs: better once too often.
            return own in around or not self._is_entered()
        self._warn()
        return True

    def _is_entered(self) -> bool:
        return getattr(self._find(), "_context_token", None) is not None

    def _warn(self) -> None:
        if self._has_warned or len({other.own for other in tuple(_belonging)}) < 2:
            return
        self._has_warned = True
        _log.warning(
            "session_unknown plugin=%s: there are several sessions with remote hooks of their "
            "own, and mellea does not say which one a call is for; all of them are asked. Put "
            "`with session:` around the calls",
            self._name,
        )


_belonging: weakref.WeakSet[Membership] = weakref.WeakSet()


def _tagged(session_id: str) -> set[str]:
    """Return the names of the plugins that mellea keeps for a session."""
    names: set[str] = manager._session_tags.get(session_id, set())  # noqa: SLF001 - told nowhere else
    return names


def forget(session_id: str) -> None:
    """Unregister the plugins of a session that did not come to be; mellea leaves them."""
    manager.deregister_session_plugins(session_id)


def _reference(session_id: str) -> Callable[[], Any]:
    """Return a weak reference to the session object, which mellea hands out to nobody."""
    session_class = mellea_session.MelleaSession
    for candidate in gc.get_referrers(session_class):
        if isinstance(candidate, session_class) and getattr(candidate, "id", None) == session_id:
            return weakref.ref(candidate)
    return _nothing


def _nothing() -> None:
    return None
