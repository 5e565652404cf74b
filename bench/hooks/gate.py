"""One hook, SEQUENTIAL: may block, lets everything pass."""

from sidehook import Context, Payload, PluginMode, hook


@hook("bench_call", mode=PluginMode.SEQUENTIAL, idempotent=True)
async def gate(payload: Payload, ctx: Context) -> None:
    """Let it pass."""
