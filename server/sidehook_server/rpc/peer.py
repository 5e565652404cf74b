"""Who is at the other end of an RPC, as gRPC tells it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from sidehook_server.registry.identity import Certificate, Peer
from sidehook_server.rpc.context import RpcContext

_SCHEME: Final = "bearer"
_ALTERNATIVE_NAMES: Final = "x509_subject_alternative_name"


def is_on_socket(context: RpcContext) -> bool:
    """Whether the peer came in over a Unix socket."""
    return context.peer().startswith("unix:")


def peer_of(context: RpcContext, *, socket_uid: Callable[[], int | None]) -> Peer:
    """What can be told of a peer. `socket_uid` gives the user of those on the Unix socket."""
    on_socket = is_on_socket(context)
    return Peer(
        uid=socket_uid() if on_socket else None,
        is_on_socket=on_socket,
        token_sha256=_token_sha256(context),
        certificate=_certificate(context.auth_context()),
    )


def _token_sha256(context: RpcContext) -> str | None:
    """The digest of the one token that came along; of several it is not clear whose they are."""
    said = [value for key, value in context.invocation_metadata() or () if key == "authorization"]
    if len(said) != 1 or not isinstance(said[0], str):
        return None
    scheme, _, token = said[0].partition(" ")
    if scheme.lower() != _SCHEME or not token.strip():
        return None
    return hashlib.sha256(token.strip().encode()).hexdigest()


def _certificate(properties: Mapping[str, Iterable[bytes]]) -> Certificate | None:
    """Whom the certificate names. gRPC tells of none that it has not verified."""

    def texts(name: str) -> frozenset[str]:
        return frozenset(value.decode(errors="replace") for value in properties.get(name, ()))

    if "x509_pem_cert" not in properties:
        return None
    return Certificate(
        common_name=next(iter(texts("x509_common_name")), ""),
        dns=texts("peer_dns"),
        uris=texts("peer_uri"),
        has_alternative_names=_ALTERNATIVE_NAMES in properties or "peer_ip" in properties,
    )
