"""One worker's part of the queue of detached work, and the events in it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final, Protocol

from sidehook._run import HookFailure, HookResult
from sidehook_server.dispatch.attempt import Attempt
from sidehook_server.dispatch.link import WorkerLink
from sidehook_server.pipeline.model import DetachedWork

_log: Final = logging.getLogger("sidehook.dispatch")


class EventQueue(Protocol):
    """Is told what became of the events it sent."""

    def answered(self, event: LaneEvent, attempt: Attempt, result: HookResult) -> None:
        """The hook of an event answered."""

    def failed(self, event: LaneEvent, failure: HookFailure) -> None:
        """The hook of an event gave no answer."""

    def expire(self, event: LaneEvent) -> None:
        """The time of an event is over."""


class Lane:
    """The events of one worker, or of one scope that an application serves itself."""

    __slots__ = ("_send", "key", "running", "waiting")

    def __init__(self, key: tuple[str, str], send: Callable[[Lane], None]) -> None:
        self.key = key
        self.waiting: dict[LaneEvent, None] = {}
        self.running: dict[LaneEvent, None] = {}
        self._send = send

    def first(self) -> LaneEvent:
        """The event that has waited longest; there must be one."""
        return next(iter(self.waiting))

    def tick(self, now: float) -> None:
        """The worker may have room again."""
        self._send(self)


class LaneEvent:
    """One event in the queue. `octets` of payload, `expires` on the monotonic clock."""

    __slots__ = ("_queue", "accepted_at", "attempt", "expires", "lane", "octets", "work")

    attempt: Attempt
    """Its way to a worker; set right after the event is made."""

    def __init__(
        self, work: DetachedWork, *, lane: Lane, queue: EventQueue, octets: int, now: float
    ) -> None:
        self.work = work
        self.lane = lane
        self.octets = octets
        self.accepted_at = now
        self.expires = now + work.hook.timeout
        self._queue = queue

    def begin(self) -> HookFailure | None:
        """Sends the event; returns why it could not be sent."""
        return self.attempt.begin()

    def cancel(self) -> None:
        """Tells the worker that has it to stop."""
        self.attempt.cancel()

    def tick(self, now: float) -> None:
        """Its time is over."""
        self._queue.expire(self)

    def run_sent(self, attempt: Attempt, link: WorkerLink) -> None:
        """Nobody is waiting to hear of it."""

    def run_begun(self, attempt: Attempt) -> None:
        """Nobody is waiting to hear of it."""

    def run_extended(self, attempt: Attempt, extra: float) -> None:
        """Its time is over when it is over: there is no budget that more could come from."""

    def run_answered(self, attempt: Attempt, result: HookResult) -> None:
        """Its hook answered."""
        try:
            self._queue.answered(self, attempt, result)
        except Exception:
            _log.exception("detached_broken call_id=%s", self.work.request.call_id)

    def run_failed(self, attempt: Attempt, failure: HookFailure) -> None:
        """Its hook gave no answer and will not."""
        try:
            self._queue.failed(self, failure)
        except Exception:
            _log.exception("detached_broken call_id=%s", self.work.request.call_id)
