"""Where the transports report links: the registry is told, and the table of links kept."""

from __future__ import annotations

from itertools import count
from typing import Protocol

from sidehook._manifest import WorkerManifest
from sidehook_server.dispatch.link import WorkerLink
from sidehook_server.dispatch.links import LinkTable
from sidehook_server.registry import transitions
from sidehook_server.registry.identity import STRANGER, Peer
from sidehook_server.registry.model import Change, Registry
from sidehook_server.transport.errors import RefusedError


class Holder(Protocol):
    """Holds the registry in force."""

    @property
    def current(self) -> Registry:
        """The newest snapshot."""

    def apply(self, change: Change) -> object:
        """Makes a change the newest snapshot, and carries out its effects."""


class Registrar:
    """Registers links. Used from the event loop's thread only."""

    def __init__(self, holder: Holder, links: LinkTable) -> None:
        self._holder = holder
        self._links = links
        self._numbers = count(1)

    def new_link_id(self) -> str:
        """An id for a link that was never used in this run of the sidecar."""
        return f"link-{next(self._numbers)}"

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

    def declare_anew(self, link_id: str, manifest: WorkerManifest) -> None:
        """The instance behind a link declares itself anew. RefusedError leaves all as it was."""
        change = transitions.remanifest(self._holder.current, link_id, manifest)
        self._apply(change)
        if change.refusal is not None:
            raise RefusedError(change.refusal.reason, change.refusal.problems)

    def drain(self, link_id: str) -> None:
        """The instance behind a link said goodbye: it gets no new runs."""
        self._apply(transitions.draining(self._holder.current, link_id))

    def mark(self, link_id: str, *, is_healthy: bool) -> None:
        """A link came to be, or ceased to be, one that a run has a chance on."""
        self._apply(transitions.healthy(self._holder.current, link_id, is_healthy=is_healthy))

    def detach(self, link_id: str) -> None:
        """A link is gone. Nothing happens when it was not there."""
        self._links.remove(link_id)
        self._apply(transitions.detached(self._holder.current, link_id))

    def _apply(self, change: Change) -> None:
        self._holder.apply(change)
