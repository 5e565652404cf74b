"""Workers that the sidecar dials, over real gRPC on Unix sockets and TCP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import grpc
import pytest

from sidehook import _wire
from sidehook._addresses import Lookup, look_up
from sidehook._call import CallFailure, Proceed
from sidehook._frames import EventTag, Frame, RunTag
from sidehook._manifest import Limits
from sidehook._run import HookResult, Notice, RunRequest
from sidehook._types import FailureClass, Mode
from sidehook_server.config.model import WorkerConfig
from sidehook_server.transport.dial import Dialer
from sidehook_server.transport.peer import listener_uid
from sidehook_server.transport.replicas import Replicas, dialer
from tests.transport.raw_worker import (
    PROCEED,
    Context,
    Frames,
    ListeningWorker,
    a_manifest,
    a_spec,
)
from tests.transport.sidecar import HOOK_TYPE, QUICK, Sidecar, running, until


@pytest.fixture
async def sidecar() -> Sidecar:
    return Sidecar()


@pytest.fixture
def address(socket_folder: Path) -> str:
    return f"unix:{socket_folder / 'w.sock'}"


@pytest.fixture
async def dialled(sidecar: Sidecar, address: str) -> AsyncIterator[None]:
    """A dialer that is running, whether or not a worker is there."""
    async with running(Dialer(sidecar.local, address, times=QUICK)):
        yield


async def echo(frames: Frames) -> None:
    """Answers every run with proceed."""
    while (frame := await frames.next()) is not None:
        if frame.tag == RunTag.RUN:
            await frames.answer(frame.id)


class Held:
    """Holds runs until the test lets them go."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.go_on = asyncio.Event()

    async def __call__(self, run: RunRequest, context: Context | None = None) -> HookResult:
        self.entered.set()
        await self.go_on.wait()
        return PROCEED


@pytest.mark.usefixtures("dialled")
async def test_a_worker_of_single_runs_is_dialled_and_runs_hooks(
    sidecar: Sidecar, address: str
) -> None:
    worker = ListeningWorker()
    async with worker.listening(address):
        await sidecar.connected()
        answer = await sidecar.invoke(model_options="{}")
        assert isinstance(answer.outcome, Proceed)
        assert worker.runs[0].fields["model_options"].octets == b"{}"
        assert worker.streams == 0


@pytest.mark.usefixtures("dialled")
async def test_a_worker_that_serves_streams_gets_one_stream(sidecar: Sidecar, address: str) -> None:
    worker = ListeningWorker()
    worker.on_stream = echo
    async with worker.listening(address):
        await sidecar.connected()
        answers = [sidecar.start(call_id=f"call-{number}")[1] for number in range(20)]
        for answer in answers:
            assert isinstance((await answer).outcome, Proceed)
    assert worker.streams == 1
    assert worker.runs == []


async def test_a_worker_is_dialled_over_tcp(sidecar: Sidecar) -> None:
    async with (
        ListeningWorker().listening("127.0.0.1:0") as target,
        running(Dialer(sidecar.local, target, times=QUICK)),
    ):
        await sidecar.connected()
        assert isinstance((await sidecar.invoke()).outcome, Proceed)


@pytest.mark.usefixtures("dialled")
@pytest.mark.parametrize("way", ["single runs", "stream"])
async def test_a_worker_that_is_restarted_comes_back_by_itself(
    sidecar: Sidecar, address: str, way: str
) -> None:
    for instance in ("first", "second", "third"):
        worker = ListeningWorker(a_manifest(instance=instance))
        worker.on_stream = echo if way == "stream" else None
        async with worker.listening(address):
            await sidecar.connected()
            answer = await sidecar.invoke()
            assert answer.receipt.lines[0].instance == instance
        await sidecar.connected(0)
        gone = await sidecar.invoke()
        assert gone.receipt.lines[0].failure_class is FailureClass.UNREACHABLE


@pytest.mark.usefixtures("dialled")
async def test_a_cancelled_call_cancels_the_rpc_of_its_run(sidecar: Sidecar, address: str) -> None:
    worker, held = ListeningWorker(), Held()
    worker.on_run = held
    async with worker.listening(address):
        await sidecar.connected()
        handle, answer = sidecar.start()
        await held.entered.wait()
        handle.cancel()
        await until(lambda: worker.cancelled == 1)
        outcome = (await answer).outcome
        assert isinstance(outcome, CallFailure)
        assert outcome.reason == "CANCELLED"


