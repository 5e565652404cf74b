import asyncio

import pytest

from sidehook import CallFailure, OverloadedError, SidecarError, SidecarUnavailableError, aio
from sidehook._manifest import Limits
from sidehook.testing._fake_sidecar import FakeSidecar
from tests.client.waiting import WAIT, until


async def test_a_connection_that_breaks_fails_its_calls_and_hooks_may_have_run(
    client: aio.Client, fake: FakeSidecar
) -> None:
    fake.hold("t")
    tasks = [asyncio.create_task(client.invoke("t")) for _ in range(3)]
    for _ in tasks:
        await asyncio.to_thread(fake.next_call)
    fake.drop()
    for task in tasks:
        with pytest.raises(SidecarUnavailableError, match="broke before it answered") as caught:
            await task
        assert caught.value.started
    await until(lambda: client.stats.connections_lost == 1)


async def test_the_next_call_after_a_broken_connection_finds_a_new_one(
    client: aio.Client, fake: FakeSidecar
) -> None:
    await client.invoke("t")
    fake.drop()
    await until(lambda: client.stats.connections == 2)
    assert await client.invoke("t", n=1) == {"n": 1}


async def test_a_sidecar_that_restarts_is_found_again(
    client: aio.Client, fake: FakeSidecar
) -> None:
    await client.invoke("t")
    fake.stop()
    with pytest.raises(SidecarUnavailableError):
        await client.invoke("t")
    fake.start()
    assert await client.invoke("t", n=1) == {"n": 1}


async def test_an_answer_of_a_broken_connection_is_never_a_call_s_of_the_next(
    client: aio.Client, fake: FakeSidecar
) -> None:
    fake.hold("t")
    before = asyncio.create_task(client.invoke("t"))
    old = await asyncio.to_thread(fake.next_call)
    fake.drop()
    with pytest.raises(SidecarUnavailableError):
        await before
    after = asyncio.create_task(client.invoke("t"))
    new = await asyncio.to_thread(fake.next_call)
    assert new.id == old.id, "both are the first call of their stream"
    old.answer({"from": "the old stream"})
    new.answer({"from": "the new stream"})
    assert await after == {"from": "the new stream"}


async def test_a_sidecar_that_drains_finishes_its_calls_and_gets_no_new_ones(
    client: aio.Client, fake: FakeSidecar
) -> None:
    fake.hold("t")
    under_way = asyncio.create_task(client.invoke("t"))
    held = await asyncio.to_thread(fake.next_call)
    fake.drain()
    await until(lambda: client.stats.connections == 2)
    following = asyncio.create_task(client.invoke("t"))
    new = await asyncio.to_thread(fake.next_call)
    assert new.id == 1, "the first call of a stream of its own"
    new.answer({"n": 2})
    held.answer({"n": 1})
    assert await under_way == {"n": 1}
    assert await following == {"n": 2}
    assert client.stats.connections_lost == 0


async def test_a_stream_that_drained_is_closed_when_its_last_call_is_over(
    client: aio.Client, fake: FakeSidecar
) -> None:
    fake.hold("t")
    under_way = asyncio.create_task(client.invoke("t"))
    held = await asyncio.to_thread(fake.next_call)
    assert fake.streams == 1
    fake.drain()
    await until(lambda: fake.streams == 2)
    held.answer({})
    await under_way
    await until(lambda: fake.streams == 1)


async def test_a_call_that_a_draining_sidecar_refuses_is_unavailable(
    client: aio.Client, fake: FakeSidecar
) -> None:
    fake.answer("t", CallFailure(reason="DRAINING", message="the sidecar shuts down"))
    with pytest.raises(SidecarUnavailableError, match="shuts down") as caught:
        await client.invoke("t")
    assert not caught.value.started


async def test_a_call_that_a_draining_sidecar_turned_away_is_made_again_on_the_next_connection(
    client: aio.Client, fake: FakeSidecar
) -> None:
    fake.hold("t")
    crossed = asyncio.create_task(client.invoke("t", n=1))
    turned_away = await asyncio.to_thread(fake.next_call)
    fake.drain()
    turned_away.answer(CallFailure(reason="DRAINING", message="the sidecar shuts down"))
    (await asyncio.to_thread(fake.next_call)).answer({"n": 2})
    assert await crossed == {"n": 2}
    assert client.stats.connections_lost == 0


