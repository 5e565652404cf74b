import asyncio
import logging
from functools import partial

import pytest

from sidehook_server.ops.background import Background


async def test_stopping_cancels_what_runs_and_waits_for_it() -> None:
    broken: list[str] = []
    over = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            over.set()

    background = Background(broken.append)
    background.start("work", work)
    await asyncio.sleep(0)
    await background.stop()
    assert over.is_set()
    assert broken == []
    await background.stop()


async def test_a_task_that_fails_is_reported_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    broken: asyncio.Queue[str] = asyncio.Queue()

    async def work() -> None:
        raise ValueError("oh")

    background = Background(broken.put_nowait)
    with caplog.at_level(logging.ERROR):
        background.start("work", work)
        assert await broken.get() == "work"
    assert "background_broken task=work" in caplog.text
    await background.stop()


async def test_a_task_that_ends_too_early_is_reported() -> None:
    broken: asyncio.Queue[str] = asyncio.Queue()
    background = Background(broken.put_nowait)
    background.start("work", partial(asyncio.sleep, 0))
    assert await broken.get() == "work"
    await background.stop()


async def test_what_is_stopped_before_it_began_is_no_trouble() -> None:
    async def work() -> None:
        await asyncio.Event().wait()

    background = Background(lambda _name: None)
    background.start("work", work)
    await background.stop()


async def test_one_task_can_be_ended_and_is_not_broken_by_it() -> None:
    broken: list[str] = []
    over = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            over.set()

    background = Background(broken.append)
    end = background.start("work", work)
    await asyncio.sleep(0)
    await end()
    assert over.is_set()
    await background.stop()
    assert broken == []


async def test_what_may_end_breaks_nothing_unless_it_fails() -> None:
    broken: asyncio.Queue[str] = asyncio.Queue()
    ended = asyncio.Event()

    async def work() -> None:
        ended.set()

    async def fail() -> None:
        await ended.wait()
        raise ValueError("oh")

    background = Background(broken.put_nowait)
    background.start("work", work, may_end=True)
    background.start("fail", fail, may_end=True)
    assert await broken.get() == "fail"
    assert broken.empty()
    await background.stop()
