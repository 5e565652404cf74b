"""What the workers serve: all five modes, state, a named scope, and manifests that change."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from sidehook import Context, Payload, hook, modify, serve
from sidehook._run import NothingToSay, Patch

TYPE: Final = "soak"
"""The hook type that everything happens at."""

SCOPE: Final = "vip"
"""The named scope that some of the calls are in."""

CONFIGURATION: Final = f"""
hook_types: [{{name: {TYPE}, writable: [back]}}]
workers:
  - {{name: guards, hooks: [{{name: count, type: {TYPE}, required: true}}]}}
"""

THREADS: Final = 4
"""Threads of a worker: so few that all of them are there before the warm-up is over."""

_TOLD_EVERY: Final = 1.0


class Pulse:
    """Tells, in a file, how many tasks the worker's event loop has."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._told = 0.0

    def beat(self) -> None:
        """Tell it, when that was not done just now."""
        if time.monotonic() - self._told >= _TOLD_EVERY:
            self._told = time.monotonic()
            self._file.write_text(str(len(asyncio.all_tasks())))


def guards(pulse: Pulse, variant: int) -> tuple[object, ...]:
    """A guard that counts the calls of its session. Each variant runs at its own priority."""

    @hook(TYPE, priority=10 + variant % 5, timeout=4)
    async def count(payload: Payload, ctx: Context) -> None:
        pulse.beat()
        ctx.state.set("seen", ctx.state.get("seen", 0) + 1)

    @hook(TYPE, scope=SCOPE)
    def guest(payload: Payload, ctx: Context) -> None: ...

    return count, guest


def shapers(pulse: Pulse, variant: int) -> tuple[object, ...]:
    """The hook that writes into the payload. Each variant asks for a time of its own."""

    @hook(TYPE, mode="transform", timeout=3 + variant % 5)
    async def shape(payload: Payload, ctx: Context) -> Patch | NothingToSay:
        pulse.beat()
        return modify(payload, back=payload["marker"])

    return (shape,)


def watchers(pulse: Pulse, variant: int) -> tuple[object, ...]:
    """Hooks that decide nothing, two that decide at once, and a detached one."""

    @hook(TYPE, mode="audit")
    async def watch(payload: Payload, ctx: Context) -> None:
        pulse.beat()

    @hook(TYPE, mode="concurrent")
    async def left(payload: Payload, ctx: Context) -> None: ...

    @hook(TYPE, mode="concurrent")
    def right(payload: Payload, ctx: Context) -> None: ...

    @hook(TYPE, mode="fire_and_forget", idempotent=True)
    async def tell(payload: Payload, ctx: Context) -> None: ...

    return watch, left, right, tell


WORKERS: Final[Mapping[str, Callable[[Pulse, int], tuple[object, ...]]]] = {
    "guards": guards,
    "shapers": shapers,
    "watchers": watchers,
}


def serve_worker(name: str, instance: str, target: str, folder: str, variant: int) -> None:
    """The entry of a worker's process."""
    logging.basicConfig(level=logging.INFO)
    hooks = WORKERS[name](Pulse(Path(folder) / f"{instance}.tasks"), variant)
    serve(*hooks, name=name, instance=instance, attach=target, max_threads=THREADS)
