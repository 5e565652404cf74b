"""The hooks that decide, in the container of the worker `guards`."""

from sidehook import PluginMode, block, hook, modify

TYPE = "component_pre_execute"
MEGABYTE = 1 << 20


@hook(TYPE, mode=PluginMode.SEQUENTIAL, priority=10, timeout=1)
def check(payload, ctx):
    if payload.component_type == "forbidden":
        return block("not this one", code="NOT_THIS")
    if payload.component_type == "hungry":
        eaten = []
        while True:
            # Written to, or the system would never have to find it.
            eaten.append(bytearray(b"x" * MEGABYTE))
    return None


@hook(TYPE, mode=PluginMode.TRANSFORM, priority=20)
async def temperature(payload, ctx):
    return modify(payload, model_options={**payload.model_options, "temperature": 0.7})


@hook(TYPE, mode=PluginMode.CONCURRENT)
async def beside(payload, ctx):
    if payload.model_options["temperature"] != 0.7:
        return block("the transform came too late", code="ORDER")
    return None
