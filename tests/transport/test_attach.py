"""Workers that dial the sidecar, over real gRPC on a Unix socket."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sidehook import _wire
from sidehook._call import CallFailure, Proceed, Violation
from sidehook._frames import EventTag, Frame, RunTag, encode_frame, pack
from sidehook._manifest import Limits
from sidehook._run import HookResult, Patch
from sidehook._types import FailureClass, HookOutcome, Value, ValueKind
from sidehook_server.config.model import WorkerConfig
from sidehook_server.dispatch.observer import FrameDrop
from sidehook_server.registry.identity import Peer
from tests.transport.raw_worker import PROCEED, AttachedWorker, a_manifest, a_spec
from tests.transport.sidecar import HOOK_TYPE, Sidecar, attach_server, until

BLOCK = HookResult(answer=Violation(reason="no", code="NO"))


def patch(text: str) -> HookResult:
    return HookResult(answer=Patch({"model_options": Value(ValueKind.JSON, text.encode())}))


@pytest.fixture
async def sidecar() -> Sidecar:
    return Sidecar()


@pytest.fixture
async def target(sidecar: Sidecar, socket_folder: Path) -> AsyncIterator[str]:
    async with attach_server(sidecar, socket_folder / "w.sock") as target:
        yield target


@pytest.fixture
async def worker(target: str) -> AsyncIterator[AttachedWorker]:
    async with AttachedWorker(target) as worker:
        yield worker


async def test_an_attached_worker_runs_the_hooks_of_calls(
    sidecar: Sidecar, worker: AttachedWorker
) -> None:
    hello = await worker.attach()
    assert (hello.protocol_version, hello.sidecar) == (1, "test-sidecar")
    _, answer = sidecar.start(model_options='{"a": 1}')
    identity, run = await worker.run()
    assert run.fields["model_options"].octets == b'{"a": 1}'
    await worker.answer(identity, patch('{"a": 2}'))
    outcome = (await answer).outcome
    assert isinstance(outcome, Proceed)
    assert outcome.patch["model_options"].octets == b'{"a": 2}'
    assert (await answer).receipt.lines[0].instance == "i1"


async def test_runs_interleave_and_answers_in_any_order_find_their_calls(
    sidecar: Sidecar, worker: AttachedWorker
) -> None:
    await worker.attach()
    answers = [sidecar.start(call_id=f"call-{number}")[1] for number in range(50)]
    runs = [await worker.run() for _ in answers]
    assert len({identity for identity, _ in runs}) == 50
    for identity, run in reversed(runs):
        await worker.answer(identity, patch(f'"{run.call_id}"'))
    for number, answer in enumerate(answers):
        outcome = (await answer).outcome
        assert isinstance(outcome, Proceed)
        assert outcome.patch["model_options"].octets == f'"call-{number}"'.encode()


async def test_what_is_ready_at_once_travels_in_one_message(
    sidecar: Sidecar, worker: AttachedWorker
) -> None:
    await worker.attach()
    for number in range(20):
        sidecar.start(call_id=f"call-{number}")
    batch = await worker.call.read()
    assert isinstance(batch, bytes)
    assert all(f"call-{number}".encode() in batch for number in range(20))


async def test_a_payload_larger_than_a_batch_travels_in_parts_both_ways(
    sidecar: Sidecar, worker: AttachedWorker
) -> None:
    await worker.attach()
    text = f'"{"x" * 1_000_000}"'
    _, answer = sidecar.start(model_options=text)
    identity, run = await worker.run()
    assert run.fields["model_options"].octets == text.encode()
    body = _wire.encode_result(patch(f'"{"y" * 900_000}"'))
    cut = len(body) // 2
    await worker.send(Frame(identity, EventTag.PART, body[:cut], 0, more=True))
    await worker.send(Frame(identity, EventTag.PART, body[cut:], 1, more=False))
    outcome = (await answer).outcome
    assert isinstance(outcome, Proceed)
    assert len(outcome.patch["model_options"].octets) == 900_002


async def test_cancelling_a_call_reaches_the_worker_and_a_late_answer_is_told(
    sidecar: Sidecar, worker: AttachedWorker
) -> None:
    await worker.attach()
    handle, answer = sidecar.start()
    identity, _ = await worker.run()
    handle.cancel()
    assert (await worker.expect(RunTag.CANCEL)).id == identity
    await worker.answer(identity, BLOCK)
    notice = await worker.notice()
    assert (notice.code, notice.hook, notice.call_id) == ("LATE_ANSWER", "h", "call-1")
    assert sidecar.seen.late == ["w"]
    outcome = (await answer).outcome
    assert isinstance(outcome, CallFailure)
    assert outcome.reason == "CANCELLED"


async def test_answers_for_other_ids_are_dropped_counted_and_never_taken_for_a_run(
    sidecar: Sidecar, worker: AttachedWorker
) -> None:
    await worker.attach()
    _, answer = sidecar.start()
    identity, _ = await worker.run()
    for wrong in (identity + 1, identity + 1000, 2**53 - 1):
        await worker.answer(wrong, BLOCK)
    await worker.answer(identity)
    await worker.answer(identity, BLOCK)
    assert isinstance((await answer).outcome, Proceed)
    await until(lambda: sidecar.seen.late == ["w"])
    assert sidecar.seen.dropped == [FrameDrop.UNKNOWN_ID] * 9


async def test_a_broken_frame_does_not_take_its_neighbours_with_it(
    sidecar: Sidecar, worker: AttachedWorker
) -> None:
    await worker.attach()
    _, answer = sidecar.start()
    identity, _ = await worker.run()
    good = encode_frame(Frame(identity, EventTag.RESULT, _wire.encode_result(PROCEED)))
    nothing = b"\x08\x01"
    too_large_id = encode_frame(Frame(2**53 - 1, EventTag.RESULT, b"")).replace(
        b"\xff" * 7 + b"\x0f", b"\xff" * 7 + b"\x1f"
    )
    strange = encode_frame(Frame(identity, 99, b"?"))
    await worker.send_raw(b"\xff\xff\xff")
    await worker.send_raw(pack([b"\x0a\xff", nothing[:1], too_large_id, strange, good]))
    assert isinstance((await answer).outcome, Proceed)
    assert sidecar.seen.dropped == [
        *[FrameDrop.MALFORMED] * 4,
        FrameDrop.UNEXPECTED,
    ]


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff\xff", _wire.encode_result(HookResult(answer=PROCEED.answer, index=1))],
    ids=["no answer set", "not a message", "an index outside the run"],
)
async def test_a_malformed_answer_fails_the_hook_and_its_worker_is_told(
    sidecar: Sidecar, worker: AttachedWorker, body: bytes
) -> None:
    await worker.attach()
    _, answer = sidecar.start()
    identity, _ = await worker.run()
    await worker.send(Frame(identity, EventTag.RESULT, body))
    assert (await answer).receipt.lines[0].failure_class is FailureClass.MALFORMED
    notice = await worker.notice()
    assert (notice.code, notice.hook) == ("ANSWER_MALFORMED", "h")


async def test_a_run_that_ends_without_a_result_is_malformed(
    sidecar: Sidecar, worker: AttachedWorker
) -> None:
    await worker.attach()
    _, answer = sidecar.start()
    identity, _ = await worker.run()
    await worker.send(Frame(identity, EventTag.END, b""))
    assert (await answer).receipt.lines[0].failure_class is FailureClass.MALFORMED


async def test_a_stream_that_breaks_fails_its_runs_and_leaves_its_hooks_unreachable(
    sidecar: Sidecar, target: str
) -> None:
    async with AttachedWorker(target) as worker:
        await worker.attach()
        _, first = sidecar.start(call_id="first")
        _, second = sidecar.start(call_id="second")
        await worker.run()
    for answer in (await first, await second):
        assert answer.receipt.lines[0].failure_class is FailureClass.UNREACHABLE
        assert answer.receipt.lines[0].code == "CONNECTION_LOST"
        assert isinstance(answer.outcome, CallFailure)
        assert answer.outcome.started
    after = await sidecar.invoke()
    assert after.receipt.lines[0].outcome is HookOutcome.FAILED_CLOSED
    assert after.receipt.lines[0].code == "NO_INSTANCE"
    assert isinstance(after.outcome, CallFailure)
    assert not after.outcome.started


async def test_a_worker_that_comes_back_is_given_runs_again(sidecar: Sidecar, target: str) -> None:
    for _ in range(3):
        async with AttachedWorker(target) as worker:
            await worker.attach()
            _, answer = sidecar.start()
            identity, _ = await worker.run()
            await worker.answer(identity)
            assert isinstance((await answer).outcome, Proceed)
        await sidecar.connected(0)


async def test_replicas_share_runs_and_one_killed_leaves_the_other(
    sidecar: Sidecar, worker: AttachedWorker, target: str
) -> None:
    await worker.attach(a_manifest(instance="survivor"))
    async with AttachedWorker(target) as other:
        await other.attach(a_manifest(instance="victim"))
        answers = [sidecar.start(call_id=f"call-{number}")[1] for number in range(2)]
        await other.run()
        identity, _ = await worker.run()
    await worker.answer(identity)
    lines = [(await answer).receipt.lines[0] for answer in answers]
    assert {line.instance: line.outcome for line in lines} == {
        "survivor": HookOutcome.PROCEEDED,
        "victim": HookOutcome.FAILED_CLOSED,
    }
    _, answer = sidecar.start()
    identity, _ = await worker.run()
    await worker.answer(identity)
    assert isinstance((await answer).outcome, Proceed)


async def test_an_idempotent_run_is_repeated_on_the_replica_that_is_left(
    sidecar: Sidecar, worker: AttachedWorker, target: str
) -> None:
    spec = a_spec("h", idempotent=True)
    async with AttachedWorker(target) as other:
        await other.attach(a_manifest(spec, instance="victim"))
        _, answer = sidecar.start()
        _, before = await other.run()
        await worker.attach(a_manifest(spec, instance="survivor"))
        await sidecar.connected(2)
    identity, after = await worker.run()
    assert after.idempotency_key == before.idempotency_key
    await worker.answer(identity)
    assert (await answer).receipt.lines[0].instance == "survivor"


async def test_a_goodbye_stops_new_runs_and_finishes_those_under_way(
    sidecar: Sidecar, worker: AttachedWorker
) -> None:
    await worker.attach()
    _, answer = sidecar.start()
    identity, _ = await worker.run()
    await worker.send(Frame(0, EventTag.GOODBYE, _wire.encode_goodbye("restarting")))
    await until(lambda: all(link.draining for link in sidecar.links))
    refused = await sidecar.invoke()
    assert refused.receipt.lines[0].failure_class is FailureClass.UNREACHABLE
    await worker.answer(identity)
    assert isinstance((await answer).outcome, Proceed)
    await worker.call.done_writing()
    assert await worker.refusal() == ""
    await sidecar.connected(0)
    assert (await sidecar.invoke()).receipt.lines[0].code == "NO_INSTANCE"


async def test_a_worker_gets_no_more_runs_at_once_than_it_asked_for(
    sidecar: Sidecar, worker: AttachedWorker
) -> None:
    await worker.attach(a_manifest(limits=Limits(max_in_flight=2)))
    answers = [sidecar.start(call_id=f"call-{number}")[1] for number in range(3)]
    runs = [await worker.run() for _ in range(2)]
    assert [run.call_id for _, run in runs] == ["call-0", "call-1"]
    assert sidecar.dispatcher.runs_waiting == {"w": 1}
    await worker.answer(runs[0][0])
    await answers[0]
    assert (await worker.run())[1].call_id == "call-2"
    assert not sidecar.dispatcher.runs_waiting


async def test_a_cancelled_run_holds_its_place_until_the_worker_says_it_has_ended(
    sidecar: Sidecar, worker: AttachedWorker
) -> None:
    await worker.attach(a_manifest(limits=Limits(max_in_flight=1)))
    handle, _ = sidecar.start()
    identity, _ = await worker.run()
    sidecar.start(call_id="call-2")
    handle.cancel()
    assert (await worker.expect(RunTag.CANCEL)).id == identity
    assert sidecar.dispatcher.runs_waiting == {"w": 1}
    await worker.send(Frame(identity, EventTag.END, b""))
    assert (await worker.run())[1].call_id == "call-2"


async def test_a_worker_that_never_says_that_a_cancelled_run_has_ended_gets_more_all_the_same(
    sidecar: Sidecar, worker: AttachedWorker
) -> None:
    await worker.attach(a_manifest(limits=Limits(max_in_flight=1)))
    handle, _ = sidecar.start()
    await worker.run()
    sidecar.start(call_id="call-2")
    handle.cancel()
    await worker.expect(RunTag.CANCEL)
    assert (await worker.run())[1].call_id == "call-2"


async def test_runs_that_wait_go_to_a_replica_that_comes(
    sidecar: Sidecar, worker: AttachedWorker, target: str
) -> None:
    manifest = a_manifest(limits=Limits(max_in_flight=1))
    await worker.attach(manifest)
    answers = [sidecar.start(call_id=f"call-{number}")[1] for number in range(2)]
    await worker.run()
    async with AttachedWorker(target) as replica:
        await replica.attach(a_manifest(instance="i2", limits=Limits(max_in_flight=1)))
        identity, run = await replica.run()
        assert run.call_id == "call-1"
        await replica.answer(identity)
        assert (await answers[1]).receipt.lines[0].instance == "i2"


async def test_a_run_larger_than_the_worker_takes_is_not_sent(
    sidecar: Sidecar, worker: AttachedWorker
) -> None:
    await worker.attach(a_manifest(limits=Limits(max_message_bytes=10_000)))
    answer = await sidecar.invoke(model_options=f'"{"x" * 20_000}"')
    line = answer.receipt.lines[0]
    assert (line.failure_class, line.code) == (FailureClass.OVERLOADED, "RUN_TOO_LARGE")


async def test_a_new_manifest_takes_effect_on_the_open_stream(
    sidecar: Sidecar, worker: AttachedWorker
) -> None:
    await worker.attach()
    manifest = a_manifest(a_spec("h"), a_spec("i"))
    await worker.send(Frame(0, EventTag.MANIFEST, _wire.encode_manifest(manifest)))
    await until(lambda: len(sidecar.holder.current.plan("component_pre_execute").hooks) == 2)
    _, answer = sidecar.start()
    for name in ("h", "i"):
        identity, run = await worker.run()
        assert run.steps[0][0].hook == name
        await worker.answer(identity)
    assert isinstance((await answer).outcome, Proceed)


async def test_a_new_manifest_that_is_not_accepted_ends_the_stream_with_every_problem(
    sidecar: Sidecar, worker: AttachedWorker
) -> None:
    await worker.attach()
    manifest = a_manifest(a_spec("h", hook_type="no_such"), a_spec("i", hook_type="nor_this"))
    await worker.send(Frame(0, EventTag.MANIFEST, _wire.encode_manifest(manifest)))
    refusal = await worker.refusal()
    assert "no_such" in refusal
    assert "nor_this" in refusal
    assert len(sidecar.holder.current.plan("component_pre_execute").hooks) == 1


async def test_of_several_manifests_in_one_message_the_newest_takes_effect(
    sidecar: Sidecar, worker: AttachedWorker
) -> None:
    await worker.attach()
    manifests = [a_manifest(a_spec("h"), a_spec(name)) for name in "ijk"]
    await worker.send(
        *(Frame(0, EventTag.MANIFEST, _wire.encode_manifest(each)) for each in manifests)
    )
    await until(lambda: len(sidecar.holder.current.plan(HOOK_TYPE).hooks) == 2)
    hooks = sidecar.holder.current.plan(HOOK_TYPE).hooks
    assert [hook.name for hook in hooks] == ["h", "k"]
    assert sidecar.holder.current.sequence == 2


async def test_a_worker_that_declares_itself_anew_all_the_time_waits_for_its_turn(
    socket_folder: Path,
) -> None:
    sidecar = Sidecar(manifest_seconds=3600.0)
    async with (
        attach_server(sidecar, socket_folder / "w.sock") as target,
        AttachedWorker(target) as worker,
        AttachedWorker(target) as other,
    ):
        await worker.attach()
        for number in range(12):
            manifest = a_manifest(a_spec("h"), a_spec(f"h{number}"))
            await worker.send(Frame(0, EventTag.MANIFEST, _wire.encode_manifest(manifest)))
        await until(lambda: sidecar.holder.current.sequence == 9)
        # What the worker sends after too many manifests is not read for now; others are.
        await other.attach(a_manifest(a_spec("h"), worker="other"))
        await sidecar.connected(2)
        assert sidecar.holder.current.sequence == 10


@pytest.mark.parametrize("tag", [EventTag.STARTED, EventTag.EXTEND, EventTag.END])
async def test_an_event_of_a_run_that_never_was_is_counted(
    sidecar: Sidecar, worker: AttachedWorker, tag: EventTag
) -> None:
    await worker.attach()
    await worker.send(Frame(77, tag, b""))
    await until(lambda: sidecar.seen.dropped)
    assert sidecar.seen.dropped == [FrameDrop.UNKNOWN_ID]


async def test_a_hook_that_begins_twice_or_is_not_in_the_run_is_counted_and_changes_nothing(
    sidecar: Sidecar, worker: AttachedWorker
) -> None:
    await worker.attach()
    _, answer = sidecar.start()
    identity, _ = await worker.run()
    await worker.send(
        Frame(identity, EventTag.STARTED, _wire.encode_started(1)),
        Frame(identity, EventTag.STARTED, _wire.encode_started()),
        Frame(identity, EventTag.STARTED, _wire.encode_started()),
    )
    await worker.answer(identity)
    assert isinstance((await answer).outcome, Proceed)
    assert sidecar.seen.dropped == [FrameDrop.UNEXPECTED] * 3


async def test_broken_frames_of_one_message_are_each_counted_and_logged_in_one_line(
    sidecar: Sidecar, worker: AttachedWorker, caplog: pytest.LogCaptureFixture
) -> None:
    await worker.attach()
    await worker.send_raw(pack([b""] * 64))
    await until(lambda: len(sidecar.seen.dropped) == 64)
    lines = [line for line in caplog.messages if line.startswith("frame_malformed")]
    assert lines == ["frame_malformed worker=w instance=i1 frames=64 problem='no body'"]


async def test_a_message_of_broken_frames_without_end_ends_the_stream(
    sidecar: Sidecar, worker: AttachedWorker
) -> None:
    await worker.attach()
    await worker.send_raw(pack([b""] * 10_000))
    assert "over 64 frames of one message are broken" in await worker.refusal()
    assert sidecar.seen.dropped == [FrameDrop.MALFORMED] * 65


async def test_a_manifest_that_cannot_be_read_ends_the_stream(
    sidecar: Sidecar, worker: AttachedWorker
) -> None:
    await worker.attach()
    await worker.send(Frame(0, EventTag.MANIFEST, b"\xff"))
    assert "MALFORMED_REQUEST" in await worker.refusal()
    await sidecar.connected(0)


async def test_a_manifest_with_problems_is_refused_with_all_of_them(
    sidecar: Sidecar, worker: AttachedWorker
) -> None:
    await worker.introduce(
        a_manifest(a_spec("h"), a_spec("h"), a_spec("x", hook_type="no_such_type"))
    )
    refusal = await worker.refusal()
    assert "INVALID_MANIFEST" in refusal
    assert "no_such_type" in refusal
    assert "h" in refusal
    assert len(sidecar.links) == 0


async def test_another_version_of_the_contract_is_refused(worker: AttachedWorker) -> None:
    await worker.introduce(a_manifest(version=2))
    refusal = await worker.refusal()
    assert "UNKNOWN_PROTOCOL_VERSION" in refusal
    assert "version 2" in refusal


@pytest.mark.parametrize(
    "first",
    [
        pack([encode_frame(Frame(1, EventTag.RESULT, b""))]),
        pack([encode_frame(Frame(0, EventTag.HELLO, b"\xff"))]),
        pack([encode_frame(Frame(0, EventTag.HELLO, b""))]),
        b"\xff\xff\xff",
        b"",
    ],
    ids=["a result", "octets", "no manifest", "no batch", "no frame"],
)
async def test_whatever_is_not_a_hello_is_refused_as_the_first_frame(
    worker: AttachedWorker, first: bytes
) -> None:
    await worker.send_raw(first)
    assert "MALFORMED_REQUEST" in await worker.refusal()


async def test_limits_that_leave_no_room_for_anything_are_refused(worker: AttachedWorker) -> None:
    await worker.introduce(a_manifest(limits=Limits(max_batch_bytes=3)))
    refusal = await worker.refusal()
    assert "MALFORMED_REQUEST" in refusal
    assert "max_batch_bytes" in refusal


async def test_a_worker_that_says_nothing_is_not_waited_for_for_ever(
    worker: AttachedWorker,
) -> None:
    assert "no hello came within 1 s" in await worker.refusal()


async def test_a_name_bound_to_a_user_is_refused_to_another_one(socket_folder: Path) -> None:
    sidecar = Sidecar(WorkerConfig(name="w", uid=1234))
    async with (
        attach_server(sidecar, socket_folder / "w.sock", peer=Peer(uid=99)) as target,
        AttachedWorker(target) as worker,
    ):
        await worker.introduce()
        assert "WORKER_IDENTITY" in await worker.refusal()
        assert len(sidecar.links) == 0


async def test_a_scope_gets_a_handle_and_runs_only_for_calls_that_name_it(
    sidecar: Sidecar, worker: AttachedWorker
) -> None:
    hello = await worker.attach(a_manifest(worker="app"), scope_only=True)
    assert len(hello.scope_handle) >= 32
    assert (await sidecar.invoke()).receipt.lines == ()
    _, answer = sidecar.start(handles=(hello.scope_handle,))
    identity, _ = await worker.run()
    await worker.answer(identity, BLOCK)
    assert isinstance((await answer).outcome, Violation)


async def test_two_scopes_have_handles_of_their_own_and_never_fire_each_other(
    sidecar: Sidecar, worker: AttachedWorker, target: str
) -> None:
    async with AttachedWorker(target) as other:
        mine = (await worker.attach(a_manifest(worker="app"), scope_only=True)).scope_handle
        theirs = (await other.attach(a_manifest(worker="app"), scope_only=True)).scope_handle
        assert mine != theirs
        _, answer = sidecar.start(handles=(theirs,))
        identity, _ = await other.run()
        await other.answer(identity)
        assert isinstance((await answer).outcome, Proceed)
    gone = await sidecar.invoke(handles=(theirs,))
    assert gone.receipt.lines[0].failure_class is FailureClass.UNREACHABLE
    _, still = sidecar.start(handles=(mine,))
    identity, _ = await worker.run()
    await worker.answer(identity)
    assert isinstance((await still).outcome, Proceed)


async def test_the_socket_of_applications_takes_scopes_and_no_workers(
    sidecar: Sidecar, socket_folder: Path
) -> None:
    async with attach_server(sidecar, socket_folder / "app.sock", scopes_only=True) as target:
        async with AttachedWorker(target) as worker:
            await worker.introduce()
            refusal = await worker.refusal()
            assert "REGISTRATION_FORBIDDEN" in refusal
            assert "listen.workers_socket" in refusal
        async with AttachedWorker(target) as scope:
            assert (await scope.attach(a_manifest(worker="app"), scope_only=True)).scope_handle


async def test_a_sidecar_that_stops_tells_its_workers_and_takes_no_new_ones(
    sidecar: Sidecar, worker: AttachedWorker, target: str
) -> None:
    await worker.attach()
    assert sidecar.host.attached == 1
    sidecar.host.announce_draining()
    await worker.expect(RunTag.DRAINING)
    async with AttachedWorker(target) as late:
        await late.introduce()
        assert "DRAINING" in await late.refusal()


async def test_a_worker_that_does_not_read_makes_runs_fail_and_not_the_sidecar(
    sidecar: Sidecar, worker: AttachedWorker
) -> None:
    await worker.attach(a_manifest(a_spec("h", timeout=0.2), limits=Limits(max_in_flight=10_000)))
    text = f'"{"x" * 4_000_000}"'
    answers = [sidecar.start(call_id=f"{number}", model_options=text)[1] for number in range(40)]
    lines = [(await answer).receipt.lines[0] for answer in answers]
    kinds = {line.failure_class for line in lines}
    assert FailureClass.OVERLOADED in kinds
    assert kinds <= {FailureClass.OVERLOADED, FailureClass.TIMEOUT}
    assert "read by it" in next(line.message for line in lines if line.code == "WORKER_BUSY")


async def test_an_answer_over_the_sidecar_s_limit_is_malformed(socket_folder: Path) -> None:
    sidecar = Sidecar(limits=Limits(max_message_bytes=1000))
    async with (
        attach_server(sidecar, socket_folder / "w.sock") as target,
        AttachedWorker(target) as worker,
    ):
        await worker.attach()
        _, answer = sidecar.start()
        identity, _ = await worker.run()
        await worker.answer(identity, patch(f'"{"x" * 2000}"'))
        assert (await answer).receipt.lines[0].failure_class is FailureClass.MALFORMED


async def test_large_answers_for_which_there_is_no_room_now_are_overload(
    socket_folder: Path,
) -> None:
    sidecar = Sidecar(limits=Limits(max_in_flight=1))
    async with (
        attach_server(sidecar, socket_folder / "w.sock") as target,
        AttachedWorker(target) as worker,
    ):
        await worker.attach()
        answers = [sidecar.start(call_id=f"call-{number}")[1] for number in range(2)]
        body = _wire.encode_result(PROCEED)
        ids = [(await worker.run())[0] for _ in answers]
        for identity in ids:
            await worker.send(Frame(identity, EventTag.PART, body[:1], 0, more=True))
        refused = (await answers[1]).receipt.lines[0]
        assert (refused.failure_class, refused.code) == (FailureClass.OVERLOADED, "SIDECAR_BUSY")
        await worker.send(Frame(ids[0], EventTag.PART, body[1:], 1, more=False))
        assert isinstance((await answers[0]).outcome, Proceed)
