"""Plays a case on a stage, and gathers every difference from what it expects."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from sidehook._call import CallAnswer
from tests.conformance.language.cases import Case
from tests.conformance.language.expectations import CallExpectation
from tests.conformance.language.steps import (
    Advance,
    Begin,
    Cancel,
    Connect,
    Declare,
    Drain,
    Drained,
    Drop,
    Enter,
    Finish,
    Goodbye,
    Leave,
    Registration,
    Reply,
    Restart,
    Retire,
    Running,
    Step,
)
from tests.conformance.language.workers import Instance
from tests.conformance.runners.book import SCOPE_WORKER, Seen
from tests.conformance.runners.check_answer import answer_differences
from tests.conformance.runners.check_pages import counter_differences, state_differences
from tests.conformance.runners.check_runs import (
    known_differences,
    notice_differences,
    run_differences,
)
from tests.conformance.runners.stage import DrainEnd, Refusal, Retired, Stage


async def play(case: Case, stage: Stage) -> list[str]:
    """What is different from what the case expects; nothing when it passes."""
    return await _Play(case, stage).play()


class _Play:
    def __init__(self, case: Case, stage: Stage) -> None:
        self._case = case
        self._stage = stage
        self._calls: dict[str, Begin] = {}
        self._expected: list[tuple[str, CallExpectation]] = []

    async def play(self) -> list[str]:
        """Everybody comes, every step is taken, and what is left behind is looked at."""
        differences: list[str] = []
        for number, step in enumerate(self._case.steps, start=1):
            where = f"step {number} ({type(step).__name__.lower()})"
            differences += [f"{where}: {text}" for text in await self._take(step)]
        return differences + await self._look_at_runs() + await self._look_at_end()

    async def _take(self, step: Step) -> Sequence[str]:  # noqa: C901 - one arm for each kind of step
        stage = self._stage
        match step:
            case Begin():
                self._calls[step.name] = step
                handles = tuple(stage.handle(scope) for scope in step.call.handles)
                await stage.begin(step.name, step.call.octets(step.name, handles))
                if step.is_left_alone:
                    await stage.until(lambda: stage.has(step.name))
            case Finish():
                return self._judge(step.name, step.expect, await stage.finish(step.name))
            case Cancel():
                answer = await stage.cancel(step.name)
                if step.expect is not None:
                    return self._judge(step.name, step.expect, answer)
            case Connect() | Declare():
                return await self._register(step)
            case Drop():
                await stage.drop(step.worker, step.instance or step.worker)
            case Goodbye():
                await stage.goodbye(step.worker, step.instance or step.worker)
            case Retire():
                return _retired(step, await stage.retire(step.worker, step.hook))
            case Advance():
                await stage.advance(step.seconds)
            case Running():
                return await self._wait_for(step)
            case Reply():
                return await self._reply(step)
            case Enter():
                name = step.scope
                await stage.enter(name, Instance(worker=SCOPE_WORKER, name=name, hooks=step.hooks))
            case Leave():
                await stage.leave(step.scope)
            case Drain():
                await stage.drain()
            case Drained():
                return _drained(step, await stage.drained())
            case Restart():
                await stage.restart()
        return ()

    def _judge(
        self, name: str, expect: CallExpectation, answer: CallAnswer | None
    ) -> Sequence[str]:
        self._expected.append((name, expect))
        if answer is None:
            # The client of a call that it cancelled hears nothing of it.
            return ()
        return list(answer_differences(self._calls[name].call, expect, answer))

    async def _register(self, step: Connect | Declare) -> Sequence[str]:
        worker = self._case.workers[step.worker]
        instance = worker.instance(step.instance, step.hooks)
        if isinstance(step, Connect):
            refusal = await self._stage.connect(instance)
        else:
            refusal = await self._stage.declare(instance)
        return list(_registered(step.expect, refusal))

    async def _wait_for(self, step: Running) -> Sequence[str]:
        book = self._stage.book
        if await self._stage.until(lambda: any(book.running(step.hook, step.call))):
            return ()
        return [f"{step.hook} has no run"]

    async def _reply(self, step: Reply) -> Sequence[str]:
        def holding() -> Seen | None:
            return next(self._stage.book.holding(step.hook, step.call), None)

        await self._stage.until(lambda: holding() is not None)
        seen = holding()
        if seen is None:
            return [f"{step.hook} holds no answer"]
        self._stage.reply(seen, step.answer)
        return ()

    async def _look_at_runs(self) -> list[str]:
        """After all steps, because detached runs come when they come."""
        book = self._stage.book

        def differences() -> list[str]:
            return [
                text
                for name, expect in self._expected
                for text in run_differences(name, expect, book, exact=self._stage.is_exact)
            ]

        await self._stage.until(lambda: not differences())
        return differences()

    async def _look_at_end(self) -> list[str]:
        end, stage = self._case.end, self._stage
        await stage.until(lambda: not list(notice_differences(end.notices, stage.book)))
        differences = list(notice_differences(end.notices, stage.book))
        differences += known_differences(end.known, stage.book)
        return differences + await self._look_at_pages()

    async def _look_at_pages(self) -> list[str]:
        end, stage = self._case.end, self._stage

        def differences() -> list[str]:
            found: list[str] = []
            if end.counters:
                found += counter_differences(end.counters, stage.page("/metrics").decode())
            if end.shows:
                found += state_differences(end.shows, json.loads(stage.page("/state")))
            return found

        await stage.until(lambda: not differences())
        return differences()


def _registered(expect: Registration, refusal: Refusal | None) -> Iterator[str]:
    reason = "" if refusal is None else refusal.reason
    message = "" if refusal is None else refusal.message
    if reason != expect.refused:
        yield f"refused as {reason or 'nothing'} ({message}), not {expect.refused or 'nothing'}"
    for words in expect.mentions:
        if words not in message:
            yield f"the refusal does not mention {words!r}: {message}"


def _retired(step: Retire, result: Retired | Refusal) -> Sequence[str]:
    hooks = result.hooks if isinstance(result, Retired) else ()
    refused = result.reason if isinstance(result, Refusal) else ""
    if (hooks, refused) == (step.retired, step.refused):
        return ()
    return [f"retired {hooks}, refused as {refused!s}; not {step.retired}, {step.refused}"]


def _drained(step: Drained, end: DrainEnd) -> Sequence[str]:
    if (step.cut_calls, step.undelivered) == (end.cut_calls, end.undelivered):
        return ()
    return [f"{end}, not {step}"]
