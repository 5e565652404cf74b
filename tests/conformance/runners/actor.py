"""One process of a scripted worker: frames in, frames out. No I/O and no clock of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from sidehook import Payload
from sidehook import _wire as wire
from sidehook._frames import EventTag, Frame, RunTag, encode_frame
from sidehook._run import HookFailure, HookResult, NothingToSay
from sidehook._types import JSON, FailureClass
from tests.conformance.language.answers import Answer, Emit, result_frames
from tests.conformance.language.workers import Instance
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
        self.is_gone = False
        self.is_active = False
        self._book = book
        self._line = line
        self._turns: Counter[str] = Counter()
        self._runs: dict[int, Seen] = {}

    def take(self, frame: Frame) -> None:
        """Acts on a frame of the sidecar's."""
        if frame.tag == RunTag.RUN:
            self._take_run(frame)
        elif frame.tag == RunTag.CANCEL:
            self._runs[frame.id].cancelled = True
        elif frame.tag == RunTag.NOTICE:
            notice = wire.decode_notice(frame.body)
            self.is_active = self.is_active or notice.code == "HOOKS_ACTIVE"
            self._book.notices.append((self.instance.worker, notice))

    def reply(self, seen: Seen, answer: Answer) -> bool:
        """Gives the answer that a run waits for; False when the run is another actor's."""
        for run, mine in self._runs.items():
            if mine is seen:
                seen.answered = not answer.held
                self._answer(run, seen, answer)
                return True
        return False

    def goodbye(self) -> None:
        """Says that it drains."""
        body = wire.encode_goodbye("the case says so")
        self._line.send([encode_frame(Frame(0, EventTag.GOODBYE, body))])

    def declare(self, instance: Instance) -> None:
        """Declares itself anew."""
        self.instance = instance
        self.is_active = False
        body = wire.encode_manifest(instance.manifest)
        self._line.send([encode_frame(Frame(0, EventTag.MANIFEST, body))])

    def _take_run(self, frame: Frame) -> None:
        request = wire.decode_run(frame.body)
        seen = Seen(self.instance.worker, self.instance.name, request)
        self._runs[frame.id] = seen
        self._book.runs.append(seen)
        self._answer(frame.id, seen, self._next_answer(seen.hook.hook))

    def _next_answer(self, hook: str) -> Answer:
        answers = self.instance.hooks[hook].answers
        turn = self._turns[hook]
        self._turns[hook] += 1
        return answers[min(turn, len(answers) - 1)]

    def _answer(self, run: int, seen: Seen, answer: Answer) -> None:
        self._send(emit(run) for emit in answer.first)
        seen.holds = answer.held
        if answer.held:
            return

        def speak() -> None:
            if self.is_gone:
                return
            seen.answered = True
            if answer.hangs_up:
                self._line.hang_up()
                return
            then = _mutated(seen, answer.mutates) if answer.mutates else answer.then
            self._send(emit(run) for emit in then)

        self._line.later(answer.after, speak)

    def _send(self, frames: Iterable[bytes]) -> None:
        frames = list(frames)
        if frames and not self.is_gone:
            self._line.send(frames)


def _mutated(seen: Seen, changes: Mapping[str, JSON]) -> tuple[Emit, ...]:
    """What this SDK's payload makes of a hook that changes it in place."""
    payload = Payload(seen.request.fields)
    try:
        for name, value in changes.items():
            payload[name] = value
    except TypeError as error:
        failure = HookFailure(failure_class=FailureClass.RAISED, code=type(error).__name__)
        return result_frames(HookResult(answer=failure))
    return result_frames(HookResult(answer=NothingToSay()))
