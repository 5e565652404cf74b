import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidehook._frames import (
    FRAME_OVERHEAD,
    MAX_ID,
    MESSAGE,
    PART,
    Frame,
    Joiner,
    decode_frame,
    unpack,
)
from sidehook._mux import (
    Ids,
    MessageTooLargeError,
    Outbox,
    OutboxClosedError,
    OutboxFullError,
    pump,
)

CANCEL = 7
END = 9
BATCH = 2 * (100 + FRAME_OVERHEAD)
"""Holds two parts of 100 bytes."""


def frames_of(batch: bytes | None) -> list[Frame]:
    assert batch is not None
    return [decode_frame(octets) for octets in unpack(batch)]


async def drained(outbox: Outbox) -> AsyncIterator[list[Frame]]:
    outbox.close()
    while (batch := await outbox.next_batch()) is not None:
        yield frames_of(batch)


async def all_frames(outbox: Outbox) -> list[Frame]:
    return [frame async for frames in drained(outbox) for frame in frames]


class Wire:
    """Takes what is written; each write ends when the gate is open."""

    def __init__(self) -> None:
        self.batches: list[list[Frame]] = []
        self.written = asyncio.Event()
        self.gate = asyncio.Event()

    async def write(self, batch: bytes) -> None:
        self.batches.append(frames_of(batch))
        self.written.set()
        await self.gate.wait()


async def test_what_is_put_before_the_writer_runs_goes_in_one_batch() -> None:
    wire, outbox = Wire(), Outbox()
    wire.gate.set()
    writer = asyncio.create_task(pump(outbox, wire.write))
    await asyncio.sleep(0)
    sent = [Frame(identity, MESSAGE, b"body") for identity in range(1, 65)]
    for frame in sent:
        outbox.put(frame.id, frame.tag, frame.body)
    await wire.written.wait()
    outbox.close()
    await writer
    assert wire.batches == [sent]


async def test_what_comes_while_the_writer_writes_goes_in_the_next_batch() -> None:
    wire, outbox = Wire(), Outbox()
    outbox.put(1, MESSAGE, b"first")
    writer = asyncio.create_task(pump(outbox, wire.write))
    await wire.written.wait()
    for identity in (2, 3, 4):
        outbox.put(identity, MESSAGE, b"later")
    wire.gate.set()
    outbox.close()
    await writer
    assert [[frame.id for frame in batch] for batch in wire.batches] == [[1], [2, 3, 4]]


async def test_errors_of_the_writer_pass_through() -> None:
    async def write(batch: bytes) -> None:
        raise ConnectionResetError(len(batch))

    outbox = Outbox()
    outbox.put(1, MESSAGE)
    with pytest.raises(ConnectionResetError):
        await pump(outbox, write)


async def test_a_writer_that_waits_can_be_cancelled_and_started_again() -> None:
    outbox = Outbox()
    waiting = asyncio.create_task(outbox.next_batch())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    outbox.put(1, MESSAGE, b"body")
    assert frames_of(await outbox.next_batch()) == [Frame(1, MESSAGE, b"body")]


async def test_a_long_message_leaves_in_parts_that_join_to_it() -> None:
    outbox = Outbox(BATCH)
    body = bytes(range(250))
    outbox.put(1, MESSAGE, body)
    frames = await all_frames(outbox)
    assert [(frame.tag, frame.seq, frame.more) for frame in frames] == [
        (PART, 0, True),
        (PART, 1, True),
        (PART, 2, False),
    ]
    joiner = Joiner(250, 1)
    assert [joiner.feed(frame) for frame in frames][-1] == Frame(1, MESSAGE, body)


