"""A worker that takes several hooks in one run, as the contract says that one does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from sidehook._run import HookResult, HookRun, RunRequest
from sidehook.worker._rights import Standing, ends_call, narrowed
from sidehook_server.pipeline.model import Effect
from tests.laws.cases import result_of
from tests.laws.chains import Breaks, Garbled, HookCase


class Sidecar(Protocol):
    """What a worker tells, and when things happen to its hooks."""

    def called(self, hook: HookCase, view: RunRequest, run: FusedRun, index: int) -> None:
        """A hook is called on what it sees."""

    def told(self, hook: HookCase, result: HookResult, run: FusedRun, index: int) -> list[Effect]:
        """A hook has answered, or broken what its answer would have come on."""

    def ended(self, run: FusedRun) -> list[Effect]:
        """Nothing more comes for a run."""


def taken(hooks: Sequence[HookCase], steps: tuple[tuple[HookRun, ...], ...]) -> int:
    """How many hooks an instance takes in one run: those that get to it at once, in whole steps."""
    alike = 0
    while alike < len(hooks) and (hooks[alike].trip.refused, hooks[alike].trip.sent) == (None, 0):
        alike += 1
    whole = 0
    for step in steps:
        if whole and whole + len(step) > alike:
            break
        whole += len(step)
    return max(1, min(whole, alike))


class FusedRun:
    """One run at its worker. It goes on at once, before the sidecar can have said anything."""

    def __init__(
        self, sidecar: Sidecar, run: int, request: RunRequest, hooks: Sequence[HookCase]
    ) -> None:
        self.run = run
        self.is_over = False
        self._sidecar = sidecar
        self._request = request
        self._hooks = hooks
        self._standing = Standing(request, hooks[0].worker)
        self._next = 0
        self._open: set[int] = set()
        self._results: dict[int, HookResult] = {}
        self._runs = [run for step in request.steps for run in step]

    @property
    def is_at_once(self) -> bool:
        """Whether several hooks run now."""
        return len(self._request.steps[self._next - 1]) > 1

    def cancel(self, index: int | None) -> None:
        """The sidecar wants nothing more of it, or of one hook."""
        if index is None:
            self.is_over = True
        else:
            self._open.discard(index)

    def next_step(self) -> None:
        """Calls the hooks of the next step, if there is one."""
        steps = self._request.steps
        if self._next == len(steps):
            self.is_over = True
            return
        first = sum(len(step) for step in steps[: self._next])
        self._next += 1
        indexes = range(first, first + len(steps[self._next - 1]))
        self._open.update(indexes)
        for index in indexes:
            self._sidecar.called(self._hooks[index], self._view(index), self, index)

    def answers(self, index: int) -> list[Effect]:
        """A hook answers, and the worker goes on as far as that lets it."""
        hook, run = self._hooks[index], self._runs[index]
        if isinstance(hook.says, Breaks) and index not in self._open:
            # It was told to stop, and takes the others with it no more than it would alone.
            return []
        result = narrowed(run, replace(result_of(hook), index=index))
        effects = self._sidecar.told(hook, result, self, index)
        if self.is_over or index not in self._open:
            return effects
        self._open.discard(index)
        self._results[index] = result
        breaks = isinstance(hook.says, Breaks | Garbled)
        if (breaks and not self.is_at_once) or (not breaks and ends_call(run, result)):
            self.is_over = True
        elif not self._open:
            return effects + self._go_on()
        return effects

    def _go_on(self) -> list[Effect]:
        results, self._results = self._results, {}
        for index in sorted(results):
            if not self._standing.take(self._runs[index], results[index]):
                self.is_over = True
                return self._sidecar.ended(self)
        self.next_step()
        return []

    def _view(self, index: int) -> RunRequest:
        """The run as one hook sees it: by itself."""
        request, hook = self._request, self._hooks[index]
        fields = self._standing.fields
        if hook.fields is not None:
            fields = {name: value for name, value in fields.items() if name in hook.fields}
        context = replace(request.context, state=self._standing.state)
        return replace(request, steps=((self._runs[index],),), fields=fields, context=context)
