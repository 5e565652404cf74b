"""The measured application on cpex: `… CONFIGURATION`, orders on standard input.

On uvloop, as every measured application is.
"""

from __future__ import annotations

import asyncio
import itertools
import sys

import uvloop
from cpex.framework import GlobalContext, PluginManager

from bench import payloads
from bench.driver import Order, Report, WrongResultError, drive, obey
from bench.peers.cpex_plugins import PLUGINS, POLICIES, BenchPayload


async def main(configuration: str) -> None:
    """Start the plugins, and do what is ordered."""
    manager = PluginManager(configuration, hook_policies=POLICIES, default_hook_policy="deny")
    await manager.initialize()
    if manager.plugin_count != len(PLUGINS):
        raise WrongResultError(f"{manager.plugin_count} plugins are there")
    numbers = itertools.count()

    async def rounds(order: Order) -> Report:
        fields = payloads.fields_of(order.terms["size"])

        async def call() -> None:
            result, _ = await manager.invoke_hook(
                payloads.HOOK_TYPE,
                payload=BenchPayload(**fields),
                global_context=GlobalContext(request_id=str(next(numbers))),
            )
            changed = result.modified_payload
            if not result.continue_processing or changed is None:
                raise WrongResultError(f"the plugins said {result!r:.200}")
            if changed.options["temperature"] != payloads.AFTER:
                raise WrongResultError("the temperature was not set")

        return await drive(call, order)

    await obey(rounds)
    await manager.shutdown()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(sys.argv[1]))
