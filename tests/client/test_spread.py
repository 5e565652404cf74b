"""Calls that several sidecars share: who gets them, as sidecars come, drain and go."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from functools import partial

import pytest

from sidehook import SidecarUnavailableError
from sidehook._call import CallContext, CallRequest, Proceed
from sidehook._client_choice import Choice
from sidehook._client_settings import Settings
from sidehook._client_spread import Spread
from sidehook._client_stats import Tally
from sidehook.testing._fake_sidecar import FakeSidecar
from tests.client.waiting import until

BUDGET = 10.0


@pytest.fixture
def three() -> Iterator[list[FakeSidecar]]:
    with ExitStack() as stack:
        yield [stack.enter_context(FakeSidecar()) for _ in range(3)]


class Name:
    """A name in a DNS of the test's own."""

    def __init__(self, *sidecars: FakeSidecar) -> None:
        self.targets = frozenset(each.target for each in sidecars)
        self.is_known = True

    async def look_up(self, host: str, port: int) -> frozenset[str]:
        assert (host, port) == ("sidecars.test", 7000)
        if not self.is_known:
            raise OSError("no such name")
        return self.targets


@asynccontextmanager
async def spread_over(name: Name) -> AsyncIterator[Spread]:
    """Calls to the sidecars of a name, connected with every one of them."""
    settings = Settings(target="dns:///sidecars.test:7000")
    loop = asyncio.get_running_loop()
    spread = Spread(settings, Tally(), Choice(), loop, lookup=name.look_up)
    try:
        yield spread
    finally:
        await spread.close()


def connected(spread: Spread, count: int) -> Callable[[], bool]:
    return lambda: spread._tally.snapshot().connections >= count


async def call(spread: Spread, hook_type: str = "t", budget: float = BUDGET) -> None:
    request = CallRequest(hook_type=hook_type, fields={}, context=CallContext())
    answer = await spread.call(request, budget)
    assert isinstance(answer.outcome, Proceed)


async def calls(spread: Spread, count: int) -> None:
    for _ in range(count):
        await call(spread)


def _is_done(task: asyncio.Task[None]) -> bool:
    return task.done()


async def ready(spread: Spread, count: int) -> None:
    spread.start()
    await until(connected(spread, count))


async def test_calls_go_round_every_address_of_the_name(three: list[FakeSidecar]) -> None:
    async with spread_over(Name(*three)) as spread:
        await ready(spread, 3)
        await calls(spread, 30)
    assert [len(each.calls) for each in three] == [10, 10, 10]


async def test_a_sidecar_with_calls_under_way_gets_fewer(three: list[FakeSidecar]) -> None:
    for each in three:
        each.hold("slow")
    async with spread_over(Name(*three)) as spread:
        await ready(spread, 3)
        slow = [asyncio.create_task(call(spread, "slow")) for _ in range(2)]
        await until(lambda: sum(len(each.calls) for each in three) == 2)
        assert sorted(len(each.calls) for each in three) == [0, 1, 1], "the least loaded"
        idle = next(each for each in three if not each.calls)
        await calls(spread, 5)
        assert len(idle.calls) == 5
        for each in three:
            if each is not idle:
                (await asyncio.to_thread(each.next_call)).answer({})
        await asyncio.gather(*slow)


async def test_a_sidecar_that_is_gone_leaves_its_calls_to_the_others(
    three: list[FakeSidecar],
) -> None:
    async with spread_over(Name(*three)) as spread:
        await ready(spread, 3)
        three[0].stop()
        await until(lambda: spread._tally.snapshot().connections_lost == 1)
        await calls(spread, 10)
        assert [len(each.calls) for each in three] == [0, 5, 5]
        three[0].start()
        await until(connected(spread, 4))
        await calls(spread, 9)
        assert len(three[0].calls) == 3


async def test_a_sidecar_that_drains_finishes_its_calls_on_the_old_connection(
    three: list[FakeSidecar],
) -> None:
    draining, other = three[:2]
    draining.hold("slow")
    async with spread_over(Name(draining)) as spread:
        await ready(spread, 1)
        under_way = asyncio.create_task(call(spread, "slow"))
        held = await asyncio.to_thread(draining.next_call)
        spread._follow(frozenset({draining.target, other.target}))
        await until(connected(spread, 2))
        draining.drain()
        # Its listener is still there, as a sidecar's is until it has drained.
        await until(connected(spread, 3))
        held.answer({})
        await under_way
        assert spread._tally.snapshot().connections_lost == 0


