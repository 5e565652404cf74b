"""Every fault of a worker, in every mode, under every policy, over every way to reach it.

What must come of each is read from the two tables of `policy`, and looked for in all four
places: the end of the call, the line of the receipt, the counters, and the next call.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc
import pytest
import pytest_asyncio

from sidehook import _wire as wire
from sidehook._call import CallAnswer, CallFailure, Proceed, Receipt
from sidehook._frames import RunTag
from sidehook._manifest import ErrorPolicy, HookSpec, WorkerManifest
from sidehook._types import FailureClass, HookOutcome, Mode, OnError
from sidehook_server.dispatch.observer import DetachedLoss
from sidehook_server.modes import MODES, PHASES, ModeRow
from sidehook_server.policy import CONSEQUENCES, consequence
from tests.hostile.scripted_workers import Fault, Scene, Way, misbehaving
from tests.transport.raw_worker import AttachedWorker
from tests.transport.sidecar import until
from tests.unit.rpc.peers import (
    HOOK_SERVICE,
    Running,
    a_call,
    channel_to,
    read_error,
    running_sidecar,
    unary,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROWS: Final = {("gate" if row.final_payload else row.mode.value): row for row in PHASES}
REQUIRED: Final = "required"
POLICIES: Final = (*(action.value for action in OnError), REQUIRED)

CLASSES: Final = {
    Fault.REFUSED: FailureClass.UNREACHABLE,
    Fault.SLOW: FailureClass.TIMEOUT,
    Fault.HANG: FailureClass.TIMEOUT,
    Fault.QUEUED: FailureClass.OVERLOADED,
    Fault.RESET: FailureClass.UNREACHABLE,
    Fault.GARBAGE: FailureClass.MALFORMED,
    Fault.ERROR: FailureClass.RAISED,
    Fault.OVERLOAD: FailureClass.OVERLOADED,
}
"""The class of each fault, whichever way the run travels."""

CODES: Final = {
    Fault.REFUSED: {"NO_INSTANCE", "UNAVAILABLE"},
    Fault.SLOW: {"HOOK_TIMEOUT"},
    Fault.HANG: {"HOOK_TIMEOUT"},
    Fault.QUEUED: {"EXPIRED_IN_QUEUE"},
    Fault.RESET: {"CONNECTION_LOST", "UNAVAILABLE"},
    Fault.GARBAGE: {"ANSWER_MALFORMED"},
    Fault.ERROR: {"SCRIPTED", "INTERNAL"},
    Fault.OVERLOAD: {"SCRIPTED", "RESOURCE_EXHAUSTED"},
}

LOSSES: Final = {
    Fault.REFUSED: DetachedLoss.UNREACHABLE,
    Fault.SLOW: DetachedLoss.TIMEOUT,
    Fault.HANG: DetachedLoss.TIMEOUT,
    Fault.QUEUED: DetachedLoss.TIMEOUT,
    Fault.RESET: DetachedLoss.UNREACHABLE,
    Fault.GARBAGE: DetachedLoss.FAILED,
    Fault.ERROR: DetachedLoss.FAILED,
    Fault.OVERLOAD: DetachedLoss.FAILED,
}
"""Why the event of a FIRE_AND_FORGET hook is lost."""

# Long enough for a run to reach its worker on a busy machine, where it matters that it does.
TIMEOUTS: Final = {Fault.SLOW: 1.5, Fault.HANG: 1.5, Fault.QUEUED: 0.1}
UNHURRIED: Final = 30.0


@dataclass(frozen=True)
class Group:
    """The hooks of one worker: one mode, one fault, one way, and each policy once."""

    way: Way
    fault: Fault
    row: str

    @property
    def worker(self) -> str:
        return f"{self.way}.{self.fault}.{self.row}"

    @property
    def mode_row(self) -> ModeRow:
        return ROWS[self.row]

    def hook_type(self, policy: str) -> str:
        """A type of its own, so that no hook of another case is in its plan."""
        return f"{self.worker}.{policy}"

    @property
    def manifest(self) -> WorkerManifest:
        return WorkerManifest(
            worker=self.worker, instance="i1", hooks=tuple(map(self._spec, POLICIES))
        )

    def _spec(self, policy: str) -> HookSpec:
        # What the operator requires, its worker would rather have ignored.
        action = OnError.IGNORE if policy == REQUIRED else OnError(policy)
        return HookSpec(
            name=policy,
            hook_type=self.hook_type(policy),
            mode=self.mode_row.mode,
            requires_final_payload=self.mode_row.final_payload or None,
            timeout=TIMEOUTS.get(self.fault, UNHURRIED),
            on_error=ErrorPolicy(default=action),
        )


CASES: Final = [
    (way, fault)
    for way in Way
    for fault in Fault
    # A worker of single runs cannot say whether it began.
    if (way, fault) != (Way.DIAL_UNARY, Fault.QUEUED)
]
GROUPS: Final = [Group(way, fault, row) for way, fault in CASES for row in ROWS]


@dataclass(frozen=True)
class Stage:
    """What all cases share."""

    sidecar: Running
    channel: grpc.aio.Channel
    folder: Path

    async def call(self, hook_type: str) -> CallAnswer:
        """One call, over the applications' socket. Its budget is no part of any case."""
        octets = wire.encode_invoke(a_call(hook_type, fields={"a": "1"}, budget=60.0))
        try:
            answer = await unary(self.channel, f"{HOOK_SERVICE}/Invoke", octets)
        except grpc.aio.AioRpcError as error:
            _, failure, receipt = read_error(error)
            return CallAnswer(failure, receipt or Receipt(call_id=""))
        return wire.decode_answer(answer)

    def count(self, metric: str, **labels: str) -> float:
        """A counter, 0 when it was never touched."""
        # One series of it: reading a page would collect thousands of them for every number.
        family: Any = self.sidecar.sidecar._metrics.registry._names_to_collectors[metric]
        series = family._series.get(tuple(labels[name] for name in family._labels))
        return 0.0 if series is None else float(series.value)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage() -> AsyncIterator[Stage]:
    """One sidecar for every case, and a guard that behaves, behind or beside every hook."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sh", dir="/tmp")))
        sidecar = await stack.enter_async_context(running_sidecar(folder, _configuration()))
        guard = await stack.enter_async_context(AttachedWorker(sidecar.workers))
        await guard.attach(_bystander())
        serving = asyncio.create_task(_proceed(guard))
        channel = await stack.enter_async_context(channel_to(sidecar.calls))
        yield Stage(sidecar, channel, folder)
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


def _configuration() -> str:
    lines = [
        "listen: {admin: off}",
        "undeclared_types: allow",
        # A hook that is left out stays out until its case is over.
        "breaker: {pause: 5m, longest_pause: 5m}",
        "workers:",
    ]
    for group in GROUPS:
        # Its own types, or calls of every other one would wait for it too.
        types = ", ".join(map(group.hook_type, POLICIES))
        hook = f"{{name: {REQUIRED}, required: true, type: {group.hook_type(REQUIRED)}}}"
        lines.append(f"  - {{name: {group.worker}, types: [{types}], hooks: [{hook}]}}")
    return "\n".join(lines)


def _bystander() -> WorkerManifest:
    types = [group.hook_type(policy) for group in GROUPS for policy in POLICIES]
    hooks = tuple(
        HookSpec(name=it, hook_type=it, mode=Mode.CONCURRENT, timeout=UNHURRIED) for it in types
    )
    return WorkerManifest(worker="bystander", hooks=hooks)


async def _proceed(worker: AttachedWorker) -> None:
    while (frame := await worker.next()) is not None:
        if frame.tag == RunTag.RUN:
            await worker.answer(frame.id)


@pytest.mark.parametrize(("way", "fault"), CASES)
async def test_a_fault_does_what_the_tables_say(stage: Stage, way: Way, fault: Fault) -> None:
    # The modes and policies of a fault fail side by side, so that its waiting is waited once.
    async with asyncio.TaskGroup() as tasks:
        for row in ROWS:
            tasks.create_task(_play(stage, Group(way, fault, row)))


async def _play(stage: Stage, group: Group) -> None:
    scene = Scene(
        sidecar=stage.sidecar, folder=stage.folder, manifest=group.manifest, fault=group.fault
    )
    async with misbehaving(scene, group.way):
        answers = await asyncio.gather(*(stage.call(group.hook_type(it)) for it in POLICIES))
        for policy, answer in zip(POLICIES, answers, strict=True):
            if group.mode_row.mode is Mode.FIRE_AND_FORGET:
                await _judge_detached(stage, group, policy, answer)
            else:
                await _judge(stage, group, policy, answer)


async def _judge(stage: Stage, group: Group, policy: str, answer: CallAnswer) -> None:
    kind = CLASSES[group.fault]
    action = OnError.FAIL if policy == REQUIRED else OnError(policy)
    follows = consequence(kind, action, may_end_call=True)
    assert follows is CONSEQUENCES[kind, action]
    line = next(it for it in answer.receipt.lines if it.worker == group.worker)
    other = next(it for it in answer.receipt.lines if it.worker == "bystander")
    assert len(answer.receipt.lines) == 2
    assert (line.outcome, line.failure_class) == (follows.outcome, kind)
    assert line.code in CODES[group.fault]
    hook_type, hook = group.hook_type(policy), {"worker": group.worker, "hook": policy}
    if follows.ends_call:
        failure = answer.outcome
        assert isinstance(failure, CallFailure)
        assert (failure.reason, failure.failure_class) == ("HOOK_FAILED", kind)
        assert (failure.hook, failure.worker) == (policy, group.worker)
        assert failure.metadata["code"] == line.code
        halted = {HookOutcome.SKIPPED_HALTED}
        if group.mode_row.mode is Mode.CONCURRENT:
            # The two began at once.
            halted = {HookOutcome.CANCELLED, HookOutcome.PROCEEDED}
        assert other.outcome in halted
    else:
        assert answer.outcome == Proceed({})
        assert other.outcome is HookOutcome.PROCEEDED
    is_missed_guard = not (follows.ends_call or MODES[group.mode_row.mode].observes)
    assert {
        "outcomes": stage.count("sidehook_hook_outcomes_total", **hook, outcome=follows.outcome),
        "failures": stage.count("sidehook_hook_failures_total", **hook, failure_class=kind),
        "guards missed": stage.count(
            "sidehook_guard_missed_total", hook_type=hook_type, cause="failed_open"
        ),
        "calls failed": stage.count(
            "sidehook_call_failures_total", hook_type=hook_type, reason="HOOK_FAILED"
        ),
        "circuits": stage.count("sidehook_circuit_changes_total", **hook, state="open"),
    } == {
        "outcomes": 1,
        "failures": 1,
        "guards missed": is_missed_guard,
        "calls failed": follows.ends_call,
        "circuits": follows.opens_circuit,
    }
    if group.fault is Fault.SLOW and group.way is not Way.DIAL_UNARY:
        await until(
            lambda: stage.count("sidehook_late_answers_total", worker=group.worker) == len(POLICIES)
        )
    if follows.opens_circuit:
        await _judge_left_out(stage, group, policy)


async def _judge_left_out(stage: Stage, group: Group, policy: str) -> None:
    """The hook is disabled on the one instance that there is, and the next call says so."""
    answer = await stage.call(group.hook_type(policy))
    assert answer.outcome == Proceed({})
    line = next(it for it in answer.receipt.lines if it.worker == group.worker)
    assert (line.outcome, line.failure_class) == (
        HookOutcome.SKIPPED_DISABLED,
        FailureClass.CIRCUIT_OPEN,
    )
    missed = stage.count(
        "sidehook_guard_missed_total", hook_type=group.hook_type(policy), cause="disabled"
    )
    assert missed == (not MODES[group.mode_row.mode].observes)


async def _judge_detached(stage: Stage, group: Group, policy: str, answer: CallAnswer) -> None:
    """No policy of a FIRE_AND_FORGET hook reaches the caller; the loss is counted by its cause."""
    assert answer.outcome == Proceed({})
    outcomes = {line.worker: line.outcome for line in answer.receipt.lines}
    assert outcomes == {group.worker: HookOutcome.DETACHED, "bystander": HookOutcome.PROCEEDED}
    hook = {"worker": group.worker, "hook": policy}

    def losses(cause: DetachedLoss) -> float:
        return stage.count("sidehook_detached_lost_total", **hook, cause=cause, receipt="detached")

    await until(lambda: losses(LOSSES[group.fault]) == 1)
    assert sum(map(losses, DetachedLoss)) == 1
    # Its time in the queue is its own: an event that nobody began is no fault of another class.
    kind = FailureClass.TIMEOUT if group.fault is Fault.QUEUED else CLASSES[group.fault]
    action = OnError.FAIL if policy == REQUIRED else OnError(policy)
    opens = consequence(kind, action, may_end_call=False).opens_circuit
    assert stage.count("sidehook_circuit_changes_total", **hook, state="open") == opens
    if opens:
        again = await stage.call(group.hook_type(policy))
        assert isinstance(again.outcome, Proceed)
        await until(lambda: losses(DetachedLoss.CIRCUIT_OPEN) == 1)
