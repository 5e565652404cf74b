import asyncio
import contextvars
import threading

import pytest

from sidehook.worker._threads import PoolFullError, Threads
from tests.worker.waiting import DEADLINE, until


class Gate:
    """A blocking function that a test lets go."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.open = threading.Event()

    def __call__(self) -> str:
        self.entered.set()
        assert self.open.wait(DEADLINE)
        return "through"

    async def reached(self) -> None:
        assert await asyncio.to_thread(self.entered.wait, DEADLINE)


async def test_it_returns_and_raises_what_the_function_does() -> None:
    pool = Threads(2, max_waiting=0)

    assert await pool.run(lambda: 5) == 5
    with pytest.raises(ZeroDivisionError):
        await pool.run(lambda: 1 // 0)
    pool.close()


async def test_the_callers_context_variables_are_there() -> None:
    pool = Threads(1, max_waiting=0)
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")
    variable.set("here")

    assert await pool.run(variable.get) == "here"
    pool.close()


async def test_work_waits_for_a_slot_and_no_more_than_may_wait() -> None:
    pool = Threads(1, max_waiting=1)
    gate = Gate()
    running = asyncio.create_task(pool.run(gate))
    await gate.reached()
    waiting = asyncio.create_task(pool.run(lambda: "after"))
    await asyncio.sleep(0)

    assert (pool.busy, pool.waiting) == (1, 1)
    with pytest.raises(PoolFullError):
        await pool.run(lambda: "refused")
    gate.open.set()
    assert await running == "through"
    assert await waiting == "after"
    pool.close()


async def test_a_cancelled_function_keeps_its_slot_until_it_returns() -> None:
    pool = Threads(1, max_waiting=0)
    gate = Gate()
    running = asyncio.create_task(pool.run(gate))
    await gate.reached()

    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert pool.busy == 1
    with pytest.raises(PoolFullError):
        await pool.run(lambda: "refused")
    gate.open.set()
    await until(lambda: pool.busy == 0)
    assert await pool.run(lambda: "free again") == "free again"
    pool.close()


async def test_a_cancelled_function_that_waits_never_runs() -> None:
    pool = Threads(1, max_waiting=1)
    gate, late = Gate(), Gate()
    running = asyncio.create_task(pool.run(gate))
    await gate.reached()
    waiting = asyncio.create_task(pool.run(late))
    await asyncio.sleep(0)

    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    assert pool.waiting == 0
    gate.open.set()
    await running
    await until(lambda: pool.busy == 0)
    assert not late.entered.is_set()
    pool.close()


async def test_several_functions_run_at_once() -> None:
    pool = Threads(3, max_waiting=0)
    together = threading.Barrier(3)

    async with asyncio.timeout(DEADLINE):
        await asyncio.gather(*(pool.run(lambda: together.wait(DEADLINE)) for _ in range(3)))
    pool.close()


async def test_a_closed_pool_takes_nothing_more() -> None:
    pool = Threads(1, max_waiting=5)
    pool.close()

    with pytest.raises(PoolFullError):
        await pool.run(lambda: 1)


def test_a_pool_without_threads_is_refused() -> None:
    with pytest.raises(ValueError, match="give it at least 1"):
        Threads(0, max_waiting=1)


def test_it_serves_several_event_loops() -> None:
    pool = Threads(2, max_waiting=4)

    assert [asyncio.run(pool.run(lambda: 1)) for _ in range(3)] == [1, 1, 1]
    pool.close()


def test_a_loop_that_is_gone_when_its_function_returns_harms_nobody() -> None:
    pool = Threads(1, max_waiting=1)
    gate = Gate()

    async def give_up() -> None:
        running = asyncio.create_task(pool.run(gate))
        await gate.reached()
        running.cancel()

    asyncio.run(give_up())
    gate.open.set()

    assert asyncio.run(pool.run(lambda: "still here")) == "still here"
    pool.close()
