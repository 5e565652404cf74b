"""One detached event, from its acceptance to its end."""

from __future__ import annotations

import logging
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, Protocol

from sidehook._run import HookFailure, HookResult
from sidehook_server.dispatch.attempt import Attempt
from sidehook_server.dispatch.link import WorkerLink
from sidehook_server.dispatch.snapshot import Snapshot
from sidehook_server.pipeline.model import DetachedWork

if TYPE_CHECKING:
    from sidehook_server.dispatch.lane import HookLane

_log: Final = logging.getLogger("sidehook.dispatch")


class Stage(Enum):
    """Where an event is."""

    WAITING = auto()
    """For its turn."""
    RUNNING = auto()
    """An instance has it, or is about to."""
    RETRYING = auto()
    """For the time of its next try."""
    OVER = auto()
    """It is delivered, lost, or left to the journal."""


class EventQueue(Protocol):
    """Is told what happens to its events."""

    def answered(self, event: DetachedEvent, attempt: Attempt, result: HookResult) -> None:
        """The hook of an event answered."""

    def failed(self, event: DetachedEvent, attempt: Attempt, failure: HookFailure) -> None:
        """The hook of an event gave no answer."""

    def time_has_come(self, event: DetachedEvent) -> None:
        """What an event waits for in its stage, time, is over."""


class DetachedEvent:
    """An event that was accepted. Times are on the monotonic clock.

    Attributes:
        number: Names it in the journal.
        work: Its hook, and what the hook gets.
        octets: The bytes of it that count.
        accepted_at: When it was accepted, or taken over from the journal.
        until: When it is given up, whatever its stage.
        patient: It waits for a worker that is not there.
        journalled: It is in the journal.
        restored: An earlier run of the sidecar accepted it.
        marked: The journal says that its hook may have run.
        tries: How often it was sent.
        attempt: The try under way, None when there is none.
        failure: Why it is not delivered yet.
    """

    __slots__ = (
        "_queue",
        "accepted_at",
        "attempt",
        "failure",
        "journalled",
        "lane",
        "marked",
        "number",
        "octets",
        "patient",
        "restored",
        "snapshot",
        "stage",
        "tries",
        "until",
        "work",
    )

    def __init__(
        self,
        number: int,
        work: DetachedWork,
        *,
        queue: EventQueue,
        lane: HookLane,
        snapshot: Snapshot,
        octets: int,
        journalled: bool,
        restored: bool = False,
    ) -> None:
        self.number = number
        self.work = work
        self.lane = lane
        self.snapshot = snapshot
        self.octets = octets
        self.journalled = journalled
        self.restored = restored
        self.patient = journalled or work.hook.idempotent
        self.accepted_at = 0.0
        self.until = 0.0
        self.stage = Stage.WAITING
        self.marked = False
        self.tries = 0
        self.attempt: Attempt | None = None
        self.failure: HookFailure | None = None
        self._queue = queue

    def cancel(self) -> None:
        """Tells the instance that has it to stop."""
        attempt, self.attempt = self.attempt, None
        if attempt is not None:
            attempt.cancel()

    def tick(self, now: float) -> None:
        """Its time has come."""
        self._queue.time_has_come(self)

    def run_sent(self, attempt: Attempt, link: WorkerLink) -> None:
        """Nobody is waiting to hear of it."""

    def run_begun(self, attempt: Attempt, index: int) -> None:
        """Nobody is waiting to hear of it."""

    def run_extended(self, attempt: Attempt, extra: float, index: int) -> None:
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
            self._queue.failed(self, attempt, failure)
        except Exception:
            _log.exception("detached_broken call_id=%s", self.work.request.call_id)
