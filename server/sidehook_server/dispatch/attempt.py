"""Handing one run to an instance of its worker, and to another one where that is safe."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from sidehook._run import HookFailure, HookResult, RunRequest
from sidehook._types import FailureClass
from sidehook_server.dispatch.failures import unreachable
from sidehook_server.dispatch.link import RunHandle, WorkerLink
from sidehook_server.dispatch.services import Services
from sidehook_server.dispatch.snapshot import Snapshot
from sidehook_server.pipeline.model import PlannedHook


class RunOwner(Protocol):
    """Whoever waits for a run: a call, or the queue of detached work."""

    def run_sent(self, attempt: Attempt, link: WorkerLink) -> None:
        """The run was handed to this link; once more for each instance that is tried."""

    def run_answered(self, attempt: Attempt, result: HookResult) -> None:
        """The hook answered."""

    def run_failed(self, attempt: Attempt, failure: HookFailure) -> None:
        """No answer will come, and there is nobody else to ask."""


class Attempt:
    """One run on its way to an answer; the sink of whichever link has it.

    A run that was certainly never sent goes to another instance. One that was sent is
    repeated only when its connection broke, its hook is idempotent and time is left.
    """

    __slots__ = (
        "_expires",
        "_handle",
        "_made",
        "_owner",
        "_request",
        "_services",
        "_snapshot",
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

    def answered(self, result: HookResult) -> None:
        """The link has the hook's answer."""
        self._handle = None
        self._owner.run_answered(self, result)

    def failed(self, failure: HookFailure, *, sent: bool) -> None:
        """The link will have no answer."""
        self._handle = None
        self.may_have_run = self.may_have_run or sent
        final: HookFailure | None = failure
        if not sent or self._may_repeat(failure):
            final = self._send(failure)
        if final is not None:
            self._owner.run_failed(self, final)

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
            outcome = link.send(self._timed(), self)
            if not isinstance(outcome, HookFailure):
                self._handle, self.link = outcome, link
                self._owner.run_sent(self, link)
                return None
            failure = outcome

    def _timed(self) -> RunRequest:
        """The request, with the time that has passed since it was made taken off."""
        passed = self._services.clock.time() - self._made
        if passed < 0.001:
            return self._request
        return replace(self._request, time_left=max(0.001, self._request.time_left - passed))
