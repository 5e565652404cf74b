"""The queue of detached work: FIRE_AND_FORGET runs, after the verdict and outside the call.

Bounded in events and bytes; `entrance` decides who is let in, and `lane` who is sent next.
An event whose hook is idempotent is tried again when its run failed; one that was
certainly never sent may wait for its worker. With a journal an event is accepted once it
is written, and stays there until its fate is known. docs/detached.md has the whole life.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from sidehook._run import HookFailure, HookResult
from sidehook._types import FailureClass
from sidehook_server.dispatch.attempt import Attempt
from sidehook_server.dispatch.detached_answer import failure_in_answer
from sidehook_server.dispatch.detached_counts import DetachedCounts
from sidehook_server.dispatch.detached_limits import DetachedLimits
from sidehook_server.dispatch.entrance import LAST_WORDS_SECONDS, Caller, Entrance
from sidehook_server.dispatch.event import DetachedEvent, Stage
from sidehook_server.dispatch.failures import (
    not_in_journal,
    scope_gone,
    unknown_fate,
    unreachable,
)
from sidehook_server.dispatch.journal import Journal, KeptEvent
from sidehook_server.dispatch.lane import HookKey, HookLane, Lane, LaneKey
from sidehook_server.dispatch.observer import DetachedLoss
from sidehook_server.dispatch.retry import RetryPolicy, may_wait, pause
from sidehook_server.dispatch.room import Room, event_size
from sidehook_server.dispatch.services import Services
from sidehook_server.dispatch.snapshot import Snapshot
from sidehook_server.dispatch.waiting import Waiter
from sidehook_server.pipeline.failures import expired_in_queue, timed_out
from sidehook_server.pipeline.model import DetachedWork, PlannedHook
from sidehook_server.policy import consequence

_log: Final = logging.getLogger("sidehook.dispatch")

_LOSSES: Final = {
    FailureClass.UNREACHABLE: DetachedLoss.UNREACHABLE,
    FailureClass.TIMEOUT: DetachedLoss.TIMEOUT,
    FailureClass.CIRCUIT_OPEN: DetachedLoss.CIRCUIT_OPEN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Undelivered:
    """An event that the sidecar could not deliver before it stopped.

    `sent` tells that its hook may have run, only without an answer in time; `kept` that
    it is in the journal, for the next run of the sidecar. What is not kept is lost.
    """

    worker: str
    hook: str
    call_id: str
    sent: bool
    kept: bool


class DetachedQueue:
    """Delivers detached events. Used from the event loop's thread only."""

    def __init__(
        self,
        services: Services,
        limits: DetachedLimits | None = None,
        *,
        journal: Journal | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._services = services
        self._limits = limits or DetachedLimits()
        self._journal = journal
        self._retry = RetryPolicy(retries=self._limits.retries, jitter=jitter)
        self._room = Room(events=self._limits.events, octets=self._limits.octets)
        self._entrance = Entrance(
            self,
            room=self._room,
            sweeper=services.sweeper,
            limits=self._limits,
            journal=journal,
        )
        self._events: dict[DetachedEvent, None] = {}
        self._lanes: dict[LaneKey, Lane] = {}
        self._ready: dict[Lane, None] = {}
        self._running = 0
        self._kept = 0
        self._stopped = False
        self._quiet = Waiter(services.sweeper, self._is_quiet)
        self._written = Waiter(services.sweeper, lambda: not self._entrance.is_writing)
        self.counts: Final = DetachedCounts()

    @property
    def queued(self) -> int:
        """Events that were accepted and whose fate is open; after a drain those in the journal."""
        return len(self._events) + self._kept

    @property
    def waiting(self) -> int:
        """Events that wait for their turn."""
        return sum(len(hook.waiting) for hook in self._hook_lanes())

    @property
    def running(self) -> int:
        """Events that a worker has and has not answered."""
        return self._running

    @property
    def retrying(self) -> int:
        """Events that wait for the time of their next try."""
        return sum(hook.held for hook in self._hook_lanes())

    @property
    def octets(self) -> int:
        """The bytes of payload and state that wait."""
        return self._room.octets

    @property
    def calls_waiting(self) -> int:
        """Calls whose answer waits for room, or for the journal."""
        return self._entrance.calls

    def offer(self, work: tuple[DetachedWork, ...], snapshot: Snapshot, caller: Caller) -> None:
        """Takes works in, or refuses them, and tells the caller which.

        The caller is told before this returns, unless works have to wait for room or for
        the journal. `send_waiting` sends what was taken.
        """
        self._entrance.offer(work, snapshot, caller)

    def limit_runs(self, hook_runs: Mapping[tuple[str, str], int]) -> None:
        """Lets so many runs of single hooks go on at once, of those that are queued from now on."""
        self._limits = replace(self._limits, hook_runs=hook_runs)

    def restore(self, events: Iterable[KeptEvent]) -> None:
        """Takes over what the journal kept; to be called once, before anything is offered."""
        snapshot = self._services.registry()
        for kept in events:
            octets = event_size(kept.work.request)
            event = self._event(kept.number, kept.work, snapshot, octets, restored=True)
            self._entrance.number_from(kept.number)
            self._room.take(octets)
            self._accept(event)
            self.counts.restored += 1
            self._services.observer.detached_restored(kept.work.hook)
            if kept.sent:
                self._fail(event, unknown_fate(), DetachedLoss.UNKNOWN)
            elif kept.work.hook.handle is not None:
                self._fail(event, scope_gone(), DetachedLoss.UNREACHABLE)
        self.send_waiting()

    def send_waiting(self) -> None:
        """Sends what may be sent of the events taken in since the last time."""
        while self._ready:
            lane, _ = self._ready.popitem()
            self.send_lane(lane)

    async def drain(self, until: float) -> tuple[Undelivered, ...]:
        """Waits until everything is delivered or `until` has come, on the sweeper's clock.

        With a journal it does not wait for what can only wait itself. Then it gives up
        what is left, and returns it: as kept in the journal, or lost, logged and counted.
        """
        self.send_waiting()
        await self._quiet.wait(until)
        # Nothing is begun that nobody would wait for.
        self._stopped = True
        await self._written.wait(max(until, self._now() + LAST_WORDS_SECONDS))
        self._entrance.close()
        return tuple(map(self._give_up, tuple(self._events)))

    # The entrance.

    def admit(self, number: int, work: DetachedWork, snapshot: Snapshot, octets: int) -> None:
        """Takes an event in, which has its room already."""
        self._accept(self._event(number, work, snapshot, octets))
        self._written.look()

    def refuse(self, work: DetachedWork, cause: DetachedLoss) -> None:
        """An event is not taken in."""
        self.counts.refused += 1
        self._log_loss(work, cause, None)
        self._services.observer.detached_refused(work.hook, cause)
        self._written.look()

    def turn_away(self, hook: PlannedHook) -> None:
        """An event is not even offered, because the sidecar is near its limit."""
        self.counts.refused += 1
        self._services.observer.detached_refused(hook, DetachedLoss.SATURATED)

    def shed_oldest(self) -> bool:
        """Drops the event that has waited longest; False when none waits."""
        oldest = next((it for it in self._events if it.stage is not Stage.RUNNING), None)
        if oldest is None:
            return False
        self.counts.shed += 1
        self._lose(oldest, DetachedLoss.SHED)
        return True

    # Sending.

    def send_lane(self, lane: Lane) -> None:
        """Sends the events of one worker, as far as it may have more."""
        while not self._stopped and (hook := lane.next(self._limits.per_worker)) is not None:
            self._send(hook.first())
        self._entrance.let_in()
        self._quiet.look()

    def _send(self, event: DetachedEvent) -> None:
        self._room.give(event.octets)
        event.stage = Stage.RUNNING
        event.lane.start(event)
        self._running += 1
        if event.until <= self._now():
            # Its own turn to be woken comes after that of the one it waited for.
            self._expire(event)
        elif event.journalled and not event.work.hook.idempotent:
            self._mark(event)
        else:
            self._begin(event)

    def _mark(self, event: DetachedEvent) -> None:
        """Has the journal note that the hook may run, before it may."""
        hook = self._terms(event)
        if self._journal is None or not self._services.registry().candidates(hook):
            self._not_sent(event, unreachable(hook.worker))
            return
        event.marked = True
        self._journal.mark_sent(event.number, partial(self._marked, event))

    def _marked(self, event: DetachedEvent, noted: bool) -> None:  # noqa: FBT001 - what a Done is told
        if event.stage is not Stage.RUNNING:
            return
        if noted:
            self._begin(event)
        else:
            self._not_sent(event, not_in_journal())
        self.send_lane(event.lane.lane)

    def _begin(self, event: DetachedEvent) -> None:
        hook, request, now = self._terms(event), event.work.request, self._now()
        expires = min(now + hook.timeout, event.until)
        if abs(expires - now - request.time_left) > 0.001:
            request = replace(request, time_left=max(0.001, expires - now))
        attempt = Attempt(
            event.number,
            hook,
            request,
            expires=expires,
            snapshot=event.snapshot,
            owner=event,
            services=self._services,
        )
        failure = attempt.begin()
        if failure is not None:
            self._not_sent(event, failure)
            return
        event.attempt = attempt
        event.tries += 1
        event.lane.pauses = 0
        self._services.sweeper.wake(event, expires)

    def _terms(self, event: DetachedEvent) -> PlannedHook:
        """The terms of the event's hook: those it was accepted with, later those of now."""
        hook = event.work.hook
        if hook.handle is not None or not (event.restored or event.tries or event.failure):
            return hook
        plan = self._services.registry().plan(hook.hook_type)
        same = (it for it in plan.hooks if it.path == hook.path and it.mode is hook.mode)
        return next(same, hook)

    # What becomes of a try.

    def answered(self, event: DetachedEvent, attempt: Attempt, result: HookResult) -> None:
        """The hook of an event answered."""
        if event.attempt is not attempt:
            return
        event.attempt = None
        event.lane.lane.resume()
        failure = failure_in_answer(attempt, event.work, result, self._services.observer)
        if failure is None:
            attempt.settle()
            self.counts.delivered += 1
            seconds = self._now() - event.accepted_at
            self._services.observer.detached_delivered(event.work.hook, seconds)
            self._end(event)
        else:
            self._failed(event, attempt, failure)
        self.send_lane(event.lane.lane)

    def failed(self, event: DetachedEvent, attempt: Attempt, failure: HookFailure) -> None:
        """The hook of an event gave no answer."""
        if event.attempt is not attempt:
            return
        event.attempt = None
        if attempt.may_have_run:
            self._failed(event, attempt, failure)
        else:
            event.tries -= 1
            self._not_sent(event, failure)
        self.send_lane(event.lane.lane)

    def time_has_come(self, event: DetachedEvent) -> None:
        """An event was woken: its time is over, that of its try, or that between two tries."""
        if event.stage is Stage.RETRYING:
            self._wait(event)
        elif (attempt := event.attempt) is not None:
            event.cancel()
            self._failed(event, attempt, timed_out(event.work.hook.timeout))
        else:
            self._expire(event)
        self.send_lane(event.lane.lane)

    def _failed(self, event: DetachedEvent, attempt: Attempt, failure: HookFailure) -> None:
        """A run was sent, and failed: it is repeated, or its event is lost."""
        hook, kind = attempt.hook, failure.failure_class
        follows = consequence(kind, hook.on_error[kind], may_end_call=False)
        attempt.blame(kind, opens_circuit=follows.opens_circuit)
        at = self._now() + self._retry.delay(event.tries)
        again = self._retry.repeats(failure, idempotent=hook.idempotent, tries=event.tries)
        if not again or at >= event.until:
            self._fail(event, failure, _LOSSES.get(failure.failure_class, DetachedLoss.FAILED))
            return
        event.failure = failure
        self.counts.retried += 1
        self._services.observer.detached_retried(hook, failure.failure_class)
        self._stop_running(event)
        event.stage = Stage.RETRYING
        event.lane.held += 1
        self._room.take(event.octets)
        self._services.sweeper.wake(event, at)

    def _not_sent(self, event: DetachedEvent, failure: HookFailure) -> None:
        """A run was certainly not sent: its event waits, first in its lane, or is lost."""
        if event.marked and self._journal is not None:
            event.marked = False
            self._journal.mark_unsent(event.number)
        if not may_wait(failure, patient=event.patient):
            cause = _LOSSES.get(failure.failure_class, DetachedLoss.FAILED)
            self._fail(event, failure, cause)
            return
        event.failure = failure
        lane = event.lane
        self._stop_running(event)
        event.stage = Stage.WAITING
        self._room.take(event.octets)
        lane.wait_first(event)
        self._services.sweeper.wake(event, event.until)
        self._services.sweeper.wake(lane, self._now() + pause(lane.pauses))
        lane.pause(busy=failure.failure_class is FailureClass.OVERLOADED)

    def _expire(self, event: DetachedEvent) -> None:
        """The time of an event is over before its turn."""
        failure, cause = event.failure, DetachedLoss.UNREACHABLE
        if failure is None or failure.failure_class is not FailureClass.UNREACHABLE:
            failure = expired_in_queue(self._now() - event.accepted_at)
            cause = DetachedLoss.EXPIRED
        self._fail(event, failure, cause)

    def _fail(self, event: DetachedEvent, failure: HookFailure, cause: DetachedLoss) -> None:
        self.counts.failed += 1
        self._lose(event, cause, failure)

    def _give_up(self, event: DetachedEvent) -> Undelivered:
        """The sidecar stops: what may be delivered by its next run stays in the journal."""
        work = event.work
        sent = event.tries > 0
        kept = event.journalled and (work.hook.idempotent or event.attempt is None)
        if (attempt := event.attempt) is not None:
            attempt.settle()
        event.cancel()
        if kept:
            if event.marked and self._journal is not None:
                self._journal.mark_unsent(event.number)
            self._kept += 1
            self._end(event, remove=False)
        else:
            self.counts.failed += 1
            self._lose(event, DetachedLoss.UNDELIVERED)
        return Undelivered(
            worker=work.hook.worker,
            hook=work.hook.name,
            call_id=work.request.call_id,
            sent=sent,
            kept=kept,
        )

    # Where events are.

    def _event(
        self,
        number: int,
        work: DetachedWork,
        snapshot: Snapshot,
        octets: int,
        *,
        restored: bool = False,
    ) -> DetachedEvent:
        hook = work.hook
        key = (hook.worker, hook.handle or "")
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = Lane(key, self.send_lane)
        own: HookKey = (hook.hook_type, hook.name)
        event = DetachedEvent(
            number,
            work,
            queue=self,
            lane=lane.of(own, runs=self._limits.runs_of(hook.worker, hook.name)),
            snapshot=snapshot,
            octets=octets,
            journalled=self._journal is not None,
            restored=restored,
        )
        event.accepted_at = self._now()
        # One that may wait, or be repeated, has more than the time of a single run.
        longer = self._limits.retry_for if event.patient else 0.0
        event.until = event.accepted_at + max(hook.timeout, longer)
        return event

    def _accept(self, event: DetachedEvent) -> None:
        self._events[event] = None
        self.counts.accepted += 1
        self._services.observer.detached_accepted(event.work.hook)
        event.lane.wait(event)
        self._services.sweeper.wake(event, event.until)
        self._ready[event.lane.lane] = None

    def _wait(self, event: DetachedEvent) -> None:
        """An event that was held for its next try waits for its turn again."""
        event.lane.held -= 1
        event.stage = Stage.WAITING
        event.lane.wait(event)
        self._services.sweeper.wake(event, event.until)

    def _stop_running(self, event: DetachedEvent) -> None:
        event.lane.leave(event)
        self._running -= 1

    def _lose(
        self, event: DetachedEvent, cause: DetachedLoss, failure: HookFailure | None = None
    ) -> None:
        self._log_loss(event.work, cause, failure)
        self._services.observer.detached_lost(event.work.hook, cause)
        self._end(event)

    def _log_loss(
        self, work: DetachedWork, cause: DetachedLoss, failure: HookFailure | None
    ) -> None:
        _log.warning(
            "detached_lost hook=%s call_id=%s cause=%s code=%s message=%r",
            work.hook.path,
            work.request.call_id,
            cause,
            failure.code if failure else "",
            failure.message if failure else "",
        )

    def _end(self, event: DetachedEvent, *, remove: bool = True) -> None:
        """The event is over, and its lane too when it was the last one."""
        hook_lane, lane = event.lane, event.lane.lane
        if event.stage is Stage.RUNNING:
            self._stop_running(event)
        else:
            self._room.give(event.octets)
            hook_lane.held -= event.stage is Stage.RETRYING
            hook_lane.leave(event)
        event.stage = Stage.OVER
        del self._events[event]
        self._services.sweeper.forget(event)
        if remove and event.journalled and self._journal is not None:
            self._journal.remove(event.number)
        if hook_lane.paused and not hook_lane.waiting:
            self._services.sweeper.forget(hook_lane)
            hook_lane.go_on()
        if lane.key[1] and all(hook.is_empty for hook in lane.hooks.values()):
            # Of scope handles there is no end; of workers there are as many as registered.
            self._ready.pop(lane, None)
            self._lanes.pop(lane.key, None)
        self._quiet.look()

    def _hook_lanes(self) -> Iterator[HookLane]:
        for lane in self._lanes.values():
            yield from lane.hooks.values()

    def _is_quiet(self) -> bool:
        """Whether a drain has nothing to wait for."""
        if not self._events:
            return True
        if self._journal is None or self._running:
            return False
        return not any(lane.ready for lane in self._lanes.values())

    def _now(self) -> float:
        return self._services.clock.time()
