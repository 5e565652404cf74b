"""The two gRPC servers: one for applications, one for workers.

They are two because a servicer cannot tell which of several addresses of one server a
call came in by, and who may register is decided by who reaches the workers' address.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import grpc
from grpc_health.v1 import health, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from sidehook._tls import Tls, TlsError
from sidehook._tls_credentials import server_credentials
from sidehook_server.errors import ListenError
from sidehook_server.rpc.unix_socket import claimed

_OPTIONS: Final = (
    # Without this a second sidecar would share the port, and get some of the calls.
    ("grpc.so_reuseport", 0),
    # A peer that vanished without a word is noticed, and its calls are cancelled.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
)


class RpcServer:
    """One gRPC server and the addresses it listens on.

    A connection is told to leave after `max_connection_age` seconds, give or take a tenth;
    what is under way on it goes on as long as it likes.
    """

    def __init__(
        self,
        handlers: Iterable[grpc.GenericRpcHandler],
        *,
        services: Iterable[str],
        health_servicer: health.aio.HealthServicer,
        max_bytes: int,
        max_connection_age: float | None = None,
    ) -> None:
        ages = () if max_connection_age is None else _ages(max_connection_age)
        limits = (
            ("grpc.max_receive_message_length", max_bytes),
            ("grpc.max_send_message_length", max_bytes),
        )
        self._server = grpc.aio.server(options=(*_OPTIONS, *limits, *ages))
        self._server.add_generic_rpc_handlers(tuple(handlers))
        health_pb2_grpc.add_HealthServicer_to_server(health_servicer, self._server)
        names = (*services, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, self._server)
        self._sockets: list[tuple[Path, int]] = []

    def listen_on_socket(self, path: Path, *, mode: int) -> bool:
        """Bind a Unix socket; whether a dead one was taken over. Raises ListenError."""
        with claimed(path, mode=mode) as taken_over:
            self._bind(f"unix:{path}", f"unix://{path}")
            self._sockets.append((path, path.stat().st_ino))
        return taken_over

    def listen_on_port(self, host: str, port: int, tls: Tls | None = None) -> str:
        """Bind a TCP port; 0: the system chooses. Return host:port. Raises ListenError.

        With `tls` it speaks TLS, and renewed certificates count from the next connection on.
        """
        shown = f"[{host}]" if ":" in host else host
        return f"{shown}:{self._bind(f'{shown}:{port}', f'{shown}:{port}', tls)}"

    async def start(self) -> None:
        """Serve what comes in on every address."""
        await self._server.start()

    async def stop(self, grace: float) -> None:
        """Take no more connections, give RPCs under way `grace` seconds, and cut the rest."""
        await self._server.stop(grace)
        for path, inode in self._sockets:
            # gRPC removes it, unless it went down before it came up.
            if path.exists() and path.stat().st_ino == inode:
                path.unlink()

    def _bind(self, address: str, shown: str, tls: Tls | None = None) -> int:
        try:
            if tls is None:
                return self._server.add_insecure_port(address)
            return self._server.add_secure_port(address, server_credentials(tls))
        except TlsError as error:
            raise ListenError(
                shown, f"TLS cannot be spoken: {error}", "change listen.tls"
            ) from error
        except RuntimeError as error:
            raise ListenError(
                shown,
                "the address is in use, or is not one of this machine",
                "stop what listens there, or name another address",
            ) from error


def _ages(seconds: float) -> tuple[tuple[str, int], ...]:
    """GRPC's own options. Without a grace period of theirs nothing is ever cut."""
    return (("grpc.max_connection_age_ms", max(1, round(seconds * 1000))),)
