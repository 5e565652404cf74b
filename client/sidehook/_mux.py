"""The sending side of a stream: one writer, and everything that is ready in one message.

No gRPC here. An outbox belongs to one event loop and is not safe for threads.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from sidehook._frames import (
    FRAME_OVERHEAD,
    MAX_ID,
    MESSAGE,
    MIN_BATCH_BYTES,
    PART,
    batched,
    frame_head,
)

DEFAULT_BATCH_BYTES: Final = 256 * 1024
"""The largest stream message to a peer that named no limit."""

DEFAULT_PENDING_BYTES: Final = 64 * 1024 * 1024
"""What an outbox holds at most, in bytes, unless told otherwise."""

LARGEST_BATCH_BYTES: Final = 1280 * 1024
"""The largest stream message that our own ends take and send: a megabyte and what is round it."""

PART_BYTES: Final = 64 * 1024
"""The longest part of a message that is split."""


class OutboxError(Exception):
    """A frame was not taken. It was not sent and never will be."""


class OutboxFullError(OutboxError):
    """The peer reads more slowly than this end writes; `limit` in bytes was reached."""

    def __init__(self, pending: int, limit: int) -> None:
        super().__init__(f"{pending} bytes wait for the peer to read; the limit is {limit}")
        self.pending = pending
        self.limit = limit


class OutboxClosedError(OutboxError):
    """The stream is closing."""

    def __init__(self) -> None:
        super().__init__("the stream is closing; nothing more is sent on it")


class MessageTooLargeError(OutboxError):
    """The peer takes no message of this size; both in bytes."""

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(f"a message of {size} bytes; the peer takes {limit} at most")
        self.size = size
        self.limit = limit


class Ids:
    """The ids of one end of a stream: 1, 2, 3, …, each once."""

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last = 0

    def next(self) -> int:
        """The next id. Raises OverflowError after 2**53 - 1 of them."""
        if self._last >= MAX_ID:
            raise OverflowError("the ids of this stream are used up; open another")
        self._last += 1
        return self._last


@dataclass(slots=True)
class _Split:
    """A message that leaves in parts, and the frames of its id that must not overtake it."""

    id: int
    body: bytes
    max_part: int
    behind: list[tuple[int, bytes]] = field(default_factory=list)
    seq: int = 0

    def take(self) -> tuple[bytes, memoryview]:
        """The next part, as it stands in a batch: its head, and its octets, not copied."""
        begin = self.seq * self.max_part
        octets = memoryview(self.body)[begin : begin + self.max_part]
        more = begin + self.max_part < len(self.body)
        tag = PART if self.seq or more else MESSAGE
        head = frame_head(self.id, tag, len(octets), self.seq, more=more)
        self.seq += 1
        return batched(head, len(octets)), octets

    def grow(self, room: int) -> None:
        """Leave whole, where it is alone and there is room for all of it: nobody waits longer."""
        if self.seq == 0 and len(self.body) <= room:
            self.max_part = max(self.max_part, len(self.body))

    @property
    def is_sent(self) -> bool:
        """Whether no part is left."""
        return self.seq * self.max_part >= len(self.body)

    @property
    def pending_bytes(self) -> int:
        """The bytes still to be sent."""
        unsent = max(0, len(self.body) - self.seq * self.max_part)
        return unsent + sum(len(body) for _, body in self.behind)


class Outbox:
    """Frames on their way to the one writer of a stream.

    `put` never blocks. `next_batch` gives everything that is ready, up to
    `max_batch_bytes`, as one stream message. Long messages leave in parts, which take
    turns with each other and never hold up what fits one frame. At most
    `max_pending_bytes` wait; twice that before a control frame is refused too.
    """

    def __init__(
        self,
        max_batch_bytes: int = DEFAULT_BATCH_BYTES,
        max_pending_bytes: int = DEFAULT_PENDING_BYTES,
    ) -> None:
        self._max_pending_bytes = max_pending_bytes
        self._ready: deque[bytes | _Split] = deque()
        self._splits: dict[int, _Split] = {}
        self._turns: deque[_Split] = deque()
        self._pending_bytes = 0
        self._closed = False
        self._waiter: asyncio.Future[None] | None = None
        self._max_message_bytes: int | None = None
        self.configure(max_batch_bytes=max_batch_bytes, split_frames=True)

    def configure(
        self, *, max_batch_bytes: int, split_frames: bool, max_message_bytes: int | None = None
    ) -> None:
        """Keep to what the peer's hello says, for what is put from now on; sizes in bytes.

        `split_frames` False sends every message in one frame, however long. Raises
        ValueError for a batch of less than 128 bytes.
        """
        if max_batch_bytes < MIN_BATCH_BYTES:
            raise ValueError(f"max_batch_bytes must be {MIN_BATCH_BYTES} or more")
        self._max_batch_bytes = max_batch_bytes
        # Half a batch at most, so that a part goes into every batch beside whole messages.
        self._max_part = min(PART_BYTES, max_batch_bytes // 2 - FRAME_OVERHEAD)
        self._split_frames = split_frames
        self._max_message_bytes = max_message_bytes
        # Below this there is nothing to check about a frame that is no longer than a part.
        self._plenty = self._max_pending_bytes - FRAME_OVERHEAD
        if max_message_bytes is not None and max_message_bytes < self._max_part:
            self._plenty = 0

    @property
    def pending_bytes(self) -> int:
        """The bytes that wait for the writer."""
        return self._pending_bytes

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def put(self, id: int, tag: int, body: bytes = b"") -> None:  # noqa: A002 - the contract's word
        """Queue one message or control frame for the next batch. Never blocks.

        A frame of an id of which parts are waiting goes behind them. Raises
        OutboxFullError, OutboxClosedError or MessageTooLargeError, having queued nothing.
        """
        size = len(body)
        if self._closed or self._pending_bytes + size > self._plenty or size > self._max_part:
            self._check(tag, size)
        split = self._splits.get(id) if self._splits else None
        if split is None:
            self._queue(id, tag, body, size)
        else:
            split.behind.append((tag, body))
            self._pending_bytes += size
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def cancel(self, id: int) -> bool:  # noqa: A002 - the contract's word
        """Drop the parts of a message that still wait; whether there were any.

        A `cancel` frame that is put after this overtakes them.
        """
        split = self._splits.pop(id, None)
        if split is None:
            return False
        self._pending_bytes -= split.pending_bytes
        return True

    def close(self) -> None:
        """Take nothing more. What waits is still sent. Safe to call twice."""
        self._closed = True
        if self._waiter is not None:
            _wake(self._waiter)

    async def next_batch(self) -> bytes | None:
        """The next stream message; waits for one. None when closed and all is sent.

        For one reader. What it gave is no longer counted as pending.
        """
        while not (batch := self.ready_batch()):
            if self._closed:
                return None
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return batch

    def ready_batch(self) -> bytes:
        """The next stream message as far as there is one now, else nothing."""
        return b"".join(self._gather())

    def _check(self, tag: int, size: int) -> None:
        if self._closed:
            raise OutboxClosedError
        if tag != MESSAGE:
            limit = 2 * self._max_pending_bytes
        else:
            limit = self._max_pending_bytes
            if self._max_message_bytes is not None and size > self._max_message_bytes:
                raise MessageTooLargeError(size, self._max_message_bytes)
        if self._pending_bytes + size + FRAME_OVERHEAD > limit:
            raise OutboxFullError(self._pending_bytes, limit)

    def _queue(self, identity: int, tag: int, body: bytes, size: int) -> None:
        if size > self._max_part and tag == MESSAGE and self._split_frames:
            split = self._splits[identity] = _Split(identity, body, self._max_part)
            # Its turns begin when what was queued before it has left.
            self._ready.append(split)
            self._pending_bytes += size
        else:
            head = frame_head(identity, tag, size)
            entry = batched(head, size) + body
            self._ready.append(entry)
            self._pending_bytes += len(entry)

    def _gather(self) -> Iterable[bytes | memoryview]:
        """The pieces of the next batch: what is ready, and one part if any waits."""
        if not self._splits and not self._turns and self._pending_bytes <= self._max_batch_bytes:
            return self._take_all()
        pieces: list[bytes | memoryview] = []
        room = self._take_ready(pieces, self._max_batch_bytes)
        while self._turns:
            split = self._turns[0]
            if self._splits.get(split.id) is not split:
                self._turns.popleft()  # It was cancelled.
            elif pieces and room < split.max_part + FRAME_OVERHEAD:
                break
            else:
                if len(self._splits) == 1:
                    split.grow(room - FRAME_OVERHEAD)
                head, octets = self._next_part()
                pieces += (head, octets)
                room -= len(head) + len(octets)
        return pieces

    def _take_all(self) -> Iterable[bytes | memoryview]:
        """Everything there is: frames that fit one batch, and the places of what was cancelled."""
        ready, self._ready = self._ready, deque()
        self._pending_bytes = 0
        # A split message that is still here was cancelled: those that were not are in the table.
        return [each for each in ready if not isinstance(each, _Split)]

    def _take_ready(self, pieces: list[bytes | memoryview], room: int) -> int:
        """Move ready frames into the batch, leaving room for a part; give the room left."""
        while self._ready:
            first = self._ready[0]
            if isinstance(first, _Split):
                self._turns.append(first)
                self._ready.popleft()
                continue
            reserved = self._max_part + FRAME_OVERHEAD if self._turns else 0
            if pieces and room - len(first) < reserved:
                break
            pieces.append(first)
            self._ready.popleft()
            self._pending_bytes -= len(first)
            room -= len(first)
        return room

    def _next_part(self) -> tuple[bytes, memoryview]:
        """A part of the message whose turn it is, which then goes to the end of the line."""
        split = self._turns.popleft()
        self._pending_bytes -= split.pending_bytes
        head, octets = split.take()
        if split.is_sent:
            del self._splits[split.id]
            self._release(split)
        else:
            self._turns.append(split)
            self._pending_bytes += split.pending_bytes
        return head, octets

    def _release(self, split: _Split) -> None:
        """Queue what waited behind a message that is sent; another split one keeps the rest."""
        for at, (tag, body) in enumerate(split.behind):
            self._queue(split.id, tag, body, len(body))
            follower = self._splits.get(split.id)
            if follower is not None:
                follower.behind = split.behind[at + 1 :]
                self._pending_bytes += sum(len(body) for _, body in follower.behind)
                return


async def pump(outbox: Outbox, write: Callable[[bytes], Awaitable[None]]) -> None:
    """Write everything that is put into the outbox, until it is closed and empty.

    The one writer of a stream: `write` is awaited for each batch, and what comes
    meanwhile goes together into the next. Errors of `write` pass through.
    """
    while (batch := await outbox.next_batch()) is not None:
        await write(batch)


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
