"""Names that are bound to a token, over real sockets."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import grpc.aio
import pytest

from sidehook import Payload, Tls
from sidehook import _wire as wire
from sidehook._hello import RetireRequest
from sidehook.worker import (
    AddressError,
    Context,
    CredentialsError,
    RefusedError,
    aio_serve,
    hook,
)
from tests.certificates import Authority
from tests.transport.secured import attached, sidecar_with_tls, tcp
from tests.transport.sidecar import until
from tests.unit.rpc.peers import (
    HOOK_TYPE,
    Running,
    UnaryCallable,
    channel_to,
    running_sidecar,
)

TOKEN = "00112233445566778899aabbccddeeff"
DIGEST = hashlib.sha256(TOKEN.encode()).hexdigest()
BOUND = f"""
    listen: {{admin: off, tcp_workers: '127.0.0.1:0'}}
    workers:
      - name: w
        optional: true
        token_sha256: {DIGEST}
"""


@hook(HOOK_TYPE)
async def look(payload: Payload, ctx: Context) -> None:
    """Proceeds."""


@pytest.fixture
async def running(socket_folder: Path) -> AsyncIterator[Running]:
    """A sidecar whose worker `w` is bound to the token; its TCP is in plain text."""
    async with running_sidecar(socket_folder, BOUND) as sidecar:
        yield sidecar


def refused(running: Running, reason: str) -> int:
    """How many registrations and retirements were refused for the reason."""
    name = f'sidehook_registrations_refused_total{{reason="{reason}"}} '
    lines = running.sidecar._metrics.page().decode().splitlines()
    return sum(int(float(line.removeprefix(name))) for line in lines if line.startswith(name))


async def serve_once(target: str, **shown: object) -> None:
    """Serves a worker `w` until its hooks are active. Raises what it ends with."""
    stop = asyncio.Event()
    await aio_serve(
        look,
        name="w",
        attach=target,
        stop=stop,
        on_ready=lambda _: stop.set(),
        **shown,  # type: ignore[arg-type]  # as the test names them
    )


@pytest.mark.parametrize("door", [0, 1])
async def test_the_token_gives_the_name_on_the_socket_and_on_loopback(
    running: Running, door: int
) -> None:
    await serve_once(running.addresses.workers[door], token=TOKEN)
    assert refused(running, "WORKER_IDENTITY") == 0


@pytest.mark.parametrize(
    ("token", "problem"),
    [(None, "a token, and none came"), ("another", "a token, and another one came")],
)
async def test_without_the_token_the_name_is_refused_logged_and_counted(
    running: Running, caplog: pytest.LogCaptureFixture, token: str | None, problem: str
) -> None:
    with pytest.raises(RefusedError, match=problem) as error:
        await serve_once(running.workers, token=token)
    assert error.value.reason == "WORKER_IDENTITY"
    assert refused(running, "WORKER_IDENTITY") == 1
    logged = [record for record in caplog.records if record.message == "registration_refused"]
    assert [record.__dict__["sidehook_fields"]["reason"] for record in logged] == [
        "WORKER_IDENTITY"
    ]
    assert "another" not in str(error.value.metadata).replace("another one", "")
    assert running.sidecar._registry.current.workers == {}


async def test_other_names_need_no_token(running: Running) -> None:
    async with attached(running.workers, name="v"):
        pass
    async with attached(running.workers, name="v", token="whatever"):
        pass


async def test_a_token_travels_over_tls(socket_folder: Path, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    authority.issue_for_this_machine("sidecar")
    bound = f"[{{name: w, optional: true, token_sha256: {DIGEST}}}]"
    async with sidecar_with_tls(socket_folder, authority, asks=False, workers=bound) as running:
        await serve_once(tcp(running), token=TOKEN, tls=authority.trusted)
        with pytest.raises(RefusedError, match="none came"):
            await serve_once(tcp(running), tls=authority.trusted)


async def test_a_token_in_a_file_is_read_without_its_line_end(
    running: Running, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    await serve_once(running.workers, token_file=file)


async def test_a_token_is_read_anew_for_every_connection(
    socket_folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Replaced while the sidecar is away, and missing for a moment: the worker waits for it."""
    file = tmp_path / "token"
    file.write_text("the-old-one")
    old = hashlib.sha256(b"the-old-one").hexdigest()
    stop, ready = asyncio.Event(), asyncio.Event()
    target = f"unix://{socket_folder}/sidehook/workers.sock"
    async with asyncio.TaskGroup() as tasks:
        async with running_sidecar(socket_folder, BOUND.replace(DIGEST, old)):
            tasks.create_task(
                aio_serve(
                    look,
                    name="w",
                    attach=target,
                    token_file=file,
                    stop=stop,
                    on_ready=lambda _: ready.set(),
                )
            )
            await ready.wait()
            file.unlink()
        await until(lambda: "token file" in caplog.text)
        file.write_text(TOKEN)
        async with running_sidecar(socket_folder, BOUND) as running:
            await until(lambda: "w" in running.sidecar._registry.current.seen)
            stop.set()


