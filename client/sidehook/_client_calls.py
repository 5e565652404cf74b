"""The calls under way on one stream: which answer belongs to which. Pure.

An id is used once on a stream and forgotten when its call is over, so that a late
answer can never be taken for another call's.
"""

from __future__ import annotations

from enum import Enum
from typing import Generic, TypeVar

CallT = TypeVar("CallT")


class Stray(Enum):
    """Why an answer belongs to no call under way. Each value is a field of ClientStats."""

    LATE = "answers_late"
    UNKNOWN = "answers_unknown"


class CallTable(Generic[CallT]):
    """Calls by their id on one stream, which counts up from 1."""

    __slots__ = ("_calls", "_last_id")

    def __init__(self) -> None:
        self._calls: dict[int, CallT] = {}
        self._last_id = 0

    def __len__(self) -> int:
        return len(self._calls)

    def open(self, call: CallT) -> int:
        """Put a call under way and return its id."""
        self._last_id += 1
        self._calls[self._last_id] = call
        return self._last_id

    def close(self, call_id: int) -> CallT | Stray:
        """Return the call that an answer to `call_id` ends, or why there is none."""
        call = self.find(call_id)
        self._calls.pop(call_id, None)
        return call

    def find(self, call_id: int) -> CallT | Stray:
        """Return the call under way with this id, or why there is none."""
        call = self._calls.get(call_id)
        if call is not None:
            return call
        return Stray.LATE if 1 <= call_id <= self._last_id else Stray.UNKNOWN

    def under_way(self) -> list[tuple[int, CallT]]:
        """Return every call under way with its id."""
        return list(self._calls.items())

    def close_all(self) -> list[CallT]:
        """Return every call under way and forget them: the stream is gone."""
        calls = list(self._calls.values())
        self._calls.clear()
        return calls
