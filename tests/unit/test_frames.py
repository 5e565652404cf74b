import tracemalloc
from itertools import zip_longest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidehook._frames import (
    BATCH_OVERHEAD,
    FRAME_OVERHEAD,
    MAX_FRAME_FIELDS,
    MAX_FRAMES,
    MAX_ID,
    MESSAGE,
    PART,
    Frame,
    FrameError,
    Joiner,
    JoinerFullError,
    decode_frame,
    encode_frame,
    pack,
    split,
    unpack,
)

CANCEL = 7
FRAMES = st.builds(
    Frame,
    id=st.integers(0, MAX_ID),
    tag=st.integers(4, 2**29 - 1),
    body=st.binary(max_size=300),
    seq=st.integers(0, 2**32 - 1),
    more=st.booleans(),
)


def a_part(identity: int, seq: int, body: bytes = b"x", *, more: bool = True) -> Frame:
    return Frame(identity, PART, body, seq, more)


@given(FRAMES)
def test_a_frame_comes_back_as_it_went_in(frame: Frame) -> None:
    assert decode_frame(encode_frame(frame)) == frame


@given(FRAMES)
def test_a_frame_adds_no_more_than_its_overhead(frame: Frame) -> None:
    alone = len(encode_frame(frame))
    assert len(pack([encode_frame(frame)])) <= alone + BATCH_OVERHEAD
    assert alone + BATCH_OVERHEAD <= len(frame.body) + FRAME_OVERHEAD


@given(st.lists(st.binary(max_size=300)))
def test_a_batch_comes_back_as_it_went_in(frames: list[bytes]) -> None:
    assert unpack(pack(frames)) == frames


@given(st.binary(max_size=60))
def test_octets_are_a_frame_or_a_frame_error_and_never_anything_else(octets: bytes) -> None:
    for parse in (decode_frame, unpack):
        try:
            parse(octets)
        except FrameError as error:
            assert error.what == "frame"  # noqa: PT017 - that it may not raise is the other half


@pytest.mark.parametrize(
    ("octets", "problem"),
    [
        (b"", "no body"),
        (b"\x08\x05", "no body"),
        (b"\x08", "truncated"),
        (b"\x2a\x05ab", "truncated"),
        (b"\x2a\x80", "truncated"),
        (b"\x2a\x00\x3a\x00", "two bodies, 5 and 7"),
        (b"\x2a\x00\x2a\x00", "two bodies, 5 and 5"),
        (b"\x08" + b"\x80" * 7 + b"\x10" + b"\x2a\x00", "not below 2**53"),
        (b"\x08" + b"\xff" * 10 + b"\x01", "over 64 bit"),
        (b"\x2b\x2c", "wire type 3"),
        (b"\x2a\x00\x39\x00", "truncated"),
    ],
)
def test_a_broken_frame_is_refused(octets: bytes, problem: str) -> None:
    with pytest.raises(FrameError) as caught:
        decode_frame(octets)
    assert problem in caught.value.problem


def test_a_broken_frame_names_its_message_where_it_can() -> None:
    with pytest.raises(FrameError) as caught:
        decode_frame(b"\x08\x05\x2a\x00\x3a\x00")
    assert caught.value.id == 5


def test_a_tag_that_is_not_known_is_kept_for_the_caller() -> None:
    assert decode_frame(encode_frame(Frame(1, 99, b"new"))) == Frame(1, 99, b"new")


def test_fields_that_a_newer_peer_adds_are_skipped() -> None:
    # Field 20 as a varint, a fixed 64 bit and a fixed 32 bit number, around a body of tag 5.
    octets = b"\xa0\x01\x07\xa1\x01" + b"\x00" * 8 + b"\x2a\x01a\xa5\x01" + b"\x00" * 4
    assert decode_frame(octets) == Frame(0, 5, b"a")
    assert unpack(b"\x10\x01" + pack([b"frame"])) == [b"frame"]


def test_one_bad_frame_does_not_kill_its_neighbours() -> None:
    good = encode_frame(Frame(1, MESSAGE, b"good"))
    results = []
    for octets in unpack(pack([good, b"\xff", good])):
        try:
            results.append(decode_frame(octets).body)
        except FrameError:
            results.append(b"refused")
    assert results == [b"good", b"refused", b"good"]


@given(st.binary(max_size=400), st.integers(1, 100))
def test_split_and_join_give_the_message_back(body: bytes, max_part: int) -> None:
    joiner = Joiner(400, 1)
    frames = [decode_frame(octets) for octets in split(3, body, max_part)]
    assert all(len(frame.body) <= max_part for frame in frames)
    *early, last = [joiner.feed(frame) for frame in frames]
    assert early == [None] * (len(frames) - 1)
    assert last == Frame(3, MESSAGE, body)
    assert joiner.open_bytes == 0


@given(st.lists(st.binary(min_size=1, max_size=100), min_size=1, max_size=5), st.integers(1, 30))
def test_messages_whose_parts_take_turns_are_put_together_apart(
    bodies: list[bytes], max_part: int
) -> None:
    joiner = Joiner(100, len(bodies), max_open_bytes=500)
    queues = [split(number, body, max_part) for number, body in enumerate(bodies, start=1)]
    turns = [octets for turn in zip_longest(*queues) for octets in turn if octets is not None]
    joined = [frame for octets in turns if (frame := joiner.feed(decode_frame(octets)))]
    assert {frame.id: frame.body for frame in joined} == dict(enumerate(bodies, start=1))


