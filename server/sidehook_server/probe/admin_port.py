"""The three questions, asked at the admin port: a GET of `/healthz/started|ready|live`."""

from __future__ import annotations

import socket

from sidehook_server.probe.answer import Answer, NobodyAnswersError

DEFAULT_ADMIN = "http://127.0.0.1:9480"
"""Where the admin port is when nothing else is said."""

_MAX_BYTES = 64 * 1024


def ask_admin_port(admin: str, question: str, *, seconds: float) -> Answer:
    """Ask at `http://host:port` or `host:port`. Blocks for `seconds` at most, twice.

    Raises ValueError for what is no such address, NobodyAnswersError.
    """
    host, port = _address(admin)
    request = f"GET /healthz/{question} HTTP/1.0\r\nHost: {host}\r\n\r\n"
    try:
        with socket.create_connection((host, port), timeout=seconds) as connection:
            connection.sendall(request.encode("ascii"))
            answer = _everything(connection)
    except OSError as error:
        raise NobodyAnswersError(
            f"no sidecar answers at {admin} ({error}); start one with `sidehook serve`, "
            "or name its admin port with --admin or its socket with --socket"
        ) from error
    return _read(answer, admin)


def _address(admin: str) -> tuple[str, int]:
    host, _, port = admin.removeprefix("http://").rstrip("/").rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise ValueError(f"--admin takes http://HOST:PORT, and {admin} is none")
    return host, int(port)


def _everything(connection: socket.socket) -> bytes:
    received = b""
    while len(received) < _MAX_BYTES and (octets := connection.recv(4096)):
        received += octets
    return received


def _read(answer: bytes, admin: str) -> Answer:
    head, _, body = answer.partition(b"\r\n\r\n")
    words = head.split(b"\r\n", 1)[0].split(b" ")
    if not words[0].startswith(b"HTTP/") or len(words) < 2 or words[1] not in (b"200", b"503"):
        raise NobodyAnswersError(f"what listens at {admin} does not answer as a sidecar does")
    reason = b" ".join(body.split()).decode("utf-8", "replace")
    return Answer(yes=words[1] == b"200", reason=reason)
