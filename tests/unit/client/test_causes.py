"""What gRPC says of a connection that did not come about, in a sentence."""

from __future__ import annotations

import pytest

from sidehook._rpc import cause

FAILED = "failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:1: "
HANDSHAKE = (
    "Tls handshake failed (TSI_PROTOCOL_FAILURE): SSL_ERROR_SSL: error:1000007d:SSL routines:"
)
NOT_TRUSTED = "OPENSSL_internal:CERTIFICATE_VERIFY_FAILED: unable to get local issuer certificate"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("anything else", "anything else"),
        (f"{FAILED}connect: Connection refused (111)", "Connection refused"),
        (
            f"{FAILED}{HANDSHAKE}{NOT_TRUSTED}: OK",
            "its certificate is not one that is trusted here (unable to get local issuer "
            "certificate)",
        ),
        (
            f"{FAILED}Peer name other is not in peer certificate",
            "its certificate is for another name (Peer name other is not in peer certificate)",
        ),
        (
            f"{FAILED}Custom verification check failed with error: UNAUTHENTICATED: Hostname "
            "Verification Check failed.",
            "its certificate is for another name (Hostname Verification Check failed.)",
        ),
    ],
)
def test_the_cause_is_told_without_the_rest(text: str, said: str) -> None:
    assert cause(text) == said
