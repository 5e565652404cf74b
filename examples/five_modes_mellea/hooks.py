"""Five hooks on one hook type, one for each mode, written for mellea and nothing else.

`in_process.py` runs them inside the application, as mellea does. `sidehook worker --mellea` serves
this same file from a process of its own.
"""

import logging
from typing import Any

from mellea.plugins import HookType, PluginMode, block, hook, modify

log = logging.getLogger("five_modes")

DEFAULT_TEMPERATURE = 0.7


@hook(HookType.COMPONENT_PRE_EXECUTE, mode=PluginMode.SEQUENTIAL, priority=10)
async def announce(payload: Any, ctx: Any) -> None:
    """First in line: could change the payload or stop the call, and only tells what comes."""
    log.info("sequential, 10: a component of type %s comes by", payload.component_type)


@hook(HookType.COMPONENT_PRE_EXECUTE, mode=PluginMode.TRANSFORM, priority=20)
async def settle_temperature(payload: Any, ctx: Any) -> Any:
    """Give the model a temperature when the application named none."""
    log.info("transform, 20: temperature %s unless there is one", DEFAULT_TEMPERATURE)
    options = {"temperature": DEFAULT_TEMPERATURE, **(payload.model_options or {})}
    return modify(payload, model_options=options)


@hook(HookType.COMPONENT_PRE_EXECUTE, mode=PluginMode.AUDIT, priority=30)
async def object_on_record(payload: Any, ctx: Any) -> Any:
    """Say no where a no is only recorded: how a rule is tried out before it counts."""
    log.info("audit, 30: no, on record only; temperature %s", payload.model_options["temperature"])
    return block("A rule on trial objects; nothing is stopped", code="AUDIT_001")


@hook(HookType.COMPONENT_PRE_EXECUTE, mode=PluginMode.CONCURRENT, priority=40)
async def check_alongside(payload: Any, ctx: Any) -> None:
    """One of any number of checks that run side by side, each of which could stop the call."""
    log.info("concurrent, 40: nothing against a component of type %s", payload.component_type)


@hook(HookType.COMPONENT_PRE_EXECUTE, mode=PluginMode.FIRE_AND_FORGET, priority=50)
async def note_afterwards(payload: Any, ctx: Any) -> None:
    """Runs behind the call's back; its line may come after the model's answer."""
    log.info("fire and forget, 50: noted")


FIVE_MODES = (
    announce,
    settle_temperature,
    object_on_record,
    check_alongside,
    note_afterwards,
)
