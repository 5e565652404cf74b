import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from http.client import HTTPConnection

import pytest

from sidehook_server.errors import ListenError
from sidehook_server.ops.admin import AdminServer, Page


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """A server with two pages."""
    server = AdminServer(
        {"/fine": lambda: Page(b"ok\n"), "/sick": lambda: Page(b"no\n", "text/plain", 503)}
    )
    url = await server.listen("127.0.0.1", 0)
    yield int(url.rpartition(":")[2])
    await server.close()
    await server.close()


async def ask(port: int, method: str, path: str) -> tuple[int, bytes]:
    def request() -> tuple[int, bytes]:
        connection = HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request(method, path)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, body

    return await asyncio.to_thread(request)


async def send(port: int, octets: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(octets)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def test_pages_are_served_with_their_status(port: int) -> None:
    assert await ask(port, "GET", "/fine") == (200, b"ok\n")
    assert await ask(port, "GET", "/fine?verbose=1") == (200, b"ok\n")
    assert await ask(port, "GET", "/sick") == (503, b"no\n")


async def test_head_has_no_body(port: int) -> None:
    assert await ask(port, "HEAD", "/fine") == (200, b"")


async def test_a_page_that_is_not_there_names_those_that_are(port: int) -> None:
    status, body = await ask(port, "GET", "/nothing")
    assert status == 404
    assert b"/fine /sick" in body


async def test_only_reading_is_possible(port: int) -> None:
    assert (await ask(port, "POST", "/fine"))[0] == 405


@pytest.mark.parametrize("head", [b"nonsense", b"GET /fine", b"\xff\xfe \x00 \x01", b"GET  / x y"])
async def test_what_is_no_http_is_refused(port: int, head: bytes) -> None:
    assert (await send(port, head + b"\r\n\r\n")).startswith(b"HTTP/1.1 400 ")


async def test_a_request_without_end_is_cut_off(port: int) -> None:
    assert await send(port, b"GET /fine HTTP/1.1\r\nx: " + b"y" * 100_000) == b""


async def test_a_port_in_use_is_named_with_what_to_do(port: int) -> None:
    with pytest.raises(ListenError, match=rf"127.0.0.1:{port}: another process listens there.*off"):
        await AdminServer({}).listen("127.0.0.1", port)


async def test_an_address_that_is_not_of_this_machine_is_named() -> None:
    with pytest.raises(ListenError, match=r"192\.0\.2\.1:1"):
        await AdminServer({}).listen("192.0.2.1", 1)


async def test_closing_cuts_whoever_is_still_connected() -> None:
    server = AdminServer({})
    url = await server.listen("127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
    writer.write(b"GET / HT")
    await writer.drain()
    async with asyncio.timeout(10):
        await server.close()
        with suppress(ConnectionResetError):
            assert await reader.read() == b""
    writer.close()
    with suppress(ConnectionResetError):
        await writer.wait_closed()
