"""RegistryService: how workers attach, and how hooks are retired."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import grpc

from sidehook import _wire as wire
from sidehook._call import CallFailure
from sidehook._errors import MalformedError
from sidehook_server.registry import transitions
from sidehook_server.registry.caller_refusals import REASON
from sidehook_server.registry.holder import RegistryHolder
from sidehook_server.rpc.context import PeerGoneError, RpcContext, reader, writer
from sidehook_server.rpc.peer import is_on_socket, peer_of
from sidehook_server.rpc.status import abort, malformed
from sidehook_server.transport.attach import AttachHost
from sidehook_server.transport.errors import RefusedError

SERVICE: Final = "sidehook.v1.RegistryService"

_log: Final = logging.getLogger("sidehook.rpc")


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """One of the two servers, as registration sees it.

    `may_register` False where applications call: scopes of their own are all that may
    be attached there. `workers_target` is where workers register, for the error that
    says so. `socket_uid` gives the user of who comes in over the Unix socket, None when
    that cannot be told. `forbids` says why somebody may not even attach scopes of its own.
    """

    may_register: bool
    workers_target: str
    socket_uid: Callable[[], int | None]
    forbids: Callable[[RpcContext], CallFailure | None] = lambda _: None


class RegistryService:
    """Serves registration at one door."""

    def __init__(self, host: AttachHost, registry: RegistryHolder, door: Door) -> None:
        self._host = host
        self._registry = registry
        self._door = door
        self._serving: dict[asyncio.Task[None], None] = {}

    def handler(self) -> grpc.GenericRpcHandler:
        """What a gRPC server takes."""
        return grpc.method_handlers_generic_handler(
            SERVICE,
            {
                "Attach": grpc.stream_stream_rpc_method_handler(self.attach),
                "Retire": grpc.unary_unary_rpc_method_handler(self.retire),
            },
        )

    async def attach(self, _requests: object, context: RpcContext) -> None:
        """Serve one attached worker until it goes."""
        forbidden = self._door.forbids(context)
        if forbidden is not None:
            _log.warning("attach_refused reason=%s problems=%r", REASON, forbidden.message)
            await abort(context, forbidden)
        serving = asyncio.create_task(
            self._host.serve(
                reader(context),
                writer(context),
                scopes_only=not self._door.may_register,
                peer=peer_of(context, socket_uid=self._door.socket_uid),
            )
        )
        self._serving[serving] = None
        try:
            await asyncio.wait((serving,))
        finally:
            del self._serving[serving]
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
        if not serving.cancelled():
            await self._judge(serving, context)

    async def _judge(self, served: asyncio.Task[None], context: RpcContext) -> None:
        """How a stream ended that was not cut."""
        try:
            served.result()
        except PeerGoneError:
            # Its hooks are unreachable by now, and the registry has said so.
            return
        except RefusedError as error:
            _log.warning(
                "attach_refused reason=%s problems=%r", error.reason, "; ".join(error.problems)
            )
            await abort(context, self._refusal(error))

    def finish(self) -> None:
        """End every stream in order; runs under way are lost."""
        for serving in self._serving:
            serving.cancel()

    async def retire(self, octets: bytes, context: RpcContext) -> bytes:
        """Take hooks out of the plan for good."""
        if not self._door.may_register:
            await abort(context, self._wrong_door("hooks cannot be retired"))
        try:
            request = wire.decode_retire_request(octets)
        except MalformedError as error:
            await abort(context, malformed(str(error)))
        if not request.worker:
            await abort(context, malformed("RetireRequest.worker: must be set"))
        # Who can open the socket is the operator's choice; a port may be open to many.
        peer = None if is_on_socket(context) else peer_of(context, socket_uid=lambda: None)
        change = transitions.retired(
            self._registry.current, request.worker, request.hook, peer=peer
        )
        self._registry.apply(change)
        if change.refusal is not None:
            await abort(context, _failure(change.refusal.reason, change.refusal.problems))
        return wire.encode_retire_response(change.retired)

    def _refusal(self, error: RefusedError) -> CallFailure:
        if error.reason == "REGISTRATION_FORBIDDEN":
            return self._wrong_door("workers cannot register")
        return _failure(error.reason, error.problems)

    def _wrong_door(self, what: str) -> CallFailure:
        target = self._door.workers_target
        return CallFailure(
            reason="REGISTRATION_FORBIDDEN",
            message=(
                f"{what} on the address that applications call; use {target}, the address for "
                "workers (only functions of an application itself attach here, with scope_only)"
            ),
            metadata={"workers_target": target},
        )


def _failure(reason: str, problems: tuple[str, ...]) -> CallFailure:
    numbered = {f"problem_{number}": text for number, text in enumerate(problems, start=1)}
    return CallFailure(
        reason=reason,
        message="; ".join(problems),
        metadata={**numbered, "problems": str(len(problems))},
    )
