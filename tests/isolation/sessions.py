"""Many sessions of many tenants at once, a process of its own.

`python -m tests.isolation.sessions TARGET CALLS SEED` makes so many calls from parallel
sessions, in and out of named scopes and of scopes whose hooks run in this process, checks
every answer, and prints what was wrong with how many.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections import Counter
from contextlib import AsyncExitStack, ExitStack
from itertools import count, islice

import uvloop

import sidehook
from sidehook import Context, HookOutcome, Payload, PluginMode, hook, modify
from sidehook.worker import HookReturn
from tests.isolation.caller import tell

TYPE = "mine"
TENANTS = ("amber", "beryl", "coral", "denim")
SCOPES = ("red", "blue")
SESSIONS = 24
AT_ONCE = 4
ROUNDS = 6
"""Calls of a session at once, and how often before it leaves its own scope or enters one."""

RAN = {HookOutcome.PROCEEDED, HookOutcome.MODIFIED}


class Crowd:
    """All sessions of this process."""

    def __init__(self, hooks: sidehook.aio.Client, calls: int, seed: int) -> None:
        self._hooks = hooks
        self._seed = seed
        self._numbers = iter(range(calls))
        self._tokens = count()
        self.found: Counter[str] = Counter(
            calls=0, own_scope=0, named_scopes=0, mixed_up=0, cross_fired=0, failed=0
        )

    async def run(self) -> None:
        """Every call there is to make, from all sessions in parallel."""
        async with asyncio.TaskGroup() as tasks:
            for number in range(SESSIONS):
                tasks.create_task(self._session(number))

    async def _session(self, number: int) -> None:
        chance = random.Random(f"{self._seed}/{number}")
        name, tenant = f"{self._seed}-{number}", TENANTS[number % len(TENANTS)]
        with self._hooks.session(name, tenant=tenant):
            while batch := list(islice(self._numbers, AT_ONCE * ROUNDS)):
                await self._batch(batch, name, tenant, chance)

    async def _batch(self, batch: list[int], name: str, tenant: str, chance: random.Random) -> None:
        """Some calls at once, half of the time in a scope of the session's own."""
        own = f"{name}#{batch[0]}" if chance.random() < 0.5 else ""
        async with AsyncExitStack() as stack:
            if own:
                await stack.enter_async_context(
                    self._hooks.plugin_scope(self._own_hook(own, name, tenant))
                )
            for first in range(0, len(batch), AT_ONCE):
                async with asyncio.TaskGroup() as tasks:
                    for _ in batch[first : first + AT_ONCE]:
                        scopes = tuple(scope for scope in SCOPES if chance.random() < 0.5)
                        tasks.create_task(self._call(name, tenant, scopes, own))

    def _own_hook(self, own: str, name: str, tenant: str) -> object:
        @hook(TYPE, mode=PluginMode.TRANSFORM, name="own", priority=30)
        async def mark(payload: Payload, ctx: Context) -> HookReturn:
            if (payload["session"], ctx.session_id, ctx.tenant) != (name, name, tenant):
                self.found["cross_fired"] += 1
            return modify(payload, trail=[*payload["trail"], own])

        return mark

    async def _call(self, name: str, tenant: str, scopes: tuple[str, ...], own: str) -> None:
        token = f"{name}/{next(self._tokens)}"
        expected = [*(f"{tenant}:{scope}" for scope in SCOPES if scope in scopes)]
        try:
            with ExitStack() as stack:
                if scopes:
                    stack.enter_context(self._hooks.scope(*scopes))
                payload = await self._hooks.invoke(
                    TYPE, token=token, session=name, trail=[], stamp=""
                )
        except sidehook.HookError as error:
            self.found["failed"] += 1
            tell(f"FAILED {error}")
            return
        self.found["calls"] += 1
        self.found["own_scope"] += bool(own)
        self.found["named_scopes"] += len(scopes)
        if (payload["token"], payload["stamp"]) != (token, f"{token} {tenant} {name}"):
            self.found["mixed_up"] += 1
        if payload["trail"] != [*expected, *([own] if own else [])]:
            self.found["cross_fired"] += 1
        if self._ran(payload) != {"stamp", *expected, *(["own"] if own else [])}:
            self.found["cross_fired"] += 1

    def _ran(self, payload: Payload) -> set[str]:
        """The hooks that ran, as the receipt says: `tenant:scope` for those of named scopes."""
        assert payload.receipt is not None
        return {
            f"{line.worker}:{line.hook}" if line.worker in TENANTS else line.hook
            for line in payload.receipt.lines
            if line.outcome in RAN
        }


async def main(target: str, calls: int, seed: int) -> None:
    """Waits for the sidecar, calls, and prints."""
    async with sidehook.aio.Client(target, budget=60) as hooks:
        await hooks.connect()
        crowd = Crowd(hooks, calls, seed)
        await crowd.run()
    tell(f"RESULT {json.dumps(crowd.found)}")


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
