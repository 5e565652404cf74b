"""What a sidecar needs, run by hand: `python bench/footprint.py`. The charts' requests stand on it.

A sidecar as the charts start it, one worker with a sequential hook, a transform and a hook that is
told later, and one caller, each a process of its own, over Unix sockets; payloads of 1 KiB. For
each load it prints the sidecar's memory (resident, and the most it ever was) and its processor
time, as a share of one processor and for each call. That is the process's own, so that others on
the machine change it little; what was called a second is what the machine let through.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Coroutine
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from sidehook.aio import Client

SECONDS = float(next(iter(sys.argv[1:]), 10))
"""For each load; the command's one argument."""

LOADS = (10, 100, 500)
"""Calls a second, one after the other's time has come."""
AT_ONCE = (64,)
"""Calls in flight, each followed by the next at once."""
TEXT = "x" * 1024
TICK = os.sysconf("SC_CLK_TCK")

HOOKS = """
from sidehook import PluginMode, hook, modify

TYPE = "generation_pre_call"

@hook(TYPE)
async def guard(payload, ctx): ...

@hook(TYPE, mode=PluginMode.TRANSFORM)
async def rewrite(payload, ctx):
    return modify(payload, model_options={"temperature": 0.5})

@hook(TYPE, mode=PluginMode.FIRE_AND_FORGET)
async def told(payload, ctx): ...
"""


@dataclass(frozen=True)
class Usage:
    """What a process has used: memory in MiB, processor time in seconds."""

    resident: float
    peak: float
    processor: float


def usage(pid: int) -> Usage:
    """Read it from the system."""
    lines = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
    )
    ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return Usage(
        resident=int(lines["VmRSS"].split()[0]) / 1024,
        peak=int(lines["VmHWM"].split()[0]) / 1024,
        processor=sum(map(int, ticks)) / TICK,
    )


class Stage:
    """The processes, until it is left."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self.target = f"unix://{folder}/s.sock"
        (folder / "hooks.py").write_text(HOOKS)

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a command of this environment, and wait until it is ready."""
        command = [str(Path(sys.executable).parent / "sidehook"), *words]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self._stack.callback(process.wait)
        self._stack.callback(process.terminate)
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line.startswith("READY"):
            raise RuntimeError(f"{command} did not start: {line}")
        return process

    def sidecar(self) -> subprocess.Popen[str]:
        """The sidecar."""
        return self.start(
            *("serve", "--socket", f"{self._folder}/s.sock", "--admin", "127.0.0.1:0"),
            *("--workers-socket", f"{self._folder}/w.sock", "--state-dir", f"{self._folder}/state"),
        )

    def worker(self) -> subprocess.Popen[str]:
        """The worker."""
        hooks = str(self._folder / "hooks.py")
        return self.start("worker", hooks, "--attach", f"unix://{self._folder}/w.sock")


async def call(hooks: Client) -> None:
    """One call, of which everything is used."""
    await hooks.invoke("generation_pre_call", model="gemma", formatted_prompt=TEXT)


async def at_rate(hooks: Client, rate: int) -> int:
    """Call so often; the number of calls that were made in time."""
    made = 0
    begin = time.monotonic()
    async with asyncio.TaskGroup() as group:
        while (now := time.monotonic() - begin) < SECONDS:
            if made < now * rate:
                group.create_task(call(hooks))
                made += 1
            else:
                await asyncio.sleep(made / rate - now)
    return made


async def in_flight(hooks: Client, count: int) -> int:
    """Keep so many calls in flight; how many were made."""
    end = time.monotonic() + SECONDS
    made = 0

    async def caller() -> None:
        nonlocal made
        while time.monotonic() < end:
            await call(hooks)
            made += 1

    await asyncio.gather(*(caller() for _ in range(count)))
    return made


def row(load: str, before: Usage, after: Usage, calls: int, seconds: float) -> None:
    """Print a row of the table."""
    used = after.processor - before.processor
    each = f"{used / calls * 1e6:.0f}" if calls else ""
    print(
        f"| {load} | {calls / seconds:.0f} | {after.resident:.0f} | {after.peak:.0f} "
        f"| {used / seconds * 1000:.0f} | {each} |",
        flush=True,
    )


async def measure(stage: Stage) -> None:
    """Print the table."""
    print("| load | calls/s | resident MiB | peak MiB | processor, thousandths | µs per call |")
    print("|---|---|---|---|---|---|")
    sidecar = stage.sidecar()
    started = usage(sidecar.pid)
    memory = f"{started.resident:.0f} | {started.peak:.0f}"
    print(f"| to start | | {memory} | {started.processor:.1f} s | |")
    await idle("idle, no worker", sidecar.pid)
    stage.worker()
    async with Client(stage.target, required=True) as hooks:
        await call(hooks)
        await idle("idle, one worker, one client", sidecar.pid)
        for rate in LOADS:
            await loaded(f"{rate} calls/s", sidecar.pid, at_rate(hooks, rate))
        for count in AT_ONCE:
            await loaded(f"{count} in flight", sidecar.pid, in_flight(hooks, count))


async def idle(load: str, pid: int) -> None:
    """Measure a sidecar that nobody calls."""
    before = usage(pid)
    await asyncio.sleep(SECONDS)
    row(load, before, usage(pid), 0, SECONDS)


async def loaded(load: str, pid: int, calling: Coroutine[None, None, int]) -> None:
    """Measure a sidecar that is called."""
    before, begin = usage(pid), time.monotonic()
    calls = await calling
    row(load, before, usage(pid), calls, time.monotonic() - begin)


def main() -> None:
    """Set the stage, measure, and end everything."""
    print(f"{os.cpu_count()} processors, load average {os.getloadavg()[0]:.1f}")
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="fp", dir="/tmp"))
        asyncio.run(measure(Stage(Path(folder), stack)))


if __name__ == "__main__":
    main()
