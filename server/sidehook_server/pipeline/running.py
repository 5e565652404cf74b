"""A hook under way, as its call sees it, and the run that it is in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sidehook_server.pipeline.model import PlannedHook
from sidehook_server.pipeline.plan import Phase


@dataclass(slots=True)
class Running:
    """One hook whose turn it is: the one at `index` of its run, which is 0 until it has one.

    `expires` is when it has failed, `instance` empty until its run was sent. `latest` is
    how far more time can put that off, for whoever asks for it. `waits`: the run was not
    sent yet, or its instance tells when it calls the hook and has not yet, so that the
    hook is in one queue or another. `digest` is of the whole payload, for gates only.
    """

    place: int
    hook: PlannedHook
    phase: Phase
    started: float
    expires: float
    latest: float
    run: int = 0
    index: int = 0
    instance: str = ""
    waits: bool = True
    was_extended: bool = False
    digest: str = ""

    def took(self, now: float) -> float | None:
        """Seconds since its turn began; None when it was not sent."""
        return now - self.started if self.instance else None


@dataclass(slots=True)
class Run:
    """One run under way: the hooks at these `places` of the plan, in the order of its steps.

    The first `at_once` of them began with it; what comes behind are riders, whose turn
    comes one after another. `left` are those that are not over. `begun_early` are those
    that its worker called before their turn. `tainted_by` is the index of the hook whose
    patch held what it must not, so that nothing after it can be relied on.
    """

    number: int
    places: Sequence[int]
    at_once: int
    left: int
    was_sent: bool = False
    instance: str = ""
    tells_begin: bool = True
    begun_early: set[int] = field(default_factory=set)
    tainted_by: int | None = None

    @property
    def is_fused(self) -> bool:
        """Whether it is of several hooks."""
        return len(self.places) > 1

    def is_tainted(self, index: int) -> bool:
        """Whether the hook at this index saw what no hook may have written."""
        return self.tainted_by is not None and index > self.tainted_by
