import asyncio
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import grpc.aio
import pytest

from sidehook._errors import DefinitionError
from sidehook.v1 import hook_pb2, worker_service_pb2
from sidehook.worker import AddressError, aio_serve
from sidehook.worker._address import listen_address
from tests.worker.fakes import Dialler, dial, run_request, values_of
from tests.worker.sample import (
    TYPE,
    Blocking,
    Held,
    broken,
    guard,
    remember,
    serving,
    shout,
    swell,
)
from tests.worker.waiting import DEADLINE, until


@pytest.fixture
def address(socket_folder: Path) -> str:
    return f"unix://{socket_folder}/worker.sock"


@pytest.fixture
async def dialler(address: str) -> AsyncIterator[Dialler]:
    """A sidecar that has dialled a worker with the sample hooks."""
    async with serving(shout, guard, broken, remember, swell, listen=address) as worker:
        await worker.is_ready()
        async with dial(address) as dialled:
            yield dialled


def left_behind(path: Path) -> None:
    """A socket file whose process is gone."""
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))


async def refused(address: str) -> str:
    with pytest.raises(AddressError) as caught:
        await aio_serve(shout, listen=address, name="sample")
    assert caught.value.address == address
    return caught.value.problem


async def test_it_says_where_it_listens(address: str) -> None:
    async with serving(shout, listen=address) as worker:
        assert await worker.is_ready() == f"sample listening on {address}"


async def test_describe_answers_with_the_manifest(dialler: Dialler) -> None:
    manifest = await dialler.describe()

    assert (manifest.protocol_version, manifest.worker) == (1, "sample")
    assert [spec.name for spec in manifest.hooks] == [
        "shout",
        "guard",
        "broken",
        "remember",
        "swell",
    ]
    assert manifest.hooks[0].hook_type == TYPE


async def test_describe_refuses_another_version_of_the_contract(dialler: Dialler) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await dialler.stub.Describe(worker_service_pb2.DescribeRequest(protocol_version=2))

    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "UNKNOWN_PROTOCOL_VERSION" in (caught.value.details() or "")


async def test_a_unary_run_gives_every_kind_of_answer(dialler: Dialler) -> None:
    async def run(hook: str, word: str) -> worker_service_pb2.HookResult:
        return (await dialler.stub.Run(run_request(hook, {"word": word}))).result

    assert values_of((await run("shout", "hush")).patch) == {"word": "HUSH"}
    assert (await run("guard", "good")).WhichOneof("answer") == "proceed"
    assert (await run("guard", "bad")).block.code == "WORD"
    assert (await run("broken", "x")).error.failure_class == hook_pb2.FAILURE_CLASS_RAISED
    assert (await run("missing", "x")).error.code == "UNKNOWN_HOOK"


async def test_a_unary_run_with_several_hooks_is_an_error_of_that_run(dialler: Dialler) -> None:
    request = run_request("shout", {"word": "a"})
    request.steps.append(request.steps[0])

    result = (await dialler.stub.Run(request)).result

    assert result.error.failure_class == hook_pb2.FAILURE_CLASS_MALFORMED
    assert result.error.code == "NOT_ONE_HOOK"


async def test_a_unary_run_carries_context_and_state(dialler: Dialler) -> None:
    result = (await dialler.stub.Run(run_request("remember"))).result

    assert values_of(result.patch) == {"who": "ada@acme", "call": "call-1"}
    assert dict(result.state.set) == {"seen": b"1"}


async def test_a_unary_run_may_be_large(dialler: Dialler) -> None:
    request = run_request("swell", {"word": "a" * 1_000_000, "times": 8})

    result = (await dialler.stub.Run(request)).result

    assert len(values_of(result.patch)["word"]) == 8_000_000


async def test_a_unary_run_that_cannot_be_read_is_refused(dialler: Dialler) -> None:
    request = run_request("shout")
    request.payload.fields[""].json = b"1"

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await dialler.stub.Run(request)

    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_cancelling_a_unary_run_reaches_its_handler(address: str) -> None:
    held = Held()
    async with serving(held, listen=address) as worker:
        await worker.is_ready()
        async with dial(address) as dialler:
            call = dialler.stub.Run(run_request("held"))
            async with asyncio.timeout(DEADLINE):
                await held.entered.wait()
                call.cancel()
                await held.cancelled.wait()


async def test_cancelling_a_unary_run_tells_its_blocking_handler(address: str) -> None:
    blocking = Blocking()
    async with serving(blocking, listen=address) as worker:
        await worker.is_ready()
        async with dial(address) as dialler:
            call = dialler.stub.Run(run_request("blocking"))
            await until(lambda: blocking.entered.is_set() or call.done())
            call.cancel()
            await until(blocking.told.is_set)
            blocking.go_on.set()


async def test_a_stream_begins_with_both_hellos_and_serves_runs(dialler: Dialler) -> None:
    end = await dialler.stream()

    hello = (await end.event("hello")).hello
    result = await end.call(run_request("shout", {"word": "hush"}))

    assert (hello.manifest.worker, hello.scope_only) == ("sample", False)
    assert values_of(result.patch) == {"word": "HUSH"}


async def test_streams_do_not_share_ids(dialler: Dialler) -> None:
    first, second = await dialler.stream(), await dialler.stream()

    one = await first.call(run_request("shout", {"word": "a"}))
    two = await second.call(run_request("shout", {"word": "b"}))

    assert (values_of(one.patch), values_of(two.patch)) == ({"word": "A"}, {"word": "B"})


