"""The measured application with the asynchronous client: `… TARGET [CA_FILE]`, orders on stdin."""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
from contextlib import nullcontext
from pathlib import Path

import uvloop

from bench.apps.terms import Terms, empty
from bench.driver import Call, Order, Report, WrongResultError, drive, obey
from sidehook import Payload, Session, Tls
from sidehook.aio import Client


class Application:
    """Makes the calls of a round and looks at what comes back."""

    def __init__(self, hooks: Client) -> None:
        self._hooks = hooks
        self._sessions: list[Session] = []
        self._verified: set[Terms] = set()

    async def rounds(self, order: Order) -> Report:
        """Drive one round on the terms of its order."""
        raw = dict(order.terms)
        raw["modes"] = tuple(raw.get("modes", ()))
        terms = Terms(**raw)
        with self._hooks.scope("bench") if terms.scoped else nullcontext():
            if terms not in self._verified:
                await self._verify(terms)
            return await drive(self._call(terms), order)

    async def _verify(self, terms: Terms) -> None:
        """The first call of these terms, looked at closely."""
        self._verified.add(terms)
        if terms.alone:
            return
        skipped = self._hooks.stats.calls_skipped
        result = await self._hooks.invoke(terms.hook_type, terms.payload())
        terms.check(result)
        terms.check_receipt(result)
        is_skipped = self._hooks.stats.calls_skipped > skipped
        if is_skipped != (not terms.modes and not terms.scoped):
            raise WrongResultError(f"skipped: {is_skipped}")

    def _call(self, terms: Terms) -> Call:
        hook_type, payload, check = terms.hook_type, terms.payload(), terms.check
        if terms.alone:

            async def alone() -> None:
                await empty(hook_type, payload)

            return alone
        if terms.sessions:
            return self._call_in_sessions(terms)
        invoke = self._hooks.invoke

        async def call() -> None:
            check(await invoke(hook_type, payload))

        return call

    def _call_in_sessions(self, terms: Terms) -> Call:
        hook_type, payload, invoke = terms.hook_type, terms.payload(), self._hooks.invoke
        while len(self._sessions) < terms.sessions:
            number = len(self._sessions)
            state = {"worker.seen": number}
            self._sessions.append(self._hooks.session(f"session-{number}", state=state))
        turns = itertools.cycle(self._sessions[: terms.sessions])

        async def call() -> None:
            with next(turns):
                result: Payload = await invoke(hook_type, payload)
            terms.check(result)

        return call


async def main(target: str, ca: Path | None) -> None:
    """Connect, and do what is ordered."""
    async with Client(target, tls=Tls(ca=ca) if ca else None) as hooks:
        await hooks.connect()
        await obey(Application(hooks).rounds)


if __name__ == "__main__":
    # An application has the loop that it has: the leg `plain` shows what it costs to leave it so.
    run = asyncio.run if os.environ.get("BENCH_PLAIN") else uvloop.run
    run(main(sys.argv[1], Path(sys.argv[2]) if len(sys.argv) > 2 else None))
