"""One hook, AUDIT: sees the payload and says nothing."""

from sidehook import Context, Payload, PluginMode, hook


@hook("bench_call", mode=PluginMode.AUDIT, idempotent=True)
async def observe(payload: Payload, ctx: Context) -> None:
    """Say nothing."""
