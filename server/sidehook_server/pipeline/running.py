"""A run under way, as its call sees it."""

from __future__ import annotations

from dataclasses import dataclass

from sidehook_server.pipeline.model import PlannedHook
from sidehook_server.pipeline.plan import Phase


@dataclass(slots=True)
class Running:
    """One run. `expires` is when its hook has failed, `instance` empty until it was sent.

    `latest` is how far more time can put that off, for whoever asks for it. `waits`: it was
    not sent yet, or its instance tells when it calls the hook and has not yet, so that the
    run is in one queue or another. `digest` is of the whole payload, for gates only.
    """

    run: int
    place: int
    hook: PlannedHook
    phase: Phase
    started: float
    expires: float
    latest: float
    instance: str = ""
    waits: bool = True
    was_extended: bool = False
    digest: str = ""

    def took(self, now: float) -> float | None:
        """Seconds since it was handed to the transport; None when it was not sent."""
        return now - self.started if self.instance else None
