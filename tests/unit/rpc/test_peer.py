"""What gRPC tells of a peer, read once and without trust."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import cast

import pytest

from sidehook_server.registry.identity import Certificate
from sidehook_server.rpc.context import RpcContext
from sidehook_server.rpc.peer import is_on_socket, peer_of


class Said:
    """An RPC, as far as it tells who made it."""

    def __init__(
        self,
        *metadata: tuple[str, str | bytes],
        peer: str = "unix:",
        auth: Mapping[str, Sequence[bytes]] | None = None,
    ) -> None:
        self._metadata = metadata
        self._peer = peer
        self._auth = auth or {}

    def peer(self) -> str:
        return self._peer

    def auth_context(self) -> Mapping[str, Sequence[bytes]]:
        return self._auth

    def invocation_metadata(self) -> tuple[tuple[str, str | bytes], ...]:
        return self._metadata


def context(
    *metadata: tuple[str, str | bytes],
    peer: str = "unix:",
    auth: Mapping[str, Sequence[bytes]] | None = None,
) -> RpcContext:
    return cast(RpcContext, Said(*metadata, peer=peer, auth=auth))


@pytest.mark.parametrize(
    ("values", "token"),
    [
        (["Bearer s3cret"], "s3cret"),
        (["bearer s3cret"], "s3cret"),
        (["Bearer  s3cret "], "s3cret"),
        ([], None),
        (["s3cret"], None),
        (["Basic s3cret"], None),
        (["Bearer "], None),
        (["Bearer one", "Bearer two"], None),
    ],
)
def test_a_token_is_known_by_its_digest_alone(values: list[str], token: str | None) -> None:
    peer = peer_of(
        context(*(("authorization", value) for value in values), ("other", "Bearer x")),
        socket_uid=lambda: None,
    )
    digest = None if token is None else hashlib.sha256(token.encode()).hexdigest()
    assert peer.token_sha256 == digest


@pytest.mark.parametrize(
    ("address", "uid"), [("unix:", 7), ("ipv4:127.0.0.1:5", None), ("ipv6:%5B::1%5D:5", None)]
)
def test_the_user_is_told_of_who_is_on_the_socket_only(address: str, uid: int | None) -> None:
    where = context(peer=address)
    assert peer_of(where, socket_uid=lambda: 7).uid == uid
    assert is_on_socket(where) == (uid is not None)


def test_without_a_certificate_nobody_is_named() -> None:
    plain = context(auth={"transport_security_type": [b"ssl"], "x509_common_name": [b"pii"]})
    assert peer_of(plain, socket_uid=lambda: None).certificate is None


def test_a_certificate_names_whom_it_names() -> None:
    shown = context(
        auth={
            "x509_pem_cert": [b"..."],
            "x509_common_name": [b"pii"],
            "x509_subject_alternative_name": [b"a.example", b"spiffe://here/a", b"me@example"],
            "peer_dns": [b"a.example"],
            "peer_uri": [b"spiffe://here/a"],
        }
    )
    assert peer_of(shown, socket_uid=lambda: None).certificate == Certificate(
        common_name="pii",
        dns=frozenset({"a.example"}),
        uris=frozenset({"spiffe://here/a"}),
        has_alternative_names=True,
    )


def test_a_certificate_for_an_address_alone_has_alternative_names() -> None:
    shown = context(
        auth={
            "x509_pem_cert": [b"..."],
            "x509_common_name": [b"pii"],
            "peer_ip": [b"10.0.0.1"],
        }
    )
    certificate = peer_of(shown, socket_uid=lambda: None).certificate
    assert certificate is not None
    assert not certificate.is_for("pii")
