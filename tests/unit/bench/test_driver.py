import asyncio
import json
import os
import sys

import pytest

from bench import payloads
from bench.driver import Order, WrongResultError, drive, drive_blocking
from bench.measures import cpu_seconds, resident_bytes, wait_until_idle


async def test_as_many_calls_are_in_flight_as_were_ordered() -> None:
    under_way = most = 0

    async def call() -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1

    report = await drive(call, Order(seconds=0.02, in_flight=7))
    assert most == 7
    assert report.calls >= 7
    assert report.seconds >= 0.02


async def test_a_wrong_result_ends_the_round() -> None:
    async def call() -> None:
        raise WrongResultError("another body came back")

    with pytest.raises(WrongResultError):
        await drive(call, Order(seconds=0.02, in_flight=2))


def test_a_wrong_result_in_a_thread_ends_the_round_too() -> None:
    def call() -> None:
        raise WrongResultError("another body came back")

    with pytest.raises(WrongResultError):
        drive_blocking(call, Order(seconds=0.02, in_flight=3))


def test_threads_share_the_calls_of_a_round() -> None:
    report = drive_blocking(lambda: None, Order(seconds=0.02, in_flight=3))
    assert report.calls >= 3


@pytest.mark.parametrize("size", [payloads.KB, 10 * payloads.KB, payloads.KB * payloads.KB])
def test_a_payload_is_as_long_as_was_asked_for(size: int) -> None:
    text = json.dumps(payloads.fields_of(size), separators=(",", ":"))
    assert len(text.encode()) == size


@pytest.mark.parametrize("count", [5, 500])
def test_there_are_as_many_fields_as_were_asked_for(count: int) -> None:
    assert len(payloads.many_fields(count)) == count


@pytest.mark.skipif(sys.platform != "linux", reason="the bench reads the CPU clocks of Linux")
def test_the_cpu_of_a_process_is_read_from_outside() -> None:
    before = cpu_seconds(os.getpid())
    sum(range(200_000))
    assert cpu_seconds(os.getpid()) > before
    assert cpu_seconds(os.getppid()) > 0
    assert resident_bytes(os.getpid()) > 1 << 20


async def test_a_process_that_does_nothing_is_idle() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "input()", stdin=asyncio.subprocess.PIPE
    )
    try:
        assert await asyncio.to_thread(wait_until_idle, (process.pid,)) < 10
    finally:
        process.kill()
        await process.wait()