async def test_calls_without_a_verdict_that_a_draining_sidecar_counted_are_not_reported_again(
    fake: FakeSidecar,
) -> None:
    async with aio.Client(fake.target, on_unavailable="proceed") as client:
        fake.stop()
        await client.invoke("t")
        fake.start()
        fake.hold("t")
        crossed = asyncio.create_task(client.invoke("t"))
        turned_away = await asyncio.to_thread(fake.next_call)
        assert turned_away.request.unguarded_calls == 1
        fake.drain()
        turned_away.answer(CallFailure(reason="DRAINING", message="the sidecar shuts down"))
        again = await asyncio.to_thread(fake.next_call)
        assert again.request.unguarded_calls == 0
        again.answer({})
        await crossed


async def test_closing_ends_the_calls_under_way_with_an_error(
    client: aio.Client, fake: FakeSidecar
) -> None:
    fake.hold("t")
    task = asyncio.create_task(client.invoke("t"))
    await asyncio.to_thread(fake.next_call)
    await client.close()
    with pytest.raises(SidecarError, match="this client is closed"):
        await task


async def test_a_closed_client_says_so_and_closes_again_without_harm(
    client: aio.Client, fake: FakeSidecar
) -> None:
    await client.invoke("t")
    await client.close()
    await client.close()
    with pytest.raises(SidecarError, match="this client is closed") as caught:
        await client.invoke("t")
    assert caught.value.reason == "CLIENT_CLOSED"
    await until(lambda: fake.streams == 0)


async def test_closing_while_connecting_leaves_nothing_behind(fake: FakeSidecar) -> None:
    for _ in range(20):
        async with aio.Client(fake.target):
            await asyncio.sleep(0)
    # gRPC's own tasks may need a moment to see that their stream has ended.
    await until(lambda: asyncio.all_tasks() == {asyncio.current_task()})


async def test_a_client_leaves_no_task_behind(fake: FakeSidecar) -> None:
    async with aio.Client(fake.target) as client:
        await client.invoke("t")
        fake.drain()
        await until(lambda: client.stats.connections == 2)
        await client.invoke("t")
        fake.drop()
        await until(lambda: client.stats.connections == 3)
        await client.invoke("t")
    await until(lambda: asyncio.all_tasks() == {asyncio.current_task()})


async def test_connect_waits_for_the_connection(fake: FakeSidecar) -> None:
    client = aio.Client(fake.target)
    await client.connect()
    assert client.stats.connections == 1
    await client.close()


async def test_a_client_that_was_not_entered_connects_when_it_is_used(fake: FakeSidecar) -> None:
    client = aio.Client(fake.target)
    assert await client.invoke("t", n=1) == {"n": 1}
    await client.close()


async def test_calls_beyond_what_the_sidecar_takes_at_once_wait_their_turn() -> None:
    with FakeSidecar(limits=Limits(max_in_flight=2)) as fake:
        fake.hold("t")
        async with aio.Client(fake.target) as client:
            tasks = [asyncio.create_task(client.invoke("t")) for _ in range(4)]
            first = [await asyncio.to_thread(fake.next_call) for _ in range(2)]
            assert len(fake.calls) == 2
            first[0].answer({})
            third = await asyncio.to_thread(fake.next_call)
            assert len(fake.calls) == 3
            for call in (first[1], third):
                call.answer({})
            (await asyncio.to_thread(fake.next_call)).answer({})
            async with asyncio.timeout(WAIT):
                await asyncio.gather(*tasks)


async def test_a_call_whose_budget_ends_while_it_waits_its_turn_is_overloaded() -> None:
    with FakeSidecar(limits=Limits(max_in_flight=1)) as fake:
        fake.hold("t")
        async with aio.Client(fake.target) as client:
            under_way = asyncio.create_task(client.invoke("t"))
            held = await asyncio.to_thread(fake.next_call)
            with pytest.raises(OverloadedError, match="one of the 1 that the sidecar") as caught:
                await client.call("t", {}, budget=0.05)
            assert not caught.value.started
            assert len(fake.calls) == 1
            held.answer({})
            await under_way
            fake.answer("t", {"n": 1})
            assert await client.invoke("t") == {"n": 1}


async def test_a_call_that_waits_its_turn_when_the_sidecar_drains_goes_to_the_next_connection() -> (
    None
):
    with FakeSidecar(limits=Limits(max_in_flight=1)) as fake:
        fake.hold("t")
        async with aio.Client(fake.target) as client:
            under_way = asyncio.create_task(client.invoke("t"))
            held = await asyncio.to_thread(fake.next_call)
            waiting = [asyncio.create_task(client.invoke("waiting")) for _ in range(3)]
            await asyncio.sleep(0)
            fake.drain()
            assert await asyncio.gather(*waiting) == [{}, {}, {}]
            held.answer({"n": 1})
            assert await under_way == {"n": 1}
