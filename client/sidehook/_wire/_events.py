"""The small messages of a worker's stream."""

from __future__ import annotations

from sidehook._run import Notice
from sidehook._wire._durations import read_positive, write_duration
from sidehook._wire._schema import CancelRun, ExtendHook, Goodbye, HookStarted, parse
from sidehook._wire._schema import Notice as NoticeMessage


def encode_notice(notice: Notice) -> bytes:
    """Serialize a notice."""
    return NoticeMessage(
        code=notice.code,
        hook=notice.hook,
        message=notice.message,
        call_id=notice.call_id,
        fields=notice.fields,
    ).SerializeToString()


def decode_notice(octets: bytes) -> Notice:
    """Parse a notice. Raises MalformedError."""
    message = parse(NoticeMessage, octets, "Notice")
    return Notice(
        code=message.code,
        message=message.message,
        hook=message.hook,
        call_id=message.call_id,
        fields=tuple(message.fields),
    )


def encode_cancel_run(index: int | None = None) -> bytes:
    """Serialize the cancellation of one hook of a run, or of the whole run."""
    return CancelRun(index=index).SerializeToString()


def decode_cancel_run(octets: bytes) -> int | None:
    """Parse a cancellation: the hook's index, None for the whole run. Raises MalformedError."""
    message = parse(CancelRun, octets, "CancelRun")
    return message.index if message.HasField("index") else None


def encode_started(index: int = 0) -> bytes:
    """Serialize that a hook is about to be called."""
    return HookStarted(index=index).SerializeToString()


def decode_started(octets: bytes) -> int:
    """Parse which hook is about to be called. Raises MalformedError."""
    return parse(HookStarted, octets, "HookStarted").index


def encode_extend(extra: float, index: int = 0) -> bytes:
    """Serialize a hook's wish for `extra` more seconds."""
    message = ExtendHook(index=index)
    write_duration(message.extra, extra)
    return message.SerializeToString()


def decode_extend(octets: bytes) -> tuple[float, int]:
    """Parse a hook's wish: the seconds, over 0, and its index. Raises MalformedError."""
    message = parse(ExtendHook, octets, "ExtendHook")
    return read_positive(message.extra, "ExtendHook.extra"), message.index


def encode_goodbye(reason: str = "") -> bytes:
    """Serialize a worker's goodbye."""
    return Goodbye(reason=reason).SerializeToString()


def decode_goodbye(octets: bytes) -> str:
    """Parse a worker's goodbye: its reason, for people. Raises MalformedError."""
    return parse(Goodbye, octets, "Goodbye").reason
