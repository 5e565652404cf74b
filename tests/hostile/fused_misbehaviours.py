"""What a hostile worker may do to runs of several hooks."""

from __future__ import annotations

from typing import Final

from sidehook import _wire as wire
from sidehook._frames import EventTag, Frame
from sidehook._hello import FUSED_RUNS, SPLIT_FRAMES
from sidehook._manifest import ErrorPolicy
from sidehook._run import HookFailure, HookResult, NothingToSay, Patch, RunRequest
from sidehook._types import FailureClass, Mode, OnError, Value, ValueKind
from tests.hostile.arena import Hostile, InReceipt, Misbehaviour, Script
from tests.hostile.misbehaviours import (
    IN_QUEUE,
    MALFORMED,
    Respond,
    a_manifest,
    a_spec,
    dropped,
    introduced,
    serve,
)
from tests.transport.raw_worker import AttachedWorker

_TEXT: Final = Value(ValueKind.JSON, b'"hostile"')


def fusing(respond: Respond, mode: Mode = Mode.SEQUENTIAL) -> Script:
    """A worker of three hooks that travel together, whose failures nobody minds."""

    async def script(worker: Hostile) -> None:
        hooks = [
            a_spec(
                worker,
                name=name,
                mode=mode,
                priority=number,
                on_error=ErrorPolicy(default=OnError.IGNORE),
            )
            for number, name in enumerate(("h1", "h2", "h3"), start=10)
        ]
        capabilities = frozenset({SPLIT_FRAMES, FUSED_RUNS})
        async with worker.connect() as stream:
            manifest = a_manifest(worker, *hooks, capabilities=capabilities)
            await introduced(worker, stream, manifest)
            await serve(worker, stream, respond)

    return script


def saying(*said: tuple[EventTag, bytes]) -> Respond:
    """Says this about every run, whatever it is of."""

    async def respond(stream: AttachedWorker, identity: int, _run: RunRequest) -> None:
        await stream.send(*(Frame(identity, tag, body) for tag, body in said))

    return respond


def begun(index: int) -> tuple[EventTag, bytes]:
    return EventTag.STARTED, wire.encode_started(index)


def proceeds(index: int) -> tuple[EventTag, bytes]:
    return EventTag.RESULT, wire.encode_result(HookResult(answer=NothingToSay(), index=index))


def patches(index: int, *names: str) -> tuple[EventTag, bytes]:
    answer = Patch(dict.fromkeys(names, _TEXT))
    return EventTag.RESULT, wire.encode_result(HookResult(answer=answer, index=index))


def fails(index: int) -> tuple[EventTag, bytes]:
    answer = HookFailure(failure_class=FailureClass.RAISED, code="HOSTILE")
    return EventTag.RESULT, wire.encode_result(HookResult(answer=answer, index=index))


END: Final = (EventTag.END, b"")

FUSED: Final = (
    Misbehaviour(
        "answers for a hook beyond its run",
        fusing(saying(begun(0), proceeds(7), END)),
        (MALFORMED,),
    ),
    Misbehaviour(
        "answers the hooks of a run from behind",
        fusing(saying(begun(2), proceeds(2), proceeds(1), proceeds(0), END)),
        (MALFORMED,),
    ),
    Misbehaviour(
        "answers for hooks of a run twice",
        fusing(saying(proceeds(0), proceeds(0), proceeds(1), proceeds(1), proceeds(2), END)),
        (InReceipt("^proceeded"), dropped("unexpected")),
    ),
    Misbehaviour(
        "never says that the hooks of a run begin",
        fusing(saying(proceeds(0), proceeds(1), proceeds(2), END)),
        (InReceipt("^proceeded"),),
    ),
    Misbehaviour(
        "leaves what it may not write in a patch",
        fusing(saying(patches(0, "text", "marker"), patches(1, "text"), patches(2, "text"), END)),
        (InReceipt("^modified"), MALFORMED),
    ),
    Misbehaviour(
        "begins all hooks of a run at once",
        fusing(saying(begun(0), begun(1), begun(2), proceeds(0), proceeds(1), fails(2), END)),
        (InReceipt("raised HOSTILE"),),
    ),
    Misbehaviour(
        "begins hooks twice, and some that are not there",
        fusing(saying(begun(0), begun(0), begun(9), proceeds(0), proceeds(1), proceeds(2), END)),
        (InReceipt("^proceeded"), dropped("unexpected")),
    ),
    Misbehaviour("ends a run at its begin", fusing(saying(END)), (MALFORMED,)),
    Misbehaviour(
        "stops in the middle of a run",
        fusing(saying(begun(0), proceeds(0), begun(1))),
        (InReceipt("timeout HOOK_TIMEOUT"),),
    ),
    Misbehaviour(
        "answers one hook of a run and waits with the next",
        fusing(saying(begun(0), proceeds(0))),
        (IN_QUEUE,),
    ),
    Misbehaviour(
        "blocks for the others at once",
        fusing(saying(begun(0), proceeds(0), proceeds(0), proceeds(9)), Mode.CONCURRENT),
        (MALFORMED,),
    ),
)
"""What goes wrong in runs of several hooks, and where it shows."""
