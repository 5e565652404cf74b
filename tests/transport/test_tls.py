"""TLS over real sockets: who may connect, to whom, in both directions."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import grpc.aio
import pytest

import sidehook
from sidehook import Tls, aio
from sidehook.worker import AttachSession, DisconnectedError, Dispatcher, RefusedError, aio_serve
from tests.certificates import DAY, Authority, Pair
from tests.transport.secured import attached, guard, sidecar_with_tls, tcp
from tests.transport.sidecar import until
from tests.unit.rpc.peers import HOOK_TYPE

NAME = "spiffe://here/w"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """With a pair of files for the sidecar."""
    authority = Authority(tmp_path)
    authority.issue_for_this_machine("sidecar")
    return authority


@pytest.fixture
def stranger(tmp_path: Path) -> Authority:
    """An authority that nobody trusts."""
    return Authority(tmp_path, "stranger")


@asynccontextmanager
async def listening(tls: Tls | None) -> AsyncIterator[str]:
    """A worker `w` that listens on TCP; where."""
    stop = asyncio.Event()
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(
            aio_serve(
                guard,
                name="w",
                listen="localhost:0",
                tls=tls,
                stop=stop,
                grace=2.0,
                on_ready=ready.set_result,
            )
        )
        yield (await ready).rpartition(" ")[2]
        stop.set()


async def test_a_worker_of_the_right_authority_attaches(
    socket_folder: Path, authority: Authority
) -> None:
    pair = authority.issue("worker", common_name="anybody")
    async with (
        sidecar_with_tls(socket_folder, authority) as running,
        attached(tcp(running), tls=pair.tls(authority)) as session,
    ):
        assert session.hello.sidecar == running.addresses.sidecar


@pytest.mark.parametrize("who", ["nobody", "expired", "of another authority", "in plain text"])
async def test_who_has_no_certificate_of_the_authority_is_refused(
    socket_folder: Path, authority: Authority, stranger: Authority, who: str
) -> None:
    # Expired since the worker looked at its files: so it is not its own check that refuses.
    options = [("grpc.use_local_subchannel_pool", 1)]
    ca = authority.ca.read_bytes()

    def shown(pair: Pair) -> grpc.ChannelCredentials:
        return grpc.ssl_channel_credentials(
            ca, pair.key.read_bytes(), pair.certificate.read_bytes()
        )

    credentials = {
        "nobody": grpc.ssl_channel_credentials(ca),
        "expired": shown(authority.issue("expired", uris=(NAME,), ends=-DAY)),
        "of another authority": shown(stranger.issue("other", uris=(NAME,))),
    }
    async with sidecar_with_tls(socket_folder, authority) as running:
        if who == "in plain text":
            channel = grpc.aio.insecure_channel(tcp(running), options=options)
        else:
            channel = grpc.aio.secure_channel(tcp(running), credentials[who], options=options)
        dispatcher = Dispatcher([guard], "w")
        async with channel:
            with pytest.raises(DisconnectedError, match="it hung up at once"):
                async with AttachSession(channel, dispatcher):
                    raise AssertionError("it was let in")
        dispatcher.close()


@pytest.mark.parametrize("certificate", [NAME, "w.example", "w"])
async def test_a_name_bound_to_a_certificate_is_given_to_who_shows_it(
    socket_folder: Path, authority: Authority, certificate: str
) -> None:
    pairs = {
        NAME: authority.issue("uri", common_name="x", uris=(NAME,), dns=("x",)),
        "w.example": authority.issue("dns", dns=("w.example", "localhost")),
        "w": authority.issue("common", common_name="w"),
    }
    bound = f"[{{name: w, optional: true, certificate: '{certificate}'}}]"
    async with sidecar_with_tls(socket_folder, authority, workers=bound) as running:
        for name, pair in pairs.items():
            if name == certificate:
                async with attached(tcp(running), tls=pair.tls(authority)):
                    continue
            with pytest.raises(RefusedError, match="WORKER_IDENTITY") as refused:
                async with attached(tcp(running), tls=pair.tls(authority)):
                    raise AssertionError("it was let in")
            assert refused.value.reason == "WORKER_IDENTITY"
            assert f"bound to the certificate of '{certificate}', and the one" in str(refused.value)


async def test_a_name_bound_to_a_certificate_is_refused_on_the_socket(
    socket_folder: Path, authority: Authority
) -> None:
    bound = f"[{{name: w, optional: true, certificate: '{NAME}'}}]"
    async with sidecar_with_tls(socket_folder, authority, workers=bound) as running:
        with pytest.raises(RefusedError, match="this connection has none"):
            async with attached(running.workers):
                raise AssertionError("it was let in")


async def test_the_user_of_a_bound_name_is_told_on_the_socket_beside_tls(
    socket_folder: Path, authority: Authority
) -> None:
    mine = os.geteuid()
    bound = f"[{{name: w, optional: true, uid: {mine}}}]"
    tls = authority.issue("worker").tls(authority)
    async with sidecar_with_tls(socket_folder, authority, workers=bound) as running:
        async with attached(running.workers):
            pass
        with pytest.raises(RefusedError, match="cannot be verified on this connection"):
            async with attached(tcp(running), tls=tls):
                raise AssertionError("it was let in")


@pytest.mark.parametrize("kind", ["asyncio", "blocking"])
@pytest.mark.parametrize("asks", [True, False])
async def test_calls_and_scopes_go_over_tls(
    socket_folder: Path,
    authority: Authority,
    kind: str,
    asks: bool,  # noqa: FBT001 - parametrized
) -> None:
    tls = authority.issue("app", common_name="app").tls(authority) if asks else authority.trusted
    async with (
        sidecar_with_tls(socket_folder, authority, asks=asks) as running,
        attached(running.workers) as session,
    ):
        await session.active()
        target = running.addresses.calls[1]
        if kind == "asyncio":
            async with aio.Client(target, tls=tls) as hooks:
                await hooks.invoke(HOOK_TYPE, name="ls")
                with pytest.raises(sidehook.ViolationError):
                    await hooks.invoke(HOOK_TYPE, name="rm")
                async with hooks.plugin_scope(guard):
                    answer = await hooks.invoke(HOOK_TYPE, name="ls")
            assert answer.receipt is not None
            assert len(answer.receipt.lines) == 2
        else:
            await asyncio.to_thread(_call_blocking, target, tls)


def _call_blocking(target: str, tls: Tls) -> None:
    with sidehook.Client(target, tls=tls) as hooks:
        hooks.invoke(HOOK_TYPE, name="ls")
        with pytest.raises(sidehook.ViolationError):
            hooks.invoke(HOOK_TYPE, name="rm")
        with hooks.plugin_scope(guard):
            answer = hooks.invoke(HOOK_TYPE, name="ls")
    assert answer.receipt is not None
    assert len(answer.receipt.lines) == 2


async def test_a_client_is_told_why_tls_does_not_come_about(
    socket_folder: Path, authority: Authority, stranger: Authority
) -> None:
    async with sidecar_with_tls(socket_folder, authority) as running:
        target = running.addresses.calls[1]
        plain = running.addresses.calls[0]
        app = authority.issue("app")
        for tls, problem in (
            (app.tls(stranger), "its certificate is not one that is trusted here"),
            (app.tls(authority, server_name="elsewhere"), "its certificate is for another name"),
            (authority.trusted, "it hung up at once"),
            (None, "it hung up at once"),
            (Tls(ca="/nowhere/ca.pem"), r"TLS cannot be spoken: ca: /nowhere/ca\.pem cannot be re"),
        ):
            async with aio.Client(target, tls=tls) as hooks:
                with pytest.raises(sidehook.SidecarUnavailableError, match=problem):
                    await hooks.invoke(HOOK_TYPE, name="ls")
                if tls is not None and "nowhere" in str(tls.ca):
                    with pytest.raises(sidehook.SidecarUnavailableError, match=problem):
                        async with hooks.plugin_scope(guard):
                            raise AssertionError("it was let in")
        # A Unix socket goes without, whatever is said about TCP.
        async with aio.Client(plain, tls=app.tls(authority)) as hooks:
            await hooks.invoke(HOOK_TYPE, name="ls")


@pytest.mark.parametrize("how", ["tls", "credentials"])
async def test_every_address_of_a_name_shows_a_certificate_for_the_name(
    socket_folder: Path, authority: Authority, how: str
) -> None:
    authority.issue("sidecar", dns=("localhost",))
    app = authority.issue("app", common_name="app")
    credentials = grpc.ssl_channel_credentials(
        authority.ca.read_bytes(), app.key.read_bytes(), app.certificate.read_bytes()
    )

    def client(target: str) -> aio.Client:
        if how == "tls":
            return aio.Client(target, tls=app.tls(authority))
        return aio.Client(target, credentials=credentials)

    async with sidecar_with_tls(socket_folder, authority) as running:
        port = running.addresses.calls[1].rpartition(":")[2]
        async with client(f"dns:///localhost:{port}") as hooks:
            await hooks.invoke(HOOK_TYPE, name="ls")
            async with hooks.plugin_scope(guard):
                answer = await hooks.invoke(HOOK_TYPE, name="ls")
        assert answer.receipt is not None
        assert len(answer.receipt.lines) == 1
        async with client(f"ipv4:127.0.0.1:{port},127.0.0.2:{port}") as hooks:
            with pytest.raises(sidehook.SidecarUnavailableError):
                await hooks.invoke(HOOK_TYPE, name="ls")


async def test_the_environment_says_how_tls_is_spoken_on_tcp(
    socket_folder: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = authority.issue("app", uris=(NAME,))
    monkeypatch.setenv("SIDEHOOK_TLS_CA", str(authority.ca))
    monkeypatch.setenv("SIDEHOOK_TLS_CERT", str(pair.certificate))
    monkeypatch.setenv("SIDEHOOK_TLS_KEY", str(pair.key))
    monkeypatch.setenv("SIDEHOOK_TLS_SERVER_NAME", "localhost")
    bound = f"[{{name: w, certificate: '{NAME}'}}]"
    async with sidecar_with_tls(socket_folder, authority, workers=bound) as running:
        stop, ready = asyncio.Event(), asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(
                aio_serve(
                    guard,
                    name="w",
                    attach=tcp(running),
                    stop=stop,
                    on_ready=lambda _: ready.set(),
                )
            )
            await ready.wait()
            for target in running.addresses.calls:
                async with aio.Client(target) as hooks:
                    with pytest.raises(sidehook.ViolationError):
                        await hooks.invoke(HOOK_TYPE, name="rm")
            stop.set()


async def test_a_renewed_certificate_needs_no_restart(
    socket_folder: Path, authority: Authority, stranger: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    """Also one of another authority, and while it cannot be used the one before goes on."""
    tls = authority.trusted
    pair = Pair(authority.ca.parent / "sidecar.pem", authority.ca.parent / "sidecar.key")
    with caplog.at_level("INFO", "sidehook.tls"):
        async with sidecar_with_tls(socket_folder, authority, asks=False) as running:
            async with attached(tcp(running), tls=tls):
                pass
            stranger.issue("half").key.replace(pair.key)
            async with attached(tcp(running), tls=tls):
                pass
            assert caplog.text.count("certificate_not_renewed") == 1
            pair.replace_with(stranger.issue_for_this_machine("new"))
            async with attached(tcp(running), tls=stranger.trusted):
                pass
            with pytest.raises(DisconnectedError, match="not one that is trusted"):
                async with attached(tcp(running), tls=tls):
                    raise AssertionError("it was let in")
    assert caplog.text.count("certificate_renewed") == 1


async def test_authorities_of_clients_are_renewed_too(
    socket_folder: Path, authority: Authority, stranger: Authority
) -> None:
    worker = stranger.issue("worker").tls(authority)
    async with sidecar_with_tls(socket_folder, authority) as running:
        with pytest.raises(DisconnectedError):
            async with attached(tcp(running), tls=worker):
                raise AssertionError("it was let in")
        own = authority.ca.read_bytes()
        authority.ca.write_bytes(own + stranger.ca.read_bytes())
        async with attached(tcp(running), tls=worker):
            pass


@pytest.mark.parametrize("scheme", ["", "dns:///"])
async def test_a_worker_is_dialled_over_tls(
    socket_folder: Path, authority: Authority, scheme: str
) -> None:
    """The addresses of a name in the DNS show a certificate for the name."""
    server = authority.issue("worker", dns=("localhost",)).tls(authority)
    sidecar = authority.issue("dials", common_name="sidecar")
    async with listening(server) as target:
        dialled = (
            f"[{{name: w, target: '{scheme}{target}', tls: {{ca: {authority.ca}, "
            f"certificate: {sidecar.certificate}, key: {sidecar.key}}}}}]"
        )
        async with (
            sidecar_with_tls(socket_folder, authority, workers=dialled) as running,
            aio.Client(running.calls) as hooks,
        ):
            await until(lambda: "w" in running.sidecar._registry.current.seen)
            with pytest.raises(sidehook.ViolationError):
                await hooks.invoke(HOOK_TYPE, name="rm")


@pytest.mark.parametrize(
    ("trouble", "problem"),
    [
        ("another authority", "its certificate is not one that is trusted here"),
        ("another name", "its certificate is for another name"),
        ("a certificate is asked for", "it hung up at once"),
        ("plain text", "it does not speak TLS"),
    ],
)
async def test_a_worker_that_is_not_the_one_of_the_target_is_not_dialled(
    socket_folder: Path,
    authority: Authority,
    stranger: Authority,
    caplog: pytest.LogCaptureFixture,
    trouble: str,
    problem: str,
) -> None:
    here = ("localhost",)
    issuer = stranger if trouble == "another authority" else authority
    pair = issuer.issue("worker", dns=("elsewhere",) if trouble == "another name" else here)
    asks = authority if trouble == "a certificate is asked for" else None
    async with listening(None if trouble == "plain text" else pair.tls(asks)) as target:
        dialled = f"[{{name: w, target: '{target}', tls: {{ca: {authority.ca}}}}}]"
        async with sidecar_with_tls(socket_folder, authority, workers=dialled):
            await until(lambda: "worker_unreachable" in caplog.text)
    assert problem in caplog.text


async def test_a_worker_with_an_expired_certificate_is_not_dialled(
    socket_folder: Path, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    pair = authority.issue("old", dns=("localhost",), ends=-DAY)
    shown = (pair.key.read_bytes(), pair.certificate.read_bytes())
    # Not the library's own worker, which would not start with it.
    server = grpc.aio.server()
    port = server.add_secure_port("localhost:0", grpc.ssl_server_credentials([shown]))
    await server.start()
    dialled = f"[{{name: w, target: 'localhost:{port}', tls: {{ca: {authority.ca}}}}}]"
    async with sidecar_with_tls(socket_folder, authority, workers=dialled):
        await until(lambda: "worker_unreachable" in caplog.text)
    await server.stop(None)
    assert "not one that is trusted here (certificate has expired)" in caplog.text
