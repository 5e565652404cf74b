"""Puts hooks whose turn has come into runs, and those that may travel with them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sidehook._call import CallRequest, size_of
from sidehook._run import RunRequest
from sidehook_server.deadline import Budget
from sidehook_server.modes import Schedule
from sidehook_server.pipeline import requests
from sidehook_server.pipeline.judging import Judge
from sidehook_server.pipeline.load import Load
from sidehook_server.pipeline.model import PlannedHook, StartRun
from sidehook_server.pipeline.plan import Plan
from sidehook_server.pipeline.running import Running
from sidehook_server.pipeline.runs import Runs
from sidehook_server.pipeline.segments import MAX_HOOKS_IN_RUN, Segment
from sidehook_server.pipeline.share import ObserverShare
from sidehook_server.pipeline.turn import left_out


class Boarding:
    """Makes the runs of one call. `load` is how busy the sidecar was when it began."""

    __slots__ = ("_budget", "_call", "_judge", "_load", "_observers", "_plan", "_runs")

    def __init__(
        self,
        plan: Plan,
        call: CallRequest,
        judge: Judge,
        *,
        budget: Budget,
        observers: ObserverShare,
        load: Load,
        runs: Runs,
    ) -> None:
        self._plan = plan
        self._call = call
        self._judge = judge
        self._budget = budget
        self._observers = observers
        self._load = load
        self._runs = runs

    def groups(self, members: Sequence[Running]) -> Iterable[Sequence[Running]]:
        """The hooks that travel together, of some whose turns came at once."""
        if len(members) == 1:
            return (members,)
        groups: dict[str | int, list[Running]] = {}
        for running in members:
            segment = self._plan.segments[running.place]
            key = running.hook.worker if segment.joint else running.place
            groups.setdefault(key, []).append(running)
        return [
            group[at : at + MAX_HOOKS_IN_RUN]
            for group in groups.values()
            for at in range(0, len(group), MAX_HOOKS_IN_RUN)
        ]

    def sight(self, running: Running, now: float) -> RunRequest:
        """The run of one hook by itself: what it, and its condition, sees."""
        hook, full = running.hook, running.started == now
        timeout = min(hook.timeout, running.latest - now) if full else running.expires - now
        return requests.run_request(
            hook,
            call=self._call,
            fields=self._judge.seen,
            state=self._judge.state.seen_by(hook.worker),
            steps=requests.alone(self._plan.segments[running.place], timeout),
            time_left=self._budget.left(now),
        )

    def board(self, members: Sequence[Running], now: float) -> StartRun:
        """A run of hooks whose turn it is, with those that may ride behind them."""
        first = members[0]
        segment = self._plan.segments[first.place]
        places = self._places(segment, members)
        run = self._runs.open(members, places)
        if not run.is_fused:
            request = self.sight(first, now)
            return StartRun(run.number, first.hook, request, first.expires)
        hooks = segment.hooks
        if len(places) < len(hooks):
            hooks = tuple([self._plan.hooks[place] for place in places])
        room = self._plan.max_payload_bytes - size_of(self._judge.seen) if segment.patches else 0
        request = requests.fused_request(
            hooks,
            call=self._call,
            fields=self._judge.seen,
            state=self._judge.state.seen_by(first.hook.worker),
            steps=self._steps(segment, places, now),
            time_left=self._budget.left(now),
            rooms=(max(0, room), self._judge.state.room),
        )
        expires = first.expires
        if len(members) > 1:
            expires = max([running.expires for running in members])
        return StartRun(run.number, first.hook, request, expires, hooks[1:])

    def _places(self, segment: Segment, members: Sequence[Running]) -> Sequence[int]:
        if members[0].phase.row.schedule is Schedule.PARALLEL:
            return tuple([running.place for running in members])
        return segment.places[: self._count(segment, members[0].started)]

    def _count(self, segment: Segment, now: float) -> int:
        """How many travel together: up to one that this call leaves out, as far as is known."""
        count = len(segment.hooks)
        if count == 1:
            return 1
        observers_may = self._observers.until(now) > now
        if observers_may and segment.always and self._load is Load.NORMAL:
            return count
        takes_part = 1
        while takes_part < count and self._takes_part(segment.hooks[takes_part], observers_may):
            takes_part += 1
        return segment.whole_steps(takes_part)

    def _takes_part(self, hook: PlannedHook, observers_may: bool) -> bool:  # noqa: FBT001 - looked up once for all
        return (
            left_out(hook, self._call) is None
            and not hook.is_shed_at(self._load)
            and (observers_may or not hook.observes)
        )

    def _steps(self, segment: Segment, places: Sequence[int], now: float) -> requests.Steps:
        left, share = self._budget.left(now), self._observers.until(now) - now
        if len(places) == len(segment.hooks):
            return requests.fitting(segment, left=left, share=share)
        if segment.joint < len(segment.hooks):
            return requests.fitting(segment, left=left, share=share)[: len(places)]
        # Some of a group: the others are left out of this call.
        (whole,) = requests.fitting(segment, left=left, share=share)
        return (tuple([whole[segment.places.index(place)] for place in places]),)
