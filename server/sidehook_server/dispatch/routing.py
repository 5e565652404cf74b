"""Which instance of a worker takes a run."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Protocol

from sidehook_server.dispatch.link import WorkerLink
from sidehook_server.dispatch.links import LinkTable
from sidehook_server.pipeline.model import PlannedHook


class Candidates(Protocol):
    """A snapshot that knows which links declare a hook on the terms it is planned with."""

    def candidates(self, hook: PlannedHook) -> tuple[str, ...]:
        """Ids of the links that may run the hook."""

    def is_in_force(self, hook: PlannedHook) -> bool:
        """Whether the terms that the hook is planned with hold now."""


@dataclass(frozen=True, slots=True)
class AllFull:
    """Every link that could take a run has as many as it takes at once."""

    links: Sequence[WorkerLink]


class Router:
    """Chooses the least loaded link; among equals they take turns.

    `cap` is the operator's word on how many runs each instance of a worker gets at once,
    None where there is none. The worker's own word holds in any case.
    """

    def __init__(self, links: LinkTable, *, cap: Callable[[str], int | None]) -> None:
        self._links = links
        self._cap = cap
        self._turns = count()

    def choose(
        self, hook: PlannedHook, snapshots: Sequence[Candidates], *, tried: Collection[str] = ()
    ) -> WorkerLink | AllFull | None:
        """A link for the hook that is not among those tried, None when there is none.

        The snapshots are asked in turn. The newest one comes first, because it knows
        the links of now; the one a call began with may still know a link that declares
        the hook on the terms of then. When those hold no longer and all who declare them
        drain, one that did not when the call began still takes it: nobody else ever will.
        """
        for snapshot in snapshots:
            links = self._there(snapshot.candidates(hook), tried)
            if staying := [link for link in links if not link.draining]:
                return self._least_loaded(staying)
        newest, *older = snapshots
        if older and not newest.is_in_force(hook):
            for snapshot in older:
                if leaving := self._there(snapshot.candidates(hook), tried):
                    return self._least_loaded(leaving)
        return None

    def has_room(self, link: WorkerLink) -> bool:
        """Whether the link may be given one more run."""
        cap = self._cap(link.worker)
        in_flight = link.in_flight
        return in_flight < link.max_in_flight and (cap is None or in_flight < cap)

    def _there(self, link_ids: tuple[str, ...], tried: Collection[str]) -> list[WorkerLink]:
        links = (self._links.get(link_id) for link_id in link_ids if link_id not in tried)
        return [link for link in links if link is not None and link.healthy]

    def _least_loaded(self, links: list[WorkerLink]) -> WorkerLink | AllFull:
        if len(links) == 1:
            return links[0] if self.has_room(links[0]) else AllFull(links)
        free = [link for link in links if self.has_room(link)]
        if not free:
            return AllFull(links)
        least = min(link.in_flight for link in free)
        equals = [link for link in free if link.in_flight == least]
        return equals[next(self._turns) % len(equals)]
