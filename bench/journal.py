"""What the journal of detached events costs: time to acceptance, and CPU for a whole life.

Run by hand, on the disk that matters, with nothing else going on:

    .venv/bin/python bench/journal.py [FOLDER]

Each event is written, accepted once it is on the disk, and removed; one of a hook that is
not idempotent is marked before it would run. There is no worker: this is the journal alone.
"""

from __future__ import annotations

import asyncio
import secrets
import statistics
import sys
import tempfile
import time
from pathlib import Path

import uvloop

from sidehook._call import CallContext, CallEnd
from sidehook._manifest import ErrorPolicy
from sidehook._run import HookRun, RunRequest
from sidehook._types import CallOutcome, FailureClass, Mode, OnError, Value, ValueKind
from sidehook_server.config.model import DetachedConfig, JournalPayloads
from sidehook_server.journal.file import JournalFile
from sidehook_server.journal.writer import DiskJournal
from sidehook_server.pipeline.model import DetachedWork, PlannedHook

PAYLOAD_BYTES = 1024
SECONDS = 3.0
IN_FLIGHT = (1, 64)


def an_event() -> DetachedWork:
    """An event with a payload of 1 KiB."""
    policy = dict.fromkeys(FailureClass, OnError.IGNORE)
    hook = PlannedHook(
        worker="w",
        name="tell",
        hook_type="t",
        mode=Mode.FIRE_AND_FORGET,
        priority=50,
        timeout=30.0,
        on_error=policy,
    )
    run = HookRun(
        hook="tell",
        mode=Mode.FIRE_AND_FORGET,
        may_block=False,
        may_modify=False,
        writable_fields=frozenset(),
        timeout=30.0,
        on_error=ErrorPolicy(overrides=policy),
    )
    fields = {
        "secret": Value(ValueKind.RAW, b"s" * 64),
        "text": Value(ValueKind.RAW, b"x" * (PAYLOAD_BYTES - 64)),
    }
    request = RunRequest(
        call_id=secrets.token_hex(16),
        hook_type="t",
        steps=((run,),),
        fields=fields,
        context=CallContext(session_id="s", tenant="acme"),
        time_left=30.0,
        call_end=CallEnd(outcome=CallOutcome.PROCEEDED),
        idempotency_key="key",
    )
    return DetachedWork(hook, request)


def settings(folder: Path, payloads: JournalPayloads) -> DetachedConfig:
    """A journal of its own for each run."""
    key = folder / "key"
    if not key.exists():
        key.write_bytes(secrets.token_bytes(32))
        key.chmod(0o400)
    masked = payloads is JournalPayloads.MASKED
    return DetachedConfig(
        journal=str(folder / f"{secrets.token_hex(4)}.sqlite"),
        journal_payloads=payloads,
        journal_key_file=str(key) if payloads is JournalPayloads.ENCRYPTED else None,
        journal_mask=frozenset({"secret"}) if masked else frozenset(),
    )


class Load:
    """So many events in flight, each followed by the next."""

    def __init__(self, journal: DiskJournal, *, marked: bool) -> None:
        self._journal = journal
        self._marked = marked
        self._loop = asyncio.get_running_loop()
        self._number = 0
        self.waits: list[float] = []

    async def run(self, in_flight: int) -> float:
        """Seconds that it took."""
        began = time.monotonic()
        until = began + SECONDS
        await asyncio.gather(*(self._one_after_the_other(until) for _ in range(in_flight)))
        return time.monotonic() - began

    async def _one_after_the_other(self, until: float) -> None:
        event = an_event()
        while time.monotonic() < until:
            self._number += 1
            number, began = self._number, time.monotonic()
            accepted: asyncio.Future[bool] = self._loop.create_future()
            self._journal.keep(number, event, accepted.set_result)
            assert await accepted
            self.waits.append(time.monotonic() - began)
            if self._marked:
                noted: asyncio.Future[bool] = self._loop.create_future()
                self._journal.mark_sent(number, noted.set_result)
                assert await noted
            self._journal.remove(number)


async def measure(folder: Path, payloads: JournalPayloads, in_flight: int, *, marked: bool) -> str:
    """One row of the table."""
    journal = DiskJournal(JournalFile(settings(folder, payloads)))
    journal.start(asyncio.get_running_loop().call_soon_threadsafe)
    load = Load(journal, marked=marked)
    cpu = time.process_time()
    seconds = await load.run(in_flight)
    cpu = time.process_time() - cpu
    journal.close()
    count = len(load.waits)
    cuts = statistics.quantiles(load.waits, n=100)
    cells = (
        str(payloads),
        "no" if marked else "yes",
        str(in_flight),
        f"{cuts[49] * 1e6:.0f}",
        f"{cuts[98] * 1e6:.0f}",
        f"{count / seconds:.0f}",
        f"{cpu / count * 1e6:.0f}",
    )
    return f"| {' | '.join(cells)} |"


async def main(folder: Path) -> None:
    """The table."""
    print("| payloads | idempotent | in flight | accepted p50 µs | p99 µs | events/s | CPU µs |")
    print("|---|---|---|---|---|---|---|")
    for payloads in JournalPayloads:
        for marked in (False, True):
            for in_flight in IN_FLIGHT:
                print(await measure(folder, payloads, in_flight, marked=marked), flush=True)


if __name__ == "__main__":
    base = sys.argv[1] if len(sys.argv) > 1 else None
    with tempfile.TemporaryDirectory(prefix="sidehook-journal", dir=base) as name:
        uvloop.run(main(Path(name)))
