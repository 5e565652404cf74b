"""Handing one run to an instance of its worker, and to another one where that is safe."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from sidehook._run import HookFailure, HookResult, RunRequest
from sidehook._types import FailureClass
from sidehook_server.dispatch.failures import circuit_open, no_room, queue_full, unreachable
from sidehook_server.dispatch.link import RunHandle, WorkerLink
from sidehook_server.dispatch.routing import AllFull
from sidehook_server.dispatch.services import Services
from sidehook_server.dispatch.snapshot import Snapshot
from sidehook_server.dispatch.turnstile import Place
from sidehook_server.pipeline.model import PlannedHook
from sidehook_server.policy import CLASSES


class RunOwner(Protocol):
    """Whoever waits for a run: a call, or the queue of detached work."""

    def run_sent(self, attempt: Attempt, link: WorkerLink) -> None:
        """The run was handed to this link; once more for each instance that is tried."""

    def run_begun(self, attempt: Attempt) -> None:
        """The worker calls the hook."""

    def run_extended(self, attempt: Attempt, extra: float) -> None:
        """The hook asks for so many seconds more."""

    def run_answered(self, attempt: Attempt, result: HookResult) -> None:
        """The hook answered."""

    def run_failed(self, attempt: Attempt, failure: HookFailure) -> None:
        """No answer will come, and there is nobody else to ask."""


class PatientOwner(RunOwner, Protocol):
    """An owner whose runs wait while every instance is at its limit."""

    def run_waits(self, attempt: Attempt) -> None:
        """The run waits for its turn."""

    def run_has_turn(self, attempt: Attempt) -> None:
        """The turn of the run has come: `resume` sends it."""

    def run_shed(self, attempt: Attempt, failure: HookFailure) -> None:
        """There is no room for the run to wait, and its hook may be shed."""


class Attempt:
    """One run on its way to an answer; the sink of whichever link has it.

    While every instance that could take it is at its limit, it waits when its owner is
    `patient`, and fails otherwise.

    A run that was certainly never sent goes to another instance. One that was sent is
    repeated only when its connection broke, its hook is idempotent and time is left.
    Instances on which the hook's circuit is open are not asked. Whoever owns the attempt
    says whether its end was a failure of the hook (`blame`), and then that it is over
    (`settle`).
    """

    __slots__ = (
        "_called_at",
        "_expires",
        "_failure",
        "_handle",
        "_is_answered",
        "_made",
        "_owner",
        "_patient",
        "_place",
        "_request",
        "_services",
        "_snapshot",
        "_ticket",
        "_tried",
        "_waits_since",
        "hook",
        "link",
        "may_have_run",
        "run",
    )

    def __init__(
        self,
        run: int,
        hook: PlannedHook,
        request: RunRequest,
        *,
        expires: float,
        snapshot: Snapshot,
        owner: RunOwner,
        services: Services,
        patient: PatientOwner | None = None,
    ) -> None:
        self.run = run
        self.hook = hook
        self.link: WorkerLink | None = None
        self.may_have_run = False
        self._request = request
        self._expires = expires
        self._owner = owner
        self._patient = patient
        self._place: Place | None = None
        self._waits_since: float | None = None
        self._failure: HookFailure | None = None
        self._services = services
        self._snapshot = snapshot
        self._made = services.clock.time()
        self._called_at = self._made
        self._handle: RunHandle | None = None
        self._ticket: int | None = None
        self._is_answered = False
        self._tried: tuple[str, ...] = ()

    def begin(self) -> HookFailure | None:
        """Sends the run. Returns why it could not be sent to any instance.

        It may then be begun again, with all instances to choose from.
        """
        self._tried = ()
        return self._send(None)

    def resume(self) -> HookFailure | None:
        """Sends a run that waited, or lets it wait again. Returns why neither could be done."""
        return self._send(self._failure)

    def take_turn(self) -> None:
        """The run has waited long enough."""
        if self._patient is not None:
            self._patient.run_has_turn(self)

    def turn_away(self, limit: int) -> None:
        """Too many runs wait, and this is the one to go."""
        self._services.observer.run_turned_away(self.hook)
        failure = queue_full(self.hook.worker, limit)
        if self._patient is not None and self.hook.may_be_shed:
            self._patient.run_shed(self, failure)
        else:
            self._owner.run_failed(self, failure)

    def cancel(self) -> None:
        """Tells the instance that has the run to stop; its answer is no longer awaited.

        One that waits leaves the queue.
        """
        if self._place is not None:
            self._services.turnstile.leave(self._place)
        handle, self._handle = self._handle, None
        if handle is not None:
            handle.cancel()

    def begun(self) -> None:
        """The worker calls the hook."""
        self._called_at = self._services.clock.time()
        self._owner.run_begun(self)

    def extended(self, extra: float) -> None:
        """The hook asks for more time."""
        self._owner.run_extended(self, extra)

    def answered(self, result: HookResult) -> None:
        """The link has the hook's answer."""
        self._handle = None
        self._is_answered = True
        self._owner.run_answered(self, result)

    def failed(self, failure: HookFailure, *, sent: bool) -> None:
        """The link will have no answer."""
        self._handle = None
        self.may_have_run = self.may_have_run or sent
        final: HookFailure | None = failure
        if not sent or failure.failure_class is FailureClass.UNREACHABLE:
            self.settle()
        if not sent or self._may_repeat(failure):
            final = self._send(failure)
        if final is not None:
            self._owner.run_failed(self, final)

    def blame(self, kind: FailureClass, *, opens_circuit: bool) -> None:
        """The run failed: the hook's breaker on that instance hears of it. Once."""
        link, ticket = self.link, self._ticket
        if link is None or ticket is None:
            return
        self._ticket = None
        now = self._services.clock.time()
        if opens_circuit or (CLASSES[kind].feeds_breaker and not self._came_too_late(kind, now)):
            self._services.breakers.failed(link, self.hook, ticket, now, at_once=opens_circuit)
        else:
            self._services.breakers.abandoned(link, self.hook, ticket)

    def _came_too_late(self, kind: FailureClass, now: float) -> bool:
        """Whether the run waited for longer than its hook then had, and ran out of time.

        That says as little of the hook as running out of time in the queue does, and would
        keep everybody from a worker that is merely busy.
        """
        waited = self._called_at - self._made
        return kind is FailureClass.TIMEOUT and waited > now - self._called_at

    def settle(self) -> None:
        """Whatever there was to blame the run for has been said. Safe to call twice.

        One that was answered succeeded then; of any other nothing is known.
        """
        link, ticket = self.link, self._ticket
        if link is None or ticket is None:
            return
        self._ticket = None
        breakers = self._services.breakers
        told = breakers.succeeded if self._is_answered else breakers.abandoned
        told(link, self.hook, ticket)

    def _may_repeat(self, failure: HookFailure) -> bool:
        return (
            self.hook.idempotent
            and failure.failure_class is FailureClass.UNREACHABLE
            and self._services.clock.time() < self._expires
        )

    def _send(self, failure: HookFailure | None) -> HookFailure | None:
        """Tries the instances that were not tried; returns the last failure when none took it."""
        newest = self._services.registry()
        snapshots = (newest,) if newest is self._snapshot else (newest, self._snapshot)
        while True:
            link = self._services.router.choose(self.hook, snapshots, tried=self._tried)
            if isinstance(link, AllFull):
                return self._wait(link, failure)
            if link is None:
                return unreachable(self.hook.worker) if failure is None else failure
            self._tried += (link.link_id,)
            now = self._services.clock.time()
            ticket = self._services.breakers.enter(link, self.hook, now)
            if ticket is None:
                failure = circuit_open(self.hook.worker, self.hook.name, link.instance)
                continue
            outcome = link.send(self._timed(), self)
            if not isinstance(outcome, HookFailure):
                self._handle, self.link, self._ticket = outcome, link, ticket
                self._called_at = now
                if self._waits_since is not None:
                    self._services.observer.run_waited(self.hook, now - self._waits_since)
                    self._waits_since = None
                self._owner.run_sent(self, link)
                return None
            self._services.breakers.abandoned(link, self.hook, ticket)
            failure = outcome

    def _wait(self, full: AllFull, failure: HookFailure | None) -> HookFailure | None:
        """Waits for the links that would take the run if they had room; they do not.

        Those that the hook's circuit keeps it from are not worth waiting for.
        """
        services, hook = self._services, self.hook
        now = services.clock.time()
        links = [link for link in full.links if not services.breakers.keep_away(link, hook, now)]
        if not links:
            return circuit_open(hook.worker, hook.name, full.links[0].instance)
        if self._patient is None:
            return no_room(hook.worker, "every instance has as many runs as it takes at once")
        self._failure = failure
        if self._waits_since is None:
            self._waits_since = now
        if self._place is None:
            context = self._request.context
            self._place = Place(
                self,
                tenant=context.tenant,
                session=context.session_id or self._request.call_id,
                gives_way=hook.may_be_shed,
            )
        self._patient.run_waits(self)
        services.turnstile.wait(self._place, links)
        return None

    def _timed(self) -> RunRequest:
        """The request, with the time that has passed since it was made taken off."""
        passed = self._services.clock.time() - self._made
        if passed < 0.001:
            return self._request

        def left(seconds: float) -> float:
            return max(0.001, seconds - passed)

        steps = tuple(
            tuple(replace(hook, timeout=left(hook.timeout)) for hook in step)
            for step in self._request.steps
        )
        return replace(self._request, steps=steps, time_left=left(self._request.time_left))
