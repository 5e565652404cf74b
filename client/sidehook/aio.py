"""The client for asyncio: `async with sidehook.aio.Client() as hooks: …`."""

from __future__ import annotations

from sidehook._client_async import Client

__all__ = ["Client"]
