"""What became of detached events. Nothing is ever counted twice, or not at all."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class DetachedCounts:
    """Since the start: accepted = delivered + failed + shed + queued, at every instant.

    `queued` is what the queue still has.

    Attributes:
        accepted: Calls were told `detached`, or an earlier run of the sidecar told them.
        restored: Those of the accepted that came out of the journal.
        delivered: Their hooks handled them.
        failed: They are lost, for any reason but want of room.
        shed: They had to make room for newer ones.
        refused: They were never accepted; calls were told `shed`.
        retried: Runs that were repeated.
    """

    accepted: int = 0
    restored: int = 0
    delivered: int = 0
    failed: int = 0
    shed: int = 0
    refused: int = 0
    retried: int = 0
