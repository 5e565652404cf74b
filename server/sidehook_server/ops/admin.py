"""The admin port: health, metrics and state over HTTP, for probes, Prometheus and people.

Small on purpose: GET only, one answer for each connection, everything bounded. It
shares the event loop of the sidecar, so that an answer also proves that the loop turns.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from sidehook_server.errors import ListenError

_MAX_HEAD_BYTES: Final = 8192
_MAX_CONNECTIONS: Final = 64
_READ_SECONDS: Final = 5.0
_REASONS: Final = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


@dataclass(frozen=True, slots=True)
class Page:
    """One answer. `status` is an HTTP status code."""

    body: bytes
    content_type: str = "text/plain; charset=utf-8"
    status: int = 200


Pages = Mapping[str, Callable[[], Page]]
"""Path to what makes the page."""


class AdminServer:
    """Serves pages until it is closed."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def listen(self, host: str, port: int) -> str:
        """Start, and return the URL. Port 0 lets the system choose. Raises ListenError."""
        try:
            self._server = await asyncio.start_server(
                self._serve, host, port, limit=_MAX_HEAD_BYTES, reuse_port=False
            )
        except OSError as error:
            raise _cannot_listen(host, port, error) from error
        chosen = self._server.sockets[0].getsockname()[1]
        return f"http://{f'[{host}]' if ':' in host else host}:{chosen}"

    async def close(self) -> None:
        """Stop listening and cut what is still connected. Safe to call twice."""
        if self._server is None:
            return
        self._server.close()
        for writer in tuple(self._open):
            writer.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            if len(self._open) <= _MAX_CONNECTIONS:
                async with asyncio.timeout(_READ_SECONDS):
                    head = await reader.readuntil(b"\r\n\r\n")
                    writer.write(_rendered(*self._answer(head)))
                    await writer.drain()
        except (
            TimeoutError,
            ConnectionError,
            asyncio.IncompleteReadError,
            asyncio.LimitOverrunError,
        ):
            # A peer that sends nothing, or too much, is owed nothing.
            pass
        finally:
            self._open.discard(writer)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    def _answer(self, head: bytes) -> tuple[Page, bool]:
        """The page, and whether its body is sent."""
        try:
            method, target, _ = head.split(b"\r\n", 1)[0].decode("ascii").split(" ")
        except ValueError:
            return Page(b"not an HTTP request\n", status=400), True
        if method not in ("GET", "HEAD"):
            return Page(b"only GET is served here\n", status=405), True
        page = self._pages.get(target.partition("?")[0])
        if page is None:
            known = " ".join(sorted(self._pages))
            return Page(f"nothing here; there is {known}\n".encode(), status=404), method == "GET"
        return page(), method == "GET"


def _rendered(page: Page, with_body: bool) -> bytes:  # noqa: FBT001 - the second half of a pair that travels together
    head = (
        f"HTTP/1.1 {page.status} {_REASONS[page.status]}\r\n"
        f"Content-Type: {page.content_type}\r\n"
        f"Content-Length: {len(page.body)}\r\n"
        "Cache-Control: no-store\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode("ascii") + (page.body if with_body else b"")


def _cannot_listen(host: str, port: int, error: OSError) -> ListenError:
    if error.errno == errno.EADDRINUSE:
        return ListenError(
            f"{host}:{port}",
            "another process listens there",
            "stop it, or name another admin address with --admin or listen.admin (or `off`)",
        )
    return ListenError(
        f"{host}:{port}",
        f"the system refused ({error.strerror or error})",
        "name another admin address with --admin or listen.admin (or `off`)",
    )
