"""Where workers meet the sidecar. The one place where the worker SDK reads the environment."""

from __future__ import annotations

import os
from pathlib import Path

from sidehook._client_target import (
    TARGET_VARIABLE,
    checked_target,
    default_target,
    socket_path,
    tls_for,
)
from sidehook._tls import Tls
from sidehook.worker._credentials import Credentials
from sidehook.worker._errors import AddressError, CredentialsError

WORKERS_TARGET_VARIABLE = "SIDEHOOK_WORKERS_TARGET"
"""The environment variable that names the sidecar's registration target."""

TOKEN_VARIABLE = "SIDEHOOK_TOKEN"  # noqa: S105 - the name of a variable
"""The environment variable that holds the token of a worker's name."""

TOKEN_FILE_VARIABLE = "SIDEHOOK_TOKEN_FILE"  # noqa: S105 - the name of a variable
"""The environment variable that names a file with the token; it goes before the other."""

WORKERS_SOCKET_NAME = "workers.sock"
"""The sidecar's registration socket, beside the one for applications."""


def attach_target(target: str | None) -> str:
    """Return the gRPC target to attach to.

    `target`; else `SIDEHOOK_WORKERS_TARGET`; else `workers.sock` in the folder of the
    socket that applications use. Raises AddressError for a target that cannot be.
    """
    named = target or os.environ.get(WORKERS_TARGET_VARIABLE)
    if named:
        return checked(named)
    path = socket_path(default_target())
    if path is None:
        raise AddressError(
            default_target(),
            f"{TARGET_VARIABLE} names no Unix socket, so the registration socket is not beside "
            f"it; name it with --attach or {WORKERS_TARGET_VARIABLE}",
        )
    return checked(str(Path(path).with_name(WORKERS_SOCKET_NAME)))


def attach_credentials(
    target: str, *, token: str | None, token_file: str | Path | None, tls: Tls | None
) -> Credentials:
    """Return what to show at `target`: what is given, else what the environment says.

    Raises CredentialsError for a token that is given twice.
    """
    if token is not None and token_file is not None:
        raise CredentialsError("token= and token_file= are two tokens; give one of them")
    if token is None and token_file is None:
        token_file = os.environ.get(TOKEN_FILE_VARIABLE) or None
        token = None if token_file else os.environ.get(TOKEN_VARIABLE) or None
    return Credentials(
        token=token,
        token_file=None if token_file is None else Path(token_file),
        tls=tls_for(target, tls),
    )


def checked(target: str) -> str:
    """Return `target` as gRPC wants it; raises AddressError for one that cannot be."""
    try:
        return checked_target(target)
    except ValueError as error:
        raise AddressError(target, str(error)) from error
