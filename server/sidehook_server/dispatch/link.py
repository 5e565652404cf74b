"""What dispatch asks of a transport: links that take runs, whichever way they travel.

A link is one connection with one instance of a worker. Its state is read on every
choice of an instance, so the properties must be cheap.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from sidehook._run import HookFailure, HookResult, Notice, RunRequest


class RunSink(Protocol):
    """Takes what comes of one run, told apart by the index of each hook in it.

    Of a run of one hook exactly one of `answered` and `failed` is called, once, or none. Of
    a run of several, `answered` or `spoiled` for each, in any order that the worker likes,
    until `ended` or `failed`. None is called after `RunHandle.cancel`. Nothing is ever called
    from within `WorkerLink.send`, and nothing may raise.
    """

    def begun(self, index: int = 0) -> None:
        """The worker calls a hook. Only links that `tells_begin` say so."""

    def extended(self, extra: float, index: int = 0) -> None:
        """A hook asks for so many seconds more."""

    def answered(self, result: HookResult) -> None:
        """A hook answered."""

    def spoiled(self, failure: HookFailure, index: int | None) -> None:
        """An answer in a run of several hooks cannot be read; None: nor whose it is."""

    def ended(self) -> None:
        """Nothing more comes for a run of several hooks, some of which did not answer."""

    def failed(self, failure: HookFailure, *, sent: bool) -> None:
        """No answer will come any more. `sent` False: the worker certainly never saw the run."""


class RunHandle(Protocol):
    """One run under way."""

    def cancel(self, index: int | None = None) -> None:
        """Tells the worker to stop, and forgets the sink. Safe to call twice or too late.

        With an index only that hook of the run is stopped, and nothing more is told of it.
        """


class WorkerLink(Protocol):
    """One connection with one instance of a worker. Nothing here blocks."""

    @property
    def link_id(self) -> str:
        """Unique in this run of the sidecar, never used again."""

    @property
    def worker(self) -> str:
        """The worker's name; its links are replicas of each other."""

    @property
    def instance(self) -> str:
        """Names the process among the replicas, for people."""

    @property
    def tells_begin(self) -> bool:
        """Whether the worker says when it calls a hook; until then its run waits there."""

    @property
    def fuses(self) -> bool:
        """Whether the worker takes several hooks in one run."""

    @property
    def max_in_flight(self) -> int:
        """How many runs the worker takes at once."""

    @property
    def in_flight(self) -> int:
        """Runs that hold a place with the worker.

        From being sent until they are answered or have failed; a cancelled one until its
        worker lets go of it, as far as the link can tell.
        """

    @property
    def healthy(self) -> bool:
        """Whether a run sent now has a chance to arrive."""

    @property
    def draining(self) -> bool:
        """Whether the worker said goodbye: it finishes its runs and gets no new ones.

        But for those that began before, on terms that nobody else will ever serve.
        """

    def send(self, run: RunRequest, sink: RunSink) -> RunHandle | HookFailure:
        """Hands over one run.

        A failure instead of a handle means that the run was not sent, and that the
        sink is not used: the link is closed (UNREACHABLE), or the worker's limits
        leave no room (OVERLOADED).
        """

    def on_release(self, callback: Callable[[], None]) -> None:
        """Calls back whenever a run holds its place no longer, before its sink is told.

        For one callback, which must not raise. Not called for a link that closes.
        """

    def notify(self, notice: Notice) -> None:
        """Leaves a word for the worker's log. Best effort: it is dropped where it cannot go."""
