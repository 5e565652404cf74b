"""Who is sent next: each worker has a lane, in which its hooks take turns.

A hook that hangs fills what it may have at once and then waits; the turns go to the
others. A hook that has nothing under way may start one run even when its worker has all
it may have, so that no number of hanging hooks holds up one that works.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import TypeAlias

from sidehook_server.dispatch.event import DetachedEvent

LaneKey: TypeAlias = tuple[str, str]
"""A worker's name, and the handle of the scope that an application serves itself, or nothing."""

HookKey: TypeAlias = tuple[str, str]
"""Hook type and name."""


class Lane:
    """The detached events of one worker, or of one scope that an application serves itself."""

    __slots__ = ("busy", "hooks", "key", "ready", "running", "send")

    def __init__(self, key: LaneKey, send: Callable[[Lane], None]) -> None:
        self.key = key
        self.hooks: dict[HookKey, HookLane] = {}
        self.ready: dict[HookLane, None] = {}
        self.busy: dict[HookLane, None] = {}
        self.running = 0
        self.send = send

    def of(self, key: HookKey, *, runs: int) -> HookLane:
        """The lane of a hook, made when there is none."""
        found = self.hooks.get(key)
        if found is None:
            found = self.hooks[key] = HookLane(self, key, runs=runs)
        return found

    def next(self, limit: int) -> HookLane | None:
        """The hook whose turn it is, with so many runs of the worker at once."""
        full = self.running >= limit
        for hook in self.ready:
            if not full or not hook.running:
                # Its next turn comes after everybody else's.
                del self.ready[hook]
                self.ready[hook] = None
                return hook
        return None

    def resume(self) -> None:
        """A run of the worker has ended: hooks that pause for want of room go on."""
        for hook in tuple(self.busy):
            hook.go_on()


class HookLane:
    """The detached events of one hook. `runs` is how many go on at once."""

    __slots__ = ("_runs", "held", "key", "lane", "paused", "pauses", "running", "waiting")

    def __init__(self, lane: Lane, key: HookKey, *, runs: int) -> None:
        self.lane = lane
        self.key = key
        self.waiting: OrderedDict[DetachedEvent, None] = OrderedDict()
        self.running: dict[DetachedEvent, None] = {}
        self.held = 0
        self.paused = False
        self.pauses = 0
        self._runs = runs

    @property
    def is_empty(self) -> bool:
        """Whether it has no event, not even one that is held for its next try."""
        return not (self.waiting or self.running or self.held)

    def first(self) -> DetachedEvent:
        """The event that has waited longest; there must be one."""
        return next(iter(self.waiting))

    def wait(self, event: DetachedEvent) -> None:
        """The event is last in the lane."""
        self.waiting[event] = None
        if not self.paused and len(self.running) < self._runs:
            self.lane.ready.setdefault(self)

    def wait_first(self, event: DetachedEvent) -> None:
        """The event is first in the lane."""
        self.waiting[event] = None
        self.waiting.move_to_end(event, last=False)
        self._changed()

    def start(self, event: DetachedEvent) -> None:
        """The event waits no more, and runs."""
        del self.waiting[event]
        self.running[event] = None
        self.lane.running += 1
        if not self.waiting or len(self.running) >= self._runs:
            self.lane.ready.pop(self, None)

    def leave(self, event: DetachedEvent) -> None:
        """The event neither waits nor runs."""
        if event in self.running:
            del self.running[event]
            self.lane.running -= 1
            if self.waiting and not self.paused:
                self.lane.ready.setdefault(self)
        elif event in self.waiting:
            del self.waiting[event]
            if not self.waiting:
                self.lane.ready.pop(self, None)

    def pause(self, *, busy: bool) -> None:
        """Nothing more is sent until `go_on`. `busy`: the worker is there, and has no room."""
        self.paused = True
        self.pauses += 1
        if busy:
            self.lane.busy[self] = None
        self._changed()

    def go_on(self) -> None:
        """Events are sent again. Safe when they were."""
        self.paused = False
        self.lane.busy.pop(self, None)
        self._changed()

    def tick(self, now: float) -> None:
        """The worker may be there, or have room, again."""
        self.go_on()
        self.lane.send(self.lane)

    def _changed(self) -> None:
        if self.waiting and not self.paused and len(self.running) < self._runs:
            self.lane.ready.setdefault(self)
        else:
            self.lane.ready.pop(self, None)
