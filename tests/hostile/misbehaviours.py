"""What a hostile worker may do, each with where it must show.

Most of them are ways to answer a run; the others are ways to treat a connection, or to
introduce oneself. Octets are written by hand where no honest encoder would write them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Final

from sidehook import _wire as wire
from sidehook._call import StateChange, Violation
from sidehook._frames import PART, EventTag, Frame, RunTag, encode_frame, pack
from sidehook._hello import WorkerHello
from sidehook._manifest import ErrorPolicy, HookSpec, Limits, WorkerManifest
from sidehook._run import HookFailure, HookResult, Patch, RunRequest
from sidehook._types import FailureClass, Mode, OnError, Value, ValueKind
from sidehook.v1 import hook_pb2, worker_service_pb2
from tests.hostile.arena import (
    BOUND,
    GUARD,
    TYPE,
    Counter,
    Evidence,
    Hostile,
    InReceipt,
    Logged,
    Misbehaviour,
    Script,
    Told,
    as_json,
)
from tests.transport.raw_worker import PROCEED, AttachedWorker

MIB: Final = 1024 * 1024
QUICK: Final = 0.3

Respond = Callable[[AttachedWorker, int, RunRequest], Awaitable[None]]
"""Does something about one run, known by its id."""


# What shows.

MALFORMED: Final = InReceipt("malformed ANSWER_MALFORMED")
IN_QUEUE: Final = InReceipt("overloaded EXPIRED_IN_QUEUE")
LOST: Final = InReceipt("unreachable (CONNECTION_LOST|NO_INSTANCE)")
LATE: Final = Counter("sidehook_late_answers_total")
GONE: Final = Logged("event=worker_detached")


def dropped(cause: str) -> Counter:
    """Frames that were dropped, and counted by their cause."""
    return Counter("sidehook_frames_dropped_total", {"cause": cause})


def logged_refusal(pattern: str) -> tuple[Evidence, ...]:
    """A worker that is not taken in; it is told why, and so is the operator."""
    return Logged(f"event=attach_refused.*{pattern}"), Told(pattern)


# Introductions.


def a_spec(worker: Hostile, **terms: object) -> HookSpec:
    """A hook before or behind the guard, under one of two policies."""
    spec = HookSpec(
        name="h",
        hook_type=TYPE,
        priority=worker.dice.choice((10, 90)),
        timeout=QUICK,
        on_error=ErrorPolicy(default=worker.dice.choice((OnError.FAIL, OnError.IGNORE))),
    )
    return replace(spec, **terms)  # type: ignore[arg-type]  # every term of a spec, by its name


def a_manifest(who: Hostile, /, *hooks: HookSpec, **more: object) -> WorkerManifest:
    """The manifest of the worker, with one hook unless told otherwise."""
    manifest = WorkerManifest(worker=who.name, instance="i1", hooks=hooks or (a_spec(who),))
    return replace(manifest, **more)  # type: ignore[arg-type]  # every part of one, by its name


async def introduced(
    worker: Hostile, stream: AttachedWorker, manifest: WorkerManifest | None = None
) -> None:
    """Attaches, and lets the round begin."""
    await stream.attach(manifest or a_manifest(worker))
    worker.is_ready.set()


def refused(make: Callable[[Hostile], bytes]) -> Script:
    """A worker whose first message is not accepted."""

    async def script(worker: Hostile) -> None:
        async with worker.connect() as stream:
            await stream.send_raw(make(worker))
            while await stream.next() is not None:
                pass

    return script


def hello(manifest: WorkerManifest) -> bytes:
    """A first message."""
    body = wire.encode_worker_hello(WorkerHello(manifest=manifest))
    return pack([encode_frame(Frame(0, EventTag.HELLO, body))])


# Ways to answer a run.


def answering(respond: Respond, **terms: object) -> Script:
    """A worker that attaches and treats every run in one way."""

    async def script(worker: Hostile) -> None:
        async with worker.connect() as stream:
            await introduced(worker, stream, a_manifest(worker, a_spec(worker, **terms)))
            await serve(worker, stream, respond)

    return script


async def serve(worker: Hostile, stream: AttachedWorker, respond: Respond) -> None:
    """Treats every run in one way, and notes what it is told."""
    while (frame := await stream.next()) is not None:
        if frame.tag == RunTag.RUN:
            await respond(stream, frame.id, wire.decode_run(frame.body))
        elif frame.tag == RunTag.NOTICE:
            worker.told.append(wire.decode_notice(frame.body).code)


def result(octets: bytes | worker_service_pb2.HookResult | HookResult) -> Respond:
    """Answers with this, whatever was asked."""
    if isinstance(octets, HookResult):
        octets = wire.encode_result(octets)
    elif not isinstance(octets, bytes):
        octets = octets.SerializeToString()
    body = octets

    async def respond(stream: AttachedWorker, identity: int, _run: RunRequest) -> None:
        await stream.send(
            Frame(identity, EventTag.STARTED, wire.encode_started()),
            Frame(identity, EventTag.RESULT, body),
            Frame(identity, EventTag.END, b""),
        )

    return respond


def patch(**texts: bytes) -> Respond:
    """Answers with a patch of these JSON texts."""
    fields = {name: Value(ValueKind.JSON, text) for name, text in texts.items()}
    return result(HookResult(answer=Patch(fields)))


def field(number: int, octets: bytes) -> bytes:
    """A length-delimited field, by hand."""
    assert len(octets) < 0x80
    return bytes([number << 3 | 2, len(octets)]) + octets


async def wrong_ids(stream: AttachedWorker, identity: int, _run: RunRequest) -> None:
    for wrong in (identity + 1000, 2**53 - 1):
        await stream.answer(wrong)


async def twice(stream: AttachedWorker, identity: int, _run: RunRequest) -> None:
    await stream.answer(identity)
    await stream.answer(identity, HookResult(answer=Violation(reason="on second thoughts")))


async def beginning_twice(stream: AttachedWorker, identity: int, _run: RunRequest) -> None:
    await stream.send(*[Frame(identity, EventTag.STARTED, b"")] * 3)
    await stream.answer(identity)


async def never_beginning(_stream: AttachedWorker, _identity: int, _run: RunRequest) -> None:
    """Nothing at all."""


async def wanting_more_time(stream: AttachedWorker, identity: int, _run: RunRequest) -> None:
    more = wire.encode_extend(3600.0)
    await stream.send(
        Frame(identity, EventTag.STARTED, b""),
        Frame(identity + 1000, EventTag.EXTEND, more),
        *[Frame(identity, EventTag.EXTEND, more)] * 200,
    )
    await stream.answer(identity)


async def broken_extend(stream: AttachedWorker, identity: int, _run: RunRequest) -> None:
    await stream.send(Frame(identity, EventTag.EXTEND, wire.encode_extend(0.0)))


async def parts_without_end(stream: AttachedWorker, identity: int, _run: RunRequest) -> None:
    for seq in range(64):
        await stream.send(Frame(identity, PART, bytes(MIB), seq, more=True))


async def empty_parts(stream: AttachedWorker, identity: int, _run: RunRequest) -> None:
    for begin in range(0, 20_000, 1000):
        await stream.send(
            *(Frame(identity, PART, b"", seq, more=True) for seq in range(begin, begin + 1000))
        )


async def many_open_messages(stream: AttachedWorker, identity: int, _run: RunRequest) -> None:
    await stream.send(
        *(Frame(identity + n, PART, b"x" * 100, 0, more=True) for n in range(100_000, 101_050))
    )


async def a_gap(stream: AttachedWorker, identity: int, _run: RunRequest) -> None:
    await stream.send(Frame(identity, PART, b"x", 7, more=True))


async def ending_without_result(stream: AttachedWorker, identity: int, _run: RunRequest) -> None:
    await stream.send(Frame(identity, EventTag.STARTED, b""), Frame(identity, EventTag.END, b""))


async def unknown_kinds(stream: AttachedWorker, identity: int, _run: RunRequest) -> None:
    await stream.send(*(Frame(identity, tag, b"notice") for tag in range(12, 1012)))
    await stream.answer(identity)


async def hello_again(stream: AttachedWorker, identity: int, _run: RunRequest) -> None:
    await stream.send_raw(hello(WorkerManifest(worker=GUARD)))
    await stream.answer(identity)


async def nonsense(stream: AttachedWorker, identity: int, _run: RunRequest) -> None:
    await stream.send_raw(b"\xff" * 100)
    await stream.send_raw(pack([b""] * 60))
    await stream.answer(identity)


async def nonsense_without_end(stream: AttachedWorker, _identity: int, _run: RunRequest) -> None:
    await stream.send_raw(pack([b""] * 60_000))


class AnswersOfOthers:
    """Answers each run with what belongs to the one before."""

    def __init__(self) -> None:
        self._before = b'"nothing yet"'

    async def __call__(self, stream: AttachedWorker, identity: int, run: RunRequest) -> None:
        text, self._before = self._before, run.fields["text"].octets
        await patch(text=text, marker=text)(stream, identity, run)


DEEP: Final = b"[" * 200 + b"]" * 200
ANSWER: Final = field(2, b"")
TWICE: Final = 2 * field(1, field(1, b"text") + field(2, field(1, b"1")))
BOMB: Final = b"[" + b"{}," * (MIB // 3) + b"{}]"


# Ways to treat a connection.


async def late(worker: Hostile) -> None:
    """Answers when it was told that nobody waits any more."""
    async with worker.connect() as stream:
        await introduced(worker, stream)
        while (frame := await stream.next()) is not None:
            if frame.tag == RunTag.CANCEL:
                await stream.answer(frame.id)
            elif frame.tag == RunTag.NOTICE:
                worker.told.append(wire.decode_notice(frame.body).code)


async def _until_run(stream: AttachedWorker) -> Frame:
    while (frame := await stream.next()) is not None:
        if frame.tag == RunTag.RUN:
            return frame
    raise AssertionError("the stream ended before a run came")


async def half_close(worker: Hostile) -> None:
    async with worker.connect() as stream:
        await introduced(worker, stream)
        await _until_run(stream)
        await stream.call.done_writing()
        while await stream.next() is not None:
            pass


async def close_inside_a_frame(worker: Hostile) -> None:
    async with worker.connect() as stream:
        await introduced(worker, stream)
        frame = await _until_run(stream)
        body = wire.encode_result(PROCEED)
        await stream.send_raw(pack([encode_frame(Frame(frame.id, EventTag.RESULT, body))])[:-1])


async def one_huge_message(worker: Hostile) -> None:
    async with worker.connect() as stream:
        await introduced(worker, stream)
        frame = await _until_run(stream)
        await stream.send(Frame(frame.id, EventTag.RESULT, bytes(64 * MIB)))
        while await stream.next() is not None:
            pass


async def not_reading(worker: Hostile) -> None:
    async with worker.connect() as stream:
        await introduced(worker, stream)
        await asyncio.Event().wait()


async def goodbye_then_answers(worker: Hostile) -> None:
    async with worker.connect() as stream:
        await introduced(worker, stream)
        frame = await _until_run(stream)
        farewell = Frame(0, EventTag.GOODBYE, wire.encode_goodbye("bye " * 1000))
        await stream.send(*[farewell] * 50)
        await stream.answer(frame.id)
        await serve(worker, stream, result(PROCEED))


async def attach_storm(worker: Hostile) -> None:
    for number in range(40):
        async with worker.connect() as stream:
            await introduced(worker, stream, a_manifest(worker, instance=f"i{number}"))


async def changing_manifests(worker: Hostile) -> None:
    async with worker.connect() as stream:
        await introduced(worker, stream)
        for number in range(30):
            spec = a_spec(worker, name=f"h{number}", priority=number)
            body = wire.encode_manifest(a_manifest(worker, a_spec(worker), spec))
            await stream.send(*[Frame(0, EventTag.MANIFEST, body)] * 20)
        await serve(worker, stream, result(PROCEED))


async def more_hooks_all_the_time(worker: Hostile) -> None:
    async with worker.connect() as stream:
        await introduced(worker, stream)
        for begin in range(3):
            hooks = (a_spec(worker, name=f"h{begin}-{n}", scope="nobody") for n in range(700))
            await stream.send(
                Frame(0, EventTag.MANIFEST, wire.encode_manifest(a_manifest(worker, *hooks)))
            )
        while await stream.next() is not None:
            pass


async def weaker_terms(worker: Hostile) -> None:
    strict = a_spec(worker, on_error=ErrorPolicy(default=OnError.FAIL))
    weak = replace(strict, mode=Mode.AUDIT, on_error=ErrorPolicy(default=OnError.IGNORE))
    async with worker.connect() as stream:
        await introduced(worker, stream, a_manifest(worker, strict))
        body = wire.encode_manifest(a_manifest(worker, weak))
        await stream.send(Frame(0, EventTag.MANIFEST, body))
        await serve(worker, stream, result(PROCEED))


async def the_guard_s_name(worker: Hostile) -> None:
    """Poses as a replica of the guard that only watches, to get at its runs."""
    weak = a_spec(worker, name=GUARD, mode=Mode.AUDIT)
    async with worker.connect() as stream:
        await introduced(worker, stream, a_manifest(worker, weak, worker=GUARD))
        await serve(worker, stream, result(PROCEED))


async def another_name_on_the_way(worker: Hostile) -> None:
    async with worker.connect() as stream:
        await introduced(worker, stream)
        body = wire.encode_manifest(a_manifest(worker, worker=GUARD))
        await stream.send(Frame(0, EventTag.MANIFEST, body))
        while await stream.next() is not None:
            pass


async def no_room(worker: Hostile) -> None:
    """Holds its one run, and has no room for others."""
    limits = Limits(max_in_flight=1)
    async with worker.connect() as stream:
        await introduced(worker, stream, a_manifest(worker, limits=limits))
        await serve(worker, stream, never_beginning)


async def too_small(worker: Hostile) -> None:
    """Takes no message of more than a byte."""
    limits = Limits(max_message_bytes=1)
    async with worker.connect() as stream:
        await introduced(worker, stream, a_manifest(worker, limits=limits))
        await serve(worker, stream, never_beginning)


async def silent_connections(worker: Hostile) -> None:
    """Opens streams, and says nothing on them."""
    streams = [worker.connect() for _ in range(20)]
    try:
        async with worker.connect() as stream:
            await introduced(worker, stream)
            await serve(worker, stream, result(PROCEED))
    finally:
        with suppress(asyncio.CancelledError):
            for each in streams:
                await each.__aexit__(None, None, None)


def many_hooks(worker: Hostile) -> bytes:
    manifest = hook_pb2.WorkerManifest(protocol_version=1, worker=worker.name)
    for number in range(5000):
        manifest.hooks.add(name=f"h{number}", hook_type="rounds")
    body = worker_service_pb2.WorkerHello(manifest=manifest).SerializeToString()
    return pack([encode_frame(Frame(0, EventTag.HELLO, body))])


def unknown_types(worker: Hostile) -> bytes:
    hooks = (a_spec(worker, name=f"h{n}", hook_type=f"rounds{n}") for n in range(1000))
    return hello(a_manifest(worker, *hooks))


TABLE: Final = (
    # Answers that are not to be had.
    Misbehaviour("wrong ids", answering(wrong_ids), (dropped("unknown_id"), IN_QUEUE)),
    Misbehaviour("answers twice", answering(twice), (LATE,)),
    Misbehaviour("answers late", late, (LATE, Told("LATE_ANSWER"))),
    Misbehaviour("begins twice", answering(beginning_twice), (dropped("unexpected"),)),
    Misbehaviour("never begins", answering(never_beginning), (IN_QUEUE,)),
    Misbehaviour("ends without a result", answering(ending_without_result), (MALFORMED,)),
    Misbehaviour(
        "answers for another hook",
        answering(
            result(worker_service_pb2.HookResult(index=1, proceed=worker_service_pb2.NoChange()))
        ),
        (MALFORMED,),
    ),
    Misbehaviour(
        "answers of other runs",
        answering(AnswersOfOthers()),
        (InReceipt("^modified"), Counter("sidehook_fields_rejected_total")),
    ),
    Misbehaviour(
        "wants more time without end",
        answering(wanting_more_time),
        (Told("EXTENSION_CUT"), dropped("unknown_id")),
    ),
    Misbehaviour(
        "a wish that is none", answering(broken_extend), (dropped("malformed"), MALFORMED)
    ),
    # Answers that are none.
    Misbehaviour("octets that are no message", answering(result(b"\xff\xff")), (MALFORMED,)),
    Misbehaviour("no answer set", answering(result(b"")), (MALFORMED,)),
    Misbehaviour("two answers set", answering(result(ANSWER + field(4, b""))), (MALFORMED,)),
    Misbehaviour(
        "text that is not UTF-8", answering(result(field(4, field(1, b"\xff")))), (MALFORMED,)
    ),
    Misbehaviour("a field twice", answering(result(field(3, TWICE))), (MALFORMED,)),
    Misbehaviour("a patch that is no JSON", answering(patch(text=b"{")), (MALFORMED,)),
    Misbehaviour("a key twice", answering(patch(text=b'{"a":1,"a":2}')), (MALFORMED,)),
    Misbehaviour("a value too deep", answering(patch(text=DEEP)), (MALFORMED,)),
    Misbehaviour(
        "a value of very many parts",
        answering(patch(text=BOMB), timeout=30.0),
        (InReceipt("^modified"),),
    ),
    Misbehaviour(
        "a payload too large",
        answering(patch(text=as_json("x" * 16 * MIB)), timeout=30.0),
        (MALFORMED,),
    ),
    Misbehaviour(
        "very many fields",
        answering(patch(**{f"f{n}": b"1" for n in range(4096)})),
        (InReceipt("^patch_discarded"), Counter("sidehook_patches_discarded_total")),
    ),
    Misbehaviour(
        "details that are no object",
        answering(result(HookResult(answer=Violation(reason="no", details=b"[1]")))),
        (MALFORMED,),
    ),
    Misbehaviour(
        "state without end",
        answering(
            result(
                HookResult(answer=PROCEED.answer, state=StateChange({"k": as_json("x" * 70_000)}))
            )
        ),
        (MALFORMED,),
    ),
    Misbehaviour(
        "annotations without end",
        answering(
            result(
                worker_service_pb2.HookResult(
                    proceed=worker_service_pb2.NoChange(),
                    annotations={str(n): "x" for n in range(5000)},
                )
            )
        ),
        (MALFORMED,),
    ),
    Misbehaviour(
        "a class that is not known",
        answering(
            result(
                worker_service_pb2.HookResult(
                    error=worker_service_pb2.HookError(failure_class=77, code="ODD")  # type: ignore[arg-type]  # that is the point
                )
            )
        ),
        (InReceipt("raised ODD"),),
    ),
    Misbehaviour(
        "a class that is not its own",
        answering(
            result(
                HookResult(answer=HookFailure(failure_class=FailureClass.CIRCUIT_OPEN, code="ODD"))
            )
        ),
        (InReceipt("raised ODD"),),
    ),
    Misbehaviour(
        "a failure in very many words",
        answering(
            result(
                HookResult(
                    answer=HookFailure(
                        failure_class=FailureClass.RAISED, code="C" * MIB, message="m" * MIB
                    )
                )
            )
        ),
        (InReceipt("raised C{127}… m{1023}…$"),),
    ),
    # Answers that are not allowed.
    Misbehaviour(
        "patches what nobody may write",
        answering(patch(marker=b'"mine"', forbidden=b"false")),
        (
            InReceipt("^patch_discarded"),
            Counter("sidehook_patches_discarded_total"),
            Told("FIELDS_REJECTED"),
        ),
    ),
    Misbehaviour(
        "blocks from TRANSFORM",
        answering(result(HookResult(answer=Violation(reason="no"))), mode=Mode.TRANSFORM),
        (
            InReceipt("^block_suppressed"),
            Counter("sidehook_blocks_suppressed_total"),
            Told("BLOCK_SUPPRESSED"),
        ),
    ),
    Misbehaviour(
        "patches from AUDIT",
        answering(patch(text=b'"mine"'), mode=Mode.AUDIT),
        (
            InReceipt("^patch_discarded"),
            Counter("sidehook_patches_discarded_total"),
            Told("PATCH_DISCARDED"),
        ),
    ),
    Misbehaviour(
        "blocks and patches from FIRE_AND_FORGET",
        answering(result(HookResult(answer=Violation(reason="no"))), mode=Mode.FIRE_AND_FORGET),
        (InReceipt("^detached"), Counter("sidehook_blocks_suppressed_total")),
    ),
    Misbehaviour(
        "loses detached work",
        answering(never_beginning, mode=Mode.FIRE_AND_FORGET),
        (InReceipt("^detached"), Counter("sidehook_detached_lost_total", {"cause": "timeout"})),
    ),
    Misbehaviour(
        "blocks everything with a very long reason",
        answering(
            result(HookResult(answer=Violation(reason="r" * MIB, code="C" * MIB))),
            mode=Mode.CONCURRENT,
        ),
        (InReceipt("^blocked None C{127}… r{1023}…$"), Logged("event=call_blocked")),
    ),
    # Frames.
    Misbehaviour("unknown kinds of frames", answering(unknown_kinds), (dropped("unexpected"),)),
    Misbehaviour("says hello again", answering(hello_again), (dropped("unexpected"),)),
    Misbehaviour(
        "octets that are no frames",
        answering(nonsense),
        (dropped("malformed"), Logged("frame_malformed .*frames=60 ")),
    ),
    Misbehaviour(
        "octets that are no frames, without end",
        answering(nonsense_without_end),
        (dropped("malformed"), GONE, Logged("attach_refused.*64 frames of one message are broken")),
    ),
    Misbehaviour(
        "parts without end",
        answering(parts_without_end, timeout=30.0),
        (dropped("malformed"), MALFORMED),
    ),
    Misbehaviour("empty parts without end", answering(empty_parts), (IN_QUEUE,)),
    Misbehaviour("very many open messages", answering(many_open_messages), (dropped("malformed"),)),
    Misbehaviour("parts with a gap", answering(a_gap), (dropped("malformed"), MALFORMED)),
    # Connections.
    Misbehaviour("one message of 64 MiB", one_huge_message, (GONE, Told("larger than max"))),
    Misbehaviour("half-closes", half_close, (GONE, LOST)),
    Misbehaviour("closes inside a frame", close_inside_a_frame, (GONE, LOST)),
    Misbehaviour("does not read", not_reading, (IN_QUEUE,)),
    Misbehaviour(
        "goes on after its goodbye",
        goodbye_then_answers,
        (Logged("event=worker_goodbye"), Logged("event=worker_draining")),
    ),
    Misbehaviour("attaches and detaches", attach_storm, (GONE, LOST)),
    Misbehaviour("opens silent streams", silent_connections, (Logged("event=worker_attached"),)),
    Misbehaviour("has no room", no_room, (InReceipt("overloaded EXPIRED_IN_QUEUE"),)),
    Misbehaviour("takes nothing", too_small, (InReceipt("overloaded RUN_TOO_LARGE"),)),
    # Manifests.
    Misbehaviour(
        "changes its hooks all the time",
        changing_manifests,
        (Logged("event=worker_declared_anew"),),
    ),
    Misbehaviour(
        "declares more hooks all the time",
        more_hooks_all_the_time,
        logged_refusal("at most 1000 are kept"),
    ),
    Misbehaviour("declares 5000 hooks", refused(many_hooks), logged_refusal("at most 1000")),
    Misbehaviour("hooks of unknown types", refused(unknown_types), logged_refusal("not declared")),
    Misbehaviour(
        "a name without end",
        refused(lambda worker: hello(a_manifest(worker, a_spec(worker, name="x" * 100_000)))),
        logged_refusal("use 1 to 128"),
    ),
    Misbehaviour(
        "a manifest of 2 MiB",
        refused(lambda worker: hello(a_manifest(worker, sdk="x" * 2 * MIB))),
        logged_refusal("over the limit"),
    ),
    Misbehaviour(
        "limits that leave no room",
        refused(lambda worker: hello(a_manifest(worker, limits=Limits(max_batch_bytes=1)))),
        logged_refusal("must be 128 or more"),
    ),
    Misbehaviour(
        "no hello",
        refused(lambda worker: pack([encode_frame(Frame(1, EventTag.RESULT, ANSWER))])),
        logged_refusal("hello was due"),
    ),
    Misbehaviour(
        "another's name that is bound",
        refused(lambda worker: hello(a_manifest(worker, worker=BOUND))),
        logged_refusal("bound to user id"),
    ),
    Misbehaviour(
        "weakens its own hook",
        weaker_terms,
        (Logged("event=downgrade_refused"), Told("DOWNGRADE_REFUSED")),
    ),
    Misbehaviour(
        "poses as the guard",
        the_guard_s_name,
        (Logged("event=downgrade_refused"), Told("DOWNGRADE_REFUSED")),
    ),
    Misbehaviour(
        "takes another name on the way",
        another_name_on_the_way,
        logged_refusal("belongs to worker"),
    ),
)
"""Every misbehaviour, and where it shows."""
