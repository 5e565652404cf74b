"""Answers that are late, doubled, misdirected or broken (rule 18)."""

import asyncio

import pytest

from sidehook import ProtocolError, Violation, aio
from sidehook._frames import Frame, VerdictTag, encode_frame
from sidehook.testing._fake_sidecar import FakeCall, FakeSidecar
from tests.client.waiting import until


async def held_call(client: aio.Client, fake: FakeSidecar) -> tuple[asyncio.Task[object], FakeCall]:
    fake.hold("t")
    task: asyncio.Task[object] = asyncio.create_task(client.invoke("t"))
    return task, await asyncio.to_thread(fake.next_call)


async def test_a_late_answer_is_dropped_and_counted_and_never_another_call_s(
    client: aio.Client, fake: FakeSidecar
) -> None:
    given_up, first = await held_call(client, fake)
    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    waiting, second = await held_call(client, fake)
    first.answer(Violation(reason="for the first call"))
    await until(lambda: client.stats.answers_late == 1)
    assert not waiting.done()
    second.answer({"n": 2})
    assert await waiting == {"n": 2}


async def test_a_second_answer_is_dropped_and_counted(
    client: aio.Client, fake: FakeSidecar
) -> None:
    answered, held = await held_call(client, fake)
    held.answer({"n": 1})
    held.answer(Violation(reason="changed my mind"))
    assert await answered == {"n": 1}
    await until(lambda: client.stats.answers_late == 1)


async def test_an_answer_with_an_id_that_no_call_has_is_dropped_and_counted(
    client: aio.Client, fake: FakeSidecar
) -> None:
    task, held = await held_call(client, fake)
    held.answer(Violation(reason="nobody asked"), id=12345)
    held.answer(Violation(reason="nobody asked"), id=0)
    await until(lambda: client.stats.answers_unknown == 2)
    held.answer({})
    assert await task == {}


@pytest.mark.parametrize(
    "octets",
    [
        pytest.param(b"", id="no outcome at all"),
        pytest.param(b"\x08", id="no protobuf"),
        pytest.param(b"\x0a\x00\x12\x02\x0a\x00", id="proceed and blocked"),
    ],
)
async def test_a_malformed_answer_fails_its_own_call_and_no_other(
    client: aio.Client, fake: FakeSidecar, octets: bytes
) -> None:
    broken, first = await held_call(client, fake)
    waiting, second = await held_call(client, fake)
    first.answer_octets(octets)
    with pytest.raises(ProtocolError, match="broke the contract") as caught:
        await broken
    assert caught.value.started
    assert caught.value.hook_type == "t"
    assert client.stats.frames_malformed == 1
    second.answer({"n": 2})
    assert await waiting == {"n": 2}


@pytest.mark.parametrize(
    "octets",
    [
        pytest.param(b"\xff", id="truncated"),
        pytest.param(b"", id="no body"),
        pytest.param(encode_frame(Frame(0, 99, b"")), id="a kind of frame nobody knows"),
    ],
)
async def test_a_frame_that_is_no_frame_is_dropped_and_counted(
    client: aio.Client, fake: FakeSidecar, octets: bytes
) -> None:
    task, held = await held_call(client, fake)
    fake.send_octets(octets)
    await until(lambda: client.stats.frames_malformed == 1)
    held.answer({"n": 1})
    assert await task == {"n": 1}


async def test_a_gap_between_the_parts_of_an_answer_fails_its_call(
    client: aio.Client, fake: FakeSidecar
) -> None:
    task, held = await held_call(client, fake)
    fake.send_octets(encode_frame(Frame(held.id, VerdictTag.PART, b"x", seq=1, more=True)))
    with pytest.raises(ProtocolError, match="part 1 where part 0 was due"):
        await task


async def test_a_batch_that_cannot_be_parsed_ends_the_connection_and_the_calls_on_it(
    client: aio.Client, fake: FakeSidecar
) -> None:
    task, _ = await held_call(client, fake)
    fake.send_message(b"\x0a\xff")
    with pytest.raises(ProtocolError, match="broke the contract"):
        await task
    assert await client.invoke("other") == {}
    assert client.stats.connections == 2
