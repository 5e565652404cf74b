"""A Unix socket to listen on: its folder, its path, and who else may be there already.

gRPC itself replaces any socket file it finds, a living sidecar's too, so everything is
checked before it is told to listen.
"""

from __future__ import annotations

import fcntl
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sidehook_server.errors import ListenError

MAX_PATH_BYTES: Final = 107
"""The longest path of a Unix socket: what is left of sockaddr_un after the byte that ends it."""

_PROBE_SECONDS: Final = 1.0
_OTHER_FOLDER: Final = (
    "make it writable, or name sockets elsewhere with --socket and --workers-socket; without them "
    "they are in $XDG_RUNTIME_DIR/sidehook, or in /run/sidehook when that variable is not set"
)


@contextmanager
def claimed(path: Path, *, mode: int) -> Iterator[bool]:
    """Hold a socket path while the caller binds it; True when a dead one was taken over.

    The folder is made if need be, for its owner alone. A socket file that nobody answers
    on is removed; another sidecar that starts on the same folder waits until this one is
    done. What is bound inside gets the permissions `mode`, from its first moment.

    Raises ListenError: a path that is too long, a folder that cannot be used, something
    that is no socket in its place, or a process that answers there.
    """
    _check_length(path)
    _make_folder(path)
    with _locked(path):
        taken_over = _clear(path)
        before = os.umask(0o777 & ~mode)
        try:
            yield taken_over
        finally:
            os.umask(before)


def is_private(path: Path) -> bool:
    """Whether only this user (and root) can reach the socket that is bound at this path.

    False too when that cannot be told, because somebody removed it.
    """
    try:
        statuses = (path.stat(), path.parent.stat())
    except OSError:
        return False
    return any(
        status.st_uid == os.geteuid() and not stat.S_IMODE(status.st_mode) & 0o077
        for status in statuses
    )


def folder_is_open(path: Path) -> bool:
    """Whether others may replace the socket, because they may write to its folder."""
    mode = path.parent.stat().st_mode
    return bool(mode & 0o022) and not mode & stat.S_ISVTX


def _check_length(path: Path) -> None:
    length = len(os.fsencode(path))
    if length > MAX_PATH_BYTES:
        raise ListenError(
            f"unix://{path}",
            f"the path has {length} bytes and Unix sockets allow {MAX_PATH_BYTES}",
            "use a shorter folder",
        )


def _make_folder(path: Path) -> None:
    folder = path.parent
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ListenError(
            f"unix://{path}",
            f"the folder {folder} cannot be made ({error.strerror})",
            _OTHER_FOLDER,
        ) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ListenError(
            f"unix://{path}",
            f"this user may not write to the folder {folder}",
            _OTHER_FOLDER,
        )


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _clear(path: Path) -> bool:
    """Remove a dead socket file; whether there was one."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return False
    if not stat.S_ISSOCK(mode):
        raise ListenError(
            f"unix://{path}",
            "there is a file in its place that is no socket",
            "remove it, or name another path",
        )
    if _answers(path):
        raise ListenError(
            f"unix://{path}",
            "another process answers there",
            "stop it, or give this one a path of its own with --socket and --workers-socket",
        )
    path.unlink()
    return True


def _answers(path: Path) -> bool:
    """Whether a process listens. One that is too busy or not ours to ask counts as there."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PROBE_SECONDS)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:
            return True
    return True
