"""Workers that dial the sidecar: the sidecar's side of RegistryService.Attach."""

from __future__ import annotations

import logging
import secrets
from typing import Final

from sidehook._frames import RunTag
from sidehook._mux import Outbox
from sidehook_server.registry.identity import STRANGER, Peer
from sidehook_server.transport.errors import RefusedError
from sidehook_server.transport.session import Local, Read, Session, Write, read_hello, writing
from sidehook_server.transport.stream_link import StreamLink

_log: Final = logging.getLogger("sidehook.transport")

_HANDLE_BYTES: Final = 24


class AttachHost:
    """Serves attached workers. `hello_timeout` in seconds: how long one may take to say hello."""

    def __init__(self, local: Local, *, hello_timeout: float = 10.0) -> None:
        self._local = local
        self._hello_timeout = hello_timeout
        self._links: dict[StreamLink, None] = {}
        self._draining = False

    @property
    def attached(self) -> int:
        """Streams that are open and registered, scopes of applications among them."""
        return len(self._links)

    async def serve(
        self, read: Read, write: Write, *, scopes_only: bool, peer: Peer = STRANGER
    ) -> None:
        """Serves one stream from its hello to its end.

        `scopes_only` on the socket that applications call: there, only functions of the
        application itself may be attached. `peer` is who is at the other end. Raises
        RefusedError when the worker is not accepted; `read` and `write` may raise what they
        like.
        """
        if self._draining:
            raise RefusedError(
                "DRAINING", ("the sidecar is stopping; attach to another, or later",)
            )
        hello, received = await read_hello(read, within=self._hello_timeout)
        if scopes_only and not hello.scope_only:
            raise RefusedError(
                "REGISTRATION_FORBIDDEN",
                (
                    f"worker {hello.manifest.worker} cannot register on the socket that "
                    "applications call; attach to the registration socket (listen.workers_socket)",
                ),
            )
        handle = secrets.token_urlsafe(_HANDLE_BYTES) if hello.scope_only else None
        outbox = Outbox()
        session = Session(self._local, hello.manifest, outbox)
        # Registering may leave notices for the worker, and the hello comes before them.
        outbox.put(0, RunTag.HELLO, self._local.hello(scope_handle=handle or ""))
        session.register(scope_handle=handle, peer=peer)
        self._links[session.link] = None
        try:
            async with writing(outbox, write):
                await session.serve(read, received=received)
        finally:
            del self._links[session.link]

    def announce_draining(self) -> None:
        """Tells every worker that the sidecar goes away, and takes no new ones."""
        self._draining = True
        for link in self._links:
            link.announce_draining()
