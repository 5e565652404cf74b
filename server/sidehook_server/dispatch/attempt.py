"""Handing one run to an instance of its worker, and to another one where that is safe."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from sidehook._run import HookFailure, HookResult, RunRequest
from sidehook._types import FailureClass
from sidehook_server.dispatch.failures import circuit_open, unreachable
from sidehook_server.dispatch.link import RunHandle, WorkerLink
from sidehook_server.dispatch.services import Services
from sidehook_server.dispatch.snapshot import Snapshot
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


class Attempt:
    """One run on its way to an answer; the sink of whichever link has it.

    A run that was certainly never sent goes to another instance. One that was sent is
    repeated only when its connection broke, its hook is idempotent and time is left.
    Instances on which the hook's circuit is open are not asked. Whoever owns the attempt
    says whether its end was a failure of the hook (`blame`), and then that it is over
    (`settle`).
    """

    __slots__ = (
        "_expires",
        "_handle",
        "_is_answered",
        "_made",
        "_owner",
        "_request",
        "_services",
        "_snapshot",
        "_ticket",
        "_tried",
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
    ) -> None:
        self.run = run
        self.hook = hook
        self.link: WorkerLink | None = None
        self.may_have_run = False
        self._request = request
        self._expires = expires
        self._owner = owner
        self._services = services
        self._snapshot = snapshot
        self._made = services.clock.time()
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

    def cancel(self) -> None:
        """Tells the instance that has the run to stop; its answer is no longer awaited."""
        handle, self._handle = self._handle, None
        if handle is not None:
            handle.cancel()

    def begun(self) -> None:
        """The worker calls the hook."""
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
        if opens_circuit or CLASSES[kind].feeds_breaker:
            now = self._services.clock.time()
            self._services.breakers.failed(link, self.hook, ticket, now, at_once=opens_circuit)
        else:
            self._services.breakers.abandoned(link, self.hook, ticket)

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
            if link is None:
                return unreachable(self.hook.worker) if failure is None else failure
            self._tried += (link.link_id,)
            ticket = self._services.breakers.enter(link, self.hook, self._services.clock.time())
            if ticket is None:
                failure = circuit_open(self.hook.worker, self.hook.name, link.instance)
                continue
            outcome = link.send(self._timed(), self)
            if not isinstance(outcome, HookFailure):
                self._handle, self.link, self._ticket = outcome, link, ticket
                self._owner.run_sent(self, link)
                return None
            self._services.breakers.abandoned(link, self.hook, ticket)
            failure = outcome

    def _timed(self) -> RunRequest:
        """The request, with the time that has passed since it was made taken off."""
        passed = self._services.clock.time() - self._made
        if passed < 0.001:
            return self._request
        return replace(self._request, time_left=max(0.001, self._request.time_left - passed))
