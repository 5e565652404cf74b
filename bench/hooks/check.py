"""One hook, CONCURRENT: may block, lets everything pass."""

from sidehook import Context, Payload, PluginMode, hook


@hook("bench_call", mode=PluginMode.CONCURRENT, idempotent=True)
async def check(payload: Payload, ctx: Context) -> None:
    """Let it pass."""
