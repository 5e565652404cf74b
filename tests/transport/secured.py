"""A sidecar that speaks TLS, and a worker that shows who it is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sidehook import Payload, Tls, block
from sidehook._manifest import Limits
from sidehook.worker import AttachSession, Context, Dispatcher, hook
from sidehook.worker._attach import open_channel
from tests.certificates import Authority
from tests.unit.rpc.peers import HOOK_TYPE, Running, running_sidecar


@hook(HOOK_TYPE)
async def guard(payload: Payload, ctx: Context) -> object:
    return block("not that", code="NOT_THAT") if payload["name"] == "rm" else None


@asynccontextmanager
async def sidecar_with_tls(
    folder: Path, authority: Authority, *, asks: bool = True, workers: str = "[]"
) -> AsyncIterator[Running]:
    """A sidecar that speaks TLS on TCP; with `asks` it wants certificates of whoever calls."""
    files = authority.ca.parent
    client_ca = f"client_ca: {authority.ca}" if asks else ""
    yaml = f"""
        listen:
          admin: off
          tcp: 127.0.0.1:0
          tcp_workers: 127.0.0.1:0
          tls:
            certificate: {files / "sidecar.pem"}
            key: {files / "sidecar.key"}
            {client_ca}
        workers: {workers}
    """
    async with running_sidecar(folder, yaml) as running:
        yield running


@asynccontextmanager
async def attached(
    target: str, *, tls: Tls | None = None, token: str | None = None, name: str = "w"
) -> AsyncIterator[AttachSession]:
    """A worker that attaches once."""
    dispatcher = Dispatcher([guard], name)
    try:
        async with (
            open_channel(target, Limits(), tls) as channel,
            AttachSession(channel, dispatcher, token=token) as session,
        ):
            yield session
    finally:
        dispatcher.close()


def tcp(running: Running) -> str:
    """Where workers attach over TCP."""
    return running.addresses.workers[1]
