"""Takes calls in, drives them, and answers each exactly once."""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Protocol

from sidehook._call import CallAnswer, CallContext, CallFailure, CallRequest, Receipt
from sidehook_server.dispatch import admission
from sidehook_server.dispatch.account import account_for
from sidehook_server.dispatch.breakers import Breakers
from sidehook_server.dispatch.detached import DetachedQueue, Undelivered
from sidehook_server.dispatch.detached_limits import DetachedLimits
from sidehook_server.dispatch.driver import CallDriver, OnAnswer
from sidehook_server.dispatch.fair_share import FairShare
from sidehook_server.dispatch.journal import Journal
from sidehook_server.dispatch.links import LinkTable
from sidehook_server.dispatch.observer import NullObserver, Observer
from sidehook_server.dispatch.routing import Router
from sidehook_server.dispatch.services import Services
from sidehook_server.dispatch.shedding import Shedding
from sidehook_server.dispatch.snapshot import Snapshot
from sidehook_server.dispatch.sweeper import Clock, Sweeper
from sidehook_server.dispatch.turnstile import Turnstile
from sidehook_server.dispatch.waiting import Waiter
from sidehook_server.pipeline.load import Load, load_of
from sidehook_server.pipeline.model import PlannedHook
from sidehook_server.pipeline.plan import Plan, overlay
from sidehook_server.pipeline.run import Call

_log: Final = logging.getLogger("sidehook.dispatch")


