"""What a stream does when a worker asks for a run again, because it lacks a list's beginning."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from sidehook import _wire
from sidehook._frames import EventTag, Frame, RunTag, decode_frame, encode_frame, pack, unpack
from sidehook._hello import CONTINUATIONS, FUSED_RUNS, SPLIT_FRAMES
from sidehook._manifest import Limits, WorkerManifest
from sidehook._mux import Outbox
from sidehook._run import HookFailure, HookResult, NothingToSay
from sidehook_server.dispatch.link import RunHandle
from sidehook_server.dispatch.observer import FrameDrop
from sidehook_server.transport.stream_link import StreamLink
from tests.unit.dispatch.fakes import Recorder
from tests.unit.transport.streams import Deaf, Sink, a_run

RUN: Final = 1


class Stream:
    """A link with a run of the hooks `a`, `b` and `c` under way, and its worker's end."""

    def __init__(self) -> None:
        self.seen = Recorder()
        self.sink = Sink()
        self._outbox = Outbox()
        manifest = WorkerManifest(
            worker="w",
            instance="one",
            hooks=(),
            capabilities=frozenset({CONTINUATIONS, FUSED_RUNS, SPLIT_FRAMES}),
        )
        self.link = StreamLink(
            "link",
            manifest,
            outbox=self._outbox,
            listener=Deaf(),
            limits=Limits(),
            observer=self.seen,
        )
        handle = self.link.send(a_run("a", "b", "c"), self.sink)
        assert not isinstance(handle, HookFailure)
        self.handle: RunHandle = handle
        assert self.sent() == ["run"]

    def sent(self) -> list[str]:
        """What was sent since it was last looked at, in words."""
        frames = map(decode_frame, unpack(self._outbox.ready_batch()))
        return [_in_words(frame) for frame in frames if frame.id == RUN]

    def say(self, tag: EventTag, body: bytes = b"") -> None:
        """The worker sends a frame of the run."""
        self.link.receive(pack([encode_frame(Frame(RUN, tag, body))]))

    def need(self) -> None:
        """The worker asks for the run again, whole."""
        self.say(EventTag.NEED, _wire.encode_need("chat"))

    def begin(self) -> None:
        """The first hook is about to be called."""
        self.say(EventTag.STARTED)

    def answer(self, index: int = 0) -> None:
        """A hook proceeds."""
        result = HookResult(answer=NothingToSay(), index=index)
        self.say(EventTag.RESULT, _wire.encode_result(result))


def _in_words(frame: Frame) -> str:
    if frame.tag == RunTag.RUN:
        return "run"
    index = _wire.decode_cancel_run(frame.body)
    return "cancel" if index is None else f"cancel {index}"


@pytest.fixture
async def stream() -> Stream:
    return Stream()


async def test_a_run_is_sent_again_and_goes_on_as_if_it_had_been_sent_once(stream: Stream) -> None:
    stream.need()
    assert stream.sent() == ["run"]
    for index in range(3):
        stream.answer(index)
    assert stream.sink.told == ["answered 0", "answered 1", "answered 2"]
    assert stream.link.in_flight == 0


async def test_hooks_that_were_stopped_before_it_are_stopped_again(stream: Stream) -> None:
    stream.handle.cancel(2)
    stream.handle.cancel(0)
    assert stream.sent() == ["cancel 2", "cancel 0"]
    stream.need()
    assert stream.sent() == ["run", "cancel 0", "cancel 2"]
    stream.answer(1)
    stream.say(EventTag.END)
    assert stream.sink.told == ["answered 1"]
    assert stream.link.in_flight == 0


async def test_a_run_of_which_every_hook_was_stopped_is_over_instead(stream: Stream) -> None:
    for index in range(3):
        stream.handle.cancel(index)
    stream.sent()
    stream.need()
    assert stream.sent() == []
    assert stream.sink.told == ["ended"]
    assert stream.link.in_flight == 0


async def test_a_run_that_was_cancelled_is_not_sent_again(stream: Stream) -> None:
    stream.handle.cancel()
    assert stream.sent() == ["cancel"]
    stream.need()
    assert stream.sent() == []
    assert stream.sink.told == []
    assert stream.link.in_flight == 0


@pytest.mark.parametrize(
    "has_it", [Stream.need, Stream.begin, Stream.answer], ids=lambda way: way.__name__
)
async def test_what_the_worker_has_is_not_sent_again(
    stream: Stream, has_it: Callable[[Stream], None]
) -> None:
    has_it(stream)
    stream.sent()
    stream.need()
    assert stream.sent() == []
    assert stream.sink.told[-1] == "spoiled None"
    assert stream.seen.dropped == [FrameDrop.MALFORMED]
