"""Why somebody may not call: who it is, what it wanted, and what to do. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sidehook._call import CallFailure
from sidehook_server.config.naming import shown
from sidehook_server.registry.callers import NO_TENANT, Rights
from sidehook_server.registry.identity import Peer

REASON: Final = "CALLER_FORBIDDEN"
"""The reason of every refusal here."""

_MAX_SHOWN: Final = 256


def refused_call(rights: Rights, peer: Peer, *, hook_type: str, tenant: str) -> CallFailure:
    """A call of a hook type, or for a tenant, that the peer may not make."""
    metadata = {"hook_type": hook_type[:_MAX_SHOWN], "tenant": tenant[:_MAX_SHOWN]}
    if not rights.names:
        return CallFailure(
            reason=REASON,
            message=f"{_stranger(peer)} may not call hook type {shown(hook_type)}; {_WHAT_TO_DO}",
            metadata={**metadata, **_who(rights, peer)},
        )
    callers = ", ".join(map(repr, rights.names))
    if rights.tenants(hook_type) is NO_TENANT:
        what, key = f"hook type {shown(hook_type)}", "hook_types"
    else:
        for_whom = f"for tenant {shown(tenant)}" if tenant else "without a tenant"
        what, key = f"hook type {shown(hook_type)} {for_whom}", "tenants"
    return CallFailure(
        reason=REASON,
        message=(
            f"caller {callers} may not call {what}; call as one that may, or allow it in the "
            f"sidecar's configuration: callers[{rights.names[0]}].{key}"
        ),
        metadata={**metadata, **_who(rights, peer)},
    )


def refused_scope(rights: Rights, peer: Peer) -> CallFailure:
    """Hooks of an application's own, attached by somebody who may not call anything."""
    return CallFailure(
        reason=REASON,
        message=f"{_stranger(peer)} may not attach hooks for calls of its own; {_WHAT_TO_DO}",
        metadata=_who(rights, peer),
    )


_WHAT_TO_DO: Final = (
    "show the token or the certificate of a caller, or add this client under callers in the "
    "sidecar's configuration"
)


def _stranger(peer: Peer) -> str:
    return f"a client that is none of the configured callers ({_described(peer)})"


def _who(rights: Rights, peer: Peer) -> dict[str, str]:
    return {"caller": ", ".join(rights.names)[:_MAX_SHOWN], "identity": _described(peer)}


def _described(peer: Peer) -> str:
    """What a peer showed, without anything that is secret."""
    return ", ".join(_facts(peer))[:_MAX_SHOWN]


def _facts(peer: Peer) -> Iterator[str]:
    yield "on the Unix socket" if peer.is_on_socket else "on TCP"
    if peer.is_on_socket:
        yield "user id unknown" if peer.uid is None else f"user id {peer.uid}"
    yield "no token" if peer.token_sha256 is None else "a token"
    if peer.certificate is None:
        yield "no certificate"
    else:
        yield f"the certificate of {peer.certificate}"
