"""How much of the sidecar each tenant may have when calls get many."""

from __future__ import annotations

from collections import OrderedDict
from enum import StrEnum
from typing import Final

_FREE_FOR_ALL: Final = 0.5
"""The share of the limit up to which nobody is asked whose calls they are."""

_LATELY_SECONDS: Final = 1.0
"""How long a tenant that was refused counts as one that wants its share."""

_REMEMBERED: Final = 1024
"""Tenants that were refused lately and have no call under way, at most; the oldest go first."""


class Refusal(StrEnum):
    """Why a call was refused for want of room."""

    LIMIT = "limit"
    """The sidecar has as many calls under way as it takes."""
    SHARE = "share"
    """Its tenant has its fair share of them, and others want theirs."""


class FairShare:
    """Counts the calls under way by tenant.

    Below half of the limit everybody is let in. Above, a tenant holds at most the limit
    divided by the tenants that have calls under way or were refused lately, and at least
    one call; at the limit nobody gets in. One tenant alone may have everything.
    """

    __slots__ = ("_held", "_refused", "_total")

    def __init__(self) -> None:
        self._held: dict[str, int] = {}
        self._refused: OrderedDict[str, float] = OrderedDict()
        self._total = 0

    @property
    def tenants(self) -> int:
        """Tenants with calls under way."""
        return len(self._held)

    def held_by(self, tenant: str) -> int:
        """Calls of a tenant that are under way."""
        return self._held.get(tenant, 0)

    def refusal(self, tenant: str, *, limit: int, now: float) -> Refusal | None:
        """Why the tenant's next call must not begin; None when it may. Remembers a refusal."""
        if self._total < _FREE_FOR_ALL * limit:
            return None
        if self._total >= limit:
            self._remember(tenant, now)
            return Refusal.LIMIT
        self._forget_those_before(now - _LATELY_SECONDS)
        held = self.held_by(tenant)
        wanting = len(self._held) + len(self._refused)
        if held == 0 and tenant not in self._refused:
            wanting += 1
        if held < max(1, limit // wanting):
            return None
        self._remember(tenant, now)
        return Refusal.SHARE

    def enter(self, tenant: str) -> None:
        """A call of the tenant begins."""
        self._total += 1
        self._held[tenant] = self._held.get(tenant, 0) + 1
        self._refused.pop(tenant, None)

    def leave(self, tenant: str) -> None:
        """A call of the tenant is over."""
        self._total -= 1
        left = self._held[tenant] - 1
        if left:
            self._held[tenant] = left
        else:
            del self._held[tenant]

    def _remember(self, tenant: str, now: float) -> None:
        """A tenant with calls under way counts by itself."""
        if tenant in self._held:
            return
        self._refused[tenant] = now
        self._refused.move_to_end(tenant)
        if len(self._refused) > _REMEMBERED:
            self._refused.popitem(last=False)

    def _forget_those_before(self, moment: float) -> None:
        while self._refused:
            tenant, refused_at = next(iter(self._refused.items()))
            if refused_at >= moment:
                return
            del self._refused[tenant]
