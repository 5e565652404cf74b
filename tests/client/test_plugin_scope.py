import asyncio
import gc
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

import sidehook
from sidehook import (
    CallFailure,
    CallRefusedError,
    Client,
    Context,
    DefinitionError,
    FailureClass,
    HookFailedError,
    Mode,
    Payload,
    ProtocolError,
    SidecarUnavailableError,
    ViolationError,
    aio,
    block,
    hook,
    modify,
    plugin_scope,
)
from sidehook.testing._fake_sidecar import FakeSidecar
from tests.client.waiting import WAIT, block_until, until


@hook("t", priority=20)
async def add_one(payload: Payload, ctx: Context) -> object:
    return modify(payload, n=payload.n + 1)


@hook("t", priority=10)
def double(payload: Payload, ctx: Context) -> object:
    return modify(payload, n=payload.n * 2)


@hook("t")
def refuse(payload: Payload, ctx: Context) -> object:
    return block("no", code="C")


@hook("t")
def fail(payload: Payload, ctx: Context) -> object:
    raise RuntimeError("a hook of the application failed")


def tag_with(name: str) -> Callable[..., object]:
    @hook("t", name=f"tag-{name}")
    async def tag(payload: Payload, ctx: Context) -> object:
        return modify(payload, tags=[*payload.tags, name])

    return tag


async def test_functions_of_the_application_are_hooks_inside_the_block_only(
    client: aio.Client, fake: FakeSidecar
) -> None:
    async with client.plugin_scope(add_one, double):
        assert await client.invoke("t", n=5) == {"n": 11}, "by priority: doubled, then one more"
    assert await client.invoke("t", n=5) == {"n": 5}
    inside, outside = fake.calls
    assert len(inside.scope_handles) == 1
    assert outside.scope_handles == ()
    await until(lambda: fake.scopes == ())


async def test_they_run_in_this_process(client: aio.Client) -> None:
    seen: list[int] = []

    @hook("t")
    async def look(payload: Payload, ctx: Context) -> None:
        seen.append(threading.get_ident())

    async with client.plugin_scope(look):
        await client.invoke("t")
    assert seen == [threading.get_ident()], "a coroutine hook runs on the loop that it is used on"


async def test_a_block_and_a_failure_come_from_them_like_from_any_worker(
    client: aio.Client,
) -> None:
    async with client.plugin_scope(refuse):
        with pytest.raises(ViolationError, match=r"plugin-scope/.*refuse blocked t: \[C\] no"):
            await client.invoke("t")
    async with client.plugin_scope(fail):
        with pytest.raises(HookFailedError) as caught:
            await client.invoke("t")
    assert caught.value.failure_class is FailureClass.RAISED
    assert "a hook of the application failed" not in str(caught.value)


async def test_leaving_waits_for_the_detached_hooks_of_the_last_call(client: aio.Client) -> None:
    seen: list[int] = []

    @hook("t", mode=Mode.FIRE_AND_FORGET)
    async def remember(payload: Payload, ctx: Context) -> None:
        await asyncio.sleep(0)
        seen.append(payload.n)

    async with client.plugin_scope(remember, add_one):
        await client.invoke("t", n=1)
    assert seen == [2], "it sees the payload as it stood at the verdict"


async def test_a_hook_that_calls_is_not_inside_its_own_scope(
    client: aio.Client, fake: FakeSidecar
) -> None:
    @hook("t")
    async def call_again(payload: Payload, ctx: Context) -> object:
        inner = await client.invoke("t", n=0)
        return modify(payload, n=inner.n)

    async with client.plugin_scope(call_again):
        assert await client.invoke("t", n=1) == {"n": 0}
    assert [len(call.scope_handles) for call in fake.calls] == [1, 0]


async def test_scopes_inside_each_other_name_both_handles(
    client: aio.Client, fake: FakeSidecar
) -> None:
    async with client.plugin_scope(tag_with("outer")):
        async with client.plugin_scope(tag_with("inner")):
            assert (await client.invoke("t", tags=[])).tags == ["outer", "inner"]
        assert (await client.invoke("t", tags=[])).tags == ["outer"]
    assert [len(call.scope_handles) for call in fake.calls] == [2, 1]