async def test_an_address_that_comes_gets_calls_and_one_that_goes_gets_no_more(
    three: list[FakeSidecar],
) -> None:
    first, second, third = three
    first.hold("slow")
    name = Name(first, second)
    async with spread_over(name) as spread:
        await ready(spread, 2)
        under_way = []
        while not first.calls:
            under_way.append(asyncio.create_task(call(spread, "slow")))
            await asyncio.sleep(0)
            await until(lambda: len(first.calls) + len(second.calls) == len(under_way))
        held = await asyncio.to_thread(first.next_call)
        await until(lambda: sum(map(_is_done, under_way)) == len(under_way) - 1)

        name.targets = frozenset({second.target, third.target})
        spread._look_again.set()
        await until(connected(spread, 3))
        before = len(first.calls)
        await calls(spread, 10)
        assert len(first.calls) == before
        assert len(third.calls) == 5

        assert first.streams == 1, "until its last call is over"
        held.answer({})
        await asyncio.gather(*under_way)
        await until(lambda: first.streams == 0)
        assert spread._tally.snapshot().connections_lost == 0


async def test_while_the_name_is_not_known_connections_stay(three: list[FakeSidecar]) -> None:
    name = Name(*three)
    async with spread_over(name) as spread:
        await ready(spread, 3)
        name.is_known = False
        assert await spread._look() is None
        await calls(spread, 3)
    assert [len(each.calls) for each in three] == [1, 1, 1]


async def test_a_name_that_is_not_known_at_first_is_looked_up_again(
    three: list[FakeSidecar],
) -> None:
    name = Name(*three)
    name.is_known = False
    async with spread_over(name) as spread:
        with pytest.raises(SidecarUnavailableError, match=r"sidecars\.test:7000.*looked up"):
            await call(spread)
        name.is_known = True
        await call(spread)
        assert sum(len(each.calls) for each in three) == 1


async def test_without_any_sidecar_a_call_fails_and_names_an_address(
    three: list[FakeSidecar],
) -> None:
    for each in three:
        each.stop()
    async with spread_over(Name(*three)) as spread:
        with pytest.raises(SidecarUnavailableError) as caught:
            await call(spread)
        assert any(each.target in str(caught.value) for each in three)
        assert not caught.value.started


async def test_a_call_waits_for_one_that_answers_and_not_for_one_that_does_not(
    three: list[FakeSidecar],
) -> None:
    for each in three[1:]:
        each.stop()
    async with spread_over(Name(*three)) as spread:
        await call(spread)
    assert len(three[0].calls) == 1


async def test_a_type_is_left_out_only_when_every_connected_sidecar_says_so(
    three: list[FakeSidecar],
) -> None:
    one, two, silent = three
    silent.stop()
    async with spread_over(Name(*three)) as spread:
        await ready(spread, 2)
        now = asyncio.get_running_loop().time
        await asyncio.to_thread(partial(one.hooks, {"t": False}, lease=30.0))
        assert spread.live.has_hooks("t", now()), "the other one has not said it"
        await asyncio.to_thread(partial(two.hooks, {"t": False}, lease=30.0))
        assert not spread.live.has_hooks("t", now())
        await asyncio.to_thread(partial(two.hooks, {"t": True}, lease=30.0))
        assert spread.live.has_hooks("t", now())
        await asyncio.to_thread(partial(two.hooks, {"t": False}, lease=30.0))
        assert not spread.live.has_hooks("t", now())
        silent.start()
        await until(connected(spread, 3))
        assert spread.live.has_hooks("t", now()), "it takes calls, and its list is not known"


async def test_a_sidecar_that_was_lost_has_no_say_in_the_list(three: list[FakeSidecar]) -> None:
    one, two = three[:2]
    async with spread_over(Name(one, two)) as spread:
        await ready(spread, 2)
        now = asyncio.get_running_loop().time
        await asyncio.to_thread(partial(one.hooks, {"t": False}, lease=30.0))
        await asyncio.to_thread(partial(two.hooks, {"t": True}, lease=30.0))
        assert spread.live.has_hooks("t", now())
        two.stop()
        await until(lambda: not spread.live.has_hooks("t", now()))


async def test_closing_leaves_no_task_behind(three: list[FakeSidecar]) -> None:
    name = Name(*three)
    async with spread_over(name) as spread:
        await ready(spread, 3)
        three[0].hold("slow")
        under_way = [asyncio.create_task(call(spread, "slow")) for _ in range(3)]
        # The other two are answered: what is under way when it closes is known.
        await until(lambda: len(three[0].calls) == 1 and sum(map(_is_done, under_way)) == 2)
        spread._follow(frozenset({three[1].target}))
    ended = await asyncio.gather(*under_way, return_exceptions=True)
    assert Counter(type(each).__name__ for each in ended) == {"NoneType": 2, "SidecarError": 1}
    await until(lambda: asyncio.all_tasks() == {asyncio.current_task()})
