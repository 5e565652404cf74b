"""The queue of detached work: FIRE_AND_FORGET runs, after the verdict and outside the call.

Bounded in events and bytes; when it is full the newest is dropped. Each worker has a
lane: so many of its runs at once, the rest in the order they came. The time of a hook
counts from the moment its event was accepted.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Final

from sidehook._run import HookFailure, HookResult
from sidehook._types import FailureClass
from sidehook_server.dispatch.attempt import Attempt
from sidehook_server.dispatch.detached_answer import failure_in_answer
from sidehook_server.dispatch.failures import expired_in_queue, not_in_time
from sidehook_server.dispatch.lane import Lane, LaneEvent
from sidehook_server.dispatch.observer import DetachedLoss
from sidehook_server.dispatch.services import Services
from sidehook_server.dispatch.snapshot import Snapshot
from sidehook_server.dispatch.waiting import Waiter
from sidehook_server.pipeline.answers import size_of
from sidehook_server.pipeline.model import DetachedWork
from sidehook_server.policy import consequence

_log: Final = logging.getLogger("sidehook.dispatch")

_RETRY_SECONDS: Final = 0.05
"""How long a lane waits when its worker had no room; calls may be using it up."""

_LOSSES: Final = {
    FailureClass.UNREACHABLE: DetachedLoss.UNREACHABLE,
    FailureClass.TIMEOUT: DetachedLoss.TIMEOUT,
    FailureClass.CIRCUIT_OPEN: DetachedLoss.CIRCUIT_OPEN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DetachedLimits:
    """How much waits, in events and bytes, and how many runs of a worker go on at once."""

    events: int = 10_000
    octets: int = 256 * 1024 * 1024
    per_worker: int = 32


@dataclass(slots=True, kw_only=True)
class DetachedCounts:
    """What became of detached events since the start; all but the delivered ones are lost."""

    accepted: int = 0
    delivered: int = 0
    failed: int = 0
    shed: int = 0
    undelivered: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Undelivered:
    """An event that the sidecar could not deliver before it stopped.

    `sent` tells that its hook may have run, only without an answer in time.
    """

    worker: str
    hook: str
    call_id: str
    sent: bool


class DetachedQueue:
    """Delivers detached events. Used from the event loop's thread only."""

    def __init__(self, services: Services, limits: DetachedLimits | None = None) -> None:
        self._services = services
        self._limits = limits or DetachedLimits()
        self._lanes: dict[tuple[str, str], Lane] = {}
        self._ready: dict[Lane, None] = {}
        self._waiting = 0
        self._octets = 0
        self._empty = Waiter(services.sweeper, lambda: not self._lanes)
        self.counts: Final = DetachedCounts()

    @property
    def waiting(self) -> int:
        """Events that wait for their turn."""
        return self._waiting

    @property
    def running(self) -> int:
        """Events that a worker has and has not answered."""
        return sum(len(lane.running) for lane in self._lanes.values())

    def offer(self, work: DetachedWork, snapshot: Snapshot) -> bool:
        """Takes an event in; False when there is no room. `send_waiting` sends it."""
        octets = size_of(work.request.fields)
        if self._waiting >= self._limits.events or self._octets + octets > self._limits.octets:
            self.counts.shed += 1
            self._lose(work, DetachedLoss.SHED)
            return False
        key = (work.hook.worker, work.hook.handle or "")
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = Lane(key, self.send_lane)
        event = LaneEvent(work, lane=lane, queue=self, octets=octets, now=self._now())
        event.attempt = Attempt(
            self.counts.accepted + 1,
            work.hook,
            work.request,
            expires=event.expires,
            snapshot=snapshot,
            owner=event,
            services=self._services,
        )
        self._wait(event)
        self._ready[lane] = None
        self._services.sweeper.wake(event, event.expires)
        self.counts.accepted += 1
        self._services.observer.detached_accepted(work.hook)
        return True

    def send_waiting(self) -> None:
        """Sends what may be sent of the events taken in since the last time."""
        while self._ready:
            lane, _ = self._ready.popitem()
            self.send_lane(lane)

    async def drain(self, until: float) -> tuple[Undelivered, ...]:
        """Waits until everything is delivered or `until` has come, on the sweeper's clock.

        Then gives up what is left, and returns it. It is in the log and counted as lost.
        """
        self.send_waiting()
        await self._empty.wait(until)
        lanes = list(self._lanes.values())
        left = [event for lane in lanes for event in (*lane.running, *lane.waiting)]
        return tuple(map(self._give_up, left))

    def send_lane(self, lane: Lane) -> None:
        """Sends the events of one lane, as far as its worker may have more."""
        while lane.waiting and len(lane.running) < self._limits.per_worker:
            event = lane.first()
            self._stop_waiting(event)
            lane.running[event] = None
            failure = event.begin()
            if failure is None:
                continue
            if failure.failure_class is FailureClass.OVERLOADED:
                self._put_back(event)
                return
            self._fail(event, failure, _LOSSES.get(failure.failure_class, DetachedLoss.UNREACHABLE))

    def answered(self, event: LaneEvent, attempt: Attempt, result: HookResult) -> None:
        """The hook of an event answered."""
        failure = failure_in_answer(attempt, event.work, result, self._services.observer)
        if failure is None:
            attempt.settle()
            self.counts.delivered += 1
            seconds = self._now() - event.accepted_at
            self._services.observer.detached_delivered(event.work.hook, seconds)
            self._forget(event)
        else:
            self._fail(event, failure, DetachedLoss.FAILED)
        self.send_lane(event.lane)

    def failed(self, event: LaneEvent, failure: HookFailure) -> None:
        """The hook of an event gave no answer."""
        cause = _LOSSES.get(failure.failure_class, DetachedLoss.FAILED)
        self._fail(event, failure, cause)
        self.send_lane(event.lane)

    def expire(self, event: LaneEvent) -> None:
        """The time of an event is over."""
        seconds = self._now() - event.accepted_at
        if event in event.lane.waiting:
            self._stop_waiting(event)
            self._fail(event, expired_in_queue(seconds), DetachedLoss.EXPIRED)
        else:
            event.cancel()
            self._fail(event, not_in_time(seconds), DetachedLoss.TIMEOUT)
        self.send_lane(event.lane)

    def _now(self) -> float:
        return self._services.clock.time()

    def _wait(self, event: LaneEvent) -> None:
        event.lane.waiting[event] = None
        self._waiting += 1
        self._octets += event.octets

    def _stop_waiting(self, event: LaneEvent) -> None:
        del event.lane.waiting[event]
        self._waiting -= 1
        self._octets -= event.octets

    def _put_back(self, event: LaneEvent) -> None:
        """The worker has no room: the event is first in its lane again, which tries later."""
        lane = event.lane
        del lane.running[event]
        rest, lane.waiting = lane.waiting, {}
        self._wait(event)
        lane.waiting.update(rest)
        self._services.sweeper.wake(lane, self._now() + _RETRY_SECONDS)

    def _fail(self, event: LaneEvent, failure: HookFailure, cause: DetachedLoss) -> None:
        hook, kind = event.work.hook, failure.failure_class
        follows = consequence(kind, hook.on_error[kind], may_end_call=False)
        event.attempt.blame(kind, opens_circuit=follows.opens_circuit)
        self.counts.failed += 1
        self._lose(event.work, cause, failure)
        self._forget(event)

    def _give_up(self, event: LaneEvent) -> Undelivered:
        sent = event in event.lane.running
        if sent:
            event.cancel()
            event.attempt.settle()
        else:
            self._stop_waiting(event)
        self.counts.undelivered += 1
        self._lose(event.work, DetachedLoss.UNDELIVERED)
        self._forget(event)
        hook, call_id = event.work.hook, event.work.request.call_id
        return Undelivered(worker=hook.worker, hook=hook.name, call_id=call_id, sent=sent)

    def _lose(
        self, work: DetachedWork, cause: DetachedLoss, failure: HookFailure | None = None
    ) -> None:
        _log.warning(
            "detached_lost hook=%s call_id=%s cause=%s code=%s message=%r",
            work.hook.path,
            work.request.call_id,
            cause,
            failure.code if failure else "",
            failure.message if failure else "",
        )
        self._services.observer.detached_lost(work.hook, cause)

    def _forget(self, event: LaneEvent) -> None:
        """The event is over, and its lane too when it was the last one."""
        lane = event.lane
        self._services.sweeper.forget(event)
        lane.running.pop(event, None)
        if not lane.waiting and not lane.running:
            self._services.sweeper.forget(lane)
            self._ready.pop(lane, None)
            if self._lanes.get(lane.key) is lane:
                del self._lanes[lane.key]
        self._empty.look()
