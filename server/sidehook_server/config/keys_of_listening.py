"""The keys about addresses, and where workers are looked for."""

from __future__ import annotations

from typing import Final

from sidehook_server.config import kinds
from sidehook_server.config.model import (
    Listen,
    ListenTls,
)
from sidehook_server.config.table import Key, Section

LISTEN_TLS: Final = Section(
    (
        Key(
            "certificate",
            kinds.PATH,
            "The sidecar's certificate in PEM, with those between it and its authority.",
            required=True,
        ),
        Key(
            "key",
            kinds.PATH,
            "The private key of `certificate` in PEM, without a passphrase.",
            required=True,
        ),
        Key(
            "client_ca",
            kinds.PATH,
            "The authorities, in PEM, that every client and worker on TCP must have a "
            "certificate from. Without it none is asked for.",
        ),
    ),
    ListenTls,
    lambda values: ListenTls(**values),
)

LISTEN: Final = Section(
    (
        Key(
            "socket",
            kinds.SOCKET,
            "The Unix socket that applications call.",
            default="`sidehook.sock` in `$XDG_RUNTIME_DIR/sidehook`, else in `/run/sidehook`",
        ),
        Key(
            "workers_socket",
            kinds.SOCKET,
            "The Unix socket on which workers register.",
            default="`workers.sock` beside `socket`",
        ),
        Key("socket_mode", kinds.FILE_MODE, "Who may call: the file mode of `socket`."),
        Key(
            "workers_socket_mode",
            kinds.FILE_MODE,
            "Who may register: the file mode of `workers_socket`.",
        ),
        Key("tcp", kinds.ADDRESS, "A TCP address that applications call, besides the socket."),
        Key(
            "tcp_workers",
            kinds.ADDRESS,
            "A TCP address on which workers register, besides the socket.",
        ),
        Key(
            "admin",
            kinds.OPTIONAL_ADDRESS,
            "The address of the HTTP port with `/healthz`, `/metrics` and `/state`, or `off`.",
        ),
        Key(
            "tls",
            LISTEN_TLS,
            "TLS on `tcp` and `tcp_workers`. The files are read at the start, and again for a "
            "connection that finds them changed: a renewed certificate needs no restart.",
        ),
        Key(
            "insecure_tcp",
            kinds.BOOLEAN,
            "Lets addresses be open to other machines without TLS, which `admin` never has. The "
            "sidecar warns of it at every start.",
        ),
        Key(
            "max_connection_age",
            kinds.OPTIONAL_DURATION,
            "How old a connection on `tcp` grows, give or take a tenth. Then its client is told to "
            "make another one, and no call is lost by it: so clients that reach several sidecars "
            "at one address come to those that were added.",
        ),
    ),
    Listen,
    dict,
)

WORKER_SOCKETS: Final = Section(
    (
        Key(
            "directory",
            kinds.PATH,
            "A folder to watch: the sidecar dials whoever listens on a `*.sock` file in it.",
            required=True,
        ),
    ),
    str,
    lambda values: values.get("directory"),
)