@given(
    st.lists(
        st.tuples(st.integers(1, 4), st.sampled_from([MESSAGE, END]), st.integers(0, 700)),
        max_size=20,
    ),
    st.integers(128, 400),
)
async def test_no_batch_is_too_long_and_each_id_keeps_its_order(
    puts: list[tuple[int, int, int]], max_batch_bytes: int
) -> None:
    outbox = Outbox(max_batch_bytes)
    expected: dict[int, list[tuple[int, bytes]]] = {}
    for number, (identity, tag, size) in enumerate(puts):
        # A control frame is never split, so it has to fit.
        body = bytes([number]) * (size if tag == MESSAGE else min(size, 16))
        outbox.put(identity, tag, body)
        expected.setdefault(identity, []).append((tag, body))
    assert outbox.pending_bytes >= sum(len(body) for sent in expected.values() for _, body in sent)
    joiner = Joiner(700, 4)
    received: dict[int, list[tuple[int, bytes]]] = {}
    outbox.close()
    while (batch := await outbox.next_batch()) is not None:
        assert len(batch) <= max_batch_bytes
        for frame in frames_of(batch):
            if (whole := joiner.feed(frame)) is not None:
                received.setdefault(whole.id, []).append((whole.tag, whole.body))
    assert received == expected
    assert outbox.pending_bytes == 0


async def test_parts_of_several_messages_take_turns() -> None:
    outbox = Outbox(BATCH)
    for identity in (1, 2, 3):
        outbox.put(identity, MESSAGE, b"x" * 300)
    assert [frame.id for frame in await all_frames(outbox)] == [1, 2, 3] * 3


async def test_a_short_message_does_not_wait_for_the_parts_of_a_long_one() -> None:
    outbox = Outbox(BATCH)
    outbox.put(1, MESSAGE, b"x" * 1000)
    await outbox.next_batch()
    outbox.put(2, MESSAGE, b"short")
    assert frames_of(await outbox.next_batch())[0] == Frame(2, MESSAGE, b"short")


async def test_short_messages_without_end_do_not_hold_up_a_long_one() -> None:
    outbox = Outbox(BATCH)
    outbox.put(1, MESSAGE, b"x" * 1000)
    for _ in range(5):
        for identity in range(10, 30):
            outbox.put(identity, MESSAGE, b"y" * 20)
        batch = await outbox.next_batch()
        assert batch is not None
        assert len(batch) <= BATCH
        assert PART in {frame.tag for frame in frames_of(batch)}


async def test_a_cancel_overtakes_the_parts_of_its_message() -> None:
    outbox = Outbox(BATCH)
    outbox.put(1, MESSAGE, b"x" * 1000)
    outbox.put(2, MESSAGE, b"y" * 150)
    first = frames_of(await outbox.next_batch())
    assert outbox.cancel(1)
    outbox.put(1, CANCEL)
    rest = await all_frames(outbox)
    assert [(frame.id, frame.tag) for frame in first + rest] == [
        (1, PART),
        (2, PART),
        (1, CANCEL),
        (2, PART),
    ]
    assert outbox.pending_bytes == 0


async def test_cancelling_drops_what_waits_behind_the_parts_too() -> None:
    outbox = Outbox(BATCH)
    outbox.put(1, MESSAGE, b"x" * 1000)
    outbox.put(1, END)
    outbox.put(1, MESSAGE, b"z" * 500)
    assert outbox.cancel(1)
    assert outbox.pending_bytes == 0
    assert not outbox.cancel(1)
    assert await all_frames(outbox) == []


async def test_other_frames_of_an_id_stay_behind_its_parts() -> None:
    outbox = Outbox(BATCH)
    outbox.put(1, MESSAGE, b"x" * 250)
    outbox.put(1, MESSAGE, b"y" * 250)
    outbox.put(1, END)
    frames = await all_frames(outbox)
    assert [(frame.tag, frame.body[:1]) for frame in frames] == [
        *[(PART, b"x")] * 3,
        *[(PART, b"y")] * 3,
        (END, b""),
    ]


async def test_a_long_message_that_is_alone_and_fits_a_batch_leaves_whole() -> None:
    outbox = Outbox(BATCH)
    outbox.put(1, MESSAGE, b"x" * 200)
    assert await all_frames(outbox) == [Frame(1, MESSAGE, b"x" * 200)]