async def test_two_scopes_at_once_never_fire_each_other_s_hooks(client: aio.Client) -> None:
    together = asyncio.Barrier(10)

    async def one(name: str) -> list[str]:
        async with client.plugin_scope(tag_with(name)):
            await together.wait()
            payloads = [await client.invoke("t", tags=[]) for _ in range(5)]
            await together.wait()
        return [tag for payload in payloads for tag in payload.tags]

    names = [f"task-{n}" for n in range(10)]
    assert await asyncio.gather(*map(one, names)) == [[name] * 5 for name in names]


async def test_a_call_in_a_scope_is_never_skipped(client: aio.Client, fake: FakeSidecar) -> None:
    await client.connect()
    await asyncio.to_thread(lambda: fake.hooks({"t": False}, lease=30.0))
    assert not client.has_hooks("t")
    async with client.plugin_scope(add_one):
        assert client.has_hooks("t")
        assert await client.invoke("t", n=1) == {"n": 2}


async def test_the_module_s_function_is_the_client_s_method(client: aio.Client) -> None:
    async with plugin_scope(add_one, client=client):
        assert await client.invoke("t", n=1) == {"n": 2}


async def test_it_is_entered_once(client: aio.Client) -> None:
    scope = client.plugin_scope(add_one)
    async with scope:
        pass
    with pytest.raises(TypeError, match="entered once"):
        await scope.__aenter__()


@pytest.mark.parametrize("hooks", [(), (print,), (3,), (add_one, tag_with, double)])
async def test_what_is_no_hook_is_refused_before_anything_is_attached(
    client: aio.Client, fake: FakeSidecar, hooks: tuple[object, ...]
) -> None:
    with pytest.raises(DefinitionError):
        client.plugin_scope(*hooks)
    assert fake.scopes == ()


async def test_without_a_sidecar_the_scope_cannot_be_entered(socket_folder: Path) -> None:
    client = aio.Client(str(socket_folder / "nowhere.sock"))
    with pytest.raises(SidecarUnavailableError, match="sidehook serve"):
        async with client.plugin_scope(add_one):
            pytest.fail("there is no sidecar")


async def test_hooks_that_the_sidecar_refuses_cannot_be_entered(
    client: aio.Client, fake: FakeSidecar
) -> None:
    refusal = CallFailure(
        reason="INVALID_MANIFEST", message="hook type t is not declared", metadata={"hook": "h"}
    )
    fake.refuse_scopes(refusal)
    with pytest.raises(CallRefusedError, match="hook type t is not declared") as caught:
        async with client.plugin_scope(add_one):
            pytest.fail("the sidecar refused")
    assert caught.value.reason == "INVALID_MANIFEST"
    fake.refuse_scopes(None)
    async with client.plugin_scope(add_one):
        assert await client.invoke("t", n=1) == {"n": 2}


async def test_a_sidecar_of_another_version_cannot_be_attached_to() -> None:
    with FakeSidecar(protocol_version=2) as fake, pytest.raises(ProtocolError, match="version 2"):
        async with aio.Client(fake.target).plugin_scope(add_one):
            pytest.fail("another version")


async def test_a_scope_whose_sidecar_is_gone_fails_its_calls_until_it_is_attached_again(
    client: aio.Client, fake: FakeSidecar
) -> None:
    await client.connect()
    async with client.plugin_scope(add_one) as scope:
        before = scope.handle
        fake.refuse_scopes(CallFailure(reason="DRAINING", message="not now"))
        fake.drop()
        await until(lambda: before not in fake.scopes and client.stats.connections == 2)
        with pytest.raises(HookFailedError) as caught:
            await client.invoke("t", n=1)
        assert caught.value.failure_class is FailureClass.UNREACHABLE
        fake.refuse_scopes(None)
        await until(lambda: scope.handle != before)
        assert await client.invoke("t", n=1) == {"n": 2}


