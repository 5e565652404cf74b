"""The links there are, by id."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from sidehook_server.dispatch.link import WorkerLink


class LinkTable:
    """Every open link of this sidecar. Used from the event loop's thread only."""

    def __init__(self) -> None:
        self._links: dict[str, WorkerLink] = {}
        self._on_leave: list[Callable[[str], None]] = []
        self._on_release: list[Callable[[WorkerLink], None]] = []

    def on_leave(self, callback: Callable[[str], None]) -> None:
        """Calls back with the id of every link that goes. It must not raise."""
        self._on_leave.append(callback)

    def on_release(self, callback: Callable[[WorkerLink], None]) -> None:
        """Calls back with every link on which a run holds its place no longer.

        It must not raise.
        """
        self._on_release.append(callback)

    def add(self, link: WorkerLink) -> None:
        """Takes a link in; its id must be new."""
        self._links[link.link_id] = link
        link.on_release(partial(self._released, link))

    def remove(self, link_id: str) -> None:
        """Forgets a link. Nothing happens when it is not there."""
        if self._links.pop(link_id, None) is not None:
            for callback in self._on_leave:
                callback(link_id)

    def get(self, link_id: str) -> WorkerLink | None:
        """The link of this id, None when it is gone."""
        return self._links.get(link_id)

    def _released(self, link: WorkerLink) -> None:
        for callback in self._on_release:
            callback(link)

    def __iter__(self) -> Iterator[WorkerLink]:
        """The links, in the order in which they came."""
        return iter(tuple(self._links.values()))

    def __len__(self) -> int:
        """How many links there are."""
        return len(self._links)
