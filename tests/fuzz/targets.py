"""What is fuzzed: every decoder of octets that come from somebody else.

A target takes octets and returns. It raises only when a property does not hold: any
exception but the documented ones leaves it as it is, and what was decoded and encoded
again must decode to the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from sidehook import _wire as wire
from sidehook._errors import MalformedError
from sidehook._frames import (
    Frame,
    FrameError,
    Joiner,
    decode_frame,
    encode_frame,
    pack,
    read_batch,
    unpack,
)
from sidehook._json import check, check_object, decode, encode
from sidehook._wire._call import read_invoke
from sidehook_server.ops import manifest_file

Target = Callable[[bytes], None]

MESSAGE_LIMIT: Final = 4096
OPEN_MESSAGES: Final = 8


class NotStableError(AssertionError):
    """What was decoded, encoded and decoded again is not what it was."""


def batch(octets: bytes) -> None:
    """A stream message of frames, each fed to a joiner of little room."""
    joiner = Joiner(MESSAGE_LIMIT, OPEN_MESSAGES)
    try:
        frames = unpack(octets)
    except FrameError:
        return
    _stable(frames, unpack(pack(frames)))
    _stable(
        [_told(decode_frame, each) for each in frames], [_said(it) for it in read_batch(octets)]
    )
    for each in frames:
        try:
            frame = decode_frame(each)
            _stable(frame, decode_frame(encode_frame(frame)))
            _check_joined(joiner.feed(frame), joiner)
        except FrameError:
            continue


def by_hand(octets: bytes) -> None:
    """A call: what is read by hand is what protobuf reads."""
    _stable(_told(wire.decode_invoke, octets), _told(read_invoke, octets))


def _told(read: Callable[[bytes], object], octets: bytes) -> object:
    try:
        return read(octets)
    except MalformedError as error:
        return _said(error)


def _said(read: object) -> object:
    return str(read) if isinstance(read, MalformedError) else read


def joiner(octets: bytes) -> None:
    """Parts in any order: three octets make a frame, so that the fuzzer gets far in it."""
    joined, model = Joiner(MESSAGE_LIMIT, OPEN_MESSAGES), _Model()
    for at in range(0, len(octets) - 2, 3):
        first, seq, length = octets[at : at + 3]
        # No more messages than the joiner remembers.
        identity, kind, more = first & 7, first >> 4 & 3, bool(first & 64)
        if kind == 3:
            joined.drop(identity)
            model.drop(identity)
            continue
        frame = Frame(identity, 5 if kind == 2 else 6, bytes([seq]) * length, seq, more)
        try:
            whole = joined.feed(frame)
        except FrameError:
            model.refuse(frame)
            continue
        _check_joined(whole, joined)
        _stable(model.feed(frame), whole)


class _Model:
    """A joiner without limits, which is told what the real one refused."""

    def __init__(self) -> None:
        self._open: dict[int, bytes] = {}
        self._swallowed: set[int] = set()

    def drop(self, identity: int) -> None:
        if self._open.pop(identity, None) is not None:
            self._swallowed.add(identity)

    def refuse(self, frame: Frame) -> None:
        self.drop(frame.id)
        if frame.tag == 6 and frame.id:
            (self._swallowed.add if frame.more else self._swallowed.discard)(frame.id)

    def feed(self, frame: Frame) -> Frame | None:
        if frame.tag == 5:
            return frame
        if frame.id in self._swallowed:
            if not frame.more:
                self._swallowed.discard(frame.id)
            return None
        body = self._open.pop(frame.id, b"") + frame.body
        if not frame.more:
            return Frame(frame.id, 5, body)
        self._open[frame.id] = body
        return None


def _check_joined(frame: Frame | None, joiner: Joiner) -> None:
    assert 0 <= joiner.open_bytes <= 4 * MESSAGE_LIMIT
    assert frame is None or frame.tag != 5 or len(frame.body) <= MESSAGE_LIMIT


def message(
    decode_it: Callable[[bytes], Any], encode_it: Callable[[Any], bytes], octets: bytes
) -> None:
    """A message of the contract."""
    try:
        decoded = decode_it(octets)
    except MalformedError:
        return
    _stable(decoded, decode_it(encode_it(decoded)))


def result_with_values(octets: bytes) -> None:
    """A hook's answer, with the values of its patch looked into as the sidecar does."""
    try:
        decoded = wire.decode_result(octets)
        fields = getattr(decoded.answer, "fields", {})
        wire.check_fields(fields)
    except MalformedError:
        return
    for value in fields.values():
        if value.kind.name == "JSON":
            json_value(value.octets)


