"""The decision log in a file that is put aside when it is full."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from io import TextIOWrapper
from logging import makeLogRecord
from logging.handlers import RotatingFileHandler
from typing import Final

from sidehook_server.errors import UnusableError
from sidehook_server.ops.decision_log.sink import SinkError

_BATCH_BYTES: Final = 64 * 1024
_OWNER_ONLY: Final = 0o600


class FileSink:
    """Appends to a file; `path.1` is the newest of up to `keep` that were put aside.

    A file that somebody else moved or removed is made anew. A batch that could not be written
    whole is taken back, so that the next try leaves neither half a line nor one twice.
    """

    batch_bytes = _BATCH_BYTES

    def __init__(self, path: str, *, max_bytes: int, keep: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._keep = keep
        self._handler: _Rotating | None = None

    def open(self) -> None:
        """Open the file, or make it for its owner alone. Raises UnusableError."""
        try:
            self._handler = _Rotating(self._path, max_bytes=self._max_bytes, keep=self._keep)
        except OSError as error:
            raise UnusableError(
                "decision_log.path",
                f"the file {self._path} cannot be opened ({error.strerror})",
                "name one in a folder that this user may write to",
            ) from error

    def write(self, lines: Sequence[bytes]) -> None:
        """Append the lines and hand them to the system."""
        assert self._handler is not None, "the file was opened"
        try:
            self._handler.append(b"\n".join(lines).decode())
        except OSError as error:
            raise SinkError(f"{self._path}: {error.strerror}") from error

    def hurry(self) -> None:
        """A write to a file ends by itself."""

    def close(self) -> None:
        """Close the file."""
        if self._handler is not None:
            with suppress(OSError):
                self._handler.close()


class _Rotating(RotatingFileHandler):
    """The standard library's rotation, for batches of lines in place of records."""

    stream: TextIOWrapper | None  # type: ignore[assignment]  # so it is, whatever the stubs say

    def __init__(self, path: str, *, max_bytes: int, keep: int) -> None:
        super().__init__(path, maxBytes=max_bytes, backupCount=keep, encoding="utf-8")

    def _open(self) -> TextIOWrapper:
        opener = partial(os.open, mode=_OWNER_ONLY)
        stream = open(self.baseFilename, self.mode, encoding=self.encoding, opener=opener)  # noqa: SIM115 - the handler closes it
        assert isinstance(stream, TextIOWrapper), "text is written"
        return stream

    def append(self, text: str) -> None:
        """Write a text and a line break, all of it or nothing. Raises OSError."""
        size: int | None = None
        try:
            stream = self._found()
            if self.shouldRollover(makeLogRecord({"msg": text})):
                self.doRollover()
                stream = self._found()
            size = os.fstat(stream.fileno()).st_size
            stream.write(text + self.terminator)
            stream.flush()
        except OSError:
            self._let_go()
            if size is not None:
                with suppress(OSError):
                    os.truncate(self.baseFilename, size)
            raise

    def _found(self) -> TextIOWrapper:
        """The stream; opened anew where the path has no file, or another one."""
        if self.stream is not None:
            try:
                at_path, here = os.stat(self.baseFilename), os.fstat(self.stream.fileno())
                if os.path.samestat(at_path, here):
                    return self.stream
            except FileNotFoundError:
                pass
            self._let_go()
        self.stream = self._open()
        return self.stream

    def _let_go(self) -> None:
        """Close the stream, whatever is still in it."""
        stream, self.stream = self.stream, None
        if stream is not None:
            with suppress(OSError):
                stream.close()
