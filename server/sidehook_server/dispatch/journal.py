"""What the queue of detached work asks of a journal, which keeps events over a crash."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from sidehook_server.pipeline.model import DetachedWork

Done = Callable[[bool], None]
"""Is told once, on the event loop, whether it is done. Never from within the asking."""


@dataclass(frozen=True, slots=True)
class KeptEvent:
    """An event that an earlier run of the sidecar accepted and did not get rid of.

    `sent`: its hook is not idempotent and may have run.
    """

    number: int
    work: DetachedWork
    sent: bool


class Journal(Protocol):
    """Keeps events by number, in the order in which it is told to. Nothing here blocks."""

    def keep(self, number: int, work: DetachedWork, done: Done) -> None:
        """Writes an event. It is done once a crash of the machine would not lose it."""

    def mark_sent(self, number: int, done: Done) -> None:
        """Notes that the hook of an event may have run from here on.

        It is done once a crash of this process would not lose the note.
        """

    def mark_unsent(self, number: int) -> None:
        """Takes the note back: the hook has certainly not run."""

    def remove(self, number: int) -> None:
        """Forgets an event, whose fate is known."""
