"""How near the sidecar is to its limit when a call begins. Pure data.

What is shed at which level is `PlannedHook.is_shed_at`'s to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadLimits:
    """How much goes on at once, and from where on observers are shed.

    `calls` are under way at once at most; `worker_queue` runs wait at once, at most, for
    the same instances of a worker. `shed_detached_at` and `shed_observers_at` are shares
    of `calls`.
    """

    calls: int = 4096
    worker_queue: int = 1024
    shed_detached_at: float = 0.8
    shed_observers_at: float = 0.9


class Load(IntEnum):
    """The level of load that a call begins at. Each sheds what the ones below it do."""

    NORMAL = 0
    """Nothing is shed."""
    HIGH = 1
    """FIRE_AND_FORGET hooks are shed."""
    FULL = 2
    """AUDIT hooks and those in shadow are shed too."""


def load_of(calls: int, limits: LoadLimits) -> Load:
    """The level that so many calls under way are."""
    if calls >= limits.shed_observers_at * limits.calls:
        return Load.FULL
    return Load.HIGH if calls >= limits.shed_detached_at * limits.calls else Load.NORMAL
