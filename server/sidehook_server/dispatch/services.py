"""What everything that drives runs has in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sidehook_server.dispatch.breakers import Breakers
from sidehook_server.dispatch.observer import Observer
from sidehook_server.dispatch.routing import Router
from sidehook_server.dispatch.shedding import Shedding
from sidehook_server.dispatch.snapshot import Snapshot
from sidehook_server.dispatch.sweeper import Clock, Sweeper
from sidehook_server.dispatch.turnstile import Turnstile


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The clock, the way to workers, what keeps runs from them, where they wait, who counts.

    `registry` gives the newest snapshot.
    """

    clock: Clock
    sweeper: Sweeper
    router: Router
    breakers: Breakers
    turnstile: Turnstile
    shedding: Shedding
    registry: Callable[[], Snapshot]
    observer: Observer
