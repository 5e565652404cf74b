"""The hooks that only look: what they say changes nothing for the application."""

from sidehook import PluginMode, hook

TYPE = "component_pre_execute"


@hook(TYPE, mode=PluginMode.AUDIT)
def audit(payload, ctx):
    """Look at what the guards let through."""


@hook(TYPE, mode=PluginMode.FIRE_AND_FORGET, idempotent=True)
def tell(payload, ctx):
    """Say how each call ended, after the application has its answer."""
    print(f"call {ctx.call_id}: {ctx.call_end.outcome}", flush=True)
