import asyncio
import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sidehook import (
    CallFailure,
    DeadlineExceededError,
    Receipt,
    SidecarUnavailableError,
    aio,
)
from sidehook._call import CallAnswer
from sidehook.testing._fake_sidecar import FakeSidecar
from tests.client.waiting import WAIT, until


@contextlib.contextmanager
def silent_socket(folder: Path) -> Iterator[str]:
    """A socket that takes connections and never says a word, as a stopped process does."""
    path = folder / "silent.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        yield str(path)


async def test_a_sidecar_that_never_answers_is_a_deadline_and_the_call_is_cancelled(
    client: aio.Client, fake: FakeSidecar
) -> None:
    fake.hold("t")
    await client.connect()
    started = time.monotonic()
    with pytest.raises(DeadlineExceededError, match=r"within the budget of 0\.2 s") as caught:
        await client.call("t", {}, budget=0.2)
    assert time.monotonic() - started >= 0.2
    assert caught.value.started
    assert caught.value.hook_type == "t"
    held = fake.next_call()
    assert await asyncio.to_thread(held.cancelled.wait, WAIT)
    assert client.stats.calls_expired == 1


async def test_an_answer_after_the_deadline_is_dropped_and_counted(
    client: aio.Client, fake: FakeSidecar
) -> None:
    fake.hold("t")
    await client.connect()
    with pytest.raises(DeadlineExceededError):
        await client.call("t", {}, budget=0.05)
    fake.next_call().answer({"n": 1})
    await until(lambda: client.stats.answers_late == 1)


async def test_the_sidecar_s_own_deadline_error_comes_with_its_receipt(
    client: aio.Client, fake: FakeSidecar
) -> None:
    failure = CallFailure(reason="DEADLINE_EXCEEDED", message="out of time", hook="h", worker="w")
    fake.answer("t", CallAnswer(failure, Receipt(call_id="c")))
    with pytest.raises(DeadlineExceededError, match="out of time") as caught:
        await client.invoke("t")
    assert caught.value.receipt == Receipt(call_id="c")
    assert caught.value.hook == "h"


async def test_cancelling_the_task_cancels_the_call_at_the_sidecar(
    client: aio.Client, fake: FakeSidecar
) -> None:
    fake.hold("t")
    task = asyncio.create_task(client.invoke("t"))
    held = await asyncio.to_thread(fake.next_call)
    assert not held.cancelled.is_set()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(held.cancelled.wait, WAIT)
    assert client.stats.calls_cancelled == 1


async def test_a_timeout_of_the_application_cancels_the_call_too(
    client: aio.Client, fake: FakeSidecar
) -> None:
    fake.hold("t")

    clock = asyncio.timeout(None)

    async def call() -> None:
        async with clock:
            await client.invoke("t")

    task = asyncio.create_task(call())
    held = await asyncio.to_thread(fake.next_call)
    clock.reschedule(asyncio.get_running_loop().time())
    with pytest.raises(TimeoutError):
        await task
    assert await asyncio.to_thread(held.cancelled.wait, WAIT)


async def test_a_call_that_was_answered_is_not_cancelled_at_the_sidecar(
    client: aio.Client, fake: FakeSidecar
) -> None:
    fake.hold("t")
    task = asyncio.create_task(client.invoke("t"))
    held = await asyncio.to_thread(fake.next_call)
    held.answer({})
    await task
    task.cancel()
    fake.answer("t", {})
    await client.invoke("t")
    assert not held.cancelled.is_set()
    assert client.stats.calls_cancelled == 0


async def test_the_budget_that_is_sent_is_what_is_left_of_it(
    client: aio.Client, fake: FakeSidecar
) -> None:
    await client.call("t", {}, budget=1.5)
    assert fake.calls[0].budget is not None
    assert 0.5 < fake.calls[0].budget <= 1.5


@pytest.mark.parametrize("budget", [0.0, -1.0, float("nan")])
async def test_a_budget_that_cannot_be_is_refused(client: aio.Client, budget: float) -> None:
    with pytest.raises(ValueError, match="a budget is"):
        await client.call("t", {}, budget=budget)


async def test_a_sidecar_that_says_no_hello_is_unavailable_when_the_budget_is_over(
    socket_folder: Path,
) -> None:
    with silent_socket(socket_folder) as path:
        async with aio.Client(path, budget=0.2) as client:
            with pytest.raises(SidecarUnavailableError, match="no answer in time") as caught:
                await client.invoke("t")
    assert not caught.value.started


async def test_a_call_that_waits_for_a_connection_can_be_cancelled(socket_folder: Path) -> None:
    with silent_socket(socket_folder) as path:
        async with aio.Client(path) as client:
            task = asyncio.create_task(client.invoke("t"))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
