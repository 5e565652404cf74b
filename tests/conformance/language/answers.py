"""What a scripted hook answers: written in YAML, given to a runner as frames.

A runner sends `first` when the run arrives and `then` when its time has come. What
breaks the contract cannot be said with an encoder, so those frames are made of octets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from sidehook import _wire as wire
from sidehook._call import StateChange, Violation
from sidehook._frames import EventTag, Frame, encode_frame
from sidehook._run import HookAnswer, HookFailure, HookResult, NothingToSay, Patch
from sidehook._types import JSON, FailureClass, Value, ValueKind
from tests.conformance.language import reading
from tests.conformance.language.errors import CaseError
from tests.conformance.language.reading import Keys
from tests.conformance.language.values import read_fields, read_text

Emit: TypeAlias = Callable[[int, int], bytes]
"""Makes a serialized frame for the run of an id and the hook at an index of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a worker sends for one run. `after` in seconds.

    `starts`: what it sends `first` says that it starts the hook. `held`: nothing more is
    sent until a step of the case says what. `hangs_up`: the worker's connection is gone
    instead. `mutates`: the hook does this to its payload in place, and the answer is what
    the SDK makes of that. `result` is what `then` says, None when it is nothing that an SDK
    could say; `keeps_fields`: of a run of several hooks, the patch is sent with what the
    hook may not write.
    """

    first: tuple[Emit, ...] = ()
    then: tuple[Emit, ...] = ()
    after: float = 0.0
    starts: bool = True
    held: bool = False
    hangs_up: bool = False
    mutates: Mapping[str, JSON] = field(default_factory=dict)
    result: HookResult | None = None
    keeps_fields: bool = False


_TELLS_INDEX: Final = (EventTag.RESULT, EventTag.STARTED, EventTag.EXTEND)


def frame(tag: EventTag, body: bytes = b"") -> Emit:
    """A frame of a run; in those that are of a hook, the index is the first field."""

    def emit(run: int, index: int) -> bytes:
        indexed = body + bytes((8, index)) if index and tag in _TELLS_INDEX else body
        return encode_frame(Frame(run, tag, indexed))

    return emit


_PROCEED: Final = HookResult(answer=NothingToSay())
_BLOCK: Final = HookResult(answer=Violation(reason="no", code="NO"))
END: Final = frame(EventTag.END)
"""Nothing more comes for a run."""


def result_frames(result: HookResult) -> tuple[Emit, ...]:
    """The frames of a whole answer."""
    return _result(wire.encode_result(result))


def _result(body: bytes) -> tuple[Emit, ...]:
    return (frame(EventTag.RESULT, body), END)


def _patch(name: str, text: bytes = b"1") -> bytes:
    value = Value(ValueKind.JSON, text)
    return wire.encode_result(HookResult(answer=Patch({name: value})))


def _nested(*numbers: int, octets: bytes) -> bytes:
    """Octets in a field of a field of a message, by their numbers; each under 128 bytes."""
    for number in reversed(numbers):
        octets = bytes((number << 3 | 2, len(octets))) + octets
    return octets


def _patch_entry(entry: bytes) -> bytes:
    """A HookResult whose patch has one entry of these octets."""
    return _nested(3, 1, octets=entry)


_JSON_1: Final = _nested(1, octets=b"1")
_RAW_1: Final = _nested(2, octets=b"1")
_NAME_A: Final = _nested(1, octets=b"a")


def _strange_run(run: int, _index: int) -> bytes:
    return encode_frame(Frame(run + 1000, EventTag.RESULT, wire.encode_result(_PROCEED)))


def _two_bodies(run: int, _index: int) -> bytes:
    return encode_frame(Frame(run, EventTag.RESULT, b"")) + b"\x4a\x00"


def _late_part(run: int, _index: int) -> bytes:
    return encode_frame(Frame(run, EventTag.PART, wire.encode_result(_PROCEED), seq=1))


def _unknown_kind(run: int, _index: int) -> bytes:
    return encode_frame(Frame(run, 99, b"from the future"))


def _no_hooks(run: int, _index: int) -> bytes:
    return frame(EventTag.RESULT, wire.encode_result(_PROCEED))(run, 100)


def _next_hooks(run: int, index: int) -> bytes:
    return frame(EventTag.RESULT, wire.encode_result(_PROCEED))(run, index + 1)


_PROCEEDS: Final = result_frames(_PROCEED)

MALFORMED: Final[Mapping[str, tuple[Emit, ...]]] = {
    "no_answer": _result(b""),
    "two_answers": _result(wire.encode_result(_PROCEED) + wire.encode_result(_BLOCK)),
    "patch_and_block": _result(_patch("a") + wire.encode_result(_BLOCK)),
    "not_protobuf": _result(b"\xff\xff"),
    "index_of_no_hook": (_no_hooks, END),
    "field_twice": _result(_patch("a") + _patch("a")),
    "field_of_no_kind": _result(_patch_entry(_NAME_A + _nested(2, octets=b""))),
    "field_of_two_kinds": _result(_patch_entry(_NAME_A + _nested(2, octets=_JSON_1 + _RAW_1))),
    "field_without_name": _result(_patch_entry(_nested(2, octets=_JSON_1))),
    "index_of_next_hook": (_next_hooks, END),
    "end_without_result": (END,),
    "two_bodies_in_a_frame": (_two_bodies,),
    "part_out_of_turn": (_late_part,),
    # What follows breaks the contract beside the answer, which counts.
    "result_twice": (*_PROCEEDS[:1], *_PROCEEDS),
    "result_of_another_run": (_strange_run, *_PROCEEDS),
    "unknown_frame": (_unknown_kind, *_PROCEEDS),
}
"""What may be sent that breaks the contract, by name."""


def read_answer(value: JSON, where: str) -> Answer:
    """An answer: a word, or keys that say more."""
    if isinstance(value, str):
        return _of_word(value, where)
    keys = Keys(value, where)
    after = keys.take("after", reading.seconds, 0.0)
    starts = keys.take("started", reading.boolean, True)
    first = [frame(EventTag.STARTED, wire.encode_started())] if starts else []
    wishes: tuple[float, ...] = keys.take("extend", _read_times, ())
    first += [frame(EventTag.EXTEND, wire.encode_extend(extra)) for extra in wishes]
    mutates = keys.mapping("mutate", reading.anything)
    keeps_fields = keys.take("keeps_fields", reading.boolean, False)
    then = () if mutates else _then(keys)
    keys.finish()
    result = then if isinstance(then, HookResult) else None
    return Answer(
        first=tuple(first),
        then=result_frames(then) if isinstance(then, HookResult) else then or (),
        after=after,
        starts=starts,
        held=then is None,
        mutates=mutates,
        result=result,
        keeps_fields=keeps_fields,
    )


def _read_times(value: JSON, where: str) -> tuple[float, ...]:
    if isinstance(value, list):
        return reading.list_of(reading.seconds)(value, where)
    return (reading.seconds(value, where),)


def _of_word(value: str, where: str) -> Answer:
    started = (frame(EventTag.STARTED, wire.encode_started()),)
    match value:
        case "proceed":
            return Answer(first=started, then=_PROCEEDS, result=_PROCEED)
        case "block":
            return Answer(first=started, then=result_frames(_BLOCK), result=_BLOCK)
        case "silent" | "hold":
            return Answer(first=started, held=True)
        case "hang_up":
            return Answer(first=started, hangs_up=True)
    raise CaseError(
        where, f"takes proceed, block, silent, hold, hang_up, or keys and values, not {value!r}"
    )


def _then(keys: Keys) -> HookResult | tuple[Emit, ...] | None:
    """The answer, or the frames of one that breaks the contract; None when it is held."""
    if "malformed" in keys:
        return keys.required("malformed", _read_malformed)
    if "hold" in keys:
        keys.required("hold", reading.boolean)
        return None
    answer: HookAnswer = keys.one_of(_ANSWERS) if _has_answer(keys) else NothingToSay()
    return HookResult(
        answer=answer,
        state=keys.take("state", read_state_change, StateChange()),
        annotations=keys.mapping("annotations", reading.text),
        rejected_fields=keys.several("rejected", reading.text),
    )


def _has_answer(keys: Keys) -> bool:
    return any(key in keys for key in _ANSWERS)


def _read_malformed(value: JSON, where: str) -> tuple[Emit, ...]:
    name = reading.text(value, where)
    if name not in MALFORMED:
        raise CaseError(where, f"takes one of {', '.join(MALFORMED)}, not {name!r}")
    return MALFORMED[name]


def read_state_change(value: JSON, where: str) -> StateChange:
    """Keys to set, and keys to remove."""
    keys = Keys(value, where)
    change = StateChange(
        keys.mapping("set", read_text),
        frozenset(keys.several("removed", reading.text)),
    )
    keys.finish()
    return change


def _read_proceed(value: JSON, where: str) -> HookAnswer:
    reading.boolean(value, where)
    return NothingToSay()


def _read_patch(value: JSON, where: str) -> HookAnswer:
    return Patch(read_fields(value, where))


def _read_block(value: JSON, where: str) -> HookAnswer:
    keys = Keys(value, where)
    violation = Violation(
        reason=keys.take("reason", reading.text, ""),
        code=keys.take("code", reading.text, ""),
        description=keys.take("description", reading.text, ""),
        details=keys.take("details", read_text, b""),
    )
    keys.finish()
    return violation


def _read_error(value: JSON, where: str) -> HookAnswer:
    if isinstance(value, str):
        return HookFailure(failure_class=reading.word(FailureClass)(value, where))
    keys = Keys(value, where)
    failure = HookFailure(
        failure_class=keys.required("class", reading.word(FailureClass)),
        code=keys.take("code", reading.text, ""),
        message=keys.take("message", reading.text, ""),
    )
    keys.finish()
    return failure


_ANSWERS: Final[Mapping[str, reading.Reads[HookAnswer]]] = {
    "proceed": _read_proceed,
    "patch": _read_patch,
    "block": _read_block,
    "error": _read_error,
}