async def test_leaving_by_an_error_detaches_too(client: aio.Client, fake: FakeSidecar) -> None:
    with pytest.raises(ZeroDivisionError):
        async with client.plugin_scope(add_one):
            raise ZeroDivisionError
    await until(lambda: fake.scopes == ())
    assert await client.invoke("t", n=1) == {"n": 1}


async def test_entering_that_is_cancelled_leaves_nothing_behind(
    client: aio.Client, fake: FakeSidecar
) -> None:
    for _ in range(10):
        task = asyncio.create_task(client.plugin_scope(add_one).__aenter__())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await until(lambda: fake.scopes == ())
    await client.close()
    await until(lambda: asyncio.all_tasks() == {asyncio.current_task()})


class TestBlocking:
    def test_plain_and_coroutine_functions_are_hooks_inside_the_block(
        self, fake: FakeSidecar
    ) -> None:
        with Client(fake.target) as client:
            with plugin_scope(refuse, client=client), pytest.raises(ViolationError):
                client.invoke("t", n=5)
            with client.plugin_scope(add_one, double):
                assert client.invoke("t", n=5) == {"n": 11}
            assert client.invoke("t", n=5) == {"n": 5}
            block_until(lambda: fake.scopes == ())

    def test_threads_in_scopes_of_their_own_never_fire_each_other_s_hooks(
        self, fake: FakeSidecar
    ) -> None:
        together = threading.Barrier(6)

        def one(name: str) -> object:
            with client.plugin_scope(tag_with(name)):
                together.wait(WAIT)
                tags = client.invoke("t", tags=[]).tags
                together.wait(WAIT)
                return tags

        names = [f"thread-{n}" for n in range(6)]
        with Client(fake.target) as client, ThreadPoolExecutor(6) as pool:
            assert list(pool.map(one, names)) == [[name] for name in names]

    def test_a_plain_hook_may_call_again_and_a_coroutine_is_told_why_not(
        self, fake: FakeSidecar
    ) -> None:
        said: list[str] = []

        @hook("t", name="plain")
        def plain(payload: Payload, ctx: Context) -> object:
            return modify(payload, n=client.invoke("other", n=7).n)

        @hook("t", name="coroutine")
        async def coroutine(payload: Payload, ctx: Context) -> None:
            try:
                client.invoke("other")
            except RuntimeError as error:
                said.append(str(error))

        with Client(fake.target) as client, client.plugin_scope(plain, coroutine):
            assert client.invoke("t", n=1) == {"n": 7}
        assert len(said) == 1
        assert "make it a plain function" in said[0]

    def test_without_a_sidecar_it_cannot_be_entered(self, socket_folder: Path) -> None:
        with (
            Client(str(socket_folder / "nowhere.sock")) as client,
            pytest.raises(SidecarUnavailableError, match="sidehook serve"),
        ):
            client.plugin_scope(add_one).__enter__()


def test_it_is_exported() -> None:
    assert sidehook.plugin_scope is plugin_scope


@pytest.mark.skipif(
    tuple(map(int, grpc.__version__.split(".")[:2])) < (1, 85),
    reason="grpcio 1.76 keeps a closed channel in a cycle of its own, 1.85 does not",
)
async def test_a_scope_that_is_left_has_closed_its_connection_without_the_garbage_collector(
    client: aio.Client,
) -> None:
    await client.connect()
    async with client.plugin_scope(double):
        # What is loaded and opened once for all.
        await client.call("t", {"n": 1})
    gc.collect()
    before = sockets()
    gc.disable()
    try:
        for _ in range(3):
            async with client.plugin_scope(double):
                assert (await client.call("t", {"n": 1})).n == 2
        await until(lambda: sockets() <= before)
    finally:
        gc.enable()


def sockets() -> int:
    """How many sockets this process has."""
    return sum(os.path.realpath(file).rpartition("/")[2].startswith("socket:") for file in _files())


def _files() -> list[str]:
    return [f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd")]