@pytest.mark.usefixtures("dialled")
async def test_the_deadline_of_a_single_run_lies_a_little_behind_the_time_its_hook_has(
    sidecar: Sidecar, address: str
) -> None:
    left: list[float] = []

    async def look(run: RunRequest, context: Context) -> HookResult:
        left.append(context.time_remaining())
        return PROCEED

    worker = ListeningWorker(a_manifest(a_spec("h", timeout=2.0)))
    worker.on_run = look
    async with worker.listening(address):
        await sidecar.connected()
        await sidecar.invoke()
    # The time on the way is taken off; gRPC rounds deadlines up a little.
    assert 1.0 < left[0] < 2.35


@pytest.mark.usefixtures("dialled")
async def test_a_worker_killed_during_a_run_fails_it_as_unreachable(
    sidecar: Sidecar, address: str
) -> None:
    worker, held = ListeningWorker(), Held()
    worker.on_run = held
    async with worker.listening(address):
        await sidecar.connected()
        _, answer = sidecar.start()
        await held.entered.wait()
    line = (await answer).receipt.lines[0]
    assert line.failure_class is FailureClass.UNREACHABLE
    outcome = (await answer).outcome
    assert isinstance(outcome, CallFailure)
    assert outcome.started


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.NOT_FOUND, FailureClass.MALFORMED),
        (grpc.StatusCode.INTERNAL, FailureClass.RAISED),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, FailureClass.OVERLOADED),
        (grpc.StatusCode.UNAVAILABLE, FailureClass.UNREACHABLE),
        (grpc.StatusCode.UNIMPLEMENTED, FailureClass.MALFORMED),
    ],
)
@pytest.mark.usefixtures("dialled")
async def test_the_status_of_a_single_run_is_a_failure_that_repeats_no_text_of_the_worker(
    sidecar: Sidecar, address: str, code: grpc.StatusCode, kind: FailureClass
) -> None:
    async def refuse(run: RunRequest, context: Context) -> HookResult:
        await context.abort(code, "S3CRET")
        raise AssertionError("abort raises")

    worker = ListeningWorker()
    worker.on_run = refuse
    async with worker.listening(address):
        await sidecar.connected()
        line = (await sidecar.invoke()).receipt.lines[0]
    assert (line.failure_class, line.code) == (kind, code.name)
    assert "S3CRET" not in line.message


@pytest.mark.usefixtures("dialled")
async def test_an_answer_that_is_no_result_is_malformed(sidecar: Sidecar, address: str) -> None:
    async def misplace(run: RunRequest, context: Context) -> HookResult:
        return HookResult(answer=PROCEED.answer, index=3)

    worker = ListeningWorker()
    worker.on_run = misplace
    async with worker.listening(address):
        await sidecar.connected()
        line = (await sidecar.invoke()).receipt.lines[0]
    assert line.failure_class is FailureClass.MALFORMED


@pytest.mark.usefixtures("dialled")
async def test_single_runs_keep_to_the_worker_s_limits(sidecar: Sidecar, address: str) -> None:
    limits = Limits(max_in_flight=1, max_message_bytes=10_000)
    worker, held = ListeningWorker(a_manifest(limits=limits)), Held()
    worker.on_run = held
    async with worker.listening(address):
        await sidecar.connected()
        large = await sidecar.invoke(model_options=f'"{"x" * 20_000}"')
        assert large.receipt.lines[0].code == "RUN_TOO_LARGE"
        answers = [sidecar.start(call_id=f"call-{number}")[1] for number in range(3)]
        await held.entered.wait()
        assert sidecar.dispatcher.runs_waiting == {"w": 2}
        held.go_on.set()
        for answer in answers:
            assert isinstance((await answer).outcome, Proceed)


async def test_a_run_whose_replica_is_gone_before_it_was_sent_goes_to_the_other(
    sidecar: Sidecar, socket_folder: Path
) -> None:
    # Nobody asks this worker whether it is there: only the run itself finds out.
    patient = QUICK.__class__(poll=60.0)
    gone, there = (f"unix:{socket_folder / name}.sock" for name in ("gone", "there"))
    async with (
        running(Dialer(sidecar.local, gone, times=patient)),
        running(Dialer(sidecar.local, there, times=patient)),
        ListeningWorker(a_manifest(instance="there")).listening(there),
    ):
        async with ListeningWorker(a_manifest(instance="gone")).listening(gone):
            await sidecar.connected(2)
        assert len(sidecar.links) == 2
        answers = [await sidecar.invoke(call_id=f"call-{number}") for number in range(4)]
        assert {answer.receipt.lines[0].instance for answer in answers} == {"there"}
        assert all(isinstance(answer.outcome, Proceed) for answer in answers)
        await sidecar.connected(1)


