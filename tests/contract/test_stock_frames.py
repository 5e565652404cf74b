"""The frame codec and the contract's frame messages are one and the same."""

from collections.abc import Callable
from enum import IntEnum
from typing import cast

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from sidehook._frames import (
    MAX_ID,
    MESSAGE,
    PART,
    EventTag,
    Frame,
    InvokeTag,
    RunTag,
    VerdictTag,
    decode_frame,
    encode_frame,
    pack,
    unpack,
)
from sidehook.v1 import hook_service_pb2, registry_service_pb2, worker_service_pb2

FRAMES: list[tuple[type[Message], type[IntEnum]]] = [
    (hook_service_pb2.InvokeFrame, InvokeTag),
    (hook_service_pb2.VerdictFrame, VerdictTag),
    (worker_service_pb2.RunFrame, RunTag),
    (worker_service_pb2.EventFrame, EventTag),
]
BATCHES: list[Callable[..., Message]] = [
    hook_service_pb2.InvokeStreamRequest,
    hook_service_pb2.InvokeStreamResponse,
    worker_service_pb2.RunStreamRequest,
    worker_service_pb2.RunStreamResponse,
    registry_service_pb2.AttachRequest,
    registry_service_pb2.AttachResponse,
]
# What travels with its length in front, as every body does.
DELIMITED = {FieldDescriptor.TYPE_MESSAGE, FieldDescriptor.TYPE_BYTES}
each_frame = pytest.mark.parametrize(("stock", "tags"), FRAMES)
ids = st.integers(0, MAX_ID)


@each_frame
def test_the_tags_are_the_members_of_the_body(stock: type[Message], tags: type[IntEnum]) -> None:
    body = stock.DESCRIPTOR.oneofs_by_name["body"].fields
    assert {field.name.upper(): field.number for field in body} == {
        tag.name: tag.value for tag in tags
    }


@each_frame
def test_all_frames_have_one_shape(stock: type[Message], tags: type[IntEnum]) -> None:
    fields = stock.DESCRIPTOR.fields
    body = stock.DESCRIPTOR.oneofs_by_name["body"].fields
    head = {field.name: field.number for field in fields if field not in body}
    assert head == {"id": 1, "seq": 2, "more": 3}
    assert {tag.value for tag in tags} >= {4, MESSAGE, PART}
    assert {field.type for field in body} <= DELIMITED


@each_frame
@given(identity=ids, seq=st.integers(0, 2**32 - 1), more=st.booleans(), body=st.binary())
def test_stock_code_reads_our_frames(
    stock: type[Message],
    tags: type[IntEnum],
    identity: int,
    seq: int,
    more: bool,  # noqa: FBT001 - hypothesis gives it
    body: bytes,
) -> None:
    frame = Frame(identity, PART, body, seq, more)
    # Every frame message has these fields; which of the four it is does not matter here.
    read = cast(hook_service_pb2.InvokeFrame, stock.FromString(encode_frame(frame)))
    assert (read.id, read.seq, read.more, read.part) == (identity, seq, more, body)
    assert decode_frame(read.SerializeToString()) == frame


@each_frame
@given(identity=ids)
def test_we_read_every_body_of_stock_frames(
    stock: type[Message], tags: type[IntEnum], identity: int
) -> None:
    for field in stock.DESCRIPTOR.oneofs_by_name["body"].fields:
        written = cast(hook_service_pb2.InvokeFrame, stock())
        written.id = identity
        if field.type == field.TYPE_MESSAGE:
            getattr(written, field.name).SetInParent()
        else:
            written.part = b""
        assert decode_frame(written.SerializeToString()) == Frame(identity, field.number, b"")


@pytest.mark.parametrize("stock", BATCHES)
@given(frames=st.lists(st.binary()))
def test_stock_batches_and_ours_are_the_same_octets(
    stock: Callable[..., Message], frames: list[bytes]
) -> None:
    octets = stock(frames=frames).SerializeToString()
    assert pack(frames) == octets
    assert unpack(octets) == frames