async def test_a_stream_of_another_version_is_refused(dialler: Dialler) -> None:
    call = dialler.stub.RunStream()
    hello = worker_service_pb2.RunFrame()
    hello.hello.protocol_version = 9

    await call.write(worker_service_pb2.RunStreamRequest(frames=[hello.SerializeToString()]))

    assert await call.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "UNKNOWN_PROTOCOL_VERSION" in await call.details()


async def test_a_stream_that_does_not_begin_with_hello_is_refused(dialler: Dialler) -> None:
    call = dialler.stub.RunStream()
    frame = worker_service_pb2.RunFrame(id=1, run=run_request("shout"))

    await call.write(worker_service_pb2.RunStreamRequest(frames=[frame.SerializeToString()]))

    assert await call.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "first frame is not its hello" in await call.details()


async def test_a_cancelled_run_of_a_stream_is_seen_by_its_handler(address: str) -> None:
    held = Held()
    async with serving(held, listen=address) as worker:
        await worker.is_ready()
        async with dial(address) as dialler:
            end = await dialler.stream()
            run = await end.start(run_request("held"))
            await held.entered.wait()

            await end.cancel(run)

            async with asyncio.timeout(DEADLINE):
                await held.cancelled.wait()
            await end.event("end", run)
            assert not end.seen("result", run)


async def test_a_stream_that_breaks_cancels_its_runs(address: str) -> None:
    held = Held()
    async with serving(held, listen=address) as worker:
        await worker.is_ready()
        async with dial(address) as dialler:
            end = await dialler.stream()
            await end.start(run_request("held"))
            await held.entered.wait()
        async with asyncio.timeout(DEADLINE):
            await held.cancelled.wait()


async def test_a_worker_that_stops_finishes_streams_and_unary_runs(address: str) -> None:
    held = Held()
    async with serving(held, listen=address) as worker:
        await worker.is_ready()
        async with dial(address) as dialler:
            end = await dialler.stream()
            run = await end.start(run_request("held"))
            call = dialler.stub.Run(run_request("held"))
            await until(lambda: held.calls == 2)

            worker.stop.set()
            await end.event("goodbye")
            held.go_on.set()

            assert values_of((await end.result(run)).patch) == {"word": "let go"}
            assert values_of((await call).result.patch) == {"word": "let go"}
            await worker.ended()
            await end.until(lambda: end.half_closed)


async def test_the_socket_is_gone_when_the_worker_is(address: str, socket_folder: Path) -> None:
    async with serving(shout, listen=address) as worker:
        await worker.is_ready()
        assert (socket_folder / "worker.sock").is_socket()

    assert os.listdir(socket_folder) == []


async def test_it_listens_on_a_free_port_and_says_which() -> None:
    async with serving(shout, listen="127.0.0.1:0") as worker:
        ready = await worker.is_ready()
        target = ready.removeprefix("sample listening on ")

        assert int(target.removeprefix("127.0.0.1:")) > 0
        async with dial(target) as dialler:
            assert (await dialler.describe()).worker == "sample"


async def test_an_address_that_others_can_reach_is_warned_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with serving(shout, listen="0.0.0.0:0") as worker:
        await worker.is_ready()

    assert "listening_in_the_open address=0.0.0.0:0" in caplog.text


async def test_a_socket_that_nobody_answers_on_is_taken_over(
    address: str, socket_folder: Path
) -> None:
    left_behind(socket_folder / "worker.sock")

    async with serving(shout, listen=address) as worker:
        await worker.is_ready()
        async with dial(address) as dialler:
            assert (await dialler.describe()).worker == "sample"


async def test_a_socket_that_somebody_answers_on_is_refused_and_left_alone(address: str) -> None:
    async with serving(shout, listen=address) as worker:
        await worker.is_ready()

        assert "another process listens there" in await refused(address)

        async with dial(address) as dialler:
            assert (await dialler.describe()).worker == "sample"


async def test_a_file_that_is_no_socket_is_refused_and_left_alone(
    address: str, socket_folder: Path
) -> None:
    precious = socket_folder / "worker.sock"
    precious.write_text("precious")

    assert "a file that is no socket is there" in await refused(address)
    assert precious.read_text() == "precious"


async def test_a_socket_path_that_is_too_long_is_refused_with_the_limit(
    socket_folder: Path,
) -> None:
    path = f"{socket_folder}/{'x' * 120}.sock"

    problem = await refused(f"unix://{path}")

    assert f"has {len(path)} bytes" in problem
    assert "107" in problem


async def test_a_folder_that_is_not_there_is_refused(socket_folder: Path) -> None:
    assert "there is no folder" in await refused(f"unix://{socket_folder}/gone/worker.sock")


@pytest.mark.parametrize("address", ["localhost", "localhost:http", ":80", "127.0.0.1:99999"])
async def test_what_is_no_address_is_refused(address: str) -> None:
    assert "an address is unix:///path, /path or host:port" in await refused(address)


async def test_a_port_in_use_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        problem = await refused(f"127.0.0.1:{taken.getsockname()[1]}")

    assert "cannot be listened on" in problem


async def test_a_worker_does_one_of_attaching_and_listening(address: str) -> None:
    with pytest.raises(DefinitionError, match="name one of attach= and listen="):
        await aio_serve(shout, attach=address, listen=address, name="sample")


@pytest.mark.parametrize(
    ("address", "exposed"),
    [
        ("127.0.0.1:1", False),
        ("[::1]:1", False),
        ("localhost:1", False),
        ("0.0.0.0:1", True),
        ("[::]:1", True),
        ("worker.example:1", True),
        ("unix:///tmp/worker.sock", False),
    ],
)
def test_what_others_can_reach_is_known(address: str, exposed: object) -> None:
    assert listen_address(address).exposed is exposed
