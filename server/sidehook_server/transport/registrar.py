"""Where the transports report links: the registry is told, and the table of links kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from itertools import count
from typing import Final, Protocol

from sidehook._manifest import WorkerManifest
from sidehook_server.dispatch.link import WorkerLink
from sidehook_server.dispatch.links import LinkTable
from sidehook_server.registry import transitions
from sidehook_server.registry.effects import Dismiss, Effect
from sidehook_server.registry.identity import STRANGER, Peer
from sidehook_server.registry.model import Change, Registry
from sidehook_server.transport.errors import RefusedError

_LOOK_SECONDS: Final = 0.02


class Holder(Protocol):
    """Holds the registry in force."""

    @property
    def current(self) -> Registry:
        """The newest snapshot."""

    def apply(self, change: Change) -> object:
        """Makes a change the newest snapshot, and carries out its effects."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What all registrars of a sidecar have in common."""

    numbers: count[int] = field(default_factory=lambda: count(1))
    dismissals: dict[str, asyncio.Future[None]] = field(default_factory=dict)


class Registrar:
    """Registers links. Used from the event loop's thread only.

    One for each party that wants to know which links it brought; the first makes the `desk`.
    What a registrar brings, those `above` it brought too. `on_leaving` is called when one of its
    links says goodbye, is taken out of service, or is gone.
    """

    def __init__(
        self,
        holder: Holder,
        links: LinkTable,
        desk: Desk | None = None,
        *,
        above: Registrar | None = None,
        on_leaving: Callable[[], None] | None = None,
    ) -> None:
        self._holder = holder
        self._links = links
        self._desk = desk or Desk()
        self._above = above
        self._on_leaving = on_leaving
        self._own: dict[str, None] = {}

    def sibling(self) -> Registrar:
        """Another registrar for the same registry, with no links of its own yet."""
        return Registrar(self._holder, self._links, self._desk)

    def beneath(self, on_leaving: Callable[[], None] | None = None) -> Registrar:
        """A registrar whose links are this one's too."""
        return Registrar(self._holder, self._links, self._desk, above=self, on_leaving=on_leaving)

    @property
    def links(self) -> tuple[WorkerLink, ...]:
        """The links that were attached here and are not gone."""
        return tuple(link for link_id in self._own if (link := self._links.get(link_id)))

    def new_link_id(self) -> str:
        """An id for a link that was never used in this run of the sidecar."""
        return f"link-{next(self._desk.numbers)}"

    def hear(self, effect: Effect) -> None:
        """Hears the effects of the registry: a link that it dismisses is told so."""
        if isinstance(effect, Dismiss):
            dismissal = self._desk.dismissals.get(effect.link_id)
            if dismissal is not None and not dismissal.done():
                refusal = effect.refusal
                dismissal.set_exception(RefusedError(refusal.reason, refusal.problems))

    def until_dismissed(self, link_id: str) -> Coroutine[object, object, None]:
        """Waits until the registry wants no more of this link, and raises RefusedError then.

        A dismissal counts from this call on, also before the waiting begins.
        """
        dismissal: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._desk.dismissals[link_id] = dismissal
        return self._wait_for_dismissal(link_id, dismissal)

    def is_bound_to_user(self, worker: str) -> bool:
        """Whether the configuration lets only one user's processes have this name."""
        configured = self._holder.current.config.workers.get(worker)
        return configured is not None and configured.uid is not None

    def attach(
        self,
        link: WorkerLink,
        manifest: WorkerManifest,
        *,
        scope_handle: str | None = None,
        peer: Peer = STRANGER,
        expected_worker: str | None = None,
    ) -> None:
        """Takes a new link in: from here on it is given runs. Raises RefusedError.

        `peer` is who is at the other end, `expected_worker` the name under which the
        configuration has the target.
        """
        # Effects may look the link up, so it is in the table before they are carried out.
        self._links.add(link)
        change = transitions.attached(
            self._holder.current,
            link.link_id,
            manifest,
            scope_handle=scope_handle,
            peer=peer,
            expected_worker=expected_worker,
        )
        self._apply(change)
        if change.refusal is not None:
            self._links.remove(link.link_id)
            raise RefusedError(change.refusal.reason, change.refusal.problems)
        self._took(link.link_id)

    def declare_anew(self, link_id: str, manifest: WorkerManifest) -> None:
        """The instance behind a link declares itself anew. RefusedError leaves all as it was."""
        change = transitions.remanifest(self._holder.current, link_id, manifest)
        self._apply(change)
        if change.refusal is not None:
            raise RefusedError(change.refusal.reason, change.refusal.problems)

    def drain(self, link_id: str) -> None:
        """The instance behind a link said goodbye: it gets no new runs."""
        self._apply(transitions.draining(self._holder.current, link_id))
        self._leaves()

    def mark(self, link_id: str, *, is_healthy: bool) -> None:
        """A link came to be, or ceased to be, one that a run has a chance on."""
        self._apply(transitions.healthy(self._holder.current, link_id, is_healthy=is_healthy))

    def detach(self, link_id: str) -> None:
        """A link is gone. Nothing happens when it was not there."""
        self._links.remove(link_id)
        self._gave(link_id)
        self._apply(transitions.detached(self._holder.current, link_id))
        self._leaves()

    async def take_leave(self, *, within: float) -> None:
        """Gives its links no new runs, and waits until those under way are over.

        `within` is in seconds: what is not over then, goes on. A link that comes meanwhile is
        left as well.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + within
        while self._is_busy() and loop.time() < end:  # noqa: ASYNC110 - links set no event for it
            await asyncio.sleep(_LOOK_SECONDS)

    def _is_busy(self) -> bool:
        links = self.links
        for link in links:
            self.drain(link.link_id)
        return any(link.in_flight for link in links)

    def _took(self, link_id: str) -> None:
        self._own[link_id] = None
        if self._above is not None:
            self._above._took(link_id)  # noqa: SLF001 - of its own kind

    def _gave(self, link_id: str) -> None:
        self._own.pop(link_id, None)
        if self._above is not None:
            self._above._gave(link_id)  # noqa: SLF001 - of its own kind

    def _leaves(self) -> None:
        if self._on_leaving is not None:
            self._on_leaving()

    def _apply(self, change: Change) -> None:
        self._holder.apply(change)

    async def _wait_for_dismissal(self, link_id: str, dismissal: asyncio.Future[None]) -> None:
        try:
            await dismissal
        finally:
            del self._desk.dismissals[link_id]
