"""An application in a container: it calls, and prints a line of JSON for each call's end.

    caller.py                      call all the time, four times a second
    caller.py --at-once 4          so many callers, each ten times a second
    caller.py --once WORD [SIZE]   one call about this word, its payload padded to so many bytes

The client's own variables say where the sidecar is. It lives until it is stopped.
"""

import asyncio
import json
import signal
import sys
import time

import sidehook

TYPE = "component_pre_execute"
BUDGET = 3.0
PAUSE = 0.25
SHORT_PAUSE = 0.1


async def ask(hooks, word, size=0):
    """Make one call, and print how it ended."""
    began = time.monotonic()
    line = {"word": word}
    try:
        answer = await hooks.invoke(
            TYPE, component_type=word, model_options={}, instruction="x" * size
        )
        line |= {"ended": "proceeded", "options": answer.model_options}
        receipt = answer.receipt
    except sidehook.ViolationError as error:
        line |= {"ended": "blocked", "code": error.code}
        receipt = error.receipt
    except sidehook.SidecarError as error:
        failure = None if error.failure_class is None else str(error.failure_class)
        line |= {"ended": "failed", "error": type(error).__name__, "class": failure}
        line |= {"says": str(error)}
        receipt = error.receipt
    if receipt is not None:
        line["call"] = receipt.call_id
        line["lines"] = {f"{it.worker}/{it.hook}": str(it.outcome) for it in receipt.lines}
        line["classes"] = {
            f"{it.worker}/{it.hook}": str(it.failure_class)
            for it in receipt.lines
            if it.failure_class is not None
        }
    line["ms"] = round((time.monotonic() - began) * 1000, 1)
    print(json.dumps(line), flush=True)


async def keep_asking(hooks, *, pause):
    while True:
        await ask(hooks, "Instruction")
        await asyncio.sleep(pause)


async def main(arguments):
    async with sidehook.aio.Client(budget=BUDGET) as hooks:
        if arguments[:1] == ["--once"]:
            await ask(hooks, arguments[1], *map(int, arguments[2:]))
            return
        at_once = int(arguments[1]) if arguments[:1] == ["--at-once"] else 0
        pause = SHORT_PAUSE if at_once else PAUSE
        callers = [keep_asking(hooks, pause=pause) for _ in range(at_once or 1)]
        calling = asyncio.gather(*callers)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, calling.cancel)
        await calling


try:
    asyncio.run(main(sys.argv[1:]))
except asyncio.CancelledError:
    print(json.dumps({"ended": "told to stop"}), flush=True)
