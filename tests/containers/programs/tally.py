"""An application that calls every PAUSE seconds and adds up what came of it: tally.py NAME PAUSE

Each call carries a word of its own, which the hook gives back. Once a second it prints what there
was so far, by instance of the worker. Lives until it is stopped.
"""

import asyncio
import json
import signal
import sys
import time
from collections import Counter

import sidehook


class Tally:
    def __init__(self, name):
        self.name = name
        self.ended = Counter(proceeded=0, failed=0, mixed_up=0)
        self.by_instance = Counter()
        self.first_failure = ""

    async def call(self, hooks):
        word = f"{self.name}-{sum(self.ended.values())}"
        try:
            answer = await hooks.invoke("component_pre_execute", instruction=word, model_options={})
        except sidehook.HookError as error:
            self.ended["failed"] += 1
            self.first_failure = self.first_failure or f"{type(error).__name__}: {error}"
            return
        mine = answer.model_options == {"echo": word}
        self.ended["proceeded" if mine else "mixed_up"] += 1
        self.by_instance[answer.receipt.lines[0].instance] += 1

    def report(self):
        line = {**self.ended, "by": self.by_instance}
        print(json.dumps(line | {"first_failure": self.first_failure}), flush=True)


async def main(name, pause):
    tally = Tally(name)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with sidehook.aio.Client(budget=10) as hooks:
        due = time.monotonic()
        while not stop.is_set():
            await tally.call(hooks)
            if time.monotonic() >= due:
                tally.report()
                due += 1
            await asyncio.sleep(pause)
    tally.report()


asyncio.run(main(sys.argv[1], float(sys.argv[2])))
