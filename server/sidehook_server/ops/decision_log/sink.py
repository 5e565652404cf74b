"""Where lines of the decision log go, and why they may not get there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class SinkError(Exception):
    """A batch was not written, nothing of it. The same batch may be tried again."""


class Sink(Protocol):
    """One destination. After `open` it belongs to the thread that writes, but for `hurry`."""

    @property
    def batch_bytes(self) -> int:
        """How many bytes are written at once, one line at least."""

    def open(self) -> None:
        """Get ready. Raises UnusableError, a reason not to start."""

    def write(self, lines: Sequence[bytes]) -> None:
        """Write whole lines, in order; blocks. Raises SinkError."""

    def hurry(self) -> None:
        """The sidecar stops: a write that goes on should end. Called from another thread."""

    def close(self) -> None:
        """Let go of everything. Never raises; safe to call twice."""
