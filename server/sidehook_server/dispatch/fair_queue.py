"""A queue that is fair: tenants take turns, and inside a tenant its sessions do.

Inside a session, first come is first served. Guards go before observers. Who must give
way when the queue is too long is the youngest of whoever has the most in it, an observer
as long as there is one. Every step takes the same time however many wait.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, Protocol, TypeVar


class Seat(Protocol):
    """Whoever waits, compared by identity. `gives_way`: it is an observer, and no guard."""

    @property
    def tenant(self) -> str:
        """Takes turns with the other tenants."""

    @property
    def session(self) -> str:
        """Takes turns with the other sessions of the tenant."""

    @property
    def gives_way(self) -> bool:
        """Whether it waits behind everybody who does not."""


SeatT = TypeVar("SeatT", bound=Seat)


class FairQueue(Generic[SeatT]):
    """The queue."""

    __slots__ = ("_guards", "_observers")

    def __init__(self) -> None:
        self._guards: _Tenants[SeatT] = _Tenants()
        self._observers: _Tenants[SeatT] = _Tenants()

    def __len__(self) -> int:
        """How many wait."""
        return self._guards.size + self._observers.size

    def add(self, seat: SeatT) -> None:
        """Takes the last place of its session."""
        self._of(seat).add(seat)

    def remove(self, seat: SeatT) -> None:
        """Leaves from wherever it is; it must be there."""
        self._of(seat).remove(seat)

    def pop(self) -> SeatT:
        """Takes out whose turn it is; there must be one."""
        tenants = self._guards if self._guards.size else self._observers
        return tenants.pop()

    def pop_least(self) -> SeatT:
        """Takes out who must give way; there must be one."""
        tenants = self._observers if self._observers.size else self._guards
        seat = tenants.youngest()
        tenants.remove(seat)
        return seat

    def _of(self, seat: SeatT) -> _Tenants[SeatT]:
        return self._observers if seat.gives_way else self._guards


class _Tenants(Generic[SeatT]):
    """Tenants in turns."""

    __slots__ = ("_sizes", "_tenants", "size")

    def __init__(self) -> None:
        self._tenants: OrderedDict[str, _Sessions[SeatT]] = OrderedDict()
        self._sizes = Sizes()
        self.size = 0

    def add(self, seat: SeatT) -> None:
        tenant = self._tenants.get(seat.tenant)
        if tenant is None:
            tenant = self._tenants[seat.tenant] = _Sessions()
        tenant.add(seat)
        self._sizes.grow(seat.tenant)
        self.size += 1

    def remove(self, seat: SeatT) -> None:
        tenant = self._tenants[seat.tenant]
        tenant.remove(seat)
        self._left(seat.tenant, tenant)

    def pop(self) -> SeatT:
        name, tenant = next(iter(self._tenants.items()))
        self._tenants.move_to_end(name)
        seat = tenant.pop()
        self._left(name, tenant)
        return seat

    def youngest(self) -> SeatT:
        return self._tenants[self._sizes.largest()].youngest()

    def _left(self, name: str, tenant: _Sessions[SeatT]) -> None:
        self._sizes.shrink(name)
        self.size -= 1
        if not tenant.lines:
            del self._tenants[name]


class _Sessions(Generic[SeatT]):
    """The sessions of one tenant in turns, each a line."""

    __slots__ = ("_sizes", "lines")

    def __init__(self) -> None:
        self.lines: OrderedDict[str, OrderedDict[SeatT, None]] = OrderedDict()
        self._sizes = Sizes()

    def add(self, seat: SeatT) -> None:
        line = self.lines.get(seat.session)
        if line is None:
            line = self.lines[seat.session] = OrderedDict()
        line[seat] = None
        self._sizes.grow(seat.session)

    def remove(self, seat: SeatT) -> None:
        line = self.lines[seat.session]
        del line[seat]
        self._left(seat.session, line)

    def pop(self) -> SeatT:
        name, line = next(iter(self.lines.items()))
        self.lines.move_to_end(name)
        seat, _ = line.popitem(last=False)
        self._left(name, line)
        return seat

    def youngest(self) -> SeatT:
        return next(reversed(self.lines[self._sizes.largest()]))

    def _left(self, name: str, line: OrderedDict[SeatT, None]) -> None:
        self._sizes.shrink(name)
        if not line:
            del self.lines[name]


class Sizes:
    """How much each name has, and who has the most, without looking at all of them.

    Sizes change by one, so whoever shrinks from the top is still the largest or beside it.
    """

    __slots__ = ("_by_size", "_largest", "_sizes")

    def __init__(self) -> None:
        self._sizes: dict[str, int] = {}
        self._by_size: dict[int, dict[str, None]] = {}
        self._largest = 0

    def grow(self, name: str) -> None:
        """One more for this name."""
        size = self._sizes.get(name, 0)
        self._move(name, size, size + 1)
        self._largest = max(self._largest, size + 1)

    def shrink(self, name: str) -> None:
        """One less for this name, which must have one."""
        size = self._sizes[name]
        self._move(name, size, size - 1)
        if size == self._largest and size not in self._by_size:
            self._largest = size - 1

    def largest(self) -> str:
        """Who has the most, among equals the one who came to it last; there must be one."""
        return next(reversed(self._by_size[self._largest]))

    def _move(self, name: str, before: int, after: int) -> None:
        if before:
            equals = self._by_size[before]
            del equals[name]
            if not equals:
                del self._by_size[before]
        if after:
            self._sizes[name] = after
            self._by_size.setdefault(after, {})[name] = None
        else:
            del self._sizes[name]
