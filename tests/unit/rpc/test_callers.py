"""Who may call, over real sockets: each way of calling, and what a reload does to it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import grpc
import grpc.aio
import pytest

from sidehook import _wire as wire
from sidehook._call import CallFailure, CallRequest, Proceed, Receipt
from sidehook._hook_list import HookList, WatchRequest
from sidehook._rpc import Rpc, RpcEndedError
from sidehook_server.config.load import load_config
from tests.transport.raw_worker import a_manifest, a_spec
from tests.unit.rpc.peers import (
    HOOK_SERVICE,
    HOOK_TYPE,
    CallStream,
    Running,
    UnaryCallable,
    a_call,
    active_worker,
    channel_to,
    invoke_frame,
    next_message,
    read_error,
    running_sidecar,
)

OTHER_TYPE = "component_pre_execute"
TOKEN = "5e7f0c2d9b1a48369d0c4f7b2e6a1835"
SHOWS = (("authorization", f"Bearer {TOKEN}"),)
DIGEST = hashlib.sha256(TOKEN.encode()).hexdigest()
BY_TOKEN = f"token_sha256: {DIGEST}, hook_types: [{HOOK_TYPE}], tenants: ['']"


def configured(*callers: str) -> str:
    """A sidecar whose callers are these."""
    listed = ", ".join(f"{{name: c{number}, {said}}}" for number, said in enumerate(callers))
    return f"listen: {{admin: off, tcp: '127.0.0.1:0'}}\ncallers: [{listed}]\n"


@pytest.fixture
async def sidecar(socket_folder: Path) -> AsyncIterator[Running]:
    async with running_sidecar(socket_folder, configured(BY_TOKEN)) as running:
        yield running


async def reload(running: Running, folder: Path, text: str) -> None:
    """What the reloader does when the file has changed."""
    file = folder / "other.yaml"
    file.write_text(text)
    running.sidecar._configure(load_config(file, environment={"XDG_RUNTIME_DIR": str(folder)}))


async def unary(
    channel: grpc.aio.Channel, call: CallRequest, shows: tuple[tuple[str, str], ...] = ()
) -> object:
    """What came of a call. Raises AioRpcError for a refusal."""
    invoke: UnaryCallable = channel.unary_unary(f"{HOOK_SERVICE}/Invoke")
    octets = await invoke(wire.encode_invoke(call), metadata=grpc.aio.Metadata(*shows), timeout=10)
    return wire.decode_answer(octets).outcome


async def refusal(
    channel: grpc.aio.Channel, call: CallRequest, shows: tuple[tuple[str, str], ...] = ()
) -> tuple[grpc.StatusCode, CallFailure, Receipt | None]:
    """How a call was refused."""
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await unary(channel, call, shows)
    return read_error(raised.value)


def series(running: Running, name: str) -> list[str]:
    """The series of a counter, as `/metrics` has them."""
    page = running.sidecar._metrics.page().decode()
    return [line for line in page.splitlines() if line.startswith(name)]


async def stream_of(
    channel: grpc.aio.Channel, shows: tuple[tuple[str, str], ...] = ()
) -> CallStream:
    stream = CallStream(channel)
    stream.call = Rpc(channel, f"{HOOK_SERVICE}/InvokeStream", metadata=shows)
    await stream.greet()
    return stream


async def list_of(
    channel: grpc.aio.Channel, shows: tuple[tuple[str, str], ...] = ()
) -> tuple[Rpc, HookList]:
    call = Rpc(channel, f"{HOOK_SERVICE}/WatchHooks", metadata=shows)
    await call.write(wire.encode_watch_request(WatchRequest(probe=1)))
    return call, await next_list(call)


async def next_list(call: Rpc) -> HookList:
    while (octets := await next_message(call)) is not None:
        told = wire.decode_watch_response(octets).hook_list
        if told is not None:
            return told
    raise AssertionError("the stream ended")


async def test_a_unary_call_of_a_caller_goes_on_and_others_end_as_permission_denied(
    sidecar: Running,
) -> None:
    for target in sidecar.addresses.calls:
        async with channel_to(target) as channel:
            assert await unary(channel, a_call(), SHOWS) == Proceed({})
            code, failure, receipt = await refusal(channel, a_call(call_id="mine"))
            assert code is grpc.StatusCode.PERMISSION_DENIED
            assert failure.reason == "CALLER_FORBIDDEN"
            assert failure.metadata.items() >= {"hook_type": HOOK_TYPE, "caller": ""}.items()
            assert not failure.started
            assert receipt is not None
            assert (receipt.call_id, receipt.lines) == ("mine", ())
            assert receipt.generation > 0


async def test_a_caller_may_call_no_other_type_and_for_no_other_tenant(sidecar: Running) -> None:
    async with channel_to(sidecar.calls) as channel:
        for call in (a_call(OTHER_TYPE), _for_tenant("acme"), a_call("never_declared")):
            code, failure, _ = await refusal(channel, call, SHOWS)
            assert (code, failure.reason) == (
                grpc.StatusCode.PERMISSION_DENIED,
                "CALLER_FORBIDDEN",
            )
            assert failure.metadata["caller"] == "c0"
            assert TOKEN not in str(failure)


async def test_a_refusal_on_a_stream_is_in_band_and_takes_no_other_call_with_it(
    sidecar: Running,
) -> None:
    async with channel_to(sidecar.calls) as channel:
        stream = await stream_of(channel, SHOWS)
        await stream.send(
            invoke_frame(1, a_call(OTHER_TYPE)),
            invoke_frame(2, a_call()),
            invoke_frame(3, a_call(OTHER_TYPE)),
        )
        answers = dict([await stream.answer() for _ in range(3)])
    assert answers[2].outcome == Proceed({})
    for number in (1, 3):
        failure = answers[number].outcome
        assert isinstance(failure, CallFailure)
        assert failure.reason == "CALLER_FORBIDDEN"
        assert answers[number].receipt.call_id


async def test_refusals_are_failed_calls_in_the_metrics_and_no_hook_is_counted(
    sidecar: Running,
) -> None:
    guarded = a_manifest(a_spec("guard", hook_type=OTHER_TYPE))
    async with active_worker(sidecar, guarded), channel_to(sidecar.calls) as channel:
        for _ in range(3):
            await refusal(channel, a_call(OTHER_TYPE), SHOWS)
        stream = await stream_of(channel)
        await stream.send(invoke_frame(1, a_call(OTHER_TYPE)))
        await stream.failure()
    named = f'hook_type="{OTHER_TYPE}",'
    assert series(sidecar, "sidehook_call_failures_total") == [
        f'sidehook_call_failures_total{{{named}reason="CALLER_FORBIDDEN"}} 4.0'
    ]
    assert series(sidecar, "sidehook_calls_total") == [
        f'sidehook_calls_total{{{named}outcome="failed"}} 4.0'
    ]
    for of_hooks in ("outcomes", "failures"):
        assert series(sidecar, f"sidehook_hook_{of_hooks}_total") == []
    assert series(sidecar, "sidehook_guard_missed_total") == []


async def test_each_sees_in_the_live_list_what_it_may_call(sidecar: Running) -> None:
    guarded = a_manifest(a_spec("g", hook_type=HOOK_TYPE), a_spec("h", hook_type=OTHER_TYPE))
    async with active_worker(sidecar, guarded), channel_to(sidecar.calls) as channel:
        _, mine = await list_of(channel, SHOWS)
        _, nothing = await list_of(channel)
    assert (set(mine.types), mine.filtered) == ({HOOK_TYPE}, True)
    assert (set(nothing.types), nothing.filtered) == (set(), True)
    assert mine.version == nothing.version


async def test_without_callers_everybody_calls_everything(socket_folder: Path) -> None:
    async with (
        running_sidecar(socket_folder) as running,
        channel_to(running.calls) as channel,
    ):
        assert await unary(channel, a_call(OTHER_TYPE)) == Proceed({})
        _, whole = await list_of(channel)
    assert not whole.filtered
    assert {HOOK_TYPE, OTHER_TYPE} <= set(whole.types)


async def test_a_reload_holds_for_the_next_call_of_an_open_stream_and_for_its_list(
    sidecar: Running, socket_folder: Path
) -> None:
    async with channel_to(sidecar.calls) as channel:
        stream = await stream_of(channel, SHOWS)
        watch, _ = await list_of(channel, SHOWS)

        async def outcome(number: int, hook_type: str) -> object:
            await stream.send(invoke_frame(number, a_call(hook_type)))
            _, answer = await stream.answer()
            outcome = answer.outcome
            return outcome.reason if isinstance(outcome, CallFailure) else outcome

        assert await outcome(1, HOOK_TYPE) == Proceed({})
        assert await outcome(2, OTHER_TYPE) == "CALLER_FORBIDDEN"
        more = f"token_sha256: {DIGEST}, hook_types: [{OTHER_TYPE}]"
        await reload(sidecar, socket_folder, configured(more))
        assert set((await next_list(watch)).types) == {OTHER_TYPE}
        assert await outcome(3, HOOK_TYPE) == "CALLER_FORBIDDEN"
        assert await outcome(4, OTHER_TYPE) == Proceed({})
        await reload(sidecar, socket_folder, configured(f"token_sha256: {'0' * 64}"))
        assert set((await next_list(watch)).types) == set()
        assert await outcome(5, OTHER_TYPE) == "CALLER_FORBIDDEN"
        await reload(sidecar, socket_folder, "listen: {admin: off, tcp: '127.0.0.1:0'}\n")
        assert not (await next_list(watch)).filtered
        assert await outcome(6, HOOK_TYPE) == Proceed({})


async def test_callers_that_come_while_a_stream_is_open_are_told_apart_on_it(
    socket_folder: Path,
) -> None:
    async with (
        running_sidecar(socket_folder) as running,
        channel_to(running.calls) as channel,
    ):
        with_token, without = await stream_of(channel, SHOWS), await stream_of(channel)
        await reload(running, socket_folder, configured(BY_TOKEN))
        await with_token.send(invoke_frame(1, a_call()))
        assert (await with_token.answer())[1].outcome == Proceed({})
        await without.send(invoke_frame(1, a_call()))
        assert (await without.failure())[1].reason == "CALLER_FORBIDDEN"


@pytest.mark.parametrize(
    ("said", "on_socket", "on_tcp"),
    [
        ("unix_socket: true", True, False),
        (f"uid: {os.geteuid()}", True, False),
        (f"uid: {os.geteuid() + 1}", False, False),
    ],
)
async def test_the_socket_itself_and_its_user_tell_who_calls(
    socket_folder: Path, said: str, *, on_socket: bool, on_tcp: bool
) -> None:
    async with running_sidecar(socket_folder, configured(said)) as running:
        may = []
        for target in running.addresses.calls:
            async with channel_to(target) as channel:
                stream = await stream_of(channel)
                await stream.send(invoke_frame(1, a_call()))
                may.append((await stream.answer())[1].outcome == Proceed({}))
    assert may == [on_socket, on_tcp]


async def test_who_may_call_nothing_attaches_no_hooks_of_its_own(sidecar: Running) -> None:
    async with channel_to(sidecar.calls) as channel:
        attach = Rpc(channel, "/sidehook.v1.RegistryService/Attach")
        with pytest.raises(RpcEndedError) as ended:
            await attach.read()
    assert ended.value.code == "PERMISSION_DENIED"
    assert ended.value.failure is not None
    assert ended.value.failure.reason == "CALLER_FORBIDDEN"


def _for_tenant(tenant: str) -> CallRequest:
    call = a_call()
    return replace(call, context=replace(call.context, tenant=tenant))
