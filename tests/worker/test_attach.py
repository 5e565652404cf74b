import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import grpc.aio
import pytest

from sidehook._call import CallFailure
from sidehook._manifest import Limits
from sidehook.v1 import hook_pb2, stream_pb2, worker_service_pb2
from sidehook.worker import (
    AttachSession,
    DisconnectedError,
    Dispatcher,
    RefusedError,
    UnknownProtocolError,
)
from sidehook.worker._attach import open_channel
from sidehook.worker._attaching import Attaching
from sidehook.worker._backoff import Backoff
from tests.worker.fakes import FakeRegistry, fake_registry, fields_of, run_request, values_of
from tests.worker.sample import (
    TYPE,
    Blocking,
    Held,
    Stubborn,
    Worker,
    broken,
    guard,
    remember,
    serving,
    shout,
    swell,
)
from tests.worker.waiting import DEADLINE, until


@pytest.fixture
def target(socket_folder: Path) -> str:
    return f"unix://{socket_folder}/workers.sock"


@pytest.fixture
async def registry(target: str) -> AsyncIterator[FakeRegistry]:
    async with fake_registry(target) as running:
        yield running


async def test_it_introduces_itself_and_is_ready_once_its_hooks_are_active(
    registry: FakeRegistry,
) -> None:
    registry.script.active = False
    async with serving(shout, guard, attach=registry.target) as worker:
        end = await registry.worker()
        hello = (await end.event("hello")).hello

        assert not hello.scope_only
        assert (hello.manifest.protocol_version, hello.manifest.worker) == (1, "sample")
        assert set(hello.manifest.capabilities) == {"continuations", "fused_runs", "split_frames"}
        assert [(spec.name, spec.hook_type) for spec in hello.manifest.hooks] == [
            ("shout", TYPE),
            ("guard", TYPE),
        ]
        assert hello.manifest.hooks[0].mode == hook_pb2.MODE_TRANSFORM
        assert not hello.manifest.hooks[1].HasField("mode")

        assert worker.ready == []
        await end.notice("HOOKS_ACTIVE")
        assert await worker.is_ready() == f"sample attached to {registry.target}"


