"""What one side of a TLS connection is told: whom it trusts, and what it shows. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """TLS for one side of a connection, as names of PEM files.

    The files are read for every new connection, so that renewed ones count without a
    restart.

    Args:
        ca: The certificates of the authorities that the other side must have its own
            from. Connecting: those that gRPC brings when None. Listening: whoever
            connects needs a certificate of one of them; None asks for none.
        certificate: The certificate to show, with those between it and the authority.
        key: The private key of `certificate`, without a passphrase. Both or neither.
        server_name: Connecting: the name that the other side's certificate must be for,
            where it is not the host of the target. Listening: not used.
    """

    ca: str | Path | None = None
    certificate: str | Path | None = None
    key: str | Path | None = None
    server_name: str = ""

    def half_pair(self) -> str | None:
        """Return which of `certificate` and `key` stands without the other, None for neither."""
        if (self.certificate is None) == (self.key is None):
            return None
        return "key" if self.certificate is None else "certificate"


class TlsError(ValueError):
    """Files that TLS cannot be spoken with. `problems` are sentences, every one there is."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))
