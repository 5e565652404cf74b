"""Addresses that a worker listens on, and whose Unix socket a file is."""

from __future__ import annotations

import os
import socket
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sidehook._client_target import is_loopback, socket_path
from sidehook.worker._errors import AddressError
from sidehook.worker._target import checked


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """Where to listen: `target` as gRPC wants it; `path` for a Unix socket, else None."""

    target: str
    path: Path | None

    @property
    def exposed(self) -> bool:
        """Whether machines other than this one may reach it."""
        return self.path is None and not is_loopback(self.target.rpartition(":")[0])

    def take_over(self) -> None:
        """Remove the socket file that a dead process left behind; nobody answers on it.

        Raises AddressError when somebody does, and when the file is no socket.
        """
        if self.path is None or not os.path.lexists(self.path):
            return
        if not stat.S_ISSOCK(os.lstat(self.path).st_mode):
            raise AddressError(
                self.target, "a file that is no socket is there; remove it or listen elsewhere"
            )
        if _answers(self.path):
            raise AddressError(
                self.target, "another process listens there; stop it or listen elsewhere"
            )
        with suppress(FileNotFoundError):
            self.path.unlink()


def listen_address(address: str) -> ListenAddress:
    """Parse `unix:///path`, `/path` or `host:port`; port 0 takes a free one.

    Raises AddressError for anything else, for a socket path that is too long, and for a
    folder that is not there.
    """
    target = checked(address)
    path = socket_path(target)
    if path is None:
        host, _, port = target.rpartition(":")
        if not host or not port.isdecimal() or int(port) > 65535:
            raise AddressError(address, "an address is unix:///path, /path or host:port")
        return ListenAddress(target, None)
    if not Path(path).parent.is_dir():
        raise AddressError(address, f"there is no folder {Path(path).parent}; make it first")
    return ListenAddress(target, Path(path))


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:
            # Too busy to take the connection, or not ours to ask: somebody is there.
            return True
    return True
