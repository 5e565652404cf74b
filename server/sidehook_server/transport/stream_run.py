"""One run that a worker has on its stream, as the sidecar's end of the stream knows it."""

from __future__ import annotations

from dataclasses import dataclass, field

from sidehook._run import RunRequest
from sidehook_server.dispatch.link import RunSink


@dataclass(slots=True)
class StreamRun:
    """One run that the worker has not answered to the end, by the names of its hooks.

    `begun`, `over` and `stopped` hold the indexes of those that the worker called, that it
    answered or was told to stop, and of the latter. `was_whole`: it was sent again whole.
    """

    sink: RunSink
    hooks: tuple[str, ...]
    request: RunRequest
    was_whole: bool = False
    begun: set[int] = field(default_factory=set)
    over: set[int] = field(default_factory=set)
    stopped: set[int] = field(default_factory=set)

    @property
    def is_fused(self) -> bool:
        """Whether it is of several hooks."""
        return len(self.hooks) > 1

    @property
    def has_answers(self) -> bool:
        """Whether the worker said anything of a hook: it called one, or answered."""
        return bool(self.begun or self.over - self.stopped)
