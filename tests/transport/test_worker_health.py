"""What the stock stubs of grpc.health.v1 hear of a worker that is dialled."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from sidehook.worker._listen import _SERVICE
from tests.worker.fakes import dial, run_request, values_of
from tests.worker.sample import Held, serving, shout
from tests.worker.waiting import DEADLINE, until

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVICE_UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN

NAMES = ["", _SERVICE]


@pytest.fixture
def address(socket_folder: Path) -> str:
    return f"unix://{socket_folder}/worker.sock"


@asynccontextmanager
async def probing(address: str) -> AsyncIterator[health_pb2_grpc.HealthStub]:
    async with grpc.aio.insecure_channel(address) as channel:
        await asyncio.wait_for(channel.channel_ready(), DEADLINE)
        yield health_pb2_grpc.HealthStub(channel)


def asked(service: str) -> health_pb2.HealthCheckRequest:
    return health_pb2.HealthCheckRequest(service=service)


@pytest.mark.parametrize("service", NAMES)
async def test_a_worker_that_listens_serves(address: str, service: str) -> None:
    async with serving(shout, listen=address) as worker:
        await worker.is_ready()
        async with probing(address) as health:
            assert (await health.Check(asked(service))).status == SERVING


async def test_a_service_that_it_does_not_have_is_unknown(address: str) -> None:
    async with serving(shout, listen=address) as worker:
        await worker.is_ready()
        async with probing(address) as health:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await health.Check(asked("other"))
            assert caught.value.code() is grpc.StatusCode.NOT_FOUND
            watch = health.Watch(asked("other"))
            assert (await watch.read()).status == SERVICE_UNKNOWN
            watch.cancel()


@pytest.mark.parametrize("service", NAMES)
async def test_a_worker_that_finishes_its_runs_says_that_it_does_not_serve(
    address: str, service: str
) -> None:
    held = Held()
    async with serving(held, listen=address) as worker:
        await worker.is_ready()
        async with probing(address) as health, dial(address) as dialler:
            watch = health.Watch(asked(service))
            assert (await watch.read()).status == SERVING
            end = await dialler.stream()
            run = await end.start(run_request("held"))
            await until(lambda: held.calls == 1)

            worker.stop.set()
            assert (await watch.read()).status == NOT_SERVING
            assert await watch.read() is grpc.aio.EOF
            assert (await health.Check(asked(service))).status == NOT_SERVING
            with pytest.raises(grpc.aio.AioRpcError, match="the worker stops") as caught:
                await dialler.describe()
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE

            held.go_on.set()
            assert values_of((await end.result(run)).patch) == {"word": "let go"}
            await worker.ended()


async def test_a_single_run_that_comes_while_others_are_finished_is_taken(address: str) -> None:
    held = Held()
    async with serving(held, shout, listen=address) as worker:
        await worker.is_ready()
        async with probing(address) as health, dial(address) as dialler:
            under_way = dialler.stub.Run(run_request("held"))
            await until(lambda: held.calls == 1)
            watch = health.Watch(asked(""))
            await watch.read()
            worker.stop.set()
            assert (await watch.read()).status == NOT_SERVING
            result = (await dialler.stub.Run(run_request("shout", {"word": "a"}))).result
            assert values_of(result.patch) == {"word": "A"}
            held.go_on.set()
            await under_way
            await worker.ended()


async def test_who_watches_does_not_hold_up_the_end(address: str) -> None:
    async with serving(shout, listen=address, grace=10 * DEADLINE) as worker:
        await worker.is_ready()
        async with probing(address) as health:
            watches = [health.Watch(asked(service)) for service in ("", "other")]
            for watch in watches:
                await watch.read()
            worker.stop.set()
            await worker.ended()


async def test_what_is_no_question_is_refused(address: str) -> None:
    async with serving(shout, listen=address) as worker:
        await worker.is_ready()
        async with grpc.aio.insecure_channel(address) as channel:
            check: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
                "/grpc.health.v1.Health/Check"
            )
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await check(b"\x0a\x01\xff")
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
