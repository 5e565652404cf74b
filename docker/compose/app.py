"""An application: it asks before it does something, and does not when it is told no.

python app.py                    once a second
python app.py --once forbidden   once
"""

import asyncio
import signal
import sys

import sidehook


async def ask(hooks, component_type):
    """Ask about one component, and say what came of it."""
    try:
        answer = await hooks.invoke(
            "component_pre_execute", component_type=component_type, model_options={}
        )
    except sidehook.ViolationError as error:
        print(f"{component_type}: blocked, {error.code}", flush=True)
    except sidehook.SidecarError as error:
        print(f"{component_type}: nobody decided, {error}", flush=True)
    else:
        print(f"{component_type}: go on with {dict(answer.model_options)}", flush=True)


async def main():
    """Ask until told to stop."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with sidehook.aio.Client(budget=2) as hooks:
        if sys.argv[1:2] == ["--once"]:
            await ask(hooks, sys.argv[2])
            return
        while not stop.is_set():
            await ask(hooks, "Instruction")
            try:
                await asyncio.wait_for(stop.wait(), 1)
            except TimeoutError:
                continue


asyncio.run(main())
