"""Reads the files of TLS, and finds what is wrong with them before gRPC meets it.

gRPC says no more of a file that it cannot use than that a handshake failed.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sidehook._tls import Tls, TlsError

_ROUNDS: Final = 4
"""More than the messages that a handshake takes in either direction."""

_RENEW: Final = "renew it, or name another file"


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """What is in the files, in PEM; None for files that are not named."""

    ca: bytes | None
    certificate: bytes | None
    key: bytes | None = field(repr=False)


def read_files(tls: Tls, *, listens: bool) -> TlsFiles:
    """Read the files. `listens`: for a server, else for a client. Raises TlsError."""
    try:
        if problems := dict(file_problems(tls, listens=listens)):
            raise TlsError(f"{name}: {text}" for name, text in problems.items())
        return TlsFiles(*(_octets(path) for path in (tls.ca, tls.certificate, tls.key)))
    except OSError as error:
        # One that was there a moment ago, as when they are being replaced.
        raise TlsError([f"a file of TLS cannot be read ({error})"]) from error


def file_problems(tls: Tls, *, listens: bool) -> Iterator[tuple[str, str]]:
    """Everything that is wrong with the files: attribute of `tls`, and a sentence."""
    unreadable = dict(_unreadable(tls))
    yield from unreadable.items()
    if tls.ca is not None and "ca" not in unreadable and (problem := _ca_problem(tls.ca)):
        yield "ca", problem
    if listens and tls.certificate is None and tls.key is None:
        yield "certificate", "who listens must show a certificate; name one, and its key"
    elif half := tls.half_pair():
        yield half, "certificate and key go together; name both, or neither"
    elif tls.certificate is not None and tls.key is not None and unreadable.keys() <= {"ca"}:
        yield from _pair_problems(tls.certificate, tls.key, listens=listens)


def _octets(path: str | Path | None) -> bytes | None:
    return None if path is None else Path(path).read_bytes()


def _unreadable(tls: Tls) -> Iterator[tuple[str, str]]:
    for name, path in (("ca", tls.ca), ("certificate", tls.certificate), ("key", tls.key)):
        try:
            _octets(path)
        except OSError as error:
            yield name, f"{path} cannot be read ({error.strerror}); name a file that can"


def _ca_problem(path: str | Path) -> str | None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(path)
    except (ssl.SSLError, ValueError):
        return f"{path} holds no certificates in PEM; name a file that does"
    now = datetime.now(UTC).timestamp()
    ends = [ssl.cert_time_to_seconds(str(each["notAfter"])) for each in context.get_ca_certs()]
    if ends and max(ends) <= now:
        return f"every certificate of an authority in {path} has expired; {_RENEW}"
    return None


def _pair_problems(
    certificate: str | Path, key: str | Path, *, listens: bool
) -> Iterator[tuple[str, str]]:
    shows = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if listens else ssl.PROTOCOL_TLS_CLIENT)
    shows.check_hostname = False
    shows.verify_mode = ssl.CERT_NONE
    looks = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT if listens else ssl.PROTOCOL_TLS_SERVER)
    try:
        looks.load_verify_locations(certificate)
    except (ssl.SSLError, ValueError):
        yield "certificate", f"{certificate} holds no certificate in PEM; name a file that does"
        return
    try:
        # With a passphrase at hand OpenSSL does not ask for one on the terminal.
        shows.load_cert_chain(certificate, key, password="")
    except ssl.SSLError as error:
        yield "key", _key_problem(error, certificate, key)
        return
    if not listens:
        looks.load_cert_chain(certificate, key)
    if problem := _seen_problem(shows, looks, listens=listens):
        yield "certificate", f"{certificate} cannot be shown: {problem}; {_RENEW}"


def _key_problem(error: ssl.SSLError, certificate: str | Path, key: str | Path) -> str:
    if error.reason == "KEY_VALUES_MISMATCH":
        return f"{key} is not the key of {certificate}; name the one that belongs to it"
    return f"{key} holds no private key in PEM, or one with a passphrase; name a file that does"


def _seen_problem(shows: ssl.SSLContext, looks: ssl.SSLContext, *, listens: bool) -> str | None:
    """What one who trusts the certificate itself has against it: most of all, its dates.

    The standard library has no other way to ask for the dates of a certificate than to
    show it to somebody, and so the two shake hands here, in memory.
    """
    looks.check_hostname = False
    looks.verify_mode = ssl.CERT_REQUIRED
    looks.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    shower = shows.wrap_bio(there, back, server_side=listens)
    looker = looks.wrap_bio(back, there, server_side=not listens)
    try:
        for _ in range(_ROUNDS):
            for side in (looker, shower):
                with suppress(ssl.SSLWantReadError):
                    side.do_handshake()
    except ssl.SSLCertVerificationError as error:
        return str(error.verify_message)
    except ssl.SSLError as error:
        return str(error.reason or error)
    return None
