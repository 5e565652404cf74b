"""Makes COUNT calls at once with a payload of SIZE bytes each, and prints how they ended."""

import asyncio
import sys

import sidehook


async def ask(hooks, size):
    try:
        await hooks.invoke(
            "component_pre_execute", component_type="big", model_options={}, instruction="x" * size
        )
    except sidehook.HookError as error:
        return type(error).__name__
    return "proceeded"


async def main(count, size):
    async with sidehook.aio.Client(budget=20) as hooks:
        print(*await asyncio.gather(*(ask(hooks, size) for _ in range(count))))


asyncio.run(main(*map(int, sys.argv[1:])))
