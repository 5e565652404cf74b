"""The hooks that decide. Put your own in this file's place."""

from sidehook import PluginMode, block, hook, modify

TYPE = "component_pre_execute"


@hook(TYPE, mode=PluginMode.SEQUENTIAL, priority=10, timeout=1)
def check(payload, ctx):
    """Say no to one type of component."""
    if payload.component_type == "forbidden":
        return block("components of this type are not allowed", code="NOT_ALLOWED")
    return None


@hook(TYPE, mode=PluginMode.TRANSFORM, priority=20)
def temperature(payload, ctx):
    """Give every request a temperature."""
    return modify(payload, model_options={"temperature": 0.7, **(payload.model_options or {})})
