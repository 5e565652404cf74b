"""Where runs wait while every instance that could take them is at its limit.

There is a queue for each set of instances. A run waits only while all of its instances
are full: whoever frees a place hands it to the next in line before anything else can
take it, so that nobody who comes later is served earlier.
"""

from __future__ import annotations

import logging
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from sidehook_server.dispatch.fair_queue import FairQueue
from sidehook_server.dispatch.link import WorkerLink

_log: Final = logging.getLogger("sidehook.dispatch")


class Waiting(Protocol):
    """A run that waits."""

    def take_turn(self) -> None:
        """It is out of the queue, and an instance may have room: it tries, and may wait again."""

    def turn_away(self, limit: int) -> None:
        """It is out of the queue for good, because more than `limit` runs wait."""


class Place:
    """The place of one run in a queue; in none once it was served, turned away, or left."""

    __slots__ = ("gives_way", "queue", "run", "session", "tenant")

    def __init__(self, run: Waiting, *, tenant: str, session: str, gives_way: bool) -> None:
        self.run = run
        self.tenant = tenant
        self.session = session
        self.gives_way = gives_way
        self.queue: _Queue | None = None


class _Queue(FairQueue[Place]):
    """Those who wait for one set of instances of a worker."""

    __slots__ = ("link_ids", "worker")

    def __init__(self, worker: str, link_ids: tuple[str, ...]) -> None:
        super().__init__()
        self.worker = worker
        self.link_ids = link_ids


class Turnstile:
    """Every queue of the sidecar. Used from the event loop's thread only.

    `limit` says how many may wait in each; `has_room` whether a link may be given a run.
    """

    def __init__(self, *, limit: Callable[[], int], has_room: Callable[[WorkerLink], bool]) -> None:
        self._limit = limit
        self._has_room = has_room
        self._queues: dict[tuple[str, ...], _Queue] = {}
        self._by_link: dict[str, OrderedDict[_Queue, None]] = {}
        self._given_up: deque[Place] = deque()
        self._is_turning_away = False

    @property
    def waiting(self) -> Mapping[str, int]:
        """How many runs wait for each worker; those for whom none waits are left out."""
        counts: Counter[str] = Counter()
        for queue in self._queues.values():
            counts[queue.worker] += len(queue)
        return counts

    def wait(self, place: Place, links: Sequence[WorkerLink]) -> None:
        """Lets a run wait for one of these links of one worker, all of which are full.

        Where too many wait, one of them is turned away, perhaps this one and then before
        this returns.
        """
        queue = self._queue_for(links)
        place.queue = queue
        queue.add(place)
        limit = self._limit()
        while len(queue) > limit:
            self._given_up.append(self._taken_out(queue, queue.pop_least()))
        self._turn_away(limit)

    def leave(self, place: Place) -> None:
        """The run does not want a turn any more. Safe for one that is in no queue."""
        queue = place.queue
        if queue is not None:
            queue.remove(place)
            self._taken_out(queue, place)

    def released(self, link: WorkerLink) -> None:
        """A run holds its place on this link no longer: whoever is next has it."""
        queues = self._by_link.get(link.link_id)
        while queues and self._has_room(link):
            queue = next(iter(queues))
            queues.move_to_end(queue)
            self._serve(self._taken_out(queue, queue.pop()))

    def link_left(self, link_id: str) -> None:
        """This link is gone: whoever waits for it looks for another."""
        for queue in tuple(self._by_link.get(link_id, ())):
            self._serve_all(queue)

    def look_again(self) -> None:
        """There may be other links, or other limits: everybody who waits looks again."""
        for queue in tuple(self._queues.values()):
            self._serve_all(queue)

    def _queue_for(self, links: Sequence[WorkerLink]) -> _Queue:
        link_ids = tuple(link.link_id for link in links)
        queue = self._queues.get(link_ids)
        if queue is None:
            queue = self._queues[link_ids] = _Queue(links[0].worker, link_ids)
            for link_id in link_ids:
                self._by_link.setdefault(link_id, OrderedDict())[queue] = None
        return queue

    def _taken_out(self, queue: _Queue, place: Place) -> Place:
        """The place, which was in the queue; the queue goes with the last one."""
        place.queue = None
        if not len(queue):
            self._forget(queue)
        return place

    def _forget(self, queue: _Queue) -> None:
        if self._queues.get(queue.link_ids) is not queue:
            return
        del self._queues[queue.link_ids]
        for link_id in queue.link_ids:
            queues = self._by_link[link_id]
            del queues[queue]
            if not queues:
                del self._by_link[link_id]

    def _serve_all(self, queue: _Queue) -> None:
        """Everybody in a queue tries, in the order of their turns; who waits on, waits anew."""
        # Out of the table first, so that none of them comes back into the queue at hand. They
        # leave it one by one, since each may take others with it.
        self._forget(queue)
        while len(queue):
            self._serve(self._taken_out(queue, queue.pop()))

    def _serve(self, place: Place) -> None:
        try:
            place.run.take_turn()
        except Exception:
            # One that is broken must not keep the others waiting.
            _log.exception("turn_broken tenant=%s", place.tenant)

    def _turn_away(self, limit: int) -> None:
        """Tells those who must go, one after another.

        A call that goes on without its observer may have the next one wait, and that one
        turn away somebody else: the outermost caller tells them all, so that nothing nests.
        """
        if self._is_turning_away:
            return
        self._is_turning_away = True
        try:
            while self._given_up:
                self._given_up.popleft().run.turn_away(limit)
        finally:
            self._is_turning_away = False