async def test_it_is_ready_after_a_while_though_nobody_says_that_the_hooks_are_active(
    registry: FakeRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    registry.script.active = False
    worker, stop = Worker(), asyncio.Event()
    dispatcher = Dispatcher([shout], "sample")
    attaching = Attaching(
        dispatcher,
        registry.target,
        stop=stop,
        grace=1.0,
        on_ready=worker.announce,
        active_timeout=0.01,
    )
    running = asyncio.create_task(attaching.run())

    assert await worker.is_ready() == f"sample attached to {registry.target}"
    assert "hooks_not_active worker=sample" in caplog.text
    stop.set()
    await running
    dispatcher.close()


async def test_a_run_is_started_answered_and_ended(registry: FakeRegistry) -> None:
    async with serving(shout, attach=registry.target):
        end = await registry.worker()
        run = await end.start(run_request("shout", {"word": "hush", "other": 2**60 + 1}))
        result = await end.result(run)

        assert values_of(result.patch) == {"word": "HUSH"}
        assert result.index == 0
        kinds = [event.WhichOneof("body") for event in end.events if event.id == run]
        assert kinds == ["started", "result", "end"]


async def test_every_kind_of_answer_arrives(registry: FakeRegistry) -> None:
    async with serving(shout, guard, broken, attach=registry.target):
        end = await registry.worker()

        proceeds = await end.call(run_request("guard", {"word": "good"}))
        blocks = await end.call(run_request("guard", {"word": "bad"}))
        fails = await end.call(run_request("broken", {"word": "hush"}))
        unchanged = await end.call(run_request("shout", {"word": "LOUD"}))

        assert proceeds.WhichOneof("answer") == "proceed"
        assert (blocks.block.reason, blocks.block.code) == ("not that word", "WORD")
        assert fails.error.failure_class == hook_pb2.FAILURE_CLASS_RAISED
        assert fails.error.code == "LookupError"
        assert "hush" not in fails.error.message
        assert unchanged.WhichOneof("answer") == "proceed"


async def test_context_and_state_travel_both_ways(registry: FakeRegistry) -> None:
    async with serving(remember, attach=registry.target):
        end = await registry.worker()

        result = await end.call(run_request("remember", {"word": "x"}, state={"seen": b"41"}))

        assert values_of(result.patch) == {"who": "ada@acme", "call": "call-1"}
        assert dict(result.state.set) == {"seen": b"42"}


async def test_runs_interleave(registry: FakeRegistry) -> None:
    held = Held()
    async with serving(held, shout, attach=registry.target):
        end = await registry.worker()
        slow = await end.start(run_request("held"))
        await held.entered.wait()

        assert values_of((await end.call(run_request("shout", {"word": "a"}))).patch) == {
            "word": "A"
        }
        assert not end.seen("result", slow)
        held.go_on.set()
        assert values_of((await end.result(slow)).patch) == {"word": "let go"}


async def test_a_cancelled_run_is_seen_by_its_handler_and_sends_no_result(
    registry: FakeRegistry,
) -> None:
    held = Held()
    async with serving(held, attach=registry.target):
        end = await registry.worker()
        run = await end.start(run_request("held"))
        await held.entered.wait()

        await end.cancel(run)

        async with asyncio.timeout(DEADLINE):
            await held.cancelled.wait()
        await end.event("end", run)
        assert not end.seen("result", run)


async def test_cancelling_the_only_hook_of_a_run_cancels_the_run(registry: FakeRegistry) -> None:
    held = Held()
    async with serving(held, attach=registry.target):
        end = await registry.worker()
        run = await end.start(run_request("held"))
        await held.entered.wait()

        await end.cancel(run, index=1)
        await end.call(run_request("held-is-not-called", {}))
        assert not held.cancelled.is_set()

        await end.cancel(run, index=0)
        async with asyncio.timeout(DEADLINE):
            await held.cancelled.wait()


async def test_a_cancelled_blocking_handler_is_told(registry: FakeRegistry) -> None:
    blocking = Blocking()
    async with serving(blocking, attach=registry.target):
        end = await registry.worker()
        run = await end.start(run_request("blocking"))
        await until(blocking.entered.is_set)

        await end.cancel(run)

        await until(blocking.told.is_set)
        await end.event("end", run)
        assert not end.seen("result", run)
        blocking.go_on.set()


async def test_a_run_that_is_cancelled_at_once_still_ends(registry: FakeRegistry) -> None:
    held = Held()
    async with serving(held, attach=registry.target):
        end = await registry.worker()
        run = worker_service_pb2.RunFrame(id=9, run=run_request("held"))
        cancel = worker_service_pb2.RunFrame(id=9, cancel=worker_service_pb2.CancelRun())

        await end.send(run, cancel)

        await end.event("end", 9)
        assert not end.seen("result", 9)
        assert held.calls == 0


async def test_a_bad_frame_takes_none_of_its_neighbours_with_it(registry: FakeRegistry) -> None:
    async with serving(shout, attach=registry.target):
        end = await registry.worker()
        good = worker_service_pb2.RunFrame(id=7, run=run_request("shout", {"word": "a"}))
        unknown = worker_service_pb2.RunFrame(id=3, cancel=worker_service_pb2.CancelRun())

        await end.send_raw(
            b"\xff\xff\xff",
            b"\x08\x05",
            unknown.SerializeToString(),
            b"\x08\x04\xa2\x06\x01x",
            good.SerializeToString(),
        )

        assert values_of((await end.result(7)).patch) == {"word": "A"}
        assert len([event for event in end.events if event.id not in (0, 7)]) == 2
        assert end.seen("result", 5)[0].result.error.code == "MALFORMED_FRAME"


async def test_a_run_that_cannot_be_read_is_a_failure_of_that_run(registry: FakeRegistry) -> None:
    async with serving(shout, attach=registry.target):
        end = await registry.worker()
        nameless = run_request("shout")
        nameless.payload.fields[""].json = b"1"

        result = await end.call(nameless)

        assert result.error.code == "MALFORMED_RUN"
        assert values_of((await end.call(run_request("shout", {"word": "a"}))).patch) == {
            "word": "A"
        }


async def test_an_id_under_way_is_not_started_twice(registry: FakeRegistry) -> None:
    held = Held()
    async with serving(held, shout, attach=registry.target):
        end = await registry.worker()
        run = await end.start(run_request("held"))
        await held.entered.wait()

        await end.send(worker_service_pb2.RunFrame(id=run, run=run_request("held")))
        await end.call(run_request("shout", {"word": "a"}))
        held.go_on.set()
        await end.result(run)

        assert held.calls == 1


async def test_a_run_that_comes_in_parts_is_put_together(registry: FakeRegistry) -> None:
    async with serving(shout, attach=registry.target):
        end = await registry.worker()
        octets = run_request("shout", {"word": "a" * 100_000}).SerializeToString()
        middle = len(octets) // 2

        await end.send(worker_service_pb2.RunFrame(id=4, more=True, part=octets[:middle]))
        await end.call(run_request("shout", {"word": "between"}))
        await end.send(worker_service_pb2.RunFrame(id=4, seq=1, part=octets[middle:]))

        assert values_of((await end.result(4)).patch) == {"word": "A" * 100_000}


async def test_parts_that_do_not_fit_are_a_failure_of_their_run(registry: FakeRegistry) -> None:
    async with serving(shout, attach=registry.target):
        end = await registry.worker()

        await end.send(worker_service_pb2.RunFrame(id=4, seq=1, part=b"x"))

        assert (await end.result(4)).error.code == "MALFORMED_FRAME"


async def test_a_large_answer_leaves_in_parts_that_others_overtake(registry: FakeRegistry) -> None:
    async with serving(swell, shout, attach=registry.target):
        end = await registry.worker()

        large = await end.start(run_request("swell", {"word": "a", "times": 4_000_000}))
        small = await end.call(run_request("shout", {"word": "a"}))

        assert values_of(small.patch) == {"word": "A"}
        assert values_of((await end.result(large)).patch) == {"word": "a" * 4_000_000}
        assert len(end.seen("part", large)) > 10


async def test_an_answer_over_the_sidecars_limit_is_a_failure(registry: FakeRegistry) -> None:
    registry.script.limits = stream_pb2.Limits(max_message_bytes=10_000)
    async with serving(swell, attach=registry.target):
        end = await registry.worker()

        result = await end.call(run_request("swell", {"word": "a", "times": 20_000}))

        assert result.error.failure_class == hook_pb2.FAILURE_CLASS_MALFORMED
        assert result.error.code == "ANSWER_TOO_LARGE"


async def test_one_run_too_many_is_overload_and_is_not_started(registry: FakeRegistry) -> None:
    held = Held()
    dispatcher = Dispatcher([held], "sample", limits=Limits(max_in_flight=1))
    async with (
        open_channel(registry.target, dispatcher.limits) as channel,
        AttachSession(channel, dispatcher) as session,
    ):
        end = await registry.worker()
        run = await end.start(run_request("held"))
        await held.entered.wait()

        refused = await end.call(run_request("held"))

        assert refused.error.failure_class == hook_pb2.FAILURE_CLASS_OVERLOADED
        assert refused.error.code == "TOO_MANY_RUNS"
        held.go_on.set()
        await end.result(run)
        assert session.stats.taken == 1
    dispatcher.close()


async def test_what_the_sidecar_notices_is_in_the_log(
    registry: FakeRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(shout, attach=registry.target):
        end = await registry.worker()

        await end.notice("FIELDS_REJECTED", hook="shout", call_id="c9", fields=["word", "b"])
        await end.call(run_request("shout", {"word": "a"}))

    notices = [r for r in caplog.records if "FIELDS_REJECTED" in r.getMessage()]
    assert [(r.name, r.levelno) for r in notices] == [("sidehook.worker", logging.WARNING)]
    assert "hook=shout call_id=c9 fields=word,b" in notices[0].getMessage()


async def test_a_refused_manifest_ends_the_worker_with_every_problem(
    registry: FakeRegistry,
) -> None:
    registry.script.refuse = CallFailure(
        reason="INVALID_MANIFEST",
        message="the manifest of worker sample has 2 problems",
        metadata={"hooks[0].condition": "is not there yet", "hooks[1].sample": "neither"},
    )
    async with serving(shout, attach=registry.target) as worker:
        with pytest.raises(RefusedError) as caught:
            await worker.ended()

    assert caught.value.reason == "INVALID_MANIFEST"
    assert caught.value.metadata["hooks[1].sample"] == "neither"
    assert str(caught.value) == (
        "the sidecar does not accept the manifest (INVALID_MANIFEST):\n"
        "  the manifest of worker sample has 2 problems\n"
        "  hooks[0].condition: is not there yet\n"
        "  hooks[1].sample: neither"
    )
    assert registry.attempts == 1


async def test_numbered_problems_are_told_in_their_order(registry: FakeRegistry) -> None:
    problems = {f"problem_{number}": f"the {number}. thing" for number in range(1, 12)}
    registry.script.refuse = CallFailure(
        reason="REGISTRATION_FORBIDDEN", message="11 things", metadata=problems
    )
    dispatcher = Dispatcher([shout], "sample")
    async with open_channel(registry.target, dispatcher.limits) as channel:
        with pytest.raises(RefusedError) as caught:
            await AttachSession(channel, dispatcher).__aenter__()
    dispatcher.close()

    lines = str(caught.value).splitlines()
    assert lines[0].endswith("(REGISTRATION_FORBIDDEN):")
    assert lines[1:] == [f"  the {number}. thing" for number in range(1, 12)]


async def test_a_sidecar_that_drains_is_tried_again(registry: FakeRegistry) -> None:
    registry.script.refuse = CallFailure(reason="DRAINING", message="attach to another")
    async with serving(shout, attach=registry.target) as worker:
        await registry.refused(2)
        registry.script.refuse = None

        await worker.is_ready()


async def test_a_server_that_registers_nobody_ends_the_worker(target: str) -> None:
    server = grpc.aio.server()
    server.add_insecure_port(target)
    await server.start()
    dispatcher = Dispatcher([shout], "sample")
    async with open_channel(target, dispatcher.limits) as channel:
        with pytest.raises(RefusedError, match=r"workers cannot register here \(UNIMPLEMENTED\):"):
            await AttachSession(channel, dispatcher).__aenter__()
    await server.stop(None)
    dispatcher.close()


async def test_another_version_of_the_contract_ends_the_worker(registry: FakeRegistry) -> None:
    registry.script.version = 2
    dispatcher = Dispatcher([shout], "sample")
    async with open_channel(registry.target, dispatcher.limits) as channel:
        with pytest.raises(UnknownProtocolError, match="speaks version 2 of the contract") as found:
            await AttachSession(channel, dispatcher).__aenter__()
    assert found.value.version == 2
    dispatcher.close()


async def test_a_sidecar_that_is_not_there_is_an_error_of_the_session(target: str) -> None:
    dispatcher = Dispatcher([shout], "sample")
    async with open_channel(target, dispatcher.limits) as channel:
        with pytest.raises(DisconnectedError, match="UNAVAILABLE"):
            await AttachSession(channel, dispatcher).__aenter__()
    dispatcher.close()


async def test_a_worker_waits_for_a_sidecar_that_is_not_there_yet(
    target: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(shout, attach=target) as worker:
        await until(lambda: "sidecar_unreachable" in caplog.text)
        assert f"target={target}" in caplog.text
        assert "start one with `sidehook serve`" in caplog.text
        async with fake_registry(target):
            assert await worker.is_ready() == f"sample attached to {target}"
            worker.stop.set()
            await worker.ended()


async def test_a_worker_attaches_again_when_its_sidecar_was_gone(target: str) -> None:
    async with fake_registry(target) as first, serving(shout, attach=target) as worker:
        await first.worker()
        await worker.is_ready()
        await first.stop()
        async with fake_registry(target) as second:
            end = await second.worker()
            result = await end.call(run_request("shout", {"word": "back"}))

            assert values_of(result.patch) == {"word": "BACK"}
            assert len(worker.ready) == 1
            worker.stop.set()
            await worker.ended()


async def test_runs_are_cancelled_when_the_sidecar_is_gone(target: str) -> None:
    held = Held()
    async with fake_registry(target) as registry, serving(held, attach=target):
        end = await registry.worker()
        await end.start(run_request("held"))
        await held.entered.wait()

        await registry.stop()

        async with asyncio.timeout(DEADLINE):
            await held.cancelled.wait()


async def test_a_handler_that_will_not_be_cancelled_keeps_no_worker_from_coming_back(
    target: str, caplog: pytest.LogCaptureFixture
) -> None:
    stubborn = Stubborn()
    async with fake_registry(target) as first, serving(stubborn, shout, attach=target) as worker:
        end = await first.worker()
        await end.start(run_request("stubborn"))
        await stubborn.entered.wait()

        await first.stop()

        async with fake_registry(target) as second:
            end = await second.worker()
            result = await end.call(run_request("shout", {"word": "back"}))
            assert values_of(result.patch) == {"word": "BACK"}
            assert "handlers_ignore_cancellation worker=sample count=1" in caplog.text
            stubborn.go_on.set()
            worker.stop.set()
            await worker.ended()


async def test_a_worker_that_stops_says_goodbye_and_finishes_what_it_has(
    registry: FakeRegistry,
) -> None:
    held = Held()
    async with serving(held, attach=registry.target) as worker:
        end = await registry.worker()
        run = await end.start(run_request("held"))
        await held.entered.wait()

        worker.stop.set()
        await end.event("goodbye")
        assert not end.half_closed
        held.go_on.set()

        assert values_of((await end.result(run)).patch) == {"word": "let go"}
        await worker.ended()
        await end.until(lambda: end.half_closed)


async def test_a_run_that_crossed_the_goodbye_is_served(registry: FakeRegistry) -> None:
    dispatcher = Dispatcher([shout], "sample")
    async with open_channel(registry.target, dispatcher.limits) as channel:
        session = AttachSession(channel, dispatcher, grace=30, linger=30)
        await session.__aenter__()
        end = await registry.worker()

        leaving = asyncio.create_task(session.__aexit__(None, None, None))
        await end.event("goodbye")
        result = await end.call(run_request("shout", {"word": "late"}))
        await registry.stop()
        await leaving

    assert values_of(result.patch) == {"word": "LATE"}
    dispatcher.close()


async def test_runs_over_the_grace_are_cancelled(registry: FakeRegistry) -> None:
    held = Held()
    async with serving(held, attach=registry.target, grace=0.05) as worker:
        end = await registry.worker()
        await end.start(run_request("held"))
        await held.entered.wait()

        worker.stop.set()
        await worker.ended()

        assert held.cancelled.is_set()


async def test_a_blocking_handler_that_never_returns_does_not_keep_a_worker(
    registry: FakeRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    blocking = Blocking()
    async with serving(blocking, attach=registry.target, grace=0.05) as worker:
        end = await registry.worker()
        await end.start(run_request("blocking"))
        await until(blocking.entered.is_set)

        worker.stop.set()
        await worker.ended()

        assert "handlers_still_running worker=sample count=1" in caplog.text
        blocking.go_on.set()


async def test_a_worker_whose_task_is_cancelled_leaves_at_once(registry: FakeRegistry) -> None:
    held = Held()
    async with serving(held, attach=registry.target) as worker:
        end = await registry.worker()
        await end.start(run_request("held"))
        await held.entered.wait()

        worker.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await worker.ended()

        assert held.cancelled.is_set()


async def test_a_scope_gets_its_handle_and_serves_until_it_is_left(registry: FakeRegistry) -> None:
    registry.script.scope_handle = "h-123"
    dispatcher = Dispatcher([shout], "app")
    async with (
        open_channel(registry.target, dispatcher.limits) as channel,
        AttachSession(channel, dispatcher, scope_only=True) as session,
    ):
        end = await registry.worker()

        assert session.hello.scope_handle == "h-123"
        assert (await end.event("hello")).hello.scope_only
        assert values_of((await end.call(run_request("shout", {"word": "a"}))).patch) == {
            "word": "A"
        }
    await end.event("goodbye")
    await end.until(lambda: end.half_closed)
    dispatcher.close()


async def test_a_session_that_lost_its_sidecar_says_so(target: str) -> None:
    dispatcher = Dispatcher([shout], "app")
    async with (
        fake_registry(target) as registry,
        open_channel(target, Limits()) as channel,
        AttachSession(channel, dispatcher) as session,
    ):
        await registry.worker()
        await registry.stop()
        with pytest.raises(DisconnectedError):
            await asyncio.wait_for(session.ended(), DEADLINE)
    dispatcher.close()


def test_waits_double_up_to_the_longest_and_are_shortened_by_chance() -> None:
    calm = Backoff(first=1.0, longest=5.0, chance=lambda: 0.0)
    lucky = Backoff(first=1.0, longest=5.0, chance=lambda: 1.0)

    assert [calm.next() for _ in range(5)] == [1.0, 2.0, 4.0, 5.0, 5.0]
    assert [lucky.next() for _ in range(3)] == [0.5, 1.0, 2.0]
    calm.reset()
    assert calm.next() == 1.0


def test_the_fakes_payload_is_the_contracts() -> None:
    assert values_of(fields_of({"a": 1, "b": b"raw"})) == {"a": 1, "b": b"raw"}
