"""The runs of one call that are under way, and whose turn it is in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf

from sidehook_server.pipeline.model import CancelRun, Effect
from sidehook_server.pipeline.running import Run, Running


class Runs:
    """Hooks under way by their place in the plan, and the runs that they are in by number.

    `carrier` is the run with riders whose turn is still to come; there is at most one.
    """

    __slots__ = ("_hooks", "_last", "_runs", "carrier")

    def __init__(self) -> None:
        self._hooks: dict[int, Running] = {}
        self._runs: dict[int, Run] = {}
        self._last = 0
        self.carrier: Run | None = None

    def __bool__(self) -> bool:
        """Whether any hook is under way."""
        return bool(self._hooks)

    def __iter__(self) -> Iterator[Running]:
        """The hooks under way, in the order in which their turns began."""
        return iter(tuple(self._hooks.values()))

    @property
    def wake_at(self) -> float:
        """When the time of the first of them is over; inf when none is under way."""
        if len(self._hooks) == 1:
            return next(iter(self._hooks.values())).expires
        return min((each.expires for each in self._hooks.values()), default=inf)

    def get(self, run: int) -> Run | None:
        """The run of this number, None when it is over."""
        return self._runs.get(run)

    def at(self, run: int, index: int) -> Running | None:
        """The hook at an index of a run, when it is under way there."""
        it = self._runs.get(run)
        if it is None or not 0 <= index < len(it.places):
            return None
        running = self._hooks.get(it.places[index])
        return running if running is not None and running.run == run else None

    def of(self, run: int) -> list[Running]:
        """The hooks of a run whose turn it is, in the order of their indexes."""
        return [running for running in self._hooks.values() if running.run == run]

    def has(self, running: Running) -> bool:
        """Whether this hook is under way."""
        return self._hooks.get(running.place) is running

    def begin(self, running: Running) -> None:
        """The turn of a hook has come."""
        self._hooks[running.place] = running

    def open(self, members: Sequence[Running], places: Sequence[int]) -> Run:
        """A new run of hooks whose turn it is, and of those at the places behind them."""
        self._last += 1
        run = Run(self._last, places, at_once=len(members), left=len(places))
        self._runs[run.number] = run
        for index, running in enumerate(members):
            running.run, running.index = run.number, index
            running.instance, running.waits = "", True
        if len(places) > len(members):
            self.carrier = run
        return run

    def ride(self, run: Run, running: Running) -> None:
        """The turn of a rider has come."""
        index = running.place - run.places[0]
        running.run, running.index, running.instance = run.number, index, run.instance
        running.waits = run.tells_begin and index not in run.begun_early
        self._hooks[running.place] = running
        if index + 1 == len(run.places):
            self.carrier = None

    def sent(self, run: Run, instance: str, *, tells_begin: bool) -> None:
        """An instance has a run."""
        run.was_sent, run.instance, run.tells_begin = True, instance, tells_begin
        for running in self.of(run.number):
            running.instance, running.waits = instance, tells_begin

    def shorten(self, run: Run, hooks: int) -> None:
        """Only the first so many hooks of it travel."""
        run.left -= len(run.places) - hooks
        run.places = run.places[:hooks]
        if self.carrier is run and hooks <= run.at_once:
            self.carrier = None

    def end(self, running: Running) -> None:
        """A hook is under way no longer; its run is over with its last one."""
        del self._hooks[running.place]
        run = self._runs.get(running.run)
        if run is not None:
            run.left -= 1
            if run.left <= 0:
                self.close(run)

    def close(self, run: Run) -> None:
        """A run is over; the turns of its hooks are not, nor have its riders had theirs."""
        self._runs.pop(run.number, None)
        if self.carrier is run:
            self.carrier = None

    def stop(self, running: Running) -> tuple[list[Effect], list[Running]]:
        """Cancels a hook that has ended here, with its run unless others go on in it.

        Also gives those that need another run, because it was not sent yet.
        """
        run = self._runs.get(running.run)
        others = self.of(running.run)
        if run is not None and others and run.was_sent:
            return [CancelRun(run.number, running.index)], []
        if run is not None:
            self.close(run)
        return [CancelRun(running.run)], others

    def leave_riders(self) -> list[Effect]:
        """Cancels the run whose riders can not go on in it."""
        run = self.carrier
        if run is None:
            return []
        self.close(run)
        return [CancelRun(run.number)]

    def cancel_all(self) -> list[Effect]:
        """Cancels every run; the hooks are still there, to be accounted for."""
        effects: list[Effect] = [CancelRun(number) for number in self._runs]
        self._runs.clear()
        self.carrier = None
        return effects

    def clear(self) -> None:
        """No hook is under way any more."""
        self._hooks.clear()
