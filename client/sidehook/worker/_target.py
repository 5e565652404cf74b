"""Where workers meet the sidecar. The one place where the worker SDK reads the environment."""

from __future__ import annotations

import os
from pathlib import Path

from sidehook._client_target import TARGET_VARIABLE, checked_target, default_target, socket_path
from sidehook.worker._errors import AddressError

WORKERS_TARGET_VARIABLE = "SIDEHOOK_WORKERS_TARGET"
"""The environment variable that names the sidecar's registration target."""

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


def checked(target: str) -> str:
    """Return `target` as gRPC wants it; raises AddressError for one that cannot be."""
    try:
        return checked_target(target)
    except ValueError as error:
        raise AddressError(target, str(error)) from error
