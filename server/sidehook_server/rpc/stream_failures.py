"""Why a call of a stream, or the stream itself, cannot go on: each with what to do about it."""

from __future__ import annotations

from sidehook._call import CallFailure
from sidehook._errors import MalformedError
from sidehook._frames import FrameError
from sidehook._mux import MessageTooLargeError, OutboxFullError


def malformed_call(error: MalformedError) -> CallFailure:
    """A call that breaks the contract, or speaks another version of it."""
    is_version = error.what == "InvokeRequest.protocol_version"
    reason = "UNKNOWN_PROTOCOL_VERSION" if is_version else "MALFORMED_REQUEST"
    return CallFailure(reason=reason, message=str(error), metadata={"field": error.what})


def no_credit(limit: int) -> CallFailure:
    """The stream has no credit for one more call."""
    return CallFailure(
        reason="OVERLOADED",
        message=f"{limit} calls are under way on this stream, the limit; wait for answers first",
        metadata={"limit": str(limit)},
    )


def no_bytes(limit: int) -> CallFailure:
    """The calls under way on the stream are too many bytes."""
    return CallFailure(
        reason="OVERLOADED",
        message=(
            f"calls of {limit} bytes are under way on this stream, the limit; wait for answers "
            "first, or send less"
        ),
        metadata={"limit_bytes": str(limit)},
    )


def no_room(error: FrameError) -> CallFailure:
    """There is no room for the parts of one more call."""
    return CallFailure(reason="OVERLOADED", message=f"{error.problem}; call again later")


def answer_too_large(error: MessageTooLargeError) -> CallFailure:
    """The client does not take an answer of this size."""
    return CallFailure(
        reason="ANSWER_TOO_LARGE",
        message=(
            f"the answer has {error.size} bytes and the client takes {error.limit} at most; "
            "raise its max_message_bytes, or let hooks change less"
        ),
        metadata={"answer_bytes": str(error.size), "limit_bytes": str(error.limit)},
        started=True,
    )


def not_reading(error: OutboxFullError) -> CallFailure:
    """The client leaves its answers where they are."""
    return CallFailure(
        reason="OVERLOADED",
        message=f"the client does not read its answers: {error}",
        metadata={"pending_bytes": str(error.pending), "limit_bytes": str(error.limit)},
        started=True,
    )