def test_control_frames_pass_while_parts_are_open() -> None:
    joiner = Joiner(100, 2)
    joiner.feed(a_part(1, 0))
    assert joiner.feed(Frame(1, CANCEL, b"")) == Frame(1, CANCEL, b"")
    assert joiner.feed(Frame(2, MESSAGE, b"whole")) == Frame(2, MESSAGE, b"whole")


@pytest.mark.parametrize(
    "frames",
    [
        [a_part(4, 1)],
        [a_part(4, 0), a_part(4, 0)],
        [a_part(4, 0), a_part(4, 2)],
        [a_part(4, 0), a_part(4, 1, b"x" * 100)],
        [a_part(4, 0, b"x" * 101)],
        [a_part(4, 0), Frame(4, MESSAGE, b"whole")],
        [Frame(4, MESSAGE, b"whole", seq=1)],
        [Frame(4, MESSAGE, b"whole", more=True)],
        [Frame(4, MESSAGE, b"x" * 101)],
    ],
    ids=["late start", "twice", "gap", "overlong", "overlong part", "whole", "seq", "more", "long"],
)
def test_a_message_that_breaks_the_rules_is_refused_by_its_id(frames: list[Frame]) -> None:
    joiner = Joiner(100, 2)
    *before, bad = frames
    for frame in before:
        joiner.feed(frame)
    with pytest.raises(FrameError) as caught:
        joiner.feed(bad)
    assert caught.value.id == 4
    assert not isinstance(caught.value, JoinerFullError)
    assert joiner.open_bytes == 0


def test_a_part_without_an_id_is_refused_each_time() -> None:
    joiner = Joiner(100, 2)
    for _ in range(2):
        with pytest.raises(FrameError, match="needs an id"):
            joiner.feed(a_part(0, 0))


def test_the_rest_of_a_refused_message_is_dropped_without_a_word() -> None:
    joiner = Joiner(100, 2)
    with pytest.raises(FrameError):
        joiner.feed(a_part(4, 3))
    assert joiner.feed(a_part(4, 4)) is None
    assert joiner.feed(a_part(4, 5, more=False)) is None
    # The end of it is the end of the fault: whatever comes now is judged anew.
    assert joiner.feed(a_part(4, 0, more=False)) == Frame(4, MESSAGE, b"x")


def test_a_refused_last_part_leaves_nothing_behind() -> None:
    joiner = Joiner(100, 2)
    with pytest.raises(FrameError):
        joiner.feed(a_part(4, 3, more=False))
    assert joiner.feed(a_part(4, 0, more=False)) == Frame(4, MESSAGE, b"x")


def test_a_cancelled_message_is_forgotten_and_its_late_parts_are_swallowed() -> None:
    joiner = Joiner(100, 2)
    joiner.feed(a_part(4, 0))
    joiner.drop(4)
    assert joiner.open_bytes == 0
    assert joiner.feed(a_part(4, 1)) is None
    assert joiner.feed(a_part(4, 2, more=False)) is None


def test_dropping_what_is_not_there_does_nothing() -> None:
    joiner = Joiner(100, 2)
    joiner.drop(4)
    assert joiner.feed(a_part(4, 0, more=False)) == Frame(4, MESSAGE, b"x")


def test_too_many_open_messages_are_refused_and_those_before_them_live() -> None:
    joiner = Joiner(100, 2)
    joiner.feed(a_part(1, 0))
    joiner.feed(a_part(2, 0))
    with pytest.raises(JoinerFullError) as caught:
        joiner.feed(a_part(3, 0))
    assert caught.value.id == 3
    assert joiner.feed(a_part(1, 1, b"y", more=False)) == Frame(1, MESSAGE, b"xy")


def test_the_bytes_that_wait_are_bounded_over_all_messages() -> None:
    joiner = Joiner(100, 10, max_open_bytes=150)
    joiner.feed(a_part(1, 0, b"x" * 90))
    with pytest.raises(JoinerFullError):
        joiner.feed(a_part(2, 0, b"x" * 90))
    assert joiner.open_bytes == 90


def test_what_is_remembered_of_dropped_messages_is_bounded() -> None:
    joiner = Joiner(100, 2)
    for identity in range(1, 6):
        joiner.feed(a_part(identity, 0))
        joiner.drop(identity)
    assert joiner.feed(a_part(5, 1)) is None
    with pytest.raises(FrameError, match="part 1 where part 0 was due"):
        joiner.feed(a_part(1, 1))


def test_a_batch_holds_no_more_frames_than_its_limit() -> None:
    assert len(unpack(b"\x0a\x00" * MAX_FRAMES)) == MAX_FRAMES
    with pytest.raises(FrameError, match="over 65536 fields"):
        unpack(b"\x0a\x00" * (MAX_FRAMES + 1))


def test_a_frame_has_no_more_fields_than_its_limit() -> None:
    fields = b"\x08\x01" * (MAX_FRAME_FIELDS - 1)
    assert decode_frame(fields + b"\x2a\x00") == Frame(1, MESSAGE, b"")
    with pytest.raises(FrameError, match="over 64 fields"):
        decode_frame(fields + b"\x08\x01\x2a\x00")


def test_a_message_in_short_parts_weighs_what_it_holds() -> None:
    joiner = Joiner(10**6, 4)
    tracemalloc.start()
    try:
        for seq in range(50_000):
            # Not the same octets again and again, which Python would keep once.
            joiner.feed(a_part(1, seq, seq.to_bytes(4, "big")))
        weight, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert joiner.open_bytes == 200_000
    assert weight < 2 * joiner.open_bytes


def test_empty_parts_without_end_weigh_nothing() -> None:
    joiner = Joiner(10**6, 4)
    tracemalloc.start()
    try:
        for seq in range(50_000):
            joiner.feed(a_part(1, seq, b""))
        weight, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert weight < 10_000
