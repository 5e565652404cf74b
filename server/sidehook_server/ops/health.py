"""Started, ready, live: three questions that an orchestrator asks, and what answers them.

Readiness is a latch (rule 28): a worker that goes away later fails calls, it does not
take the pod out of service. Only draining does.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum


class Probe(StrEnum):
    """What can be asked."""

    STARTED = "started"
    READY = "ready"
    LIVE = "live"


class Health:
    """The state of one sidecar. `on_ready` is called once, when it becomes ready."""

    def __init__(self, on_ready: Callable[[], None] = lambda: None) -> None:
        self._on_ready = on_ready
        self._started = False
        self._ready = False
        self._draining = False
        self._missing: tuple[str, ...] = ()
        self._broken = ""
        self._questions = {
            Probe.STARTED: self._why_not_started,
            Probe.READY: self._why_not_ready,
            Probe.LIVE: self._why_not_live,
        }

    def started(self) -> None:
        """Every address is listened on."""
        self._started = True
        self._latch()

    def needs(self, missing: tuple[str, ...]) -> None:
        """What must be there before the first call can succeed, and is not."""
        self._missing = missing
        self._latch()

    def draining(self) -> None:
        """No new calls are taken any more."""
        self._draining = True

    def broken(self, what: str) -> None:
        """A part that must run for as long as the process has stopped."""
        self._broken = self._broken or what

    @property
    def is_ready(self) -> bool:
        """Whether calls are taken, and could once be decided."""
        return self._ready and not self._draining

    def problem(self, probe: Probe) -> str:
        """Why the answer is no, in a sentence; empty when it is yes."""
        return self._questions[probe]()

    def _latch(self) -> None:
        if self._started and not self._missing and not self._ready:
            self._ready = True
            self._on_ready()

    def _why_not_started(self) -> str:
        return "" if self._started else "starting"

    def _why_not_ready(self) -> str:
        if self._draining:
            return "draining"
        if self._ready:
            return ""
        return self._why_not_started() or f"waiting for {', '.join(self._missing)}"

    def _why_not_live(self) -> str:
        return f"{self._broken} has stopped; restart the sidecar" if self._broken else ""