async def test_a_long_message_does_not_overtake_what_was_put_before_it() -> None:
    outbox = Outbox(BATCH)
    for _ in range(5):
        outbox.put(1, END, b"x" * 80)
    outbox.put(1, MESSAGE, b"y" * 250)
    assert [frame.tag for frame in await all_frames(outbox)] == [END] * 5 + [PART] * 3


async def test_a_long_message_that_is_cancelled_before_its_turn_is_never_sent() -> None:
    outbox = Outbox(BATCH)
    outbox.put(1, MESSAGE, b"x" * 500)
    assert outbox.cancel(1)
    waiting = asyncio.create_task(outbox.next_batch())
    await asyncio.sleep(0)
    assert not waiting.done()
    outbox.put(1, MESSAGE, b"y" * 250)
    assert [frame.body[:1] for frame in frames_of(await waiting)] == [b"y", b"y"]


async def test_a_full_outbox_refuses_messages_and_still_takes_a_cancel() -> None:
    outbox = Outbox(BATCH, 1000)
    outbox.put(1, MESSAGE, b"x" * 900)
    with pytest.raises(OutboxFullError) as caught:
        outbox.put(2, MESSAGE, b"x" * 101)
    assert (caught.value.pending, caught.value.limit) == (900, 1000)
    outbox.put(2, CANCEL)
    assert {frame.id for frame in await all_frames(outbox)} == {1, 2}


async def test_control_frames_have_a_limit_of_their_own() -> None:
    outbox = Outbox(BATCH, 1000)
    while outbox.pending_bytes <= 2000 - FRAME_OVERHEAD:
        outbox.put(1, CANCEL)
    with pytest.raises(OutboxFullError):
        outbox.put(1, CANCEL)


async def test_room_comes_back_as_batches_leave() -> None:
    outbox = Outbox(BATCH, 1000)
    for _ in range(10):
        outbox.put(1, MESSAGE, b"x" * 950)
        while outbox.pending_bytes:
            await outbox.next_batch()


async def test_a_closed_outbox_takes_nothing_and_sends_what_it_has() -> None:
    outbox = Outbox()
    outbox.put(1, MESSAGE, b"last")
    outbox.close()
    outbox.close()
    assert outbox.closed
    with pytest.raises(OutboxClosedError):
        outbox.put(2, MESSAGE)
    assert await all_frames(outbox) == [Frame(1, MESSAGE, b"last")]


async def test_closing_ends_a_writer_that_waits() -> None:
    wire, outbox = Wire(), Outbox()
    writer = asyncio.create_task(pump(outbox, wire.write))
    await asyncio.sleep(0)
    outbox.close()
    async with asyncio.timeout(10):
        await writer
    assert wire.batches == []


async def test_a_peer_that_takes_no_parts_gets_whole_messages() -> None:
    outbox = Outbox(BATCH)
    outbox.configure(max_batch_bytes=BATCH, split_frames=False)
    outbox.put(1, MESSAGE, b"x" * 1000)
    outbox.put(2, MESSAGE, b"y")
    assert [frames async for frames in drained(outbox)] == [
        [Frame(1, MESSAGE, b"x" * 1000)],
        [Frame(2, MESSAGE, b"y")],
    ]


async def test_a_message_that_the_peer_would_refuse_is_refused_here() -> None:
    outbox = Outbox()
    outbox.configure(max_batch_bytes=1024, split_frames=True, max_message_bytes=10)
    outbox.put(1, MESSAGE, b"x" * 10)
    with pytest.raises(MessageTooLargeError) as caught:
        outbox.put(2, MESSAGE, b"x" * 11)
    assert (caught.value.size, caught.value.limit) == (11, 10)


def test_a_batch_must_have_room_for_a_part() -> None:
    with pytest.raises(ValueError, match="max_batch_bytes"):
        Outbox(10)


def test_ids_count_from_one() -> None:
    ids = Ids()
    assert [ids.next(), ids.next(), ids.next()] == [1, 2, 3]


def test_ids_end_below_two_to_the_53() -> None:
    ids = Ids()
    ids._last = MAX_ID - 1
    assert ids.next() == MAX_ID
    with pytest.raises(OverflowError):
        ids.next()