@pytest.mark.usefixtures("dialled")
@pytest.mark.parametrize("way", ["single runs", "stream"])
async def test_a_worker_that_falls_silent_is_unhealthy_until_it_answers_again(
    sidecar: Sidecar, address: str, way: str
) -> None:
    worker = ListeningWorker()
    worker.on_stream = echo if way == "stream" else None
    silent = asyncio.Event()

    async def fall_silent(context: Context) -> None:
        if silent.is_set():
            await context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, "as if it did not answer")

    worker.on_describe = fall_silent

    def candidates() -> tuple[str, ...]:
        registry = sidecar.holder.current
        return registry.candidates(registry.plan(HOOK_TYPE).hooks[0])

    async with worker.listening(address):
        await sidecar.connected()
        silent.set()
        await until(lambda: not candidates())
        assert (await sidecar.invoke()).receipt.lines[0].code == "NO_INSTANCE"
        silent.clear()
        await until(candidates)
        assert isinstance((await sidecar.invoke()).outcome, Proceed)
        assert len(sidecar.links) == 1


@pytest.mark.usefixtures("dialled")
@pytest.mark.parametrize("way", ["single runs", "stream"])
async def test_a_manifest_that_changed_is_noticed(sidecar: Sidecar, address: str, way: str) -> None:
    worker = ListeningWorker()
    worker.on_stream = echo if way == "stream" else None
    async with worker.listening(address):
        await sidecar.connected()
        worker.manifest = a_manifest(a_spec("h"), a_spec("i", mode=Mode.TRANSFORM))
        await until(lambda: len(sidecar.holder.current.plan(HOOK_TYPE).hooks) == 2)
        answer = await sidecar.invoke()
        assert [line.hook for line in answer.receipt.lines] == ["h", "i"]


@pytest.mark.parametrize("way", ["single runs", "stream"])
async def test_a_worker_on_its_way_out_may_finish_what_it_has(
    sidecar: Sidecar, address: str, way: str
) -> None:
    held = Held()

    async def hold(frames: Frames) -> None:
        identity, run = await frames.run()
        await held(run)
        await frames.answer(identity)

    worker = ListeningWorker()
    worker.on_run = held
    worker.on_stream = hold if way == "stream" else None
    describes: list[str] = []

    async def refuse(context: Context) -> None:
        if held.entered.is_set():
            describes.append("refused")
            await context.abort(grpc.StatusCode.UNAVAILABLE, "as a server does that stops")

    worker.on_describe = refuse
    async with (
        running(Dialer(sidecar.local, address, times=QUICK)),
        worker.listening(address),
    ):
        await sidecar.connected()
        _, answer = sidecar.start()
        await until(lambda: len(describes) >= 2 or len(sidecar.links) == 0)
        assert not answer.done()
        held.go_on.set()
        assert isinstance((await answer).outcome, Proceed)


async def test_a_target_that_is_another_worker_s_is_refused_and_tried_again(
    sidecar: Sidecar, address: str, caplog: pytest.LogCaptureFixture
) -> None:
    worker = ListeningWorker(a_manifest(worker="somebody-else"))
    async with (
        worker.listening(address),
        running(Dialer(sidecar.local, address, expected_worker="w", times=QUICK)),
    ):
        await until(lambda: worker.described >= 3)
        assert len(sidecar.links) == 0
        assert "somebody-else" in caplog.text
        warnings = [it for it in caplog.records if "worker_refused" in it.getMessage()]
        assert len([it for it in warnings if it.levelname == "WARNING"]) == 1
        worker.manifest = a_manifest(worker="w")
        await sidecar.connected()


