"""What gRPC takes to speak TLS, made of files."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Final, TypeAlias

import grpc

from sidehook._tls import Tls, TlsError
from sidehook._tls_files import read_files

_log: Final = logging.getLogger("sidehook.tls")

_Stamps: TypeAlias = tuple[tuple[int, int, int] | None, ...]


def channel_credentials(tls: Tls) -> grpc.ChannelCredentials:
    """Return what a client connects with. Reads the files; raises TlsError."""
    files = read_files(tls, listens=False)
    return grpc.ssl_channel_credentials(files.ca, files.key, files.certificate)


def channel_options(tls: Tls) -> tuple[tuple[str, str], ...]:
    """Return what a channel needs besides its credentials."""
    if not tls.server_name:
        return ()
    return (("grpc.ssl_target_name_override", tls.server_name),)


def server_credentials(tls: Tls) -> grpc.ServerCredentials:
    """Return what a server listens with. Reads the files; raises TlsError.

    With `tls.ca`, clients without a certificate of one of its authorities are refused.
    The files are looked at again for every connection: changed ones count from the next
    on, and while those cannot be used, the ones before go on to.
    """
    watched = _WatchedFiles(tls)
    return grpc.dynamic_ssl_server_credentials(
        watched.configuration(),
        watched.changed,  # type: ignore[arg-type]  # None is documented, and not in its types
        require_client_authentication=tls.ca is not None,
    )


class _WatchedFiles:
    """The files of a server. gRPC asks on threads of its own, for one connection at a time."""

    def __init__(self, tls: Tls) -> None:
        self._tls = tls
        self._stamps = self._look()

    def configuration(self) -> grpc.ServerCertificateConfiguration:
        """Read the files."""
        files = read_files(self._tls, listens=True)
        assert files.key is not None, "the files of a server were checked to have one"
        assert files.certificate is not None, "the files of a server were checked to have one"
        return grpc.ssl_server_certificate_configuration([(files.key, files.certificate)], files.ca)

    def changed(self) -> grpc.ServerCertificateConfiguration | None:
        """Read the files if they are others than before; None when nothing is to change."""
        stamps = self._look()
        if stamps == self._stamps:
            return None
        # Also when they cannot be used: the same problem is told once.
        self._stamps = stamps
        try:
            configuration = self.configuration()
        except TlsError as error:
            _log.warning("certificate_not_renewed problem=%r", str(error))
            return None
        _log.info("certificate_renewed certificate=%s", self._tls.certificate)
        return configuration

    def _look(self) -> _Stamps:
        """What tells the files from those that were there before."""
        return tuple(
            _stamp(path)
            for path in (self._tls.ca, self._tls.certificate, self._tls.key)
            if path is not None
        )


def _stamp(path: str | Path) -> tuple[int, int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
