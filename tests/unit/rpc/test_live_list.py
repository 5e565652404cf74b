"""Rule 30, on a clock that stands still unless a test moves it."""

import asyncio

import pytest

from sidehook._hook_list import HookList, WatchRequest, WatchResponse
from sidehook_server.rpc.live_list import Holder, LiveList

LEASE = 2.0


class Now:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture
def live_list(now: Now) -> LiveList:
    return LiveList(HookList(version=1), lease=LEASE, now=now)


def probe(holder: Holder, number: int, applied: int = 0) -> None:
    holder.probe(WatchRequest(probe=number, applied_version=applied))


async def holding(live_list: LiveList) -> Holder:
    """A client that has the list in force and says so."""
    holder = live_list.join()
    probe(holder, 1)
    await holder.next()
    probe(holder, 2, applied=live_list.current.version)
    await holder.next()
    return holder


async def is_active(live_list: LiveList, version: int) -> bool:
    waiting = asyncio.create_task(live_list.active(version))
    for _ in range(5):
        await asyncio.sleep(0)
    if waiting.done():
        return True
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    return False


async def test_the_first_answer_of_a_stream_carries_the_list_whatever_the_client_has(
    live_list: LiveList,
) -> None:
    holder = live_list.join()
    probe(holder, 7, applied=1)
    assert await holder.next() == WatchResponse(
        probe=7, version=1, lease=LEASE, hook_list=live_list.current
    )


async def test_a_list_that_was_sent_is_not_sent_again(live_list: LiveList) -> None:
    holder = await holding(live_list)
    probe(holder, 3, applied=1)
    assert await holder.next() == WatchResponse(probe=3, version=1, lease=LEASE)


async def test_nothing_is_said_before_the_first_probe(live_list: LiveList) -> None:
    holder = live_list.join()
    live_list.publish(HookList(version=2))
    speaking = asyncio.create_task(holder.next())
    await asyncio.sleep(0)
    assert not speaking.done()
    probe(holder, 1)
    assert (await speaking).hook_list == HookList(version=2)


async def test_a_changed_list_is_sent_unasked_with_the_last_probe_seen(
    live_list: LiveList,
) -> None:
    holder = await holding(live_list)
    live_list.publish(HookList(version=2))
    assert await holder.next() == WatchResponse(
        probe=2, version=2, lease=LEASE, hook_list=HookList(version=2)
    )


async def test_several_changes_are_sent_as_the_last_of_them(live_list: LiveList) -> None:
    holder = await holding(live_list)
    live_list.publish(HookList(version=2))
    live_list.publish(HookList(version=3))
    assert (await holder.next()).version == 3


async def test_a_list_is_active_at_once_when_nobody_holds_one(live_list: LiveList) -> None:
    live_list.publish(HookList(version=2))
    assert await is_active(live_list, 2)


async def test_a_client_that_never_probed_holds_nothing_up(live_list: LiveList) -> None:
    live_list.join()
    live_list.publish(HookList(version=2))
    assert await is_active(live_list, 2)


async def test_a_list_is_active_once_every_holder_has_applied_it(live_list: LiveList) -> None:
    first, second = await holding(live_list), await holding(live_list)
    live_list.publish(HookList(version=2))
    for holder in (first, second):
        assert not await is_active(live_list, 2)
        await holder.next()
        probe(holder, 3, applied=2)
    assert await is_active(live_list, 2)


async def test_waiting_for_a_list_ends_when_the_last_holder_applies_it(
    live_list: LiveList,
) -> None:
    holder = await holding(live_list)
    live_list.publish(HookList(version=2))
    waiting = asyncio.create_task(live_list.active(2))
    await holder.next()
    probe(holder, 3, applied=2)
    async with asyncio.timeout(1):
        await waiting


async def test_a_holder_that_says_nothing_counts_until_its_lease_is_over(
    live_list: LiveList, now: Now
) -> None:
    await holding(live_list)
    now.seconds += 0.5
    live_list.publish(HookList(version=2))
    now.seconds += LEASE - 0.6
    assert not await is_active(live_list, 2)
    now.seconds += 0.2
    assert await is_active(live_list, 2)


async def test_probes_without_the_new_list_do_not_prolong_the_lease_of_the_old_one(
    live_list: LiveList, now: Now
) -> None:
    holder = await holding(live_list)
    live_list.publish(HookList(version=2))
    now.seconds += LEASE - 0.1
    probe(holder, 3, applied=1)
    now.seconds += 0.2
    assert await is_active(live_list, 2)


async def test_a_version_that_was_never_sent_on_the_stream_is_not_believed(
    live_list: LiveList,
) -> None:
    """It is that of another sidecar, whose versions count from 1 as well."""
    holder = live_list.join()
    probe(holder, 1)
    await holder.next()
    live_list.publish(HookList(version=2))
    probe(holder, 2, applied=2)
    assert not await is_active(live_list, 2)


async def test_a_holder_whose_stream_broke_counts_until_its_lease_is_over(
    live_list: LiveList, now: Now
) -> None:
    holder = await holding(live_list)
    live_list.leave(holder)
    live_list.publish(HookList(version=2))
    assert not await is_active(live_list, 2)
    now.seconds += LEASE
    assert await is_active(live_list, 2)


async def test_a_holder_that_had_applied_the_list_and_left_holds_nothing_up(
    live_list: LiveList,
) -> None:
    holder = await holding(live_list)
    live_list.publish(HookList(version=2))
    await holder.next()
    probe(holder, 3, applied=2)
    live_list.leave(holder)
    live_list.leave(holder)
    assert await is_active(live_list, 2)
    assert live_list.holders == 0


async def test_the_clients_of_a_sidecar_that_crashed_count_until_a_lease_is_over(
    live_list: LiveList, now: Now
) -> None:
    live_list.inherit()
    assert not await is_active(live_list, 1)
    now.seconds += LEASE
    assert await is_active(live_list, 1)


async def test_many_clients_that_come_and_go_are_remembered_in_little_room(
    live_list: LiveList, now: Now
) -> None:
    for _ in range(1000):
        live_list.leave(await holding(live_list))
        now.seconds += 0.001
    live_list.publish(HookList(version=2))
    assert not await is_active(live_list, 2)
    now.seconds += LEASE
    assert await is_active(live_list, 2)


async def test_many_changes_that_a_holder_never_applies_stay_right(
    live_list: LiveList, now: Now
) -> None:
    holder = await holding(live_list)
    for version in range(2, 300):
        live_list.publish(HookList(version=version))
        await holder.next()
        now.seconds += 0.01
        probe(holder, version + 1, applied=1)
    assert not await is_active(live_list, 299)
    now.seconds += LEASE
    assert await is_active(live_list, 299)
