"""The hooks that only look, in the container of the worker `watchers`."""

import os
import time

from sidehook import PluginMode, block, hook

TYPE = "component_pre_execute"


@hook(TYPE, mode=PluginMode.AUDIT, timeout=0.5)
async def audit(payload, ctx):
    return block("only an observer", code="AUDIT_001")


@hook(TYPE, mode=PluginMode.FIRE_AND_FORGET, idempotent=True)
def tell(payload, ctx):
    time.sleep(float(os.environ.get("TELL_SECONDS", "0")))
    seen = "nothing" if ctx.call_end.payload_withheld else payload.model_options["temperature"]
    print("TOLD", ctx.call_id, seen, flush=True)
