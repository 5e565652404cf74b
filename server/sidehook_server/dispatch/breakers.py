"""The circuit breakers there are: one for each hook on each instance that it failed on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple, TypeVar

from sidehook_server.dispatch.link import WorkerLink
from sidehook_server.dispatch.observer import Observer
from sidehook_server.pipeline.breaker import Breaker, BreakerSettings, BreakerState
from sidehook_server.pipeline.model import PlannedHook

_log: Final = logging.getLogger("sidehook.dispatch")

_FIRST_TICKET: Final = 0
"""What a new breaker gives out: a run that began before there was one counts like its first."""

T = TypeVar("T")


class OpenBreaker(NamedTuple):
    """A breaker that is not closed, for people."""

    hook: str
    hook_type: str
    instance: str
    state: BreakerState


class _Watched(NamedTuple):
    breaker: Breaker
    hook: PlannedHook
    instance: str


class Breakers:
    """Breakers by link and hook. Used from the event loop's thread only.

    One is made when a hook first fails on a link, and forgotten with the link or when it
    has nothing more to remember. `settings` gives those in force; `random` is for jitter.
    """

    def __init__(
        self,
        settings: Callable[[], BreakerSettings],
        *,
        random: Callable[[], float],
        observer: Observer,
    ) -> None:
        self._settings = settings
        self._random = random
        self._observer = observer
        self._links: dict[str, dict[tuple[str, str], _Watched]] = {}

    def __iter__(self) -> Iterator[OpenBreaker]:
        """Those that are not closed."""
        for watched in self._links.values():
            for (hook_type, _), (breaker, hook, instance) in watched.items():
                if breaker.state is not BreakerState.CLOSED:
                    yield OpenBreaker(hook.path, hook_type, instance, breaker.state)

    def enter(self, link: WorkerLink, hook: PlannedHook, now: float) -> int | None:
        """A ticket for a run of this hook on this link; None when it is kept away from there."""
        watched = self._find(link, hook)
        if watched is None:
            return _FIRST_TICKET
        return self._watching(watched, lambda breaker: breaker.enter(now))

    def keep_away(self, link: WorkerLink, hook: PlannedHook, now: float) -> bool:
        """Whether a run of this hook would get no ticket for this link now."""
        watched = self._find(link, hook)
        return watched is not None and watched.breaker.keeps_away(now)

    def is_closed(self, link: WorkerLink, hook: PlannedHook) -> bool:
        """Whether nothing is held against this hook on this link, so that it needs no probe."""
        watched = self._find(link, hook)
        return watched is None or watched.breaker.state is BreakerState.CLOSED

    def succeeded(self, link: WorkerLink, hook: PlannedHook, ticket: int) -> None:
        """The run with this ticket was answered."""
        watched = self._find(link, hook)
        if watched is not None:
            self._watching(watched, lambda breaker: breaker.succeeded(ticket))
            self._tidy(link, watched)

    def failed(
        self, link: WorkerLink, hook: PlannedHook, ticket: int, now: float, *, at_once: bool
    ) -> None:
        """The run with this ticket failed in a way that counts."""
        watched = self._find(link, hook)
        if watched is None:
            if not link.healthy:
                return
            breaker = Breaker(self._settings(), self._random)
            watched = _Watched(breaker, hook, link.instance)
            self._links.setdefault(link.link_id, {})[_key(hook)] = watched
        self._watching(watched, lambda breaker: breaker.failed(ticket, now, at_once=at_once))

    def abandoned(self, link: WorkerLink, hook: PlannedHook, ticket: int) -> None:
        """Nothing is known of the run with this ticket."""
        watched = self._find(link, hook)
        if watched is not None:
            self._watching(watched, lambda breaker: breaker.abandoned(ticket))

    def forget(self, link_id: str) -> None:
        """The link is gone, and what was held against it."""
        self._links.pop(link_id, None)

    def _find(self, link: WorkerLink, hook: PlannedHook) -> _Watched | None:
        if not self._links:
            return None
        return self._links.get(link.link_id, {}).get(_key(hook))

    def _tidy(self, link: WorkerLink, watched: _Watched) -> None:
        if watched.breaker.is_idle:
            hooks = self._links[link.link_id]
            del hooks[_key(watched.hook)]
            if not hooks:
                del self._links[link.link_id]

    def _watching(self, watched: _Watched, act: Callable[[Breaker], T]) -> T:
        """Lets a breaker take something in, and tells when that changed its state."""
        breaker, hook, instance = watched
        before = breaker.state
        result = act(breaker)
        if breaker.state is not before:
            level = logging.WARNING if breaker.state is BreakerState.OPEN else logging.INFO
            _log.log(
                level,
                "circuit_changed hook=%s hook_type=%s instance=%s state=%s",
                hook.path,
                hook.hook_type,
                instance,
                breaker.state,
            )
            self._observer.circuit_changed(hook, breaker.state)
        return result


def _key(hook: PlannedHook) -> tuple[str, str]:
    return hook.hook_type, hook.path