@pytest.mark.parametrize("way", ["single runs", "stream"])
async def test_why_a_dialled_worker_is_refused_can_be_seen_until_it_is_not(
    sidecar: Sidecar, address: str, way: str
) -> None:
    worker = ListeningWorker(a_manifest(worker="somebody-else"))
    worker.on_stream = echo if way == "stream" else None
    async with worker.listening(address):
        async with running(Dialer(sidecar.local, address, expected_worker="w", times=QUICK)):
            await until(lambda: list(sidecar.local.refusals))
            (refusal,) = sidecar.local.refusals
            assert (refusal.worker, refusal.target) == ("w", address)
            assert refusal.reason == "WORKER_IDENTITY"
            assert "this connection belongs to worker 'w'" in refusal.problems[0]
            worker.manifest = a_manifest(worker="w")
            await sidecar.connected()
            assert list(sidecar.local.refusals) == []
            worker.manifest = a_manifest(worker="somebody-else")
            await until(lambda: list(sidecar.local.refusals))
        assert list(sidecar.local.refusals) == []


async def test_a_dialled_worker_that_is_refused_is_told_why(sidecar: Sidecar, address: str) -> None:
    told: list[Notice] = []

    async def listen(frames: Frames) -> None:
        while (frame := await frames.next()) is not None:
            if frame.tag == RunTag.NOTICE:
                told.append(_wire.decode_notice(frame.body))

    worker = ListeningWorker(a_manifest(worker="somebody-else"))
    worker.on_stream = listen
    async with (
        worker.listening(address),
        running(Dialer(sidecar.local, address, expected_worker="w", times=QUICK)),
    ):
        await until(lambda: len(told) >= 2)
    for notice in told:
        assert notice.code == "REGISTRATION_REFUSED"
        assert "WORKER_IDENTITY" in notice.message
        assert "give the worker that name" in notice.message
    assert worker.streams == len(told)


async def test_a_dialled_worker_of_another_version_is_refused(
    sidecar: Sidecar, address: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        ListeningWorker(a_manifest(version=7)).listening(address),
        running(Dialer(sidecar.local, address, times=QUICK)),
    ):
        await until(lambda: "UNKNOWN_PROTOCOL_VERSION" in caplog.text)
        assert len(sidecar.links) == 0


