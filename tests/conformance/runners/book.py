"""What the scripted workers of a case saw."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sidehook._run import HookRun, Notice, RunRequest

SCOPE_WORKER = "application"
"""The worker of hooks that an application serves itself."""


@dataclass(slots=True, eq=False)
class Seen:
    """One hook that its worker was sent, in a run of its own or with others.

    The request is what it is of this hook. `holds`: its worker waits to be told what to answer.
    """

    worker: str
    instance: str
    request: RunRequest
    cancelled: bool = False
    holds: bool = False
    answered: bool = False

    @property
    def hook(self) -> HookRun:
        """The hook with its rights."""
        return self.request.steps[0][0]

    @property
    def path(self) -> str:
        """`worker/hook`."""
        return f"{self.worker}/{self.hook.hook}"


@dataclass(slots=True)
class Book:
    """Every hook that had its turn, run and notice, in the order in which they came.

    `sent` are the calls and the hooks of each run, as it was sent; `known` is how many
    items of its lists each one that came was said to know, by worker.
    """

    runs: list[Seen] = field(default_factory=list)
    sent: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    notices: list[tuple[str, Notice]] = field(default_factory=list)
    known: list[tuple[str, int]] = field(default_factory=list)

    def of_call(self, call_id: str, *, detached: bool) -> list[Seen]:
        """The runs of one call: those it waits for, or the detached ones."""
        return [
            seen
            for seen in self.runs
            if seen.request.call_id == call_id and (seen.request.call_end is not None) is detached
        ]

    def running(self, path: str, call_id: str | None) -> Iterator[Seen]:
        """The runs of a hook that are neither answered nor cancelled, of one call or of all."""
        return (seen for seen in self._open(path, call_id) if not seen.cancelled)

    def holding(self, path: str, call_id: str | None) -> Iterator[Seen]:
        """The runs of a hook whose answer is held, cancelled ones too: a hook may go on."""
        return (seen for seen in self._open(path, call_id) if seen.holds)

    def _open(self, path: str, call_id: str | None) -> Iterator[Seen]:
        for seen in self.runs:
            mine = seen.path == path and call_id in (None, seen.request.call_id)
            if mine and not seen.answered:
                yield seen
