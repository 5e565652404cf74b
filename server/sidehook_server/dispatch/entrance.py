"""How detached work gets into the queue: at once, after a wait for room, or after a write.

Most of the time the decision is there when `offer` returns. A call whose events must wait
for room (`WhenFull.WAIT`), or for the journal, is told later; calls that wait stand in
line, and nobody overtakes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import Final, Protocol

from sidehook_server.config.model import WhenFull
from sidehook_server.dispatch.detached_limits import DetachedLimits
from sidehook_server.dispatch.journal import Journal
from sidehook_server.dispatch.observer import DetachedLoss
from sidehook_server.dispatch.room import Room, event_size
from sidehook_server.dispatch.snapshot import Snapshot
from sidehook_server.dispatch.sweeper import Sweeper
from sidehook_server.pipeline.model import DetachedWork

LAST_WORDS_SECONDS: Final = 1.0
"""What the journal has for the events of a call that nobody waits for any more."""


class Caller(Protocol):
    """A call that hands over its detached work."""

    @property
    def answer_by(self) -> float:
        """When it must have its answer, on the monotonic clock; it may be over."""

    def detached(self, accepted: Sequence[bool]) -> None:
        """Which works were taken, in their order; called once, perhaps at once. Never raises."""


class Inside(Protocol):
    """The queue behind the entrance."""

    def admit(self, number: int, work: DetachedWork, snapshot: Snapshot, octets: int) -> None:
        """Takes an event in, for which there is room."""

    def refuse(self, work: DetachedWork, cause: DetachedLoss) -> None:
        """An event is not taken in."""

    def shed_oldest(self) -> bool:
        """Drops the event that has waited longest; False when none waits."""

    def send_waiting(self) -> None:
        """Sends what may be sent, so that there may be room."""


class Offer:
    """The works of one call, until each is taken or refused."""

    __slots__ = (
        "_entrance",
        "accepted",
        "caller",
        "in_line",
        "line_until",
        "snapshot",
        "undecided",
        "work",
        "write_until",
        "writing",
    )

    def __init__(
        self,
        work: tuple[DetachedWork, ...],
        *,
        snapshot: Snapshot,
        caller: Caller,
        entrance: Entrance,
        now: float,
        wait_up_to: float,
    ) -> None:
        self.work = work
        self.snapshot = snapshot
        self.caller = caller
        self.accepted = [False] * len(work)
        self.undecided = len(work)
        self.in_line = deque(range(len(work)))
        self.writing: dict[int, tuple[int, int]] = {}
        answer_by = caller.answer_by
        self.line_until = min(answer_by, now + wait_up_to)
        # The answer to a call whose budget is over is late already, and says so; its events
        # are not given up for that.
        self.write_until = answer_by if answer_by > now else now + LAST_WORDS_SECONDS
        self._entrance = entrance

    @property
    def next_deadline(self) -> float:
        """When something of it is given up next."""
        return min(self.line_until, self.write_until) if self.in_line else self.write_until

    def tick(self, now: float) -> None:
        """A deadline has come."""
        self._entrance.time_has_come(self, now)


class Entrance:
    """Lets works in as far as there is room. `journal` None: nothing is written."""

    def __init__(
        self,
        inside: Inside,
        *,
        room: Room,
        sweeper: Sweeper,
        limits: DetachedLimits,
        journal: Journal | None,
    ) -> None:
        self._inside = inside
        self._room = room
        self._sweeper = sweeper
        self._when_full = limits.when_full
        self._wait_up_to = limits.wait_up_to
        self._journal = journal
        self._line: dict[Offer, None] = {}
        self._writing: dict[Offer, None] = {}
        self._letting_in = False
        self._number = 0

    @property
    def calls(self) -> int:
        """Calls that wait, for room or for the journal."""
        return len(self._line) + sum(offer not in self._line for offer in self._writing)

    @property
    def is_writing(self) -> bool:
        """Whether events are on their way to the journal."""
        return any(offer.writing for offer in self._writing)

    def number_from(self, number: int) -> None:
        """This number is taken, and those below it."""
        self._number = max(self._number, number)

    def offer(self, work: tuple[DetachedWork, ...], snapshot: Snapshot, caller: Caller) -> None:
        """Decides about every work, and tells the caller once all are decided."""
        if self._journal is None and self._when_full is not WhenFull.WAIT:
            caller.detached([self._take(each, snapshot) for each in work])
            return
        now = self._sweeper.time()
        offer = Offer(
            work,
            snapshot=snapshot,
            caller=caller,
            entrance=self,
            now=now,
            wait_up_to=self._wait_up_to,
        )
        self._line[offer] = None
        self.let_in()
        if offer.in_line:
            # What is sent only after the answer, as a rule, would be waited for in vain.
            self._inside.send_waiting()
        if offer.in_line and offer.line_until <= now:
            self._turn_away(offer)
        if offer.undecided > 0:
            self._sweeper.wake(offer, offer.next_deadline)

    def let_in(self) -> None:
        """There may be room: those in line are let in, the first one first."""
        if self._letting_in or not self._line:
            return
        # Telling a caller may free room, or bring the next offer: one loop sees to all.
        self._letting_in = True
        try:
            while self._line:
                if not self._advance(next(iter(self._line))):
                    break
        finally:
            self._letting_in = False

    def time_has_come(self, offer: Offer, now: float) -> None:
        """What of an offer has waited too long is refused."""
        if offer.in_line and now >= min(offer.line_until, offer.write_until):
            self._turn_away(offer)
        if offer.writing and now >= offer.write_until:
            self._give_up_writing(offer)
        if offer.undecided > 0:
            self._sweeper.wake(offer, offer.next_deadline)

    def close(self) -> None:
        """Refuses everything that waits."""
        for offer in tuple(self._line):
            self._turn_away(offer)
        for offer in tuple(self._writing):
            self._give_up_writing(offer)

    def _take(self, work: DetachedWork, snapshot: Snapshot) -> bool:
        octets = event_size(work.request)
        if not self._make_room(octets):
            self._inside.refuse(work, DetachedLoss.SHED)
            return False
        self._room.take(octets)
        self._number += 1
        self._inside.admit(self._number, work, snapshot, octets)
        return True

    def _make_room(self, octets: int) -> bool:
        room = self._room
        if room.fits(octets):
            return True
        if self._when_full is not WhenFull.DROP_OLDEST or not room.could_hold(octets):
            return False
        while not room.fits(octets):
            if not self._inside.shed_oldest():
                return False
        return True

    def _advance(self, offer: Offer) -> bool:
        """Lets in what there is room for; whether nothing of the offer is in line any more."""
        while offer.in_line:
            index = offer.in_line[0]
            octets = event_size(offer.work[index].request)
            if self._make_room(octets):
                offer.in_line.popleft()
                self._enter(offer, index, octets)
            elif self._when_full is WhenFull.WAIT and self._room.could_hold(octets):
                return False
            else:
                offer.in_line.popleft()
                self._refuse(offer, index, DetachedLoss.SHED)
        self._line.pop(offer, None)
        self._tell(offer)
        return True

    def _enter(self, offer: Offer, index: int, octets: int) -> None:
        work = offer.work[index]
        self._room.take(octets)
        self._number += 1
        if self._journal is None:
            self._inside.admit(self._number, work, offer.snapshot, octets)
            self._decide(offer, index, accepted=True)
            return
        offer.writing[self._number] = (index, octets)
        self._writing[offer] = None
        self._journal.keep(self._number, work, partial(self._written, offer, self._number))

    def _written(self, offer: Offer, number: int, kept: bool) -> None:  # noqa: FBT001 - what a Done is told
        place = offer.writing.pop(number, None)
        if place is None:
            # The call was told that the event is shed; so it must not come back.
            if kept and self._journal is not None:
                self._journal.remove(number)
            return
        index, octets = place
        if kept:
            self._inside.admit(number, offer.work[index], offer.snapshot, octets)
            self._decide(offer, index, accepted=True)
        else:
            self._room.give(octets)
            self._refuse(offer, index, DetachedLoss.JOURNAL)
        self._tell(offer)
        self.let_in()

    def _turn_away(self, offer: Offer) -> None:
        self._line.pop(offer, None)
        while offer.in_line:
            self._refuse(offer, offer.in_line.popleft(), DetachedLoss.SHED)
        self._tell(offer)
        self.let_in()

    def _give_up_writing(self, offer: Offer) -> None:
        places, offer.writing = offer.writing, {}
        for index, octets in places.values():
            self._room.give(octets)
            self._refuse(offer, index, DetachedLoss.JOURNAL)
        self._tell(offer)
        self.let_in()

    def _refuse(self, offer: Offer, index: int, cause: DetachedLoss) -> None:
        self._inside.refuse(offer.work[index], cause)
        self._decide(offer, index, accepted=False)

    def _decide(self, offer: Offer, index: int, *, accepted: bool) -> None:
        offer.accepted[index] = accepted
        offer.undecided -= 1

    def _tell(self, offer: Offer) -> None:
        """Tells the caller, once nothing of its offer is undecided."""
        if not offer.writing:
            self._writing.pop(offer, None)
        if offer.undecided == 0:
            # Never again, whatever this leads to.
            offer.undecided = -1
            self._sweeper.forget(offer)
            offer.caller.detached(offer.accepted)