async def test_a_name_bound_to_a_user_is_checked_against_the_socket_s_process(
    socket_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    address = f"unix:{socket_folder / 'w.sock'}"
    async with ListeningWorker().listening(address):
        mine = listener_uid(address)
        assert mine is not None
        stranger = Sidecar(WorkerConfig(name="w", uid=mine + 1))
        async with running(Dialer(stranger.local, address, expected_worker="w", times=QUICK)):
            await until(lambda: "WORKER_IDENTITY" in caplog.text)
            assert len(stranger.links) == 0
        owner = Sidecar(WorkerConfig(name="w", uid=mine))
        async with running(Dialer(owner.local, address, expected_worker="w", times=QUICK)):
            await owner.connected()


def test_the_user_behind_a_target_is_unknown_where_nobody_listens(socket_folder: Path) -> None:
    assert listener_uid(f"unix:{socket_folder / 'nobody.sock'}") is None
    assert listener_uid("127.0.0.1:1") is None


async def test_each_address_of_a_name_is_a_replica_with_a_connection_of_its_own(
    sidecar: Sidecar,
) -> None:
    async with (
        ListeningWorker(a_manifest(instance="one")).listening("127.0.0.1:0") as one,
        ListeningWorker(a_manifest(instance="two")).listening("127.0.0.1:0") as two,
    ):
        known = {f"ipv4:{one}", f"ipv4:{two}"}

        async def lookup(host: str, port: int) -> frozenset[str]:
            assert (host, port) == ("workers.test", 5000)
            if not known:
                raise OSError("the name server does not answer")
            return frozenset(known)

        replicas = Replicas(sidecar.local, "dns:///workers.test:5000", times=QUICK, lookup=lookup)
        async with running(replicas):
            await sidecar.connected(2)
            answers = [await sidecar.invoke() for _ in range(4)]
            instances = {answer.receipt.lines[0].instance for answer in answers}
            assert instances == {"one", "two"}
            known.remove(f"ipv4:{two}")
            await sidecar.connected(1)
            # While the name cannot be looked up, what is connected stays connected.
            known.clear()
            assert (await sidecar.invoke()).receipt.lines[0].instance == "one"


def known_as(*targets: str) -> tuple[set[str], Lookup]:
    """What a name stands for, to be changed by the test, and what looks it up."""
    known = {f"ipv4:{target}" for target in targets}

    async def lookup(_host: str, _port: int) -> frozenset[str]:
        return frozenset(known)

    return known, lookup


@pytest.mark.parametrize("way", ["single runs", "stream"])
async def test_a_replica_that_left_the_dns_finishes_what_it_has_and_gets_nothing_new(
    sidecar: Sidecar, way: str
) -> None:
    held = Held()

    async def hold(frames: Frames) -> None:
        identity, run = await frames.run()
        await held(run)
        await frames.answer(identity)
        await frames.next()

    leaving, staying = ListeningWorker(a_manifest(instance="leaving")), ListeningWorker()
    leaving.on_run = held
    leaving.on_stream = hold if way == "stream" else None
    async with leaving.listening("127.0.0.1:0") as one, staying.listening("127.0.0.1:0") as two:
        known, lookup = known_as(one)
        async with running(Replicas(sidecar.local, "dns:///w:1", times=QUICK, lookup=lookup)):
            await sidecar.connected()
            _, answer = sidecar.start()
            await held.entered.wait()
            known.clear()
            known.add(f"ipv4:{two}")
            await sidecar.connected(2)
            await until(lambda: any(sidecar.draining()))
            for number in range(4):
                other = await sidecar.invoke(call_id=f"call-{number}")
                assert other.receipt.lines[0].instance == "i1"
            assert not answer.done()
            held.go_on.set()
            assert (await answer).receipt.lines[0].instance == "leaving"
            assert isinstance((await answer).outcome, Proceed)
            await sidecar.connected(1)


async def test_a_replica_that_left_the_dns_and_never_answers_is_dropped_in_the_end(
    sidecar: Sidecar,
) -> None:
    held = Held()
    worker = ListeningWorker()
    worker.on_run = held
    impatient = replace(QUICK, leave=0.05)
    async with worker.listening("127.0.0.1:0") as target:
        known, lookup = known_as(target)
        async with running(Replicas(sidecar.local, "dns:///w:1", times=impatient, lookup=lookup)):
            await sidecar.connected()
            _, answer = sidecar.start()
            await held.entered.wait()
            known.clear()
            line = (await answer).receipt.lines[0]
            assert line.failure_class is FailureClass.UNREACHABLE
            await sidecar.connected(0)
        held.go_on.set()


async def test_when_a_replica_leaves_the_one_in_its_place_is_found_soon(sidecar: Sidecar) -> None:
    # So seldom that the test would be over first.
    seldom = replace(QUICK, lookup=300.0)
    goes = asyncio.Event()

    async def leaves(frames: Frames) -> None:
        await goes.wait()
        await frames.send(Frame(0, EventTag.GOODBYE, _wire.encode_goodbye("rolled")))
        await frames.next()

    old, new = ListeningWorker(a_manifest(instance="old")), ListeningWorker()
    old.on_stream = leaves
    async with old.listening("127.0.0.1:0") as one, new.listening("127.0.0.1:0") as two:
        known, lookup = known_as(one)
        async with running(Replicas(sidecar.local, "dns:///w:1", times=seldom, lookup=lookup)):
            await sidecar.connected()
            known.add(f"ipv4:{two}")
            goes.set()
            await sidecar.connected(2)
            assert (await sidecar.invoke()).receipt.lines[0].instance == "i1"


async def test_a_dns_target_is_looked_up_and_dialled(sidecar: Sidecar) -> None:
    async with ListeningWorker().listening("127.0.0.1:0") as target:
        port = int(target.rpartition(":")[2])
        assert f"ipv4:127.0.0.1:{port}" in await look_up("localhost", port)
        async with running(dialer(sidecar.local, f"dns:///127.0.0.1:{port}", times=QUICK)):
            await sidecar.connected()
            assert isinstance((await sidecar.invoke()).outcome, Proceed)


async def test_a_dns_target_without_a_port_is_refused_at_once(sidecar: Sidecar) -> None:
    with pytest.raises(ValueError, match="names no port"):
        dialer(sidecar.local, "dns:///workers.test")


async def test_an_ipv6_host_keeps_its_colons(sidecar: Sidecar) -> None:
    asked: list[tuple[str, int]] = []

    async def lookup(host: str, port: int) -> frozenset[str]:
        asked.append((host, port))
        return frozenset()

    replicas = Replicas(sidecar.local, "dns:[::1]:5000", times=QUICK, lookup=lookup)
    async with running(replicas):
        await until(lambda: asked)
    assert asked[0] == ("::1", 5000)
