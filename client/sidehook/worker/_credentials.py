"""How a worker shows a sidecar who it is: a token, and certificates."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from sidehook._client_target import is_local
from sidehook._tls import Tls, TlsError
from sidehook._tls_files import read_files
from sidehook._token import TokenError, bearer, read_token
from sidehook.worker._errors import AddressError, CredentialsError


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What an attaching worker shows. Files are read anew for every connection.

    `token` or `token_file` hold the secret that the sidecar's configuration has the
    digest of. `tls` None: the connection is in plain text.
    """

    token: str | None = field(default=None, repr=False)
    token_file: Path | None = None
    tls: Tls | None = None

    def check(self, target: str) -> None:
        """Find what is wrong before the first attempt.

        Raises CredentialsError for a token or files that cannot be used, and
        AddressError for a `target` that must not be shown the token.
        """
        if self.read_token() and self.tls is None and not is_local(target):
            raise AddressError(
                target,
                "the token would go over the network in plain text; attach with TLS (--tls-ca), "
                "or over the sidecar's Unix socket",
            )
        if self.tls is not None:
            check_files(self.tls, listens=False)

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Return what the token is as metadata of gRPC. Raises CredentialsError."""
        token = self.read_token()
        return () if token is None else bearer(token)

    def read_token(self) -> str | None:
        """Return the token, None when there is none. Raises CredentialsError."""
        try:
            return read_token(self.token, self.token_file)
        except TokenError as error:
            raise CredentialsError(str(error)) from error


def check_files(tls: Tls, *, listens: bool) -> None:
    """Raise CredentialsError for files that TLS cannot be spoken with."""
    try:
        read_files(tls, listens=listens)
    except TlsError as error:
        problems = "\n  ".join(error.problems)
        raise CredentialsError(f"TLS cannot be spoken:\n  {problems}") from error
