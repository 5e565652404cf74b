"""Long lists that grow, sent only as far as the other end has not seen them. Pure.

An agent sends the whole conversation with each call, and all but its end is what it sent
before. On a stream both ends remember, for each session and field, the items of the list
that was sent last; what travels is how many of these the new list begins with, and the rest.

The n-th link of a chain of hashes stands for the first n items, in the order in which they
came, for one session and one field: `digest(n) = BLAKE2b(digest(n - 1) + item n)`, and
`digest(0)` is made of tenant, session and field. So no session can be given another's items,
and a receiver that restarted, or forgot, or was overtaken by another message, sees that it
lacks something: it says so, and gets the list whole.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final, NamedTuple

from sidehook._list_values import ListValue

DIGEST_BYTES: Final = 16

MAX_REMEMBERED_BYTES: Final = 8 * 1024 * 1024
"""What one end of a stream remembers of the lists that went over it, in bytes."""

_ITEM_OVERHEAD: Final = 128


class Chain(NamedTuple):
    """Names one list that grows: a field of a session's payloads."""

    tenant: str
    session: str
    field: str


@dataclass(frozen=True, slots=True)
class Continuation:
    """A list value as it travels: `known` items that end in `digest`, then `items`."""

    head: bytes
    known: int
    digest: bytes
    items: tuple[bytes, ...]
    tail: bytes


class UnknownItemsError(Exception):
    """The receiver does not have the items that a continuation builds on."""

    def __init__(self, name: str) -> None:
        super().__init__(f"field {name} continues a list that is not known here")
        self.field = name


@dataclass(slots=True)
class _Items:
    """The newest items of one chain; `digests[n]` is the chain's at the first n of them."""

    digests: list[bytes]
    items: list[bytes] = field(default_factory=list)
    size: int = 0

    def cut(self, length: int) -> None:
        self.size -= sum(map(_cost, self.items[length:]))
        del self.items[length:]
        del self.digests[length + 1 :]

    def extend(self, items: Sequence[bytes]) -> None:
        digest = self.digests[-1]
        for item in items:
            digest = _link(digest, item)
            self.digests.append(digest)
        self.items.extend(items)
        self.size += sum(map(_cost, items))

    def forget_first(self, count: int) -> None:
        self.size -= sum(map(_cost, self.items[:count]))
        del self.items[:count]
        del self.digests[:count]


class _Memory:
    """The chains of one end of a stream, the least recently used forgotten first."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._chains: OrderedDict[Chain, _Items] = OrderedDict()
        self._size = 0

    @property
    def size(self) -> int:
        """What is remembered, in bytes, about."""
        return self._size

    def find(self, chain: Chain) -> _Items | None:
        return self._chains.get(chain)

    def forget(self, chain: Chain) -> None:
        items = self._chains.pop(chain, None)
        if items is not None:
            self._size -= items.size

    def keep(self, chain: Chain, length: int, items: Sequence[bytes], used: int) -> None:
        """Let the chain go on after its first `length` items with these, `used` in all."""
        found = self._chains.get(chain)
        if found is None:
            found = self._chains[chain] = _Items([_first(chain)])
        before = found.size
        found.cut(length)
        found.extend(items)
        # What the list does not begin with any more is not asked for again: a window moves on.
        found.forget_first(len(found.items) - used)
        self._chains.move_to_end(chain)
        self._size += found.size - before
        while self._size > self._max_bytes and self._chains:
            self.forget(next(iter(self._chains)))


class Sent:
    """What the other end of a stream has been sent. `max_bytes` bounds what is remembered."""

    def __init__(self, max_bytes: int = MAX_REMEMBERED_BYTES) -> None:
        self._memory = _Memory(max_bytes)

    @property
    def size(self) -> int:
        """What is remembered, in bytes, about."""
        return self._memory.size

    def continued(self, chain: Chain, value: ListValue) -> Continuation:
        """Return what has to travel, which from here on counts as sent."""
        found = self._memory.find(chain)
        start, known = (0, 0) if found is None else _overlap(found.items, value.items)
        digest = b"" if found is None or not known else found.digests[start + known]
        fresh = value.items[known:]
        if not known:
            self._memory.forget(chain)
        self._memory.keep(chain, start + known, fresh, len(value.items))
        return Continuation(value.head, known, digest, fresh, value.tail)

    def forget(self, chain: Chain) -> None:
        """The other end does not have it: the next one travels whole."""
        self._memory.forget(chain)


class Received:
    """What came over a stream. `max_bytes` bounds what is remembered."""

    def __init__(self, max_bytes: int = MAX_REMEMBERED_BYTES) -> None:
        self._memory = _Memory(max_bytes)

    @property
    def size(self) -> int:
        """What is remembered, in bytes, about."""
        return self._memory.size

    def whole(self, chain: Chain, it: Continuation) -> ListValue:
        """Return the list that was sent. Raises UnknownItemsError."""
        if not it.known:
            self._memory.forget(chain)
            self._memory.keep(chain, 0, it.items, len(it.items))
            return ListValue.of(it.head, it.items, it.tail)
        found = self._memory.find(chain)
        end = -1 if found is None else _position(found.digests, it.digest)
        if found is None or end < it.known:
            raise UnknownItemsError(chain.field)
        items = (*found.items[end - it.known : end], *it.items)
        self._memory.keep(chain, end, it.items, len(items))
        return ListValue.of(it.head, items, it.tail)


def _first(chain: Chain) -> bytes:
    digest = blake2b(digest_size=DIGEST_BYTES)
    for part in chain:
        octets = part.encode(errors="surrogatepass")
        digest.update(len(octets).to_bytes(8, "big"))
        digest.update(octets)
    return digest.digest()


def _link(digest: bytes, item: bytes) -> bytes:
    return blake2b(digest + item, digest_size=DIGEST_BYTES).digest()


def _cost(item: bytes) -> int:
    return len(item) + _ITEM_OVERHEAD


def _position(digests: Sequence[bytes], digest: bytes) -> int:
    """Where a digest stands, sought from the end; -1 when it does not."""
    for place in range(len(digests) - 1, -1, -1):
        if digests[place] == digest:
            return place
    return -1


def _overlap(old: Sequence[bytes], new: Sequence[bytes]) -> tuple[int, int]:
    """From where on the old items are those that the new begin with, and how many are.

    A list that grows begins with all of the old, one that is the newest of a longer list
    with all but the first of them.
    """
    if not old or not new:
        return 0, 0
    first = new[0]
    for start, item in enumerate(old):
        if item == first:
            return start, _common(old, new, start)
    return 0, 0


def _common(old: Sequence[bytes], new: Sequence[bytes], start: int) -> int:
    count = 0
    for one, other in zip(old[start:], new, strict=False):
        if one != other:
            break
        count += 1
    return count
