"""One process of a scripted worker: frames in, frames out. No I/O and no clock of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import replace
from typing import Protocol

from sidehook import Payload
from sidehook import _wire as wire
from sidehook._call import Fields
from sidehook._continuations import Received, UnknownItemsError
from sidehook._frames import EventTag, Frame, RunTag, encode_frame
from sidehook._run import HookFailure, HookResult, HookRun, NothingToSay, RunRequest
from sidehook._types import JSON, FailureClass
from sidehook.v1.worker_service_pb2 import RunRequest as RunMessage
from sidehook.worker._rights import Standing, ends_call, narrowed
from tests.conformance.language.answers import END, Answer, Emit, result_frames
from tests.conformance.language.workers import Continues, Instance
from tests.conformance.runners.book import Book, Seen


class Line(Protocol):
    """The connection of an actor."""

    def send(self, frames: Iterable[bytes]) -> None:
        """Sends serialized frames to the sidecar, in order."""

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        """Does something after so many seconds, 0 for at once; never before this returns."""

    def hang_up(self) -> None:
        """Breaks the connection."""


class Actor:
    """Plays an instance on a connection, and writes into the book what it sees."""

    def __init__(self, instance: Instance, book: Book, line: Line) -> None:
        self.instance = instance
        self.book = book
        self.line = line
        self.is_gone = False
        self.is_active = False
        self._turns: Counter[str] = Counter()
        self._runs: dict[int, _Run] = {}
        forgets = instance.continues is Continues.FORGETS
        self._received = Received(0) if forgets else Received()

    def take(self, frame: Frame) -> None:
        """Acts on a frame of the sidecar's."""
        if frame.tag == RunTag.RUN:
            request = self._read(frame)
            if request is None:
                return
            hooks = [hook.hook for step in request.steps for hook in step]
            paths = tuple(f"{self.instance.worker}/{hook}" for hook in hooks)
            if request.call_end is None:
                self.book.sent.append((request.call_id, paths))
            self._runs[frame.id] = _Run(self, frame.id, request)
            self._runs[frame.id].begin()
        elif frame.tag == RunTag.CANCEL:
            self._runs[frame.id].cancel(wire.decode_cancel_run(frame.body))
        elif frame.tag == RunTag.NOTICE:
            notice = wire.decode_notice(frame.body)
            self.is_active = self.is_active or notice.code == "HOOKS_ACTIVE"
            self.book.notices.append((self.instance.worker, notice))

    def _read(self, frame: Frame) -> RunRequest | None:
        """The run; None when it builds on what is not known, which is asked for then."""
        lists = RunMessage.FromString(frame.body).payload.fields.values()
        known = [it.continuation.known for it in lists if it.HasField("continuation")]
        self.book.known.append((self.instance.worker, sum(known)))
        try:
            return wire.decode_run(frame.body, self._received)
        except UnknownItemsError as error:
            self.send([encode_frame(Frame(frame.id, EventTag.NEED, wire.encode_need(error.field)))])
            return None

    def reply(self, seen: Seen, answer: Answer) -> bool:
        """Gives the answer that a hook waits for; False when the hook is another actor's."""
        return any(run.reply(seen, answer) for run in self._runs.values())

    def has_run(self, number: int) -> bool:
        """Whether the run of an id has come."""
        return number in self._runs

    def begun(self, number: int) -> Set[int]:
        """The indexes of the hooks of a run that it said to start."""
        return self._runs[number].begun

    def answered(self, number: int) -> Set[int]:
        """The indexes of the hooks of a run that it answered properly."""
        return self._runs[number].answered

    def goodbye(self) -> None:
        """Says that it drains."""
        body = wire.encode_goodbye("the case says so")
        self.line.send([encode_frame(Frame(0, EventTag.GOODBYE, body))])

    def declare(self, instance: Instance) -> None:
        """Declares itself anew."""
        self.instance = instance
        self.is_active = False
        body = wire.encode_manifest(instance.manifest)
        self.line.send([encode_frame(Frame(0, EventTag.MANIFEST, body))])

    def next_answer(self, hook: str) -> Answer:
        """What the hook answers now."""
        answers = self.instance.hooks[hook].answers
        turn = self._turns[hook]
        self._turns[hook] += 1
        return answers[min(turn, len(answers) - 1)]

    def send(self, frames: Iterable[bytes]) -> None:
        """Sends frames, unless the connection is gone."""
        frames = list(frames)
        if frames and not self.is_gone:
            self.line.send(frames)


