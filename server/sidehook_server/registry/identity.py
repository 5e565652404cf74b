"""Who registers, as far as the transport can tell, and whose a worker's name is (rule 27)."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from sidehook_server.config.model import WorkerConfig
from sidehook_server.config.naming import shown

_MAX_SHOWN_NAMES: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """Whom a peer's certificate names, which an authority of the configuration vouches for.

    `dns` and `uris` are its alternative names of these kinds, of which it may have others.
    """

    common_name: str = ""
    dns: frozenset[str] = frozenset()
    uris: frozenset[str] = frozenset()
    has_alternative_names: bool = False

    def is_for(self, name: str) -> bool:
        """Whether it names a URI, or a DNS name.

        The common name counts only in a certificate without alternative names: where
        there are some, an authority need not have looked at the other (RFC 6125).
        """
        if "://" in name:
            return name in self.uris
        return name in self.dns if self.has_alternative_names else name == self.common_name

    def is_below(self, name: str) -> bool:
        """Whether it is for the name; for one that ends with `/*`, whether a URI is below it."""
        above = name.removesuffix("*")
        if above == name:
            return self.is_for(name)
        return any(_is_below(uri, above) for uri in self.uris)

    def __str__(self) -> str:
        names = self.uris | self.dns if self.has_alternative_names else {self.common_name} - {""}
        listed = map(shown, islice(sorted(names), _MAX_SHOWN_NAMES))
        return ", ".join(listed) or "nobody by URI or DNS name"


def _is_below(uri: str, above: str) -> bool:
    """Whether a URI has `above`, which ends with a slash, before the rest of its path."""
    rest = uri.removeprefix(above)
    # What steps back out of where it seems to be is below nothing.
    return rest != uri and all(part not in ("", ".", "..") for part in rest.split("/"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Who is at the other end of a connection. None is what the transport cannot tell.

    `uid`: the user of the process. `token_sha256`: the digest of the token that came with
    the connection, in hexadecimal digits. `is_on_socket`: it came in over a Unix socket.
    `is_this_process`: there is no other end.
    """

    uid: int | None = None
    token_sha256: str | None = None
    certificate: Certificate | None = None
    is_on_socket: bool = False
    is_this_process: bool = False


STRANGER: Final = Peer()
"""Somebody of whom nothing is known."""


def identity_problems(
    worker: str, peer: Peer, said: WorkerConfig | None, *, expected_worker: str | None
) -> Iterator[str]:
    """Why a peer may not have a worker's name; nothing when it may.

    `said` is the operator's word on the name, `expected_worker` the name that this
    connection belongs to, None for none.
    """
    who = f"worker {shown(worker)}"
    if expected_worker is not None and worker != expected_worker:
        yield (
            f"{who}: this connection belongs to worker {expected_worker!r}; "
            "give the worker that name, or name it so in the sidecar's configuration"
        )
    if said is None or peer.is_this_process:
        return
    if said.target is not None and expected_worker is None:
        yield (
            f"{who}: the name belongs to the worker that the sidecar dials at {said.target}; "
            "choose another name, or remove the target from the sidecar's configuration"
        )
    for check in _CHECKS:
        if problem := check(said, peer):
            yield f"{who}: the name is bound to {problem}"


def _user_problem(said: WorkerConfig, peer: Peer) -> str | None:
    if said.uid is None or said.uid == peer.uid:
        return None
    if peer.uid is None:
        return (
            f"user id {said.uid}, which cannot be verified on this connection; attach over the "
            "sidecar's Unix socket"
        )
    return (
        f"user id {said.uid}, and this process has {peer.uid}; run it as that user, or choose "
        "another name"
    )


def _token_problem(said: WorkerConfig, peer: Peer) -> str | None:
    if said.token_sha256 is None:
        return None
    if peer.token_sha256 is None:
        return (
            "a token, and none came with this connection; attach with --token-file or "
            "SIDEHOOK_TOKEN_FILE (in other languages: the metadata `authorization: Bearer ...`)"
        )
    # In a time that says nothing about how much of it was right.
    if hmac.compare_digest(said.token_sha256, peer.token_sha256):
        return None
    return (
        "a token, and another one came with this connection; attach with the one whose SHA-256 "
        "the sidecar's configuration has as token_sha256 (of the token without a line end)"
    )


def _certificate_problem(said: WorkerConfig, peer: Peer) -> str | None:
    if said.certificate is None:
        return None
    if peer.certificate is None:
        return (
            f"the certificate of {said.certificate!r}, and this connection has none; attach over "
            "the sidecar's TCP address for workers, with --tls-ca, --tls-cert and --tls-key"
        )
    if peer.certificate.is_for(said.certificate):
        return None
    return (
        f"the certificate of {said.certificate!r}, and the one of this connection names "
        f"{peer.certificate}; attach with a certificate of that name, or choose another name"
    )


_CHECKS: Final[tuple[Callable[[WorkerConfig, Peer], str | None], ...]] = (
    _user_problem,
    _token_problem,
    _certificate_problem,
)
