"""The callers: processes that call all the time, and write down every answer they get."""

import asyncio
import itertools
import logging
import random
import signal
from pathlib import Path
from typing import Final

import sidehook.aio
from sidehook import Receipt
from tests.chaos.hooks import BREAK, NO, TYPE
from tests.chaos.records import BLOCKED, CANCELLED, FAILED, PROCEEDED, Call, Pen, now

CONVERSATIONS: Final = 3
"""Calls of one caller under way at once."""

BUDGET: Final = 5.0
"""Seconds that a call may take: an outage ends inside it, or the call fails."""

_PAUSE: Final = 0.03
_PAUSE_AFTER_FAILURE: Final = 0.3
_TEXTS: Final = (NO, BREAK, "")
_WEIGHTS: Final = (4, 2, 94)
_GIVEN_UP_SHARE: Final = 0.03
_PATIENCE: Final = 0.02


class Caller:
    """Calls until it is told to stop; told to be calm, it only asks for what succeeds.

    `name` is that of one life of one caller: no two processes have the same.
    """

    def __init__(self, name: str, target: str, folder: Path, seed: int) -> None:
        self._names = (f"{name}.{number}" for number in itertools.count())
        self._target = target
        self._pen = Pen(folder / f"{name}.calls")
        self._chance = random.Random(f"{seed} {name}")
        self._calm = asyncio.Event()
        self._stop = asyncio.Event()

    async def run(self) -> None:
        """Call until SIGTERM. SIGUSR1 calms it."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, self._calm.set)
        loop.add_signal_handler(signal.SIGTERM, self._stop.set)
        async with sidehook.aio.Client(self._target, budget=BUDGET) as hooks:
            print("READY caller", flush=True)
            await asyncio.gather(*(self._converse(hooks) for _ in range(CONVERSATIONS)))
            # Answers that nobody asked for are answers of somebody else.
            print(f"STOPPED unknown={hooks.stats.answers_unknown}", flush=True)

    async def _converse(self, hooks: sidehook.aio.Client) -> None:
        while not self._stop.is_set():
            went_on = await self._call(hooks)
            longest = _PAUSE if went_on else _PAUSE_AFTER_FAILURE
            await asyncio.sleep(longest * self._chance.random())

    async def _call(self, hooks: sidehook.aio.Client) -> bool:
        marker, began = next(self._names), now()
        text = "" if self._calm.is_set() else self._chance.choices(_TEXTS, _WEIGHTS)[0]
        asking = asyncio.create_task(hooks.invoke(TYPE, marker=marker, text=text, back=""))
        if not self._calm.is_set() and self._chance.random() < _GIVEN_UP_SHARE:
            await asyncio.wait({asking}, timeout=_PATIENCE * self._chance.random())
            asking.cancel()
        outcome, reason, back = PROCEEDED, "", ""
        receipt: Receipt | None = None
        try:
            payload = await asking
            receipt, back = payload.receipt, payload["back"]
        except asyncio.CancelledError:
            outcome = CANCELLED
        except sidehook.ViolationError as error:
            outcome, reason, receipt = BLOCKED, error.code, error.receipt
        except sidehook.SidecarError as error:
            outcome, reason, receipt = FAILED, error.reason, error.receipt
        lines = [] if receipt is None else receipt.lines
        self._pen.write(
            Call(
                marker=marker,
                text=text,
                call_id="" if receipt is None else receipt.call_id,
                began=began,
                ended=now(),
                outcome=outcome,
                reason=reason,
                back=back,
                lines=[[f"{line.worker}/{line.hook}", str(line.outcome)] for line in lines],
            )
        )
        return outcome != FAILED


def call(name: str, target: str, folder: str, seed: int) -> None:
    """The entry of a caller's process."""
    logging.basicConfig(level=logging.ERROR)

    async def main() -> None:
        await Caller(name, target, Path(folder), seed).run()

    asyncio.run(main())
