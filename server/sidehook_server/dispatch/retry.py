"""Whether and when a detached event is tried again. Pure, but for the jitter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sidehook._run import HookFailure
from sidehook._types import FailureClass
from sidehook_server.dispatch.failures import RUN_TOO_LARGE

FIRST_SECONDS: Final = 0.2
"""The time before the first repetition, which doubles with each."""

LONGEST_SECONDS: Final = 10.0
"""The longest time between two tries."""

FIRST_PAUSE: Final = 0.05
"""How long a hook pauses whose worker had no room, or was not there; it doubles."""

LONGEST_PAUSE: Final = 1.0
"""The longest pause, so that a worker that comes back is soon found."""

_DOUBLINGS: Final = 16
"""More of them change nothing, and would not fit into a float for ever."""

_REPEATED: Final = frozenset(
    {
        FailureClass.UNREACHABLE,
        FailureClass.TIMEOUT,
        FailureClass.OVERLOADED,
        FailureClass.RAISED,
    }
)
"""What may be better next time. An answer that breaks the contract will break it again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """At most `retries` repetitions. `jitter` gives a share from 0 to 1."""

    retries: int
    jitter: Callable[[], float]

    def repeats(self, failure: HookFailure, *, idempotent: bool, tries: int) -> bool:
        """Whether a run that was sent, and failed, is sent again."""
        return idempotent and failure.failure_class in _REPEATED and tries <= self.retries

    def delay(self, tries: int) -> float:
        """Seconds until the next try, after so many: doubling, and half of it by chance."""
        whole = min(LONGEST_SECONDS, FIRST_SECONDS * 2.0 ** min(tries - 1, _DOUBLINGS))
        return whole * (0.5 + 0.5 * self.jitter())


def may_wait(failure: HookFailure, *, patient: bool) -> bool:
    """Whether an event that was never sent waits for its worker.

    For room everybody waits; for a worker to come, only those that are patient.
    """
    if failure.code == RUN_TOO_LARGE:
        return False
    return patient or failure.failure_class is FailureClass.OVERLOADED


def pause(pauses: int) -> float:
    """How long a hook pauses, after so many pauses without a run in between."""
    return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(pauses, _DOUBLINGS))
