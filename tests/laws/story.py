"""What becomes of one run, when nothing ends its call before."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Final

from sidehook._types import FailureClass
from tests.laws.chains import MAX_EXTENSION, MS, Breaks, HookCase, Silent

ASKS_AFTER: Final = 5 * MS
ASKS_AGAIN_AFTER: Final = 1 * MS
"""When a hook asks for more time, from the moment it was called on."""


@dataclass(frozen=True, slots=True)
class Story:
    """What becomes of one run when nothing ends the call before: moments on the clock.

    `called` is from when on it does not wait any more, in the eyes of the sidecar.
    `failure` is None when it is answered at `over`. `cuts` are when it asked for more time
    than it got.
    """

    sent: float
    called: float
    over: float
    failure: tuple[FailureClass, str] | None
    cuts: tuple[float, ...]


def story(hook: HookCase, start: float, until: float, limit: float) -> Story:
    """A run from its start on: it has until `until`, or when it asks for more until `limit`."""
    trip = hook.trip
    if trip.refused is not None:
        return Story(inf, inf, start, (trip.refused, "REFUSED"), ())
    sent = inf if trip.sent is None else start + trip.sent
    begun = inf if trip.begins is None else sent + trip.begins
    called = begun if trip.tells else sent
    cuts = []
    for number, extra in enumerate(hook.asks):
        asks = begun + ASKS_AFTER + number * ASKS_AGAIN_AFTER
        if asks < until:
            more = min(extra, MAX_EXTENSION) if number == 0 else 0
            granted = max(0, min(until + more, limit) - until)
            until += granted
            if granted < extra:
                cuts.append(asks)
    answers = inf if isinstance(hook.says, Silent) else begun + hook.delay
    if answers < until:
        failure = (hook.says.kind, "BROKE") if isinstance(hook.says, Breaks) else None
        return Story(sent, called, answers, failure, tuple(cuts))
    if until <= called:
        failure = (FailureClass.OVERLOADED, "EXPIRED_IN_QUEUE")
        return Story(sent, called, until, failure, tuple(cuts))
    return Story(sent, called, until, (FailureClass.TIMEOUT, "HOOK_TIMEOUT"), tuple(cuts))