class _Run:
    """One run: its hooks are called step by step, as the contract has it for `fused_runs`.

    What of that an SDK does, rights, payload and state between the hooks, is done as this
    library's does it.
    """

    def __init__(self, actor: Actor, run: int, request: RunRequest) -> None:
        self._actor = actor
        self._run = run
        self._request = request
        self._standing = Standing(request, actor.instance.worker)
        self._step = -1
        self._open: dict[int, Seen] = {}
        self._results: dict[int, tuple[HookRun, HookResult]] = {}
        self._is_stopped = False
        self._hooks: list[Seen] = []
        self.begun: set[int] = set()
        self.answered: set[int] = set()

    def begin(self) -> None:
        """Calls the hooks of the first step."""
        self._next_step()

    def cancel(self, index: int | None) -> None:
        """The sidecar wants no more of the run, or of one hook of it."""
        for at, seen in enumerate(self._hooks):
            if index in (None, at) and (not seen.answered or not self._request.is_fused):
                seen.cancelled = True
        if index is None:
            self._is_stopped = True
        elif self._open.pop(index, None) is not None and not self._open:
            self._step_is_over()

    def reply(self, seen: Seen, answer: Answer) -> bool:
        """Gives the answer that a hook waits for; False when it is not of this run."""
        for index, mine in enumerate(self._hooks):
            if mine is seen:
                seen.answered = not answer.held
                self._answer(index, seen, answer)
                return True
        return False

    def _next_step(self) -> None:
        self._step += 1
        if self._step == len(self._request.steps):
            self._end()
            return
        first = len(self._hooks)
        step = self._request.steps[self._step]
        for index, run in enumerate(step, start=first):
            seen = self._seen(run)
            self._hooks.append(seen)
            self._open[index] = seen
            self._actor.book.runs.append(seen)
        for index in range(first, first + len(step)):
            seen = self._hooks[index]
            self._answer(index, seen, self._actor.next_answer(seen.hook.hook))

    def _seen(self, run: HookRun) -> Seen:
        """The hook as it sees the run: by itself."""
        instance, request = self._actor.instance, self._request
        if request.is_fused:
            spec = instance.hooks[run.hook].spec
            request = replace(
                request,
                steps=((run,),),
                fields=_only(spec.fields, self._standing.fields),
                context=replace(request.context, state=self._standing.state),
                idempotency_key=request.idempotency_key + run.hook,
            )
        return Seen(instance.worker, instance.name, request)

    def _answer(self, index: int, seen: Seen, answer: Answer) -> None:
        self._send(answer.first, index)
        if answer.starts:
            self.begun.add(index)
        seen.holds = answer.held
        if not answer.held:
            self._actor.line.later(answer.after, lambda: self._speak(index, seen, answer))

    def _speak(self, index: int, seen: Seen, answer: Answer) -> None:
        if self._actor.is_gone:
            return
        seen.answered = True
        if answer.hangs_up:
            self._actor.line.hang_up()
            return
        result = _mutated(seen, answer.mutates) if answer.mutates else answer.result
        then = answer.then if result is None else result_frames(result)
        if result is not None:
            self.answered.add(index)
        if not self._request.is_fused:
            self._send(then, index)
            return
        if result is not None and not answer.keeps_fields:
            result = narrowed(seen.hook, result)
            then = result_frames(result)
        self._send([emit for emit in then if emit is not END], index)
        if then == (END,):
            self._is_stopped = True
            self._send(then, index)
        if self._open.pop(index, None) is not None:
            self._results[index] = (seen.hook, result or HookResult(answer=NothingToSay()))
            if ends_call(*self._results[index]):
                self._open.clear()
            if not self._open:
                self._step_is_over()

    def _step_is_over(self) -> None:
        if self._is_stopped:
            return
        results = [self._results[index] for index in sorted(self._results)]
        self._results.clear()
        for run, result in results:
            if ends_call(run, result) or not self._standing.take(run, result):
                self._end()
                return
        self._next_step()

    def _end(self) -> None:
        """Nothing more comes, which the last answer of a run of one hook says by itself."""
        self._is_stopped = True
        if self._request.is_fused:
            self._send((END,), 0)

    def _send(self, emits: Iterable[Emit], index: int) -> None:
        self._actor.send(emit(self._run, index) for emit in emits)


def _only(names: tuple[str, ...] | None, fields: Fields) -> Fields:
    if names is None:
        return fields
    return {name: value for name, value in fields.items() if name in names}


def _mutated(seen: Seen, changes: Mapping[str, JSON]) -> HookResult:
    """What this SDK's payload makes of a hook that changes it in place."""
    payload = Payload(seen.request.fields)
    try:
        for name, value in changes.items():
            payload[name] = value
    except TypeError as error:
        failure = HookFailure(failure_class=FailureClass.RAISED, code=type(error).__name__)
        return HookResult(answer=failure)
    return HookResult(answer=NothingToSay())
