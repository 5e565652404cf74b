"""Handing one run to an instance of its worker, and to another one where that is safe."""

from __future__ import annotations

from collections.abc import Sequence
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
from sidehook_server.pipeline.requests import shortened
from sidehook_server.policy import CLASSES


class RunOwner(Protocol):
    """Whoever waits for a run: a call, or the queue of detached work."""

    def run_sent(self, attempt: Attempt, link: WorkerLink) -> None:
        """The run was handed to this link; once more for each instance that is tried."""

    def run_begun(self, attempt: Attempt, index: int) -> None:
        """The worker calls the hook at an index of the run."""

    def run_extended(self, attempt: Attempt, extra: float, index: int) -> None:
        """The hook at an index of the run asks for so many seconds more."""

    def run_answered(self, attempt: Attempt, result: HookResult) -> None:
        """A hook answered."""

    def run_failed(self, attempt: Attempt, failure: HookFailure) -> None:
        """No answer will come, and there is nobody else to ask."""


class CallOwner(RunOwner, Protocol):
    """An owner of runs of several hooks, which wait while every instance is at its limit."""

    def run_shortened(self, attempt: Attempt, hooks: int) -> None:
        """An instance takes only the first so many hooks of the run, which it gets now."""

    def run_lost(self, attempt: Attempt, failure: HookFailure) -> None:
        """The connection broke during a run of several hooks."""

    def run_spoiled(self, attempt: Attempt, failure: HookFailure, index: int | None) -> None:
        """An answer in a run of several hooks cannot be read; None: nor whose it is."""

    def run_ended(self, attempt: Attempt) -> None:
        """Nothing more comes for a run of several hooks."""

    def run_waits(self, attempt: Attempt) -> None:
        """The run waits for its turn."""

    def run_has_turn(self, attempt: Attempt) -> None:
        """The turn of the run has come: `resume` sends it."""

    def run_shed(self, attempt: Attempt, failure: HookFailure) -> None:
        """There is no room for the run to wait, and its hook may be shed."""


