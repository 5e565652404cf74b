"""A running sidecar, asked over its admin port."""

from __future__ import annotations

from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

_SECONDS = 5.0


class NoSidecarError(Exception):
    """No sidecar answers at the admin port."""


def fetch(admin: str, path: str) -> tuple[int, bytes]:
    """Return status and body of a page of the admin port. Raises NoSidecarError."""
    url = urlsplit(admin if "//" in admin else f"//{admin}")
    try:
        connection = HTTPConnection(url.hostname or "", url.port or 80, timeout=_SECONDS)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()
    except (OSError, HTTPException, ValueError) as error:
        raise NoSidecarError(
            f"no sidecar answers at {admin} ({error}); start one with `sidehook serve`, or name "
            "its admin port with --admin"
        ) from error
