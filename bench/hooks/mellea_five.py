"""Five hooks, one of each mode, before every call of a model that mellea makes."""

from sidehook import Context, HookType, Payload, PluginMode, hook, modify

TYPE = HookType.GENERATION_PRE_CALL


@hook(TYPE, mode=PluginMode.SEQUENTIAL, idempotent=True)
async def gate(payload: Payload, ctx: Context) -> None:
    """Let it pass."""


@hook(TYPE, mode=PluginMode.TRANSFORM, idempotent=True)
async def change(payload: Payload, ctx: Context) -> object:
    """Set the temperature."""
    return modify(payload, model_options={**payload["model_options"], "temperature": 0.7})


@hook(TYPE, mode=PluginMode.AUDIT, idempotent=True)
async def observe(payload: Payload, ctx: Context) -> None:
    """Say nothing."""


@hook(TYPE, mode=PluginMode.CONCURRENT, idempotent=True)
async def check(payload: Payload, ctx: Context) -> None:
    """Let it pass."""


@hook(TYPE, mode=PluginMode.FIRE_AND_FORGET, idempotent=True)
async def tell(payload: Payload, ctx: Context) -> None:
    """Do nothing."""
