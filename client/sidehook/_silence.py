"""How soon a connection over TCP ends whose other end has fallen silent: options of its channel.

A cable that is pulled, or a machine that is gone, says nothing, and TCP sends again and again for
a quarter of an hour, or waits for ever when it has nothing to send.
"""

from __future__ import annotations

from typing import Final, TypeAlias

Options: TypeAlias = tuple[tuple[str, int], ...]

ACKNOWLEDGED: Final[Options] = (
    # With these two gRPC has the system end a connection on which what was sent is not acknowledged
    # for 10 s (TCP_USER_TIMEOUT). The first is the pause between pings, of which none are wanted:
    # servers that do not expect them end the connection.
    ("grpc.keepalive_time_ms", 24 * 60 * 60 * 1000),
    ("grpc.keepalive_timeout_ms", 10_000),
)
"""For a channel on which something is sent all the time, to any server."""

_PINGED: Final[Options] = (
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.max_pings_without_data", 0),
)


def pinged(target: str) -> Options:
    """Return the options of a channel to a sidecar, which takes a ping every 5 seconds.

    None for a Unix socket: nothing is lost on it without a word, and one whose sidecar is
    stopped goes on when that does.
    """
    return () if target.startswith("unix:") else _PINGED
