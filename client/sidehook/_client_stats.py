"""What a client counts. Nothing it drops or skips is silent."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientStats:
    """What a client has counted since it was made.

    Attributes:
        calls: Calls sent to a sidecar.
        calls_skipped: Calls that needed no round trip, because nobody listens.
        calls_unguarded: Calls that went on without a verdict.
        calls_cancelled: Calls that their caller gave up.
        calls_expired: Calls whose budget ran out without an answer.
        answers_late: Answers dropped because their call was already over.
        answers_unknown: Answers dropped because no such call was ever made.
        frames_malformed: Frames dropped because they break the contract.
        connections: Connections that were made.
        connections_lost: Connections that broke.
        state_refused: Changes to a session's state for which there was no room.
    """

    calls: int = 0
    calls_skipped: int = 0
    calls_unguarded: int = 0
    calls_cancelled: int = 0
    calls_expired: int = 0
    answers_late: int = 0
    answers_unknown: int = 0
    frames_malformed: int = 0
    connections: int = 0
    connections_lost: int = 0
    state_refused: int = 0


class Tally:
    """The counting side of ClientStats; safe in threads. `skipped` counts one more skipped call."""

    __slots__ = ("_counts", "_lock", "_looks", "_skips", "_unreported", "skipped")

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._unreported = 0
        # Counts without a lock: nobody waits for anything here while two threads skip calls.
        self._skips = itertools.count()
        self._looks = 0
        self.skipped = self._skips.__next__

    def add(self, name: str) -> None:
        """Count one more of `name`, a field of ClientStats."""
        with self._lock:
            self._counts[name] += 1

    def snapshot(self) -> ClientStats:
        """Return what was counted so far."""
        with self._lock:
            # To look at the counter moves it too.
            skipped = next(self._skips) - self._looks
            self._looks += 1
            return ClientStats(**self._counts, calls_skipped=skipped)

    def unguarded(self) -> None:
        """Count a call that went on without a verdict, and remember to report it."""
        with self._lock:
            self._counts["calls_unguarded"] += 1
            self._unreported += 1

    def take_unreported(self) -> int:
        """Return how many unguarded calls the next call reports; they count as reported."""
        if not self._unreported:
            return 0
        with self._lock:
            taken, self._unreported = self._unreported, 0
        return taken

    def give_back(self, unreported: int) -> None:
        """Report them with a later call: the one that was to carry them got no answer."""
        if not unreported:
            return
        with self._lock:
            self._unreported += unreported
