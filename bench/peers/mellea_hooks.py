"""The five hooks of `bench/hooks/mellea_five.py`, written for mellea, in its own process."""

from __future__ import annotations

from typing import Any

from mellea.plugins import HookType, PluginMode, hook, modify

from bench import payloads

TYPE = HookType.GENERATION_PRE_CALL


@hook(TYPE, mode=PluginMode.SEQUENTIAL)
async def gate(payload: Any, ctx: Any) -> None:
    """Let it pass."""


@hook(TYPE, mode=PluginMode.TRANSFORM)
async def change(payload: Any, ctx: Any) -> Any:
    """Set the temperature."""
    options = {**payload.model_options, "temperature": payloads.AFTER}
    return modify(payload, model_options=options)


@hook(TYPE, mode=PluginMode.AUDIT)
async def observe(payload: Any, ctx: Any) -> None:
    """Say nothing."""


@hook(TYPE, mode=PluginMode.CONCURRENT)
async def check(payload: Any, ctx: Any) -> None:
    """Let it pass."""


@hook(TYPE, mode=PluginMode.FIRE_AND_FORGET)
async def tell(payload: Any, ctx: Any) -> None:
    """Do nothing."""


FIVE = [gate, change, observe, check, tell]