def status(octets: bytes) -> None:
    """The details of a status."""
    try:
        failure, receipt = wire.decode_status("ABORTED", "message", octets)
    except MalformedError:
        return
    if failure.reason != "ABORTED" and receipt is not None:
        wire.encode_status(failure, receipt)


def json_value(octets: bytes) -> None:
    """A value: what is taken is read as it stands, and a slow reader takes it too."""
    try:
        check(octets, "value")
    except MalformedError:
        return
    value = decode(octets)
    _stable(value, json.loads(octets))
    _stable(value, decode(encode(value, "value")))


def json_object(octets: bytes) -> None:
    """A value that must be an object."""
    try:
        check_object(octets, "value")
    except MalformedError:
        return
    assert isinstance(decode(octets), dict)


def json_decode(octets: bytes) -> None:
    """A value that nobody checked before it is read."""
    try:
        value = decode(octets)
    except MalformedError:
        return
    json.dumps(value)


def kept_manifest(octets: bytes) -> None:
    """A file of the state folder."""
    try:
        kept = manifest_file.parse(octets)
    except MalformedError:
        return
    _stable(kept, manifest_file.parse(manifest_file.render(kept).encode()))


def _stable(once: object, again: object) -> None:
    # A NaN, which a field of type double may hold, is not equal to itself.
    if once != again and repr(once) != repr(again):
        raise NotStableError(f"{once!r} became {again!r}")


# The data differs from row to row, so its type cannot be said here.
_MESSAGES: Final[Mapping[str, tuple[Callable[[bytes], Any], Callable[[Any], bytes]]]] = {
    "answer": (wire.decode_answer, wire.encode_answer),
    "cancel_run": (wire.decode_cancel_run, wire.encode_cancel_run),
    "client_hello": (wire.decode_client_hello, wire.encode_client_hello),
    "describe_request": (wire.decode_describe_request, wire.encode_describe_request),
    "describe_response": (wire.decode_describe_response, wire.encode_describe_response),
    "extend": (wire.decode_extend, lambda it: wire.encode_extend(*it)),
    "goodbye": (wire.decode_goodbye, wire.encode_goodbye),
    "invoke": (wire.decode_invoke, wire.encode_invoke),
    "manifest": (wire.decode_manifest, wire.encode_manifest),
    "notice": (wire.decode_notice, wire.encode_notice),
    "receipt": (wire.decode_receipt, wire.encode_receipt),
    "result": (wire.decode_result, wire.encode_result),
    "retire_request": (wire.decode_retire_request, wire.encode_retire_request),
    "retire_response": (wire.decode_retire_response, wire.encode_retire_response),
    "run": (wire.decode_run, wire.encode_run),
    "run_response": (wire.decode_run_response, wire.encode_run_response),
    "sidecar_hello": (wire.decode_sidecar_hello, wire.encode_sidecar_hello),
    "started": (wire.decode_started, wire.encode_started),
    "watch_request": (wire.decode_watch_request, wire.encode_watch_request),
    "watch_response": (wire.decode_watch_response, wire.encode_watch_response),
    "worker_hello": (wire.decode_worker_hello, wire.encode_worker_hello),
}

TARGETS: Final[Mapping[str, Target]] = MappingProxyType(
    {
        "batch": batch,
        "invoke_by_hand": by_hand,
        "joiner": joiner,
        "json_decode": json_decode,
        "json_object": json_object,
        "json_value": json_value,
        "kept_manifest": kept_manifest,
        "result_with_values": result_with_values,
        "status": status,
        **{name: partial(message, *both) for name, both in _MESSAGES.items()},
    }
)
"""Every target by the name of its folder in the corpus."""


def by_index(octets: bytes) -> None:
    """The target that the first octet names, on the rest: all of them in one process."""
    if octets and octets[0] < len(TARGETS):
        _IN_ORDER[octets[0]](octets[1:])


NAMES: Final = tuple(sorted(TARGETS))
"""The targets in the order of their first octets."""

_IN_ORDER: Final = tuple(TARGETS[name] for name in NAMES)
