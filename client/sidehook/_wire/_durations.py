"""Durations of the contract: seconds as floats here, whole nanoseconds on the wire."""

from __future__ import annotations

import math
from typing import Final

from google.protobuf.duration_pb2 import Duration

from sidehook._errors import MalformedError

_NANOS: Final = 10**9
# The range that google.protobuf.Duration documents: ten thousand years.
_MAX_SECONDS: Final = 315_576_000_000


def write_duration(target: Duration, seconds: float) -> None:
    """Set a duration. What is below 0 is written as 0, and never what is over 0.

    Raises ValueError or OverflowError for NaN and Infinity.
    """
    # In two parts: the product of a long time and 10**9 is no longer exact.
    positive = 0.0 if seconds <= 0 else seconds
    whole = math.floor(positive)
    nanos = whole * _NANOS + round((positive - whole) * _NANOS)
    target.seconds, target.nanos = divmod(max(nanos, int(seconds > 0)), _NANOS)
    # A duration of 0 is not the same as none.
    target.SetInParent()


def read_duration(source: Duration, what: str) -> float:
    """Read a duration in seconds, 0 or more. Raises MalformedError."""
    seconds, nanos = source.seconds, source.nanos
    if not (0 <= seconds * _NANOS + nanos <= _MAX_SECONDS * _NANOS and 0 <= nanos < _NANOS):
        raise MalformedError(what, "must be a duration of 0 or more")
    return in_seconds(seconds, nanos)


def in_seconds(seconds: int, nanos: int) -> float:
    """The float that is nearest to so many whole seconds and nanoseconds."""
    # Division of integers, which Python rounds once; a compiler that makes floats of them first
    # rounds twice.
    return (seconds * _NANOS + nanos) / _NANOS


def read_positive(source: Duration, what: str) -> float:
    """Read a duration in seconds, over 0. Raises MalformedError."""
    seconds = read_duration(source, what)
    if seconds == 0:
        raise MalformedError(what, "must be over 0")
    return seconds
