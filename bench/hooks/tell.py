"""One hook, FIRE_AND_FORGET: runs after the verdict and does nothing."""

from sidehook import Context, Payload, PluginMode, hook


@hook("bench_call", mode=PluginMode.FIRE_AND_FORGET, idempotent=True)
async def tell(payload: Payload, ctx: Context) -> None:
    """Do nothing."""
