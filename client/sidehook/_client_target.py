"""Where the sidecar is, and what else the environment says: the one place that reads it."""

from __future__ import annotations

import ipaddress
import os
import re
import shlex
from pathlib import Path

from sidehook._addresses import host_and_port, is_name
from sidehook._tls import Tls

TARGET_VARIABLE = "SIDEHOOK_TARGET"
"""The environment variable that names the sidecar's target."""

TLS_VARIABLES = {
    "ca": "SIDEHOOK_TLS_CA",
    "certificate": "SIDEHOOK_TLS_CERT",
    "key": "SIDEHOOK_TLS_KEY",
    "server_name": "SIDEHOOK_TLS_SERVER_NAME",
}
"""The environment variables that stand for the arguments of `Tls`."""

TOKEN_VARIABLE = "SIDEHOOK_CALLER_TOKEN"  # noqa: S105 - the name of a variable
"""The environment variable that holds the token of a client."""

TOKEN_FILE_VARIABLE = "SIDEHOOK_CALLER_TOKEN_FILE"  # noqa: S105 - the name of a variable
"""The environment variable that names a file with the token; it goes before the other."""

LABELS_VARIABLE = "SIDEHOOK_LABELS"
"""The environment variable with labels of every call: `name=value`, separated by commas."""

START_COMMAND = "sidehook serve"
"""What starts a sidecar on this machine."""

SOCKET_NAME = "sidehook.sock"
SYSTEM_FOLDER = Path("/run/sidehook")

# What is left of the 108 bytes of sockaddr_un after the byte that ends it.
_MAX_SOCKET_PATH = 107


def default_target() -> str:
    """Return the target that clients use when none is given.

    `SIDEHOOK_TARGET`; else the Unix socket `sidehook/sidehook.sock` in
    `$XDG_RUNTIME_DIR` or `sidehook.sock` in `/run/sidehook`, whichever is there, and
    when neither is, the one where a sidecar started by this user would put it.
    """
    named = os.environ.get(TARGET_VARIABLE)
    if named:
        return checked_target(named)
    candidates = [folder / SOCKET_NAME for folder in _folders()]
    there = (path for path in candidates if _may_be_there(path))
    return checked_target(str(next(there, candidates[0])))


def _may_be_there(path: Path) -> bool:
    """Whether it exists, or stands where this user may not look: connecting will say which."""
    try:
        return path.exists()
    except PermissionError:
        return True


def tls_for(target: str, given: Tls | None) -> Tls | None:
    """Return how to connect to `target`: as it is `given`, else as the environment says.

    None for plain text: always on a Unix socket, and on TCP when nothing is said.
    """
    if socket_path(target) is not None:
        return None
    if given is not None:
        return given
    said = {name: os.environ.get(variable) for name, variable in TLS_VARIABLES.items()}
    named = {name: text for name, text in said.items() if text}
    return Tls(**named) if named else None


def caller_token(
    token: str | None, file: str | Path | None
) -> tuple[str | None, str | Path | None]:
    """Return a client's token and its file: what is given, else what the environment says."""
    if token is None and file is None:
        file = os.environ.get(TOKEN_FILE_VARIABLE) or None
        token = None if file else os.environ.get(TOKEN_VARIABLE) or None
    return token, file


def environment_labels() -> dict[str, str]:
    """Return the labels that the environment gives every call. Raises ValueError."""
    labels: dict[str, str] = {}
    for entry in os.environ.get(LABELS_VARIABLE, "").split(","):
        name, equals, value = (part.strip() for part in entry.partition("="))
        if not name and not equals:
            continue
        if problem := _label_problem(name, equals, value, labels):
            raise ValueError(
                f"{LABELS_VARIABLE}: {entry.strip()!r} {problem}; write name=value, separated by "
                "commas"
            )
        labels[name] = value
    return labels


def _label_problem(name: str, equals: str, value: str, labels: dict[str, str]) -> str | None:
    if not name or not equals:
        return "is no label"
    if "$(" in value:
        # As Kubernetes leaves it when no variable of the name stands before this one.
        return "has a variable in it that nobody replaced"
    return "gives a label twice" if name in labels else None


def start_command(target: str) -> str:
    """Return the command that starts a sidecar where `target` looks for one."""
    path = socket_path(target)
    if path is None or Path(path) in [folder / SOCKET_NAME for folder in _folders()]:
        return START_COMMAND
    return f"{START_COMMAND} --socket {shlex.quote(path)}"


def _folders() -> list[Path]:
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return [Path(runtime) / "sidehook", SYSTEM_FOLDER] if runtime else [SYSTEM_FOLDER]


def checked_target(target: str) -> str:
    """Return a gRPC target for `target`: `unix:///path`, `/path`, or how it is written.

    Raises ValueError for an empty one, a name without a port, and a socket path that no
    system call takes.
    """
    if not target.strip():
        raise ValueError("the target is empty; name unix:///path/to/sidehook.sock or host:port")
    if is_name(target):
        host_and_port(target)
    path = socket_path(target)
    if path is None:
        return target
    if len(os.fsencode(path)) > _MAX_SOCKET_PATH:
        raise ValueError(
            f"the socket path {path} has {len(os.fsencode(path))} bytes and Unix sockets allow "
            f"{_MAX_SOCKET_PATH}; use a shorter folder"
        )
    return f"unix://{path}" if path.startswith("/") else f"unix:{path}"


def socket_path(target: str) -> str | None:
    """Return the path of a Unix socket target, None for any other target."""
    if target.startswith("/"):
        return target
    scheme, colon, path = target.partition(":")
    if scheme != "unix" or not colon:
        return None
    return "/" + path.lstrip("/") if path.startswith("//") else path


def is_local(target: str) -> bool:
    """Whether nothing but this machine is between here and `target`, as far as it says."""
    return socket_path(target) is not None or is_loopback(_host(target))


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself, as far as its name says."""
    bare = host.strip("[]")
    if bare == "localhost":
        return True
    try:
        return ipaddress.ip_address(bare).is_loopback
    except ValueError:
        return False


def _host(target: str) -> str:
    """The host of `host:port`, also behind `dns:///`, `ipv4:` and `ipv6:`."""
    bare = re.sub(r"^(dns|ipv4|ipv6):(//[^/]*/)?", "", target)
    return bare.rpartition(":")[0]
