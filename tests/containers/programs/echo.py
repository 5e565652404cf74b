"""A hook that many applications share: it gives back what only the one that asked can know."""

from sidehook import PluginMode, hook, modify


@hook("component_pre_execute", mode=PluginMode.TRANSFORM)
async def echo(payload, ctx):
    return modify(payload, model_options={"echo": payload.instruction})
