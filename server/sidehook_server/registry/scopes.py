"""Scopes that applications serve themselves: hooks for calls that name a handle.

They are beside the plans and the live list, so that a thousand sessions with hooks of
their own recompile and broadcast nothing. A handle whose connection is gone is
remembered with its hooks, so that a call that still names it fails by their policy;
of these only the newest are kept, and a forgotten one is as unknown as one never minted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from types import MappingProxyType
from typing import Final

from sidehook_server.pipeline.model import PlannedHook
from sidehook_server.registry.identity import STRANGER, Peer

MAX_GONE_HANDLES: Final = 4096
"""How many handles without a connection are remembered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """The hooks behind one handle, by hook type. `link_id` None: its connection is gone."""

    handle: str
    link_id: str | None
    worker: str
    peer: Peer = STRANGER
    hooks: Mapping[str, tuple[PlannedHook, ...]]
    is_healthy: bool = True
    is_draining: bool = False

    @property
    def candidates(self) -> tuple[str, ...]:
        """The link that serves these hooks, when it may be given a run."""
        serves = self.is_healthy and not self.is_draining
        return (self.link_id,) if self.link_id is not None and serves else ()


@dataclass(frozen=True, slots=True)
class ScopeBook:
    """Every handle that is known. `gone` is in the order in which they went."""

    live: Mapping[str, Attachment] = field(default_factory=lambda: MappingProxyType({}))
    gone: Mapping[str, Attachment] = field(default_factory=lambda: MappingProxyType({}))
    by_link: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def attachment(self, handle: str) -> Attachment | None:
        """What is known of a handle; None when it is unknown."""
        return self.live.get(handle) or self.gone.get(handle)

    def of_link(self, link_id: str) -> Attachment | None:
        """The scope that a link serves, None when it serves none."""
        handle = self.by_link.get(link_id)
        return None if handle is None else self.live[handle]

    def with_attachment(self, attachment: Attachment) -> ScopeBook:
        """With a scope that is new, or changed."""
        if attachment.link_id is None:
            raise ValueError(f"handle {attachment.handle!r} is given without its link")
        return ScopeBook(
            MappingProxyType({**self.live, attachment.handle: attachment}),
            self.gone,
            MappingProxyType({**self.by_link, attachment.link_id: attachment.handle}),
        )

    def without_link(self, link_id: str) -> ScopeBook:
        """With the scope of this link among those that are gone."""
        attachment = self.of_link(link_id)
        if attachment is None:
            return self
        gone = {**self.gone, attachment.handle: replace(attachment, link_id=None)}
        surplus = max(0, len(gone) - MAX_GONE_HANDLES)
        return ScopeBook(
            MappingProxyType({k: v for k, v in self.live.items() if k != attachment.handle}),
            MappingProxyType(dict(islice(gone.items(), surplus, None))),
            MappingProxyType({k: v for k, v in self.by_link.items() if k != link_id}),
        )


NO_SCOPES = ScopeBook()
"""No application serves hooks of its own."""
