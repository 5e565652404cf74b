"""The clock of a running sidecar, on which only what workers do takes time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from sidehook_server.dispatch.link import WorkerLink
from sidehook_server.dispatch.sweeper import Clock, Timer
from sidehook_server.transport.stream_link import StreamLink
from tests.conformance.runners.actor import Actor

PATIENCE: Final = 10.0
"""How long the clock waits for a run that is on its way, in seconds; then it is lost."""

_LOOK_AGAIN: Final = 0.002


class PatientClock:
    """Real time, less what passed while a run was on its way to its worker, or its answer back.

    On a busy machine that takes longer than the hooks of some cases have, and a run that
    was not begun in time has another failure than one that was. `was_under_way` tells whether
    there was such a run at any time since it was asked last.
    """

    def __init__(self, clock: Clock, was_under_way: Callable[[], bool]) -> None:
        self._clock = clock
        self._was_under_way = was_under_way
        self._looked = clock.time()
        self._left_out = 0.0
        self._waits = 0.0

    def time(self) -> float:
        """Seconds since some moment in the past."""
        now = self._clock.time()
        passed, self._looked = now - self._looked, now
        self._waits = self._waits + passed if self._was_under_way() else 0.0
        if 0.0 < self._waits <= PATIENCE:
            self._left_out += passed
        return now - self._left_out

    def call_at(self, when: float, callback: Callable[[], None], /) -> _Timer:
        """Calls back once, at or after `when`."""
        return _Timer(self, self._clock, when, callback)


class _Timer:
    """Looks whether its time has come, as often as it takes."""

    def __init__(
        self, clock: PatientClock, real: Clock, when: float, callback: Callable[[], None]
    ) -> None:
        self._clock = clock
        self._real = real
        self._when = when
        self._callback = callback
        self._timer: Timer
        self._wait(max(0.0, when - clock.time()))

    def cancel(self) -> None:
        """It will not call back."""
        self._timer.cancel()

    def _wait(self, seconds: float) -> None:
        self._timer = self._real.call_at(self._real.time() + seconds, self._look)

    def _look(self) -> None:
        left = self._when - self._clock.time()
        if left > 0:
            self._wait(max(left, _LOOK_AGAIN))
        else:
            self._callback()


class OnTheirWay:
    """The runs that a sidecar has sent to workers that do not have them yet.

    And those of which it does not know yet what their worker said. `actor_of` finds who is
    at the other end of a link, None when nobody is any more.
    """

    def __init__(self, actor_of: Callable[[WorkerLink], Actor | None]) -> None:
        self.links: Iterable[WorkerLink] = ()
        self._actor_of = actor_of
        self._sent: dict[str, int] = {}
        self._was = False

    def was_one(self) -> bool:
        """Whether there was one at any time since this was asked last."""
        links = [link for link in self.links if isinstance(link, StreamLink)]
        sent = {link.link_id: link._ids._last for link in links}
        before, self._was = self._was, any(map(self._has_one, links))
        is_new, self._sent = sent != self._sent, sent
        return before or self._was or is_new

    def _has_one(self, link: StreamLink) -> bool:
        actor = self._actor_of(link)
        if actor is None or actor.is_gone:
            return False
        return any(
            not actor.has_run(number)
            or actor.begun(number) - run.begun - run.over
            or actor.answered(number) - run.over
            for number, run in link._runs.under_way.items()
        )
