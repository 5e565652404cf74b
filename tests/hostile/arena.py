"""A real sidecar with a guard that behaves, clients that ask, and a worker that does not behave.

A round lets one misbehaviour loose while clients call, and judges everything that the
sidecar did meanwhile: that it lives, that every call was answered with what belongs to
it, that the guard ran where the receipt says so, and that the misbehaviour shows.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

import grpc.aio

import sidehook.aio
from sidehook import HookFailedError, HookOutcome, Payload, Receipt, ViolationError
from sidehook import _wire as wire
from sidehook._hello import RetireRequest
from sidehook._rpc import RpcEndedError
from tests.e2e.processes import COMMAND, Process, Sidecar
from tests.transport.raw_worker import AttachedWorker

TYPE: Final = "round"
HOSTILE: Final = "hostile"
GUARD: Final = "guard"
BOUND: Final = "bound"

CALLS_PER_ROUND: Final = 12
LARGEST_RSS_MIB: Final = 1024
"""What the sidecar may weigh at its peak. It weighs about 80 MiB when it has nothing to do."""

_FAULTS: Final = re.compile(r"Traceback|traceback=|_broken |call_not_begun|answer_not_delivered")

CONFIG: Final = f"""
hook_types: [{{name: {TYPE}, writable: [text, proof]}}]
workers: [{{name: {BOUND}, uid: 4000000, optional: true}}]
"""

GUARD_SOURCE: Final = f"""
from sidehook import block, hook, modify

@hook("{TYPE}", timeout=60)
async def {GUARD}(payload, ctx):
    print("ran", payload.marker, flush=True)
    if payload.forbidden:
        return block("forbidden", code="FORBIDDEN", details={{"marker": payload.marker}})
    return modify(payload, proof=payload.marker)
