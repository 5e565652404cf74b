"""What any gRPC tool finds: health, reflection, and addresses that say what is wrong."""

import asyncio
import os
import socket
import stat
from pathlib import Path

import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from sidehook_server.errors import ListenError
from tests.transport.raw_worker import a_manifest, a_spec
from tests.unit.rpc.peers import HOOK_TYPE, Running, active_worker, channel_to, running_sidecar

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
GUARDED = a_manifest(a_spec("guard", hook_type=HOOK_TYPE))
REQUIRED = """
    listen: {admin: off}
    workers: [{name: w, types: [tool_pre_invoke], hooks: [{name: guard, required: true}]}]
"""


async def status_of(target: str, service: str) -> int:
    async with channel_to(target) as channel:
        answer = await health_pb2_grpc.HealthStub(channel).Check(
            health_pb2.HealthCheckRequest(service=service)
        )
    return int(answer.status)


async def until_status(target: str, service: str, status: int) -> None:
    async with channel_to(target) as channel, asyncio.timeout(10):
        request = health_pb2.HealthCheckRequest(service=service)
        async for answer in health_pb2_grpc.HealthStub(channel).Watch(request):
            if answer.status == status:
                return


async def test_a_sidecar_without_requirements_serves_at_once(sidecar: Running) -> None:
    for target in (sidecar.calls, sidecar.workers):
        await until_status(target, "", SERVING)


async def test_a_sidecar_serves_once_what_is_required_was_there_and_stays_ready(
    socket_folder: Path,
) -> None:
    async with running_sidecar(socket_folder, REQUIRED) as running:
        assert await status_of(running.calls, "") == NOT_SERVING
        async with active_worker(running, GUARDED):
            await until_status(running.calls, "", SERVING)
            await until_status(running.calls, "w/guard", SERVING)
        await until_status(running.calls, "w/guard", NOT_SERVING)
        assert await status_of(running.calls, "") == SERVING


async def test_a_draining_sidecar_does_not_serve(sidecar: Running) -> None:
    await until_status(sidecar.calls, "", SERVING)
    await sidecar.sidecar.drain()
    assert await status_of(sidecar.calls, "") == NOT_SERVING


async def test_a_service_that_nobody_requires_is_unknown(sidecar: Running) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await status_of(sidecar.calls, "w/guard")
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def services(target: str) -> set[str]:
    async with channel_to(target) as channel:
        call = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(
            iter([reflection_pb2.ServerReflectionRequest(list_services="")])
        )
        async for answer in call:
            return {service.name for service in answer.list_services_response.service}
    raise AssertionError("no answer")


async def test_reflection_lists_what_each_address_serves(sidecar: Running) -> None:
    common = {"grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"}
    registry = {"sidehook.v1.RegistryService"}
    assert await services(sidecar.calls) == common | registry | {"sidehook.v1.HookService"}
    assert await services(sidecar.workers) == common | registry


async def test_reflection_knows_the_messages(sidecar: Running) -> None:
    async with channel_to(sidecar.calls) as channel:
        request = reflection_pb2.ServerReflectionRequest(
            file_containing_symbol="sidehook.v1.HookService"
        )
        call = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(
            iter([request])
        )
        async for answer in call:
            assert answer.file_descriptor_response.file_descriptor_proto


async def test_sockets_are_for_their_owner_alone_and_gone_afterwards(socket_folder: Path) -> None:
    async with running_sidecar(socket_folder) as running:
        paths = [
            Path(target.removeprefix("unix://")) for target in (running.calls, running.workers)
        ]
        assert [stat.S_IMODE(path.stat().st_mode) for path in paths] == [0o600, 0o600]
        assert paths[0].parent.stat().st_uid == os.geteuid()
    assert not any(path.exists() for path in paths)


async def test_a_second_sidecar_on_the_same_socket_is_refused_and_the_first_goes_on(
    socket_folder: Path,
) -> None:
    async with running_sidecar(socket_folder) as first:
        with pytest.raises(ListenError, match="another process answers there"):
            async with running_sidecar(socket_folder):
                pass
        await until_status(first.calls, "", SERVING)


async def test_a_port_that_is_in_use_is_named(socket_folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        yaml = f"listen: {{admin: off, tcp: '127.0.0.1:{port}'}}"
        with pytest.raises(ListenError, match=f"127.0.0.1:{port}.*in use"):
            async with running_sidecar(socket_folder, yaml):
                pass


async def test_two_sidecars_never_share_a_port(socket_folder: Path) -> None:
    (socket_folder / "a").mkdir()
    (socket_folder / "b").mkdir()
    yaml = "listen: {admin: off, tcp: '127.0.0.1:0'}"
    async with running_sidecar(socket_folder / "a", yaml) as first:
        tcp = first.addresses.calls[1]
        with pytest.raises(ListenError, match="in use"):
            async with running_sidecar(
                socket_folder / "b", f"listen: {{admin: off, tcp: '{tcp}'}}"
            ):
                pass
        await until_status(tcp, "", SERVING)
