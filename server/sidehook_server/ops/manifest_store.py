"""What outlives a restart of the sidecar: the hooks of every worker, one file for each.

A file that cannot be read stops the start: leaving it out would silently take guards
out of the plan. Files are written whole or not at all, and only their owner may read
them. A lock keeps a second sidecar out of the folder.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from sidehook._errors import MalformedError
from sidehook_server.ops.manifest_file import parse, render
from sidehook_server.registry.effects import KeptWorker

_SUFFIX: Final = ".json"
_UNFINISHED: Final = ".unfinished-"
_LOCK: Final = "lock"


class StateError(Exception):
    """The state folder, or a file in it, cannot be used. `path` names it."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem


class ManifestStore:
    """The state folder of one sidecar. Every method blocks for a file or two.

    Use as a context manager, or `close` it: the folder is locked while it is open.
    """

    def __init__(self, folder: Path) -> None:
        """Opens the folder, and makes it when it is not there.

        Raises StateError when that is not possible, or another sidecar uses it.
        """
        self._folder = folder
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StateError(
                folder,
                f"the state folder cannot be used ({error.strerror}); make it writable for the "
                "sidecar's user, or name another one as state_dir",
            ) from error
        self._take_lock()

    def _take_lock(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise StateError(
                self._folder,
                "another sidecar uses this state folder; stop it, or name another one as state_dir",
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Unlocks the folder. Safe to call twice."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def load(self) -> tuple[KeptWorker, ...]:
        """Everything that was kept. Raises StateError for what cannot be read."""
        self._sweep()
        return kept_in(self._folder)

    def save(self, kept: KeptWorker) -> None:
        """Writes what is kept of a worker. Raises StateError when it cannot be written."""
        path = _path(self._folder, kept.worker)
        try:
            self._write(path, render(kept).encode())
        except OSError as error:
            raise StateError(
                path,
                f"the hooks of worker {kept.worker!r} cannot be written ({error.strerror}) and "
                "would be forgotten with the next restart; make room, or make the folder writable",
            ) from error

    def forget(self, worker: str) -> None:
        """Removes what is kept of a worker. Safe when there is nothing."""
        path = _path(self._folder, worker)
        try:
            path.unlink(missing_ok=True)
            self._sync_folder()
        except OSError as error:
            raise StateError(
                path,
                f"the file of the retired worker {worker!r} cannot be removed ({error.strerror}); "
                "remove it, or its hooks are back with the next restart",
            ) from error

    def _write(self, path: Path, octets: bytes) -> None:
        handle, unfinished = tempfile.mkstemp(prefix=_UNFINISHED, dir=self._folder)
        try:
            with open(handle, "wb") as file:
                file.write(octets)
                file.flush()
                os.fsync(file.fileno())
            os.replace(unfinished, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(unfinished)
            raise
        self._sync_folder()

    def _sync_folder(self) -> None:
        # Else a crash of the machine may bring back what the folder held before.
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _sweep(self) -> None:
        """Removes what a crash left half written."""
        for path in self._folder.glob(f"{_UNFINISHED}*"):
            with contextlib.suppress(OSError):
                path.unlink()


def kept_in(folder: Path) -> tuple[KeptWorker, ...]:
    """What a state folder keeps; only reads. Raises StateError for what cannot be read."""
    return tuple(_read(path) for path in sorted(folder.glob(f"*{_SUFFIX}")))


def _path(folder: Path, worker: str) -> Path:
    # The digest tells names apart that differ in case only, on file systems that do not.
    digest = hashlib.sha256(worker.encode()).hexdigest()[:8]
    return folder / f"{worker}-{digest}{_SUFFIX}"


def _read(path: Path) -> KeptWorker:
    try:
        kept = parse(path.read_bytes())
    except (OSError, MalformedError) as error:
        raise StateError(path, _unreadable(error)) from error
    if path != _path(path.parent, kept.worker):
        raise StateError(path, _unreadable(f"it holds the hooks of worker {kept.worker!r}"))
    return kept


def _unreadable(why: object) -> str:
    return (
        f"the hooks kept of a worker cannot be read ({why}), and the sidecar does not start "
        "without them; restore the file from a copy, or, when this worker's guards may leave the "
        "plan until it registers again, remove it"
    )
