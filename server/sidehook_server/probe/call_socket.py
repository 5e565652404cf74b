"""The same questions, asked at the Unix socket that applications call, for pods without any port.

One call of `grpc.health.v1.Health/Check` about the sidecar as a whole, in as much HTTP/2 as one
call takes: what is sent is always the same octets, and of what comes back only the one message is
read. Importing gRPC for it would cost twenty times as much.
"""

from __future__ import annotations

import socket

from sidehook_server.probe.answer import Answer, NobodyAnswersError

_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _GOAWAY = 0x0, 0x1, 0x3, 0x4, 0x7
_END_STREAM, _END_HEADERS, _PADDED = 0x1, 0x4, 0x8
_STREAM = 1
_FRAME_HEAD_BYTES = 9
_MAX_FRAME_BYTES = 1 << 14
_MESSAGE_HEAD_BYTES = 5

_SERVING = b"\x08\x01"
"""HealthCheckResponse with the status SERVING."""


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    head = len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big")
    return head + payload


def _text(text: bytes) -> bytes:
    """As HPACK writes a text of less than 127 octets that it does not compress."""
    return bytes((len(text),)) + text


# Names and values that HPACK's static table has stand as their number in it.
_REQUEST_HEADERS = b"".join(
    (
        b"\x83",  # :method POST
        b"\x86",  # :scheme http
        b"\x04" + _text(b"/grpc.health.v1.Health/Check"),  # :path
        b"\x01" + _text(b"localhost"),  # :authority
        b"\x0f\x10" + _text(b"application/grpc"),  # content-type
        b"\x00" + _text(b"te") + _text(b"trailers"),
    )
)
_REQUEST = (
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    + _frame(_SETTINGS, 0, 0, b"")
    + _frame(_HEADERS, _END_HEADERS, _STREAM, _REQUEST_HEADERS)
    + _frame(_DATA, _END_STREAM, _STREAM, bytes(_MESSAGE_HEAD_BYTES))
)


def ask_call_socket(path: str, question: str, *, seconds: float) -> Answer:
    """Ask at the socket `path`. Each wait for the sidecar blocks for `seconds` at most.

    It tells whether the sidecar is ready. Started and live it is when it answers at all: the
    answer comes from the loop that serves calls. Raises NobodyAnswersError.
    """
    path = path.removeprefix("unix://")
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(seconds)
            connection.connect(path)
            connection.sendall(_REQUEST)
            message = _message(connection)
    except OSError as error:
        raise NobodyAnswersError(
            f"no sidecar answers at unix://{path} ({error}); start one with `sidehook serve`, "
            "or name its socket with --socket"
        ) from error
    if not message:
        raise NobodyAnswersError(f"what listens at unix://{path} does not answer as a sidecar does")
    if question != "ready" or message[_MESSAGE_HEAD_BYTES:] == _SERVING:
        return Answer(yes=True, reason="ok")
    return Answer(
        yes=False,
        reason="not ready: it is draining, or waits for what the configuration requires; "
        "its admin port and its log say which",
    )


def _message(connection: socket.socket) -> bytes:
    """The message of the answer; empty when there came none. Raises OSError.

    The sidecar's settings are not acknowledged: the connection ends before it would miss that.
    """
    message = b""
    while True:
        head = _exactly(connection, _FRAME_HEAD_BYTES)
        size = int.from_bytes(head[:3], "big")
        if len(head) < _FRAME_HEAD_BYTES or size > _MAX_FRAME_BYTES:
            return b""
        kind, flags = head[3], head[4]
        payload = _exactly(connection, size)
        if kind == _DATA and not flags & _PADDED:
            message += payload
        if kind in (_RST_STREAM, _GOAWAY):
            return b""
        if kind in (_DATA, _HEADERS) and (flags & _END_STREAM or message):
            return message


def _exactly(connection: socket.socket, count: int) -> bytes:
    """So many octets, or fewer where the connection ends."""
    received = b""
    while len(received) < count and (octets := connection.recv(count - len(received))):
        received += octets
    return received
