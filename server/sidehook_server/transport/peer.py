"""Who is at the other end of a Unix socket."""

from __future__ import annotations

import socket
import struct
from pathlib import Path
from typing import Final

_UNIX: Final = "unix:"
_CREDENTIALS: Final = struct.Struct("3i")


def socket_path(target: str) -> Path | None:
    """The file of a gRPC target `unix:path` or `unix:///path`; None for any other target."""
    if not target.startswith(_UNIX):
        return None
    path = target.removeprefix(_UNIX)
    return Path(path.removeprefix("//") if path.startswith("//") else path)


def listener_uid(target: str) -> int | None:
    """The user id of the process that listens on a Unix socket.

    None when the target is none, when nobody listens, and where the system cannot tell.
    Connects for a moment, without blocking.
    """
    path = socket_path(target)
    option = getattr(socket, "SO_PEERCRED", None)
    if path is None or option is None:
        return None
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.setblocking(False)
        try:
            connection.connect(str(path))
            octets = connection.getsockopt(socket.SOL_SOCKET, option, _CREDENTIALS.size)
        except OSError:
            return None
    _pid, uid, _gid = _CREDENTIALS.unpack(octets)
    return int(uid)
