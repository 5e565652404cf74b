"""What the workers serve: every mode, and a ledger in which each run is written first.

The worker's name, an argument of its process, says which of the hooks are its own.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sidehook import Context, Payload, block, hook, modify, serve
from sidehook._call import Violation
from sidehook._run import NothingToSay, Patch
from tests.chaos.records import BEGAN, ENDED, Pen, Run, now

TYPE: Final = "chaos"
"""The hook type that everything happens at."""

GUARD: Final = "guards/allow"
"""The hook that the operator requires."""

NO: Final = "no"
"""A payload with this text is blocked."""

BREAK: Final = "break"
"""One with this text makes a hook fail, whose failure the call survives."""


@dataclass(frozen=True, slots=True)
class Planned:
    """What the suite knows of a hook, without asking the sidecar."""

    path: str
    idempotent: bool
    detached: bool = False


PLAN: Final = (
    Planned(GUARD, idempotent=False),
    Planned("shapers/shape", idempotent=False),
    Planned("guards/final", idempotent=True),
    Planned("watchers/watch", idempotent=False),
    Planned("watchers/left", idempotent=True),
    Planned("watchers/right", idempotent=False),
    Planned("tellers/again", idempotent=True, detached=True),
    Planned("tellers/once", idempotent=False, detached=True),
)
"""Every hook, in the order in which receipts have them."""

CONFIGURATION: Final = f"""
hook_types: [{{name: {TYPE}, writable: [back]}}]
workers:
  - {{name: guards, hooks: [{{name: allow, type: {TYPE}, required: true}}]}}
limits: {{drain_timeout: 5s}}
breaker: {{pause: 200ms, longest_pause: 1s}}
"""
"""How the sidecar is configured, but for its journal."""

_HANDLING_SECONDS: Final = 0.02


class BrokenOnPurposeError(Exception):
    """A caller asked for it."""


class Ledger:
    """Where a worker writes down what it was asked to run."""

    def __init__(self, pen: Pen, worker: str, process: int) -> None:
        self._pen = pen
        self._worker = worker
        self._process = process

    def note(self, payload: Payload, ctx: Context, part: str = BEGAN) -> None:
        """Write down one run."""
        path = f"{self._worker}/{ctx.hook}"
        # After a verdict that withholds the payload there is no marker to see.
        marker = payload.get("marker") or ""
        self._pen.write(
            Run(path, ctx.call_id, ctx.idempotency_key, marker, part, now(), self._process)
        )


def guards(ledger: Ledger) -> tuple[object, ...]:
    """The hooks that may say no."""

    @hook(TYPE, priority=10)
    def allow(payload: Payload, ctx: Context) -> Violation | None:
        ledger.note(payload, ctx)
        return block("as asked", code="NO") if payload["text"] == NO else None

    @hook(TYPE, requires_final_payload=True, idempotent=True)
    async def final(payload: Payload, ctx: Context) -> Violation | None:
        ledger.note(payload, ctx)
        return None if payload["back"] == payload["marker"] else block("of another call")

    return allow, final


def shapers(ledger: Ledger) -> tuple[object, ...]:
    """The hook that writes into the payload, without which no call proceeds."""

    @hook(TYPE, mode="transform")
    async def shape(payload: Payload, ctx: Context) -> Patch | NothingToSay:
        ledger.note(payload, ctx)
        return modify(payload, back=payload["marker"])

    return (shape,)


def watchers(ledger: Ledger) -> tuple[object, ...]:
    """Hooks whose failure the call survives, and one that runs beside them."""

    @hook(TYPE, mode="audit")
    async def watch(payload: Payload, ctx: Context) -> None:
        ledger.note(payload, ctx)

    @hook(TYPE, mode="concurrent", idempotent=True)
    async def left(payload: Payload, ctx: Context) -> None:
        ledger.note(payload, ctx)

    @hook(TYPE, mode="concurrent", on_error="disable")
    def right(payload: Payload, ctx: Context) -> None:
        ledger.note(payload, ctx)
        if payload["text"] == BREAK:
            raise BrokenOnPurposeError

    return watch, left, right


def tellers(ledger: Ledger) -> tuple[object, ...]:
    """Detached hooks; they take a while, so that kills find some of them at it."""

    @hook(TYPE, mode="fire_and_forget", idempotent=True)
    async def again(payload: Payload, ctx: Context) -> None:
        ledger.note(payload, ctx)
        await asyncio.sleep(_HANDLING_SECONDS)
        ledger.note(payload, ctx, ENDED)

    @hook(TYPE, mode="fire_and_forget")
    async def once(payload: Payload, ctx: Context) -> None:
        ledger.note(payload, ctx)
        await asyncio.sleep(_HANDLING_SECONDS)
        ledger.note(payload, ctx, ENDED)

    return again, once


WORKERS: Final[Mapping[str, Callable[[Ledger], tuple[object, ...]]]] = {
    "guards": guards,
    "shapers": shapers,
    "watchers": watchers,
    "tellers": tellers,
}


def serve_worker(name: str, instance: str, target: str, folder: str) -> None:
    """The entry of a worker's process."""
    import logging
    import os

    logging.basicConfig(level=logging.INFO)
    ledger = Ledger(Pen(Path(folder) / f"{instance}.ledger"), name, os.getpid())
    serve(*WORKERS[name](ledger), name=name, instance=instance, attach=target)
