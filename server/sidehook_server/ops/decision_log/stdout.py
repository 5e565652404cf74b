"""The decision log on standard output, after the READY line: one JSON object a line."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final

from sidehook_server.ops.decision_log.sink import SinkError

_BATCH_BYTES: Final = 64 * 1024
_LINE_BREAK: Final = b"\n"


class StdoutSink:
    """Writes to a file descriptor, which stays open: it is the process's own.

    Without a buffer of Python's between: a reader that stands still would else hold its lock,
    and the end of the process with it.
    """

    batch_bytes = _BATCH_BYTES

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._batch: Sequence[bytes] = ()
        self._rest = b""

    def open(self) -> None:
        """Nothing to open."""

    def write(self, lines: Sequence[bytes]) -> None:
        """Write the lines; waits while nobody reads. What broke off goes on where it did."""
        rest = self._rest
        if lines is not self._batch or not rest:
            rest += b"".join(line + _LINE_BREAK for line in lines)
        self._batch = lines
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError as error:
            raise SinkError(f"standard output: {error.strerror}") from error
        finally:
            self._rest = rest

    def hurry(self) -> None:
        """A write that nobody reads cannot be ended; the process ends without it."""

    def close(self) -> None:
        """Nothing to close."""
