"""Frames: how messages share a stream. Octets in, octets out; no protobuf, no I/O.

The four frame messages of the contract have one shape, so one codec serves them all:
`id` = 1, `seq` = 2, `more` = 3, and one length-delimited body whose field number, the
tag, says what it is. A stream message is a batch: repeated frames in field 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import Final, NamedTuple

from sidehook._errors import MalformedError

MAX_ID: Final = 2**53 - 1
"""The largest id of a call or run on a stream."""

FRAME_OVERHEAD: Final = 32
"""What a frame adds to its body in a batch, in bytes, at most."""

BATCH_OVERHEAD: Final = 6
"""What a batch adds to each serialized frame in it, in bytes, at most."""

MAX_FRAMES: Final = 2**16
"""The frames of one batch; a batch of the default size holds fewer, however short they are."""

MAX_FRAME_FIELDS: Final = 64
"""The fields of one frame, those that a newer contract added included."""

MIN_BATCH_BYTES: Final = 128
"""The smallest `max_batch_bytes` an end may name: two parts of some bytes must fit."""

_LONG_PART: Final = 4096

HELLO: Final = 4
"""The tag of `hello`, the first frame of every stream."""

MESSAGE: Final = 5
"""The tag of the main message: invoke, answer, run or result. Only this one is ever split."""

PART: Final = 6
"""The tag of octets of a main message that travels in several frames."""


class InvokeTag(IntEnum):
    """What stands in an InvokeFrame, from the client to the sidecar."""

    HELLO = HELLO
    INVOKE = MESSAGE
    PART = PART
    CANCEL = 7


class VerdictTag(IntEnum):
    """What stands in a VerdictFrame, from the sidecar to the client."""

    HELLO = HELLO
    ANSWER = MESSAGE
    PART = PART
    DRAINING = 7
    NEED = 8


class RunTag(IntEnum):
    """What stands in a RunFrame, from the sidecar to a worker."""

    HELLO = HELLO
    RUN = MESSAGE
    PART = PART
    CANCEL = 7
    NOTICE = 8
    DRAINING = 9


class EventTag(IntEnum):
    """What stands in an EventFrame, from a worker to the sidecar."""

    HELLO = HELLO
    RESULT = MESSAGE
    PART = PART
    STARTED = 7
    EXTEND = 8
    END = 9
    GOODBYE = 10
    MANIFEST = 11
    NEED = 12


class Frame(NamedTuple):
    """One frame. `tag` is the field number of its body; `seq` and `more` matter to parts."""

    id: int
    tag: int
    body: bytes
    seq: int = 0
    more: bool = False


class FrameError(MalformedError):
    """A frame that breaks the contract. `id` is the message it belongs to, 0 when unknown."""

    def __init__(self, problem: str, *, id: int = 0) -> None:  # noqa: A002 - the contract's word
        super().__init__("frame", problem)
        self.id = id


class JoinerFullError(FrameError):
    """A message in parts for which there is no room now; trying again later may work."""


def encode_frame(frame: Frame) -> bytes:
    """Serialize a frame."""
    return frame_head(frame.id, frame.tag, len(frame.body), frame.seq, more=frame.more) + frame.body


def frame_head(
    id: int,  # noqa: A002 - the contract's word
    tag: int,
    size: int,
    seq: int = 0,
    *,
    more: bool = False,
) -> bytes:
    """What stands in front of the body of a frame, which is of `size` bytes."""
    key = _KEYS.get(tag) or _varint(tag << 3 | 2)
    octets = _SMALL[size] if size < 0x80 else _varint(size)
    if not (seq or more):
        return b"\x08" + _varint(id) + key + octets if id else key + octets
    return b"".join(
        (
            b"\x08" + _varint(id) if id else b"",
            b"\x10" + _varint(seq) if seq else b"",
            b"\x18\x01" if more else b"",
            key,
            octets,
        )
    )


def batched(head: bytes, size: int) -> bytes:
    """The head of a frame with a body of `size` bytes, as it stands in a batch."""
    return b"\x0a" + _varint(len(head) + size) + head


def decode_frame(octets: bytes) -> Frame:
    """Parse a frame; a tag that is not known is the caller's to judge.

    Raises FrameError: truncated, no body, two bodies, an id of 2**53 or more, over 64 fields.
    """
    head = [0, 0, 0]
    tag, body = 0, b""
    for number, content in _fields(octets, MAX_FRAME_FIELDS):
        if isinstance(content, int):
            if 1 <= number <= 3:
                head[number - 1] = content
        elif number >= HELLO:
            if tag:
                raise FrameError(f"two bodies, {tag} and {number}", id=head[0])
            tag, body = number, content
    identity, seq, more = head
    if identity > MAX_ID:
        raise FrameError(f"the id {identity} is not below 2**53")
    if not tag:
        raise FrameError("no body", id=identity)
    return Frame(identity, tag, body, seq, bool(more))


def pack(frames: Iterable[bytes]) -> bytes:
    """Serialize a batch of serialized frames into one stream message."""
    pieces: list[bytes] = []
    for frame in frames:
        pieces += (b"\x0a", _varint(len(frame)), frame)
    return b"".join(pieces)


def unpack(octets: bytes) -> list[bytes]:
    """Take a stream message apart into its serialized frames, of which it has 2**16 at most.

    Raises FrameError.
    """
    return [
        content
        for number, content in _fields(octets, MAX_FRAMES)
        if number == 1 and isinstance(content, bytes)
    ]


def read_batch(octets: bytes) -> list[Frame | FrameError]:
    """The frames of a stream message, as `unpack` and `decode_frame` give them.

    A frame that is broken is there as its error, and takes nothing with it. Raises
    FrameError for a message that cannot be taken apart.
    """
    frames: list[Frame | FrameError] = []
    at, end = 0, len(octets)
    try:
        while at < end:
            start = at + 2
            size = octets[at + 1]
            if size >= 0x80:
                size, start = _read_varint(octets, at + 1)
            stop = start + size
            if octets[at] != 0x0A or stop > end or len(frames) == MAX_FRAMES:
                # Something that our own ends do not write; taken slowly, or refused.
                return _read_slowly(octets)
            frames.append(_frame_in(octets, start, stop))
            at = stop
    except (IndexError, FrameError):
        return _read_slowly(octets)
    return frames


def _frame_in(octets: bytes, start: int, stop: int) -> Frame | FrameError:
    """The frame that stands there: at once where it has an id and a body and is no part."""
    at = start + 2
    identity = octets[start + 1]
    if identity >= 0x80:
        high = octets[at]
        if high < 0x80:
            identity, at = identity & 0x7F | high << 7, at + 1
        else:
            identity, at = _read_varint(octets, start + 1)
    tag = _TAGS.get(octets[at])
    size = octets[at + 1]
    at += 2
    if size >= 0x80:
        high = octets[at]
        if high < 0x80:
            size, at = size & 0x7F | high << 7, at + 1
        else:
            size, at = _read_varint(octets, at - 1)
    if tag and at + size == stop and octets[start] == 0x08 and identity <= MAX_ID:
        return _new_frame(Frame, (identity, tag, octets[at:stop], 0, False))
    return _decoded(octets[start:stop])


def _read_slowly(octets: bytes) -> list[Frame | FrameError]:
    return [_decoded(frame) for frame in unpack(octets)]


def _decoded(octets: bytes) -> Frame | FrameError:
    try:
        return decode_frame(octets)
    except FrameError as error:
        return error


def part(message: bytes, *, id: int, seq: int, max_part: int) -> Frame:  # noqa: A002 - the contract's word
    """The part number `seq` of a message that is split into parts of `max_part` bytes."""
    end = (seq + 1) * max_part
    return Frame(id, PART, message[end - max_part : end], seq, end < len(message))


def split(id: int, body: bytes, max_part: int) -> list[bytes]:  # noqa: A002 - the contract's word
    """The serialized frames of a main message: one, or parts of at most `max_part` bytes."""
    if len(body) <= max_part:
        return [encode_frame(Frame(id, MESSAGE, body))]
    count = -(-len(body) // max_part)
    return [encode_frame(part(body, id=id, seq=seq, max_part=max_part)) for seq in range(count)]


class _Open:
    """A message of which not all parts are here: their number, and their octets.

    Short parts are put together at once: a list of them would weigh many times what they hold.
    """

    __slots__ = ("parts", "pieces", "size")

    def __init__(self) -> None:
        self.parts = self.size = 0
        self.pieces: list[bytes | bytearray] = []

    def add(self, octets: bytes) -> None:
        """Take the next part."""
        self.parts += 1
        self.size += len(octets)
        last = self.pieces[-1] if self.pieces else b""
        if len(octets) >= _LONG_PART:
            self.pieces.append(octets)
        elif isinstance(last, bytearray):
            last += octets
        else:
            self.pieces.append(bytearray(octets))


class Joiner:
    """Puts messages together that arrive in parts, in bounded memory.

    A message may be `max_message_bytes` long; at most `max_open` messages, and
    `max_open_bytes` (default: four of the longest) over all of them, wait for parts.
    """

    def __init__(
        self, max_message_bytes: int, max_open: int, *, max_open_bytes: int | None = None
    ) -> None:
        self._max_message_bytes = max_message_bytes
        self._max_open = max_open
        self._max_open_bytes = 4 * max_message_bytes if max_open_bytes is None else max_open_bytes
        self._open: dict[int, _Open] = {}
        self._open_bytes = 0
        # Ids whose remaining parts are swallowed, so that one fault is reported once.
        self._dropped: dict[int, None] = {}

    @property
    def open_bytes(self) -> int:
        """The bytes that wait for the rest of their messages."""
        return self._open_bytes

    def feed(self, frame: Frame) -> Frame | None:
        """Take the next frame of the stream; give the frame to act on, or None.

        The last part of a message gives its main message; every other frame is given
        back as it is. Raises FrameError with the id: a gap, a message that is too long,
        a message in place of the next part; JoinerFullError when there is no room. The
        rest of such a message is dropped without a word.
        """
        if frame.tag == PART:
            return self._feed_part(frame)
        if frame.tag == MESSAGE:
            self._check_whole(frame)
        return frame

    def drop(self, id: int) -> None:  # noqa: A002 - the contract's word
        """Forget a message that was cancelled; parts of it that still come are swallowed."""
        waiting = self._open.pop(id, None)
        if waiting is not None:
            self._open_bytes -= waiting.size
            self._swallow(id)

    def _check_whole(self, frame: Frame) -> None:
        if frame.id in self._open:
            self.drop(frame.id)
            raise FrameError("a whole message where its next part was due", id=frame.id)
        if frame.more or frame.seq:
            raise FrameError("a whole message says that it is a part", id=frame.id)
        self._check_length(len(frame.body), frame.id)

    def _feed_part(self, frame: Frame) -> Frame | None:
        if frame.id in self._dropped:
            if not frame.more:
                del self._dropped[frame.id]
            return None
        try:
            waiting = self._room(frame)
        except FrameError:
            self._refuse(frame)
            raise
        waiting.add(frame.body)
        self._open_bytes += len(frame.body)
        if frame.more:
            return None
        del self._open[frame.id]
        self._open_bytes -= waiting.size
        return Frame(frame.id, MESSAGE, b"".join(waiting.pieces))

    def _room(self, frame: Frame) -> _Open:
        """The message that the part belongs to; raises when the part may not be added."""
        waiting = self._open.get(frame.id)
        due = 0 if waiting is None else waiting.parts
        if frame.id == 0:
            raise FrameError("a part needs an id")
        if frame.seq != due:
            raise FrameError(f"part {frame.seq} where part {due} was due", id=frame.id)
        self._check_length(len(frame.body) + (waiting.size if waiting else 0), frame.id)
        if self._open_bytes + len(frame.body) > self._max_open_bytes:
            raise JoinerFullError("too many bytes wait for the rest of messages", id=frame.id)
        if waiting is None:
            if len(self._open) >= self._max_open:
                raise JoinerFullError("too many messages wait for their rest", id=frame.id)
            waiting = self._open[frame.id] = _Open()
        return waiting

    def _check_length(self, length: int, identity: int) -> None:
        if length > self._max_message_bytes:
            raise FrameError(
                f"a message of over {self._max_message_bytes} bytes, the limit of this end",
                id=identity,
            )

    def _refuse(self, frame: Frame) -> None:
        self.drop(frame.id)
        if not frame.more:
            self._dropped.pop(frame.id, None)
        elif frame.id:
            self._swallow(frame.id)

    def _swallow(self, identity: int) -> None:
        self._dropped[identity] = None
        if len(self._dropped) > self._max_open:
            del self._dropped[next(iter(self._dropped))]


def _varint(number: int) -> bytes:
    if number < 0x80:
        return _SMALL[number]
    if number < 0x4000:
        return bytes((number & 0x7F | 0x80, number >> 7))
    if number < 0x200000:
        return bytes((number & 0x7F | 0x80, number >> 7 & 0x7F | 0x80, number >> 14))
    octets = bytearray()
    while number >= 0x80:
        octets.append(number & 0x7F | 0x80)
        number >>= 7
    octets.append(number)
    return bytes(octets)


# What NamedTuple does, without its own way there.
_new_frame: Final = tuple.__new__

_SMALL: Final = tuple(bytes((number,)) for number in range(0x80))

_TAGS: Final = {tag << 3 | 2: tag for tag in range(HELLO, 16)}
"""The tag of a body by the octet before it; larger tags take more octets."""

_KEYS: Final = {tag: bytes((key,)) for key, tag in _TAGS.items()}


def _read_varint(octets: bytes, at: int) -> tuple[int, int]:
    """The number at `at`, and where the next thing begins."""
    number = octets[at]
    at += 1
    if number < 0x80:
        return number, at
    number &= 0x7F
    for shift in range(7, 64, 7):
        octet = octets[at]
        at += 1
        number |= (octet & 0x7F) << shift
        if octet < 0x80:
            return number, at
    raise FrameError("a number of over 64 bit")


# By wire type; the contents of fields of other types have no meaning in a frame or batch.
_FIXED_SIZES: Final = {1: 8, 5: 4}


def _fields(octets: bytes, at_most: int) -> list[tuple[int, int | bytes]]:
    """The fields of a message in order: numbers and length-delimited octets, others skipped.

    A field costs a hundred times the octets of the shortest one, so there is a limit.
    """
    fields: list[tuple[int, int | bytes]] = []
    at, end = 0, len(octets)
    try:
        while at < end:
            if len(fields) == at_most:
                raise FrameError(f"over {at_most} fields in one message")
            key, at = _read_varint(octets, at)
            kind = key & 7
            if kind == 2:
                length, at = _read_varint(octets, at)
                fields.append((key >> 3, octets[at : at + length]))
                at += length
            elif kind == 0:
                number, at = _read_varint(octets, at)
                fields.append((key >> 3, number))
            elif kind in _FIXED_SIZES:
                at += _FIXED_SIZES[kind]
            else:
                raise FrameError(f"the wire type {kind} has no meaning here")
    except IndexError:
        raise FrameError("truncated") from None
    if at > end:
        raise FrameError("truncated")
    return fields
