"""What the client knows of who listens, and how long it may act on it. Pure.

The sidecar tells the client which hook types have hooks. While the list is complete
and its lease runs, a call that nobody listens to needs no round trip. A list that is
unknown, incomplete or past its lease is never taken for "nobody listens".
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import NamedTuple

from sidehook._errors import UnknownHookTypeError
from sidehook._hook_list import HookList, ScopeName, WatchRequest, WatchResponse

_MAX_PROBES = 64
_RENEWALS_PER_LEASE = 3
_SHORTEST_RENEWAL = 0.02
_RENEWAL_WITHOUT_LEASE = 0.5


_NOTHING_KNOWN = HookList(version=0)


def _nobody_asks() -> None:
    pass


class Held(NamedTuple):
    """A list and the end of its lease: one object, so that a thread sees both or neither.

    `unheard` are the hook types that have hooks in scopes only, or none at all.
    """

    known: HookList
    until: float
    unheard: frozenset[str] = frozenset()


NOTHING_HELD = Held(_NOTHING_KNOWN, until=0.0)
"""No list: every call is made."""


class LiveList:
    """The live list of one connection. `changed` is called after each change of what is held.

    Every method that changes it belongs to the connection's thread; `has_hooks` may be
    called and `held` looked at from any thread. Times are seconds of one monotonic clock.
    """

    __slots__ = ("_changed", "_last_probe", "_lease", "_sent", "held")

    def __init__(self, changed: Callable[[], None] = _nobody_asks) -> None:
        self.held = NOTHING_HELD
        self._changed = changed
        self._lease = 0.0
        self._last_probe = 0
        self._sent: dict[int, float] = {}

    def probe(self, now: float) -> WatchRequest:
        """Return the next probe. `now` is read before the probe is sent, never after."""
        self._last_probe += 1
        self._sent[self._last_probe] = now
        if len(self._sent) > _MAX_PROBES:
            del self._sent[next(iter(self._sent))]
        return WatchRequest(probe=self._last_probe, applied_version=self.held.known.version)

    def apply(self, update: WatchResponse) -> bool:
        """Take in what the sidecar says. Return whether there is a new list to acknowledge."""
        held = self.held.known
        known, unheard = held, self.held.unheard
        if update.hook_list is not None:
            known, unheard = update.hook_list, unheard_of(update.hook_list)
        # Another version in force than the one here: what is here is history.
        until = self._lease_end(update) if update.version == known.version else 0.0
        self.held = Held(known, until, unheard)
        self._changed()
        return known.version != held.version

    def _lease_end(self, update: WatchResponse) -> float:
        sent = self._sent.get(update.probe)
        if sent is None:
            return 0.0
        for answered in [probe for probe in self._sent if probe < update.probe]:
            del self._sent[answered]
        self._lease = update.lease
        return sent + update.lease

    def lost(self) -> None:
        """Forget everything: the sidecar that sent it may be gone, and its successor differs."""
        self.held = NOTHING_HELD
        self._sent.clear()
        self._changed()

    @property
    def renewal(self) -> float:
        """Seconds until the next probe is due."""
        if self._lease <= 0.0:
            return _RENEWAL_WITHOUT_LEASE
        return max(self._lease / _RENEWALS_PER_LEASE, _SHORTEST_RENEWAL)

    def has_hooks(
        self, hook_type: str, now: float, *, tenant: str = "", scopes: Collection[str] = ()
    ) -> bool:
        """Whether a call must be made; True also when that is not known.

        Raises UnknownHookTypeError for a type that the sidecar would refuse.
        """
        known, until, _ = self.held
        if not known.complete or now >= until:
            return True
        status = known.types.get(hook_type)
        if status is None:
            if known.filtered:
                # Perhaps there are hooks that this client may not call: the sidecar says which.
                return True
            if known.undeclared_types_allowed:
                return False
            raise UnknownHookTypeError(
                f"hook type {hook_type!r} is not declared; use one of the catalogue's, or "
                "declare it in the sidecar's configuration under hook_types",
                reason="UNKNOWN_HOOK_TYPE",
                hook_type=hook_type,
                metadata={"hook_type": hook_type},
            )
        return status.has_hooks or any(
            ScopeName(tenant, scope) in status.scopes for scope in scopes
        )


def unheard_of(known: HookList) -> frozenset[str]:
    """Return the hook types that nobody listens to outside of scopes; none when that is unsure."""
    if not known.complete:
        return frozenset()
    return frozenset(name for name, status in known.types.items() if not status.has_hooks)