"""


@dataclass(frozen=True)
class Asked:
    """One call, and what came of it."""

    marker: str
    forbidden: bool
    outcome: Payload | ViolationError | HookFailedError

    @property
    def receipt(self) -> Receipt:
        assert self.outcome.receipt is not None
        return self.outcome.receipt

    @property
    def lines(self) -> Iterator[str]:
        """What became of the hooks of the hostile worker, for patterns to be looked for in."""
        for line in self.receipt.lines:
            if line.worker != GUARD:
                yield f"{line.outcome} {line.failure_class} {line.code} {line.message}"


@dataclass
class Hostile:
    """The worker that misbehaves: where it attaches, under which name, and its dice."""

    target: str
    name: str
    dice: random.Random
    is_ready: asyncio.Event = field(default_factory=asyncio.Event)
    told: list[str] = field(default_factory=list)
    """What the sidecar said to it: refusals, and notices by their code."""

    def connect(self) -> AttachedWorker:
        """Another connection of it."""
        return AttachedWorker(self.target)


Script = Callable[[Hostile], Awaitable[None]]


@dataclass(frozen=True)
class Counter:
    """A counter that must have grown."""

    name: str
    labels: dict[str, str] = field(default_factory=dict)

    def shows(self, round_: Round) -> bool:
        return round_.grown(self.name, **self.labels) > 0


@dataclass(frozen=True)
class Logged:
    """A line that the sidecar must have logged."""

    pattern: str

    def shows(self, round_: Round) -> bool:
        return re.search(self.pattern, round_.log) is not None


@dataclass(frozen=True)
class InReceipt:
    """A pattern in `outcome class code message` of a line of a receipt."""

    pattern: str

    def shows(self, round_: Round) -> bool:
        lines = (line for asked in round_.asked for line in asked.lines)
        return any(re.search(self.pattern, line) for line in lines)


@dataclass(frozen=True)
class Told:
    """A pattern in what the sidecar told the worker."""

    pattern: str

    def shows(self, round_: Round) -> bool:
        return any(re.search(self.pattern, text) for text in round_.told)


Evidence = Counter | Logged | InReceipt | Told


@dataclass(frozen=True)
class Misbehaviour:
    """What a worker does, and where it must show: in all of these places."""

    name: str
    script: Script
    evidence: tuple[Evidence, ...]


Samples = dict[str, float]


class Round:
    """What happened since its begin."""

    def __init__(self, process: Process, before: Samples) -> None:
        self._process = process
        self._log_begin = len(process.log)
        self._before = before
        self.after = before
        self.asked: list[Asked] = []
        self.told: list[str] = []

    @property
    def log(self) -> str:
        return self._process.log[self._log_begin :]

    def grown(self, metric: str, **labels: str) -> float:
        """How much a metric grew, over all series that have these labels."""
        wanted = [f'{name}="{value}"' for name, value in labels.items()]
        series = {*self.after, *self._before}
        return sum(
            self.after.get(it, 0.0) - self._before.get(it, 0.0)
            for it in series
            if it.split("{")[0] == metric and all(label in it for label in wanted)
        )


class Arena:
    """The sidecar, the guard and the clients. Use it as a context manager."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder = folder
        self._dice = random.Random(seed)
        self._rounds = 0
        self._marks = 0
        self._plans: dict[int, list[str]] = {}
        self._processes: list[Process] = []
        self._clients: list[sidehook.aio.Client] = []
        self.checked_receipts = 0

    async def __aenter__(self) -> Self:
        file = self._folder / "sidehook.yaml"
        file.write_text(CONFIG)
        environment = {"PATH": "/usr/bin:/bin", "XDG_RUNTIME_DIR": str(self._folder)}
        command = (
            *(COMMAND, "serve", "--config", str(file), "--admin", "127.0.0.1:0"),
            *("--socket", str(self._folder / "s.sock")),
            *("--workers-socket", str(self._folder / "w.sock")),
            *("--state-dir", str(self._folder / "state")),
        )
        self._process = self._started(Process("sidecar", command, environment))
        self.sidecar = await Sidecar.ready(self._process)
        source = self._folder / "guard.py"
        source.write_text(GUARD_SOURCE)
        attach = ("--attach", self.sidecar.workers[0], "--name", GUARD)
        self._guard = self._started(
            Process(GUARD, (COMMAND, "worker", str(source), *attach), environment)
        )
        await self._guard.line("^READY ")
        for _ in range(2):
            client = sidehook.aio.Client(self.sidecar.calls[0], budget=60.0)
            self._clients.append(await client.__aenter__())
        return self

    async def __aexit__(self, *_: object) -> None:
        for client in self._clients:
            await client.close()
        for process in reversed(self._processes):
            await process.stop()

    def _started(self, process: Process) -> Process:
        self._processes.append(process)
        return process

    def memory_mib(self) -> tuple[int, int]:
        """What the sidecar weighs now, and what it weighed at most."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        found = dict(re.findall(r"^(VmRSS|VmHWM):\s+(\d+) kB$", status, re.MULTILINE))
        return int(found["VmRSS"]) // 1024, int(found["VmHWM"]) // 1024

    async def play(self, misbehaviours: Sequence[Misbehaviour], *, must_show: bool = True) -> None:
        """One round: all of these at once, each by a worker of its own.

        Of several at once one may end the calls before another has its turn, which then has
        nothing to show.
        """
        self._rounds += 1
        current = Round(self._process, await self._samples())
        workers = [
            Hostile(self.sidecar.workers[0], f"{HOSTILE}-{self._rounds}-{n}", self._dice)
            for n, _ in enumerate(misbehaviours)
        ]
        scripts = [
            asyncio.create_task(_let_loose(each.script, worker))
            for each, worker in zip(misbehaviours, workers, strict=True)
        ]
        try:
            async with asyncio.timeout(30):
                await asyncio.gather(*(worker.is_ready.wait() for worker in workers))
            await self._note_plan()
            async with asyncio.timeout(120):
                current.asked = await asyncio.gather(
                    *(self._ask(number) for number in range(CALLS_PER_ROUND))
                )
            await self._note_plan()
            if must_show:
                await self._until_shown(current, misbehaviours, workers, scripts)
        finally:
            for script in scripts:
                script.cancel()
            ends = await asyncio.gather(*scripts, return_exceptions=True)
            # Whatever comes of this round, the next one begins without what it left behind.
            await self._retire()
        # A script may be cancelled in the middle, and not break by itself.
        assert not [end for end in ends if isinstance(end, Exception)], ends
        await self._judge(current)

    async def _ask(self, number: int) -> Asked:
        self._marks += 1
        marker, forbidden = f"marker-{self._marks}", self._dice.random() < 0.25
        client = self._clients[number % len(self._clients)]
        fields = {"marker": marker, "text": f"text of {marker}", "forbidden": forbidden}
        try:
            payload = await client.invoke(TYPE, proof=None, **fields)
        except (ViolationError, HookFailedError) as error:
            return Asked(marker, forbidden, error)
        return Asked(marker, forbidden, payload)

    async def _until_shown(
        self,
        current: Round,
        misbehaviours: Sequence[Misbehaviour],
        workers: Sequence[Hostile],
        scripts: Sequence[asyncio.Task[None]],
    ) -> None:
        missing = [(each.name, it) for each in misbehaviours for it in each.evidence]
        with suppress(TimeoutError):
            async with asyncio.timeout(20):
                while missing and not any(map(_is_broken, scripts)):
                    current.after = await self._samples()
                    current.told = [text for worker in workers for text in worker.told]
                    missing = [(name, it) for name, it in missing if not it.shows(current)]
                    await asyncio.sleep(0.05 if missing else 0)
        seen = [line for asked in current.asked for line in asked.lines]
        log = current.log[-5000:]
        assert not missing, f"{missing} does not show in {seen}, {current.told}, {log}"

    async def _judge(self, current: Round) -> None:
        assert self._process.is_running, self._process.log
        assert not (fault := _FAULTS.search(current.log)), f"{fault}: {current.log}"
        for asked in current.asked:
            await self._judge_call(asked)
        await self._judge_quiet_call()
        rss, peak = self.memory_mib()
        assert peak < LARGEST_RSS_MIB, f"the sidecar weighs {rss} MiB and weighed {peak} MiB"

    async def _judge_call(self, asked: Asked) -> None:
        receipt = asked.receipt
        names = [f"{line.worker}/{line.hook}" for line in receipt.lines]
        assert len(set(names)) == len(names)
        if receipt.generation in self._plans:
            assert names == self._plans[receipt.generation]
            self.checked_receipts += 1
        guard = next(line for line in receipt.lines if line.worker == GUARD)
        if guard.outcome in (HookOutcome.MODIFIED, HookOutcome.BLOCKED):
            await self._guard.line(f"^ran {asked.marker}$")
        else:
            assert guard.outcome is HookOutcome.SKIPPED_HALTED, guard
            assert f"ran {asked.marker}" not in self._guard.log.splitlines()
        outcome = asked.outcome
        if isinstance(outcome, Payload):
            assert guard.outcome is HookOutcome.MODIFIED
            assert not asked.forbidden
            assert (outcome.marker, outcome.proof) == (asked.marker, asked.marker)
        elif isinstance(outcome, ViolationError) and outcome.worker == GUARD:
            assert asked.forbidden
            assert outcome.details == {"marker": asked.marker}
        else:
            assert outcome.worker.startswith(HOSTILE), outcome

    async def _judge_quiet_call(self) -> None:
        """With the hostile ones gone everything is as if they had never been."""
        asked = await self._ask(0)
        await self._note_plan()
        assert self._plans[asked.receipt.generation] == [f"{GUARD}/{GUARD}"]
        await self._judge_call(asked)

    async def _note_plan(self) -> None:
        """Remembers the plan of this moment by its generation, to check receipts against."""
        state: dict[str, Any] = await self.sidecar.state()
        plan = state["hook_types"][TYPE]
        self._plans[plan["generation"]] = [str(it["hook"]) for it in plan["hooks"]]

    async def _samples(self) -> Samples:
        _, page = await self.sidecar.page("/metrics")
        lines = (line.rpartition(" ") for line in page.splitlines() if not line.startswith("#"))
        return {series: float(value) for series, _, value in lines}

    async def _retire(self) -> None:
        """Takes what they left behind out of the plan, once their connections are gone."""
        state: dict[str, Any] = await self.sidecar.state()
        names = [str(it["name"]) for it in state["workers"] if it["name"] not in (GUARD, BOUND)]
        async with (
            asyncio.timeout(30),
            grpc.aio.insecure_channel(self.sidecar.workers[0]) as channel,
        ):
            method: Any = channel.unary_unary("/sidehook.v1.RegistryService/Retire")
            for name in names:
                request = wire.encode_retire_request(RetireRequest(worker=name))
                while not await _is_done(method, request):  # noqa: ASYNC110 - the sidecar's event
                    await asyncio.sleep(0.05)


async def _is_done(method: Any, request: bytes) -> bool:
    """Whether hooks could be retired; they cannot while an instance declares them."""
    try:
        await method(request)
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.FAILED_PRECONDITION:
            raise
        return False
    return True


def _is_broken(script: asyncio.Task[None]) -> bool:
    return script.done() and not script.cancelled() and script.exception() is not None


async def _let_loose(script: Script, worker: Hostile) -> None:
    """Runs a script; that the sidecar ended its stream is an end like any other."""
    try:
        await script(worker)
    except RpcEndedError as error:
        worker.told.append(f"{error.code} {error.why}")
    finally:
        worker.is_ready.set()


def as_json(value: object) -> bytes:
    """A JSON text."""
    return json.dumps(value).encode()
