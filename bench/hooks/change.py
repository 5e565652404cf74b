"""One hook, TRANSFORM: changes one field."""

from sidehook import Context, Payload, PluginMode, hook, modify


@hook("bench_call", mode=PluginMode.TRANSFORM, idempotent=True)
async def change(payload: Payload, ctx: Context) -> object:
    """Set the temperature."""
    return modify(payload, options={**payload["options"], "temperature": 0.7})