class CallHandle(Protocol):
    """One call under way."""

    def cancel(self) -> None:
        """The caller is gone: what runs is cancelled. Safe to call twice or too late.

        The call is answered all the same, as CANCELLED, for the log and the metrics.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainReport:
    """What was left when the sidecar stopped: calls cut short, events lost, events kept.

    Those kept are in the journal, for its next run.
    """

    cut_calls: int
    undelivered: tuple[Undelivered, ...]
    kept: tuple[Undelivered, ...] = ()


class Dispatcher:
    """Drives calls over the links there are. Used from the event loop's thread only.

    `registry` gives the newest snapshot; `clock` is the event loop, outside of tests.
    `journal` None keeps detached events in memory only.
    """

    def __init__(
        self,
        *,
        registry: Callable[[], Snapshot],
        links: LinkTable,
        clock: Clock,
        observer: Observer | None = None,
        detached: DetachedLimits | None = None,
        journal: Journal | None = None,
    ) -> None:
        observer = observer or NullObserver()
        self.breakers: Final = Breakers(
            lambda: registry().settings.breaker, random=random.random, observer=observer
        )
        links.on_leave(self.breakers.forget)
        router = Router(links, cap=lambda worker: registry().max_in_flight(worker))
        self._turnstile = Turnstile(
            limit=lambda: registry().settings.load.worker_queue, has_room=router.has_room
        )
        links.on_leave(self._turnstile.link_left)
        links.on_release(self._turnstile.released)
        self._services = Services(
            clock=clock,
            sweeper=Sweeper(clock),
            router=router,
            breakers=self.breakers,
            turnstile=self._turnstile,
            shedding=Shedding(clock),
            registry=registry,
            observer=observer,
        )
        self.detached: Final = DetachedQueue(self._services, detached, journal=journal)
        self.scope_calls: Final[Counter[tuple[str, str]]] = Counter()
        self._calls: dict[CallDriver, str] = {}
        self._shares = FairShare()
        self._looked_at: Snapshot | None = None
        self._all_answered = Waiter(self._services.sweeper, lambda: not self._calls)
        self._draining = False

    @property
    def in_flight(self) -> int:
        """Calls that are not answered yet."""
        return len(self._calls)

    @property
    def load(self) -> Load:
        """The level of load that a call which began now would begin at."""
        return load_of(len(self._calls), self._services.registry().settings.load)

    @property
    def runs_waiting(self) -> Mapping[str, int]:
        """Runs that wait because every instance is at its limit, by worker."""
        return self._turnstile.waiting

    @property
    def draining(self) -> bool:
        """Whether new calls are refused, because the sidecar stops."""
        return self._draining

    async def invoke(self, request: CallRequest) -> CallAnswer:
        """Drives one call to its answer. Cancelling it cancels the call."""
        answered: asyncio.Future[CallAnswer] = asyncio.get_running_loop().create_future()

        def on_answer(answer: CallAnswer) -> None:
            if not answered.done():
                answered.set_result(answer)

        handle = self.start(request, on_answer)
        try:
            return await answered
        finally:
            handle.cancel()

    def start(self, request: CallRequest, on_answer: OnAnswer) -> CallHandle:
        """Drives one call without a task of its own; `on_answer` is called exactly once.

        It may be called before this returns. An empty call id is filled in. Never raises.
        """
        if not request.call_id:
            request = replace(request, call_id=secrets.token_hex(16))
        generation = 0
        try:
            snapshot = self._services.registry()
            generation = snapshot.generation
            failure = self._refusal(request, snapshot)
            if failure is None:
                return self._begin(request, snapshot, on_answer)
        except Exception:
            _log.exception("call_not_begun call_id=%s", request.call_id)
            failure = admission.internal(request.call_id)
        receipt = Receipt(call_id=request.call_id, generation=generation)
        self._refuse(request, CallAnswer(failure, receipt), on_answer)
        return _ANSWERED

    def look_again(self) -> None:
        """The registry may have changed: runs that wait may find an instance now, or none.

        Called again for the same snapshot, as for each of its effects, it does nothing.
        """
        snapshot = self._services.registry()
        if snapshot is not self._looked_at:
            self._looked_at = snapshot
            self._turnstile.look_again()

    def stop_accepting(self) -> None:
        """Refuses calls from now on. Those under way go on."""
        self._draining = True

    async def drain(self, timeout: float) -> DrainReport:  # noqa: ASYNC109 - the sweeper's clock, not the loop's
        """Stops accepting, finishes what is under way, and delivers what is detached.

        After `timeout` seconds the rest is cancelled and reported, in the log too.
        """
        self.stop_accepting()
        until = self._services.clock.time() + timeout
        await self._all_answered.wait(until)
        cut = list(self._calls)
        for call in cut:
            call.cancel()
        left = await self.detached.drain(until)
        report = DrainReport(
            cut_calls=len(cut),
            undelivered=tuple(event for event in left if not event.kept),
            kept=tuple(event for event in left if event.kept),
        )
        log = _log.warning if report.cut_calls or report.undelivered else _log.info
        log(
            "drained cut_calls=%d undelivered_events=%d kept_events=%d",
            report.cut_calls,
            len(report.undelivered),
            len(report.kept),
        )
        return report

    def close(self) -> None:
        """Stops the clock; to be called after `drain`."""
        self._services.shedding.say()
        self._services.sweeper.close()

    def _refusal(self, request: CallRequest, snapshot: Snapshot) -> CallFailure | None:
        if self._draining:
            return admission.draining()
        return self._want_of_room(request, snapshot) or admission.refusal(request, snapshot)

    def _want_of_room(self, request: CallRequest, snapshot: Snapshot) -> CallFailure | None:
        tenant, limit = request.context.tenant, snapshot.settings.load.calls
        cause = self._shares.refusal(tenant, limit=limit, now=self._services.clock.time())
        if cause is None:
            return None
        self._services.observer.call_refused(request.hook_type, cause)
        held = self._shares.held_by(tenant)
        return admission.overloaded(cause, limit=limit, tenant=tenant, held=held)

    def _refuse(self, request: CallRequest, answer: CallAnswer, on_answer: OnAnswer) -> None:
        try:
            on_answer(answer)
            account_for(self._services.observer, request, answer, 0.0)
        except Exception:
            _log.exception("answer_not_delivered call_id=%s", request.call_id)

    def _begin(self, request: CallRequest, snapshot: Snapshot, on_answer: OnAnswer) -> CallDriver:
        plan, lost_handles = _plan_of(request, snapshot)
        context = request.context
        unknown_scopes: tuple[str, ...] = ()
        if context.scopes:
            unknown_scopes = snapshot.unknown_scopes(context.tenant, context.scopes)
            self._count_scopes(context, unknown_scopes)
        call = Call(
            plan,
            request,
            settings=snapshot.settings,
            now=self._services.clock.time(),
            unknown_scopes=unknown_scopes,
            lost_handles=lost_handles,
            load=load_of(len(self._calls), snapshot.settings.load),
        )
        driver = CallDriver(
            call,
            plan=plan,
            request=request,
            snapshot=snapshot,
            services=self._services,
            detached=self.detached,
            on_answer=on_answer,
            on_finish=self._finished,
        )
        self._calls[driver] = context.tenant
        self._shares.enter(context.tenant)
        driver.begin()
        return driver

    def _count_scopes(self, context: CallContext, unknown: tuple[str, ...]) -> None:
        """Counts the calls in each scope that hooks are in; the operator's hooks bound them."""
        for scope in context.scopes:
            if scope not in unknown:
                self.scope_calls[context.tenant, scope] += 1

    def _finished(self, driver: CallDriver) -> None:
        tenant = self._calls.pop(driver, None)
        if tenant is not None:
            self._shares.leave(tenant)
        self._all_answered.look()


def _plan_of(request: CallRequest, snapshot: Snapshot) -> tuple[Plan, tuple[str, ...]]:
    """The plan with the hooks of the call's scope handles, and the handles nobody knows."""
    plan = snapshot.plan(request.hook_type)
    hooks: list[PlannedHook] = []
    lost: list[str] = []
    for handle in dict.fromkeys(request.scope_handles):
        found = snapshot.scope_hooks(handle, request.hook_type)
        if found is None:
            lost.append(handle)
        else:
            hooks.extend(found)
    return overlay(plan, tuple(hooks)), tuple(lost)


class _Answered:
    """The handle of a call that was answered at once."""

    __slots__ = ()

    def cancel(self) -> None:
        """Too late."""


_ANSWERED: Final = _Answered()