async def test_the_environment_has_the_token_or_the_name_of_its_file(
    running: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIDEHOOK_TOKEN", TOKEN)
    await serve_once(running.workers)
    file = tmp_path / "token"
    file.write_text("another")
    monkeypatch.setenv("SIDEHOOK_TOKEN_FILE", str(file))
    with pytest.raises(RefusedError, match="another one came"):
        await serve_once(running.workers)
    await serve_once(running.workers, token=TOKEN)


@pytest.mark.parametrize("target", ["sidecar.example:7000", "dns:///10.0.0.1:7000", "[::2]:7000"])
async def test_a_token_does_not_go_over_the_network_in_plain_text(target: str) -> None:
    with pytest.raises(AddressError, match="in plain text; attach with TLS"):
        await serve_once(target, token=TOKEN)


@pytest.mark.parametrize(
    ("shown", "problem"),
    [
        ({"token": ""}, "the token is empty"),
        ({"token": "two words"}, "the token has spaces or characters outside of ASCII"),
        ({"token": "a", "token_file": "b"}, "give one of them"),
        ({"token_file": "/nowhere/token"}, r"the token file /nowhere/token cannot be read"),
        ({"tls": Tls(ca="/nowhere/ca")}, "ca: /nowhere/ca cannot be read"),
    ],
)
async def test_what_cannot_be_shown_ends_the_worker_before_it_attaches(
    shown: dict[str, object], problem: str
) -> None:
    with pytest.raises(CredentialsError, match=problem):
        await serve_once("127.0.0.1:1", **shown)


@pytest.mark.parametrize(
    ("shown", "problem"),
    [
        ({"listen": "127.0.0.1:0", "token": TOKEN}, "a token is for a worker that attaches"),
        ({"listen": "127.0.0.1:0", "tls": Tls()}, "who listens must show a certificate"),
        ({"listen": "unix:///tmp/w.sock", "tls": Tls()}, "a Unix socket has no TLS"),
    ],
)
async def test_what_makes_no_sense_for_a_worker_that_listens_is_said(
    shown: dict[str, object], problem: str
) -> None:
    with pytest.raises(CredentialsError, match=problem):
        await aio_serve(look, name="w", **shown)  # type: ignore[arg-type]  # as the test names them


async def test_over_tcp_only_its_owner_retires_the_hooks_of_a_bound_name(running: Running) -> None:
    async def retire(target: str, *tokens: str) -> tuple[str, ...]:
        request = wire.encode_retire_request(RetireRequest(worker="w", hook=""))
        async with channel_to(target) as channel:
            method: UnaryCallable = channel.unary_unary("/sidehook.v1.RegistryService/Retire")
            metadata = grpc.aio.Metadata(*(("authorization", f"Bearer {it}") for it in tokens))
            return wire.decode_retire_response(await method(request, metadata=metadata))

    async with attached(running.workers, token=TOKEN) as session:
        await session.active()
    await until(lambda: not len(running.sidecar._links))
    for tokens in ((), ("another",)):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await retire(tcp(running), *tokens)
        assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert refused(running, "WORKER_IDENTITY") == 2
    assert await retire(tcp(running), TOKEN) == ("w/guard",)
    async with attached(running.workers, token=TOKEN) as session:
        await session.active()
    await until(lambda: not len(running.sidecar._links))
    # Whoever may open the socket is who the operator let in.
    assert await retire(running.workers) == ("w/guard",)
