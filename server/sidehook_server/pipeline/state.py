"""The state that the hooks of a session leave for one another, during one call.

Keys are `worker/key` or `shared.key`; a worker sees its own without its name. Writes
are staged by the hook and kept by the call, never the other way round.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sidehook._call import StateChange
from sidehook._errors import MalformedError
from sidehook._json import check, shown

SHARED: Final = "shared."
"""The prefix of keys that every worker may read and write."""


def _full(worker: str, key: str) -> str:
    return key if key.startswith(SHARED) else f"{worker}/{key}"


class CallState:
    """The state of one call, as it was and as it has become."""

    __slots__ = ("_before", "_max_bytes", "_now")

    def __init__(self, before: Mapping[str, bytes], *, max_bytes: int) -> None:
        self._before = before
        self._now: Mapping[str, bytes] = before
        self._max_bytes = max_bytes

    def seen_by(self, worker: str) -> Mapping[str, bytes]:
        """What a hook of this worker sees."""
        if not self._now:
            return self._now
        own = f"{worker}/"
        return {
            key.removeprefix(own): text
            for key, text in self._now.items()
            if key.startswith((own, SHARED))
        }

    def keep(self, worker: str, change: StateChange) -> None:
        """Applies what a hook of this worker staged, whole or not at all.

        Raises MalformedError when a text is not JSON, a key is set and removed, or
        the state would outgrow its limit.
        """
        if not change:
            return
        if twice := change.removed.intersection(change.set):
            raise MalformedError("state", f"keys both set and removed: {sorted(twice)}")
        for key, text in change.set.items():
            check(text, f"state[{shown(key)}]")
        after = dict(self._now)
        for key in change.removed:
            after.pop(_full(worker, key), None)
        after.update((_full(worker, key), text) for key, text in change.set.items())
        size = sum(len(key.encode()) + len(text) for key, text in after.items())
        if size > self._max_bytes:
            raise MalformedError("state", f"{size} bytes, over the limit of {self._max_bytes}")
        self._now = after

    @property
    def room(self) -> int:
        """The bytes by which it may still grow."""
        if not self._now:
            return self._max_bytes
        return self._max_bytes - sum(
            len(key.encode()) + len(text) for key, text in self._now.items()
        )

    def mark(self) -> Mapping[str, bytes]:
        """The state as it is now, for `restore`."""
        return self._now

    def restore(self, mark: Mapping[str, bytes]) -> None:
        """Forgets everything kept since the mark was made."""
        self._now = mark

    def change(self) -> StateChange:
        """What became different since the call began."""
        return StateChange(
            {key: text for key, text in self._now.items() if self._before.get(key) != text},
            frozenset(key for key in self._before if key not in self._now),
        )
