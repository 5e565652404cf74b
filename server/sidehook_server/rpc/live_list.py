"""The live list, who holds it, and from when on everybody has it (rule 30).

A client may act on the list it has until its lease runs out, which it counts from the
moment it sent its last answered probe. This side never sees that moment, only a later
one, the probe's arrival: a lease counted from there is over for the client too.

A stream that breaks proves nothing about the client behind it, so a holder that is gone
counts for as long as its lease. Times are seconds on one monotonic clock.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from sidehook._hook_list import HookList, WatchRequest, WatchResponse

_REMEMBERED: Final = 64


class Holder:
    """One client that holds the list, on one stream."""

    def __init__(self, live_list: LiveList) -> None:
        self._live_list = live_list
        self._probe = 0
        self._probed_at: float | None = None
        self._sent_version = 0
        self._applied_version = 0
        # (version, until): something older than the version may be acted on until then.
        self._stale: deque[tuple[int, float]] = deque()
        self._due = asyncio.Event()

    def probe(self, request: WatchRequest) -> None:
        """A probe has arrived; its answer is due."""
        self._probe = request.probe
        self._probed_at = self._live_list.now()
        # A version that was not sent on this stream is another sidecar's.
        if request.applied_version <= self._sent_version:
            self._apply(request.applied_version)
        self._due.set()

    async def next(self) -> WatchResponse:
        """Wait until there is something to say, and return it: an answer, or a changed list."""
        while not self._may_speak():
            self._due.clear()
            await self._due.wait()
        self._due.clear()
        current = self._live_list.current
        is_new = current.version != self._sent_version
        self._sent_version = current.version
        return WatchResponse(
            probe=self._probe,
            version=current.version,
            lease=self._live_list.lease,
            hook_list=current if is_new else None,
        )

    def changed(self, version: int) -> None:
        """A new list is in force; the one that this holder has becomes stale."""
        if self._probed_at is not None:
            self._stale.append((version, self._probed_at + self._live_list.lease))
            if len(self._stale) > _REMEMBERED:
                # Without the second oldest, its wait becomes that of the next: longer.
                del self._stale[1]
        self._due.set()

    def stale_until(self, version: int) -> float:
        """Until when something older than this version may be acted on; 0 for no longer."""
        if self._applied_version >= version:
            return 0.0
        return next((until for since, until in self._stale if since >= version), 0.0)

    def lease_until(self) -> float:
        """Until when the client may act on what it has, if it never hears anything again."""
        return 0.0 if self._probed_at is None else self._probed_at + self._live_list.lease

    @property
    def applied_version(self) -> int:
        """The newest version that the client says it acts on."""
        return self._applied_version

    def _may_speak(self) -> bool:
        return self._probe > 0 and self._due.is_set()

    def _apply(self, version: int) -> None:
        if version <= self._applied_version:
            return
        self._applied_version = version
        while self._stale and self._stale[0][0] <= version:
            self._stale.popleft()
        self._live_list.someone_applied()


class LiveList:
    """The list in force and its holders. `lease` in seconds, `now` is the clock."""

    def __init__(
        self,
        current: HookList,
        *,
        lease: float,
        now: Callable[[], float],
    ) -> None:
        self.current = current
        self.lease = lease
        self.now = now
        self._holders: dict[Holder, None] = {}
        # (applied version, until) of clients whose stream is gone.
        self._gone: list[tuple[int, float]] = []
        self._applied = asyncio.Event()

    @property
    def holders(self) -> int:
        """How many clients hold the list now."""
        return len(self._holders)

    def inherit(self) -> None:
        """A sidecar ran here before and stopped without a word: its clients may still act."""
        self._gone.append((0, self.now() + self.lease))

    def publish(self, hook_list: HookList) -> None:
        """Put a list in force and send it to every holder."""
        self.current = hook_list
        for holder in self._holders:
            holder.changed(hook_list.version)

    def join(self) -> Holder:
        """A new stream of a client that wants the list."""
        holder = Holder(self)
        self._holders[holder] = None
        return holder

    def leave(self, holder: Holder) -> None:
        """The stream of a holder is gone. Safe to call twice."""
        if holder not in self._holders:
            return
        del self._holders[holder]
        now = self.now()
        self._gone = [(version, until) for version, until in self._gone if until > now]
        self._gone.append((holder.applied_version, holder.lease_until()))
        if len(self._gone) > _REMEMBERED:
            self._gone = [(0, max(until for _, until in self._gone))]

    async def active(self, version: int) -> None:
        """Wait until nobody acts on a list older than this version any more."""
        while (wait := self._stale_until(version) - self.now()) > 0:
            self._applied.clear()
            try:
                async with asyncio.timeout(wait):
                    await self._applied.wait()
            except TimeoutError:
                continue

    def someone_applied(self) -> None:
        """A holder has applied a newer list."""
        self._applied.set()

    def _stale_until(self, version: int) -> float:
        held = (holder.stale_until(version) for holder in self._holders)
        gone = (until for applied, until in self._gone if applied < version)
        return max((*held, *gone), default=0.0)