class Attempt:
    """One run on its way to its answers; the sink of whichever link has it.

    While every instance that could take it is at its limit, it waits when its owner is a
    `call`, and fails otherwise. Only a call has runs of several hooks: an instance that
    does not take them all gets the first of them, and the call is told.

    A run that was certainly never sent goes to another instance. One that was sent is
    repeated only when its connection broke, its hook is idempotent and time is left; of a
    run of several hooks the call says what is. Instances on which the first hook's circuit
    is open are not asked. Whoever owns the attempt says whether a hook's end was a failure of
    it (`blame`), and then that it is over (`settle`).
    """

    __slots__ = (
        "_answered",
        "_call",
        "_called_at",
        "_expires",
        "_failure",
        "_handle",
        "_made",
        "_owner",
        "_place",
        "_request",
        "_services",
        "_snapshot",
        "_tickets",
        "_tried",
        "_turn_at",
        "_waits_since",
        "hook",
        "hooks",
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
        call: CallOwner | None = None,
        riders: tuple[PlannedHook, ...] = (),
    ) -> None:
        self.run = run
        self.hook = hook
        self.hooks = (hook, *riders)
        self.link: WorkerLink | None = None
        self.may_have_run = False
        self._request = request
        self._expires = expires
        self._owner = owner
        self._call = call
        self._place: Place | None = None
        self._waits_since: float | None = None
        self._failure: HookFailure | None = None
        self._services = services
        self._snapshot = snapshot
        self._made = services.clock.time()
        self._turn_at = self._made
        self._called_at: dict[int, float] = {}
        self._handle: RunHandle | None = None
        self._tickets: dict[int, int] = {}
        self._answered: set[int] = set()
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
        if self._call is not None:
            self._call.run_has_turn(self)

    def turn_away(self, limit: int) -> None:
        """Too many runs wait, and this is the one to go."""
        self._services.observer.run_turned_away(self.hook)
        failure = queue_full(self.hook.worker, limit)
        if self._call is not None and self.hook.may_be_shed:
            self._call.run_shed(self, failure)
        else:
            self._owner.run_failed(self, failure)

    def cancel(self, index: int | None = None) -> None:
        """Tells the instance that has the run to stop; its answer is no longer awaited.

        One that waits leaves the queue. With an index only that hook of it is stopped.
        """
        if index is not None:
            if self._handle is not None:
                self._handle.cancel(index)
            return
        if self._place is not None:
            self._services.turnstile.leave(self._place)
        handle, self._handle = self._handle, None
        if handle is not None:
            handle.cancel()

    def begun(self, index: int = 0) -> None:
        """The worker calls a hook."""
        self._called_at[index] = self._services.clock.time()
        self._owner.run_begun(self, index)

    def extended(self, extra: float, index: int = 0) -> None:
        """A hook asks for more time."""
        self._owner.run_extended(self, extra, index)

    def answered(self, result: HookResult) -> None:
        """The link has a hook's answer."""
        self._answered.add(result.index)
        if len(self.hooks) == 1:
            self._handle = None
            self._owner.run_answered(self, result)
            return
        self._owner.run_answered(self, result)
        if result.index < len(self.hooks) - len(self._request.steps[-1]):
            self._turn_at = self._services.clock.time()

    def spoiled(self, failure: HookFailure, index: int | None) -> None:
        """The link has an answer that cannot be read."""
        if self._call is not None:
            self._call.run_spoiled(self, failure, index)

    def ended(self) -> None:
        """The link will have nothing more."""
        self._handle = None
        if self._call is not None:
            self._call.run_ended(self)

    def failed(self, failure: HookFailure, *, sent: bool) -> None:
        """The link will have no answer."""
        self._handle = None
        self.may_have_run = self.may_have_run or sent
        is_lost = failure.failure_class is FailureClass.UNREACHABLE
        final: HookFailure | None = failure
        if not sent or is_lost:
            self.settle()
        if sent and is_lost and len(self.hooks) > 1 and self._call is not None:
            self._call.run_lost(self, failure)
            return
        if not sent or self._may_repeat(failure):
            final = self._send(failure)
        if final is not None:
            self._owner.run_failed(self, final)

    def blame(self, kind: FailureClass, *, opens_circuit: bool, index: int = 0) -> None:
        """A hook of the run failed: its breaker on that instance hears of it. Once."""
        link, ticket = self.link, self._tickets.pop(index, None)
        if link is None or ticket is None:
            return
        hook, breakers = self.hooks[index], self._services.breakers
        now = self._services.clock.time()
        too_late = self._came_too_late(kind, index, now)
        if opens_circuit or (CLASSES[kind].feeds_breaker and not too_late):
            breakers.failed(link, hook, ticket, now, at_once=opens_circuit)
        else:
            breakers.abandoned(link, hook, ticket)

    def _came_too_late(self, kind: FailureClass, index: int, now: float) -> bool:
        """Whether the hook waited for longer than it then had, and ran out of time.

        That says as little of the hook as running out of time in the queue does, and would
        keep everybody from a worker that is merely busy.
        """
        called_at = self._called_at.get(index, self._turn_at)
        return kind is FailureClass.TIMEOUT and called_at - self._turn_at > now - called_at

    def settle(self, index: int | None = None) -> None:
        """Whatever there was to blame a hook for has been said, None: any of them.

        One that answered succeeded then; of any other nothing is known. Safe to call twice.
        """
        link = self.link
        if link is None:
            return
        breakers = self._services.breakers
        for each in tuple(self._tickets) if index is None else (index,):
            ticket = self._tickets.pop(each, None)
            if ticket is not None:
                told = breakers.succeeded if each in self._answered else breakers.abandoned
                told(link, self.hooks[each], ticket)

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
            hooks = self._taken_by(link, snapshots)
            outcome = link.send(self._timed(hooks), self)
            if not isinstance(outcome, HookFailure):
                self._handle, self.link = outcome, link
                self._has_link(link, hooks, ticket, now)
                return None
            self._services.breakers.abandoned(link, self.hook, ticket)
            failure = outcome

    def _has_link(self, link: WorkerLink, hooks: int, ticket: int, now: float) -> None:
        """An instance has the run, or the first so many hooks of it."""
        if hooks < len(self.hooks):
            self._request = shortened(self._request, self.hooks, hooks)
            self.hooks = self.hooks[:hooks]
            if self._call is not None:
                self._call.run_shortened(self, hooks)
        self._tickets[0] = ticket
        for index in range(1, hooks):
            rider = self._services.breakers.enter(link, self.hooks[index], now)
            assert rider is not None, "nobody rides to where it is kept away from"
            self._tickets[index] = rider
        self._called_at[0] = now
        if self._waits_since is not None:
            self._services.observer.run_waited(self.hook, now - self._waits_since)
            self._waits_since = None
        self._owner.run_sent(self, link)

    def _taken_by(self, link: WorkerLink, snapshots: Sequence[Snapshot]) -> int:
        """How many of the hooks this instance takes in one run: a whole step or none of it.

        Of the first step it may be some, since its hooks need not be together.
        """
        if len(self.hooks) == 1 or not link.fuses:
            return 1
        taken = 1
        while taken < len(self.hooks) and self._takes(link, self.hooks[taken], snapshots):
            taken += 1
        whole = 0
        for step in self._request.steps:
            if whole and whole + len(step) > taken:
                break
            whole += len(step)
        return min(whole, taken)

    def _takes(self, link: WorkerLink, hook: PlannedHook, snapshots: Sequence[Snapshot]) -> bool:
        serves = any(link.link_id in snapshot.candidates(hook) for snapshot in snapshots)
        return serves and self._services.breakers.is_closed(link, hook)

    def _wait(self, full: AllFull, failure: HookFailure | None) -> HookFailure | None:
        """Waits for the links that would take the run if they had room; they do not.

        Those that the hook's circuit keeps it from are not worth waiting for.
        """
        services, hook = self._services, self.hook
        now = services.clock.time()
        links = [link for link in full.links if not services.breakers.keep_away(link, hook, now)]
        if not links:
            return circuit_open(hook.worker, hook.name, full.links[0].instance)
        if self._call is None:
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
        self._call.run_waits(self)
        services.turnstile.wait(self._place, links)
        return None

    def _timed(self, hooks: int) -> RunRequest:
        """The request for so many hooks, with the time that has passed taken off."""
        request = self._request
        if hooks < len(self.hooks):
            request = shortened(request, self.hooks, hooks)
        passed = self._services.clock.time() - self._made
        if passed < 0.001:
            return request

        def left(seconds: float) -> float:
            return max(0.001, seconds - passed)

        # What comes after the first step has its time from its own turn on.
        first, *behind = request.steps
        timed = tuple(replace(hook, timeout=left(hook.timeout)) for hook in first)
        return replace(request, steps=(timed, *behind), time_left=left(request.time_left))
