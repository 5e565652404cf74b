"""Who may call which hook types, and for which tenants. Pure.

A book is made of one configuration. What a peer may call is looked up in it once; what a
call needs then is a set that its tenant must be in.
"""

from __future__ import annotations

import hmac
from collections.abc import Container, Iterable
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from sidehook._hook_list import HookList, HookTypeStatus
from sidehook_server.config.model import CallerConfig
from sidehook_server.config.patterns import fits
from sidehook_server.registry.identity import Peer


class _EveryTenant:
    """Holds every tenant, and the call that has none."""

    __slots__ = ()

    def __contains__(self, _tenant: object) -> bool:
        return True


EVERY_TENANT: Final[Container[str]] = _EveryTenant()
"""The tenants of a caller that may call for all of them."""

NO_TENANT: Final[Container[str]] = frozenset[str]()
"""The tenants of a caller that may not call."""


@dataclass(frozen=True, slots=True)
class Rights:
    """What one peer may call. `names` are the callers of the configuration that it is.

    `is_everything`: no callers are configured.
    """

    grants: tuple[CallerConfig, ...] = ()
    is_everything: bool = False
    _declared: dict[str, Container[str]] = field(default_factory=dict, compare=False, repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the callers that the peer is."""
        return tuple(grant.name for grant in self.grants)

    def tenants(self, hook_type: str) -> Container[str]:
        """The tenants that the peer may call a hook type for."""
        known = self._declared.get(hook_type)
        return self._granted(hook_type) if known is None else known

    def of(self, hook_types: Iterable[str]) -> Rights:
        """The same, looked up beforehand for these types. Others are no more than slower."""
        return replace(self, _declared={name: self._granted(name) for name in hook_types})

    def sees(self, hook_list: HookList) -> HookList:
        """The live list without what the peer may not call."""
        if self.is_everything:
            return hook_list
        seen = (
            _seen(status, tenants)
            for status in hook_list.types.values()
            if (tenants := self.tenants(status.hook_type)) is not NO_TENANT
        )
        types = MappingProxyType({status.hook_type: status for status in seen})
        return replace(hook_list, types=types, filtered=True)

    def _granted(self, hook_type: str) -> Container[str]:
        if self.is_everything:
            return EVERY_TENANT
        tenants: set[str] = set()
        for grant in self.grants:
            if grant.hook_types is None or any(fits(it, hook_type) for it in grant.hook_types):
                if grant.tenants is None:
                    return EVERY_TENANT
                tenants |= grant.tenants
        return frozenset(tenants) if tenants else NO_TENANT


EVERYTHING: Final = Rights(is_everything=True)
"""What everybody may call where no callers are configured."""


class CallerBook:
    """The callers of one configuration. `callers` None: everybody may call everything.

    `hook_types` are those that are declared.
    """

    __slots__ = ("_callers", "_hook_types")

    def __init__(
        self, callers: tuple[CallerConfig, ...] | None = None, hook_types: Iterable[str] = ()
    ) -> None:
        self._callers = callers
        self._hook_types = tuple(hook_types)

    @property
    def is_open(self) -> bool:
        """Whether everybody may call everything."""
        return self._callers is None

    def rights(self, peer: Peer) -> Rights:
        """What a peer may call: all that is granted to any of the callers that it is."""
        if self._callers is None or peer.is_this_process:
            return EVERYTHING
        grants = tuple(caller for caller in self._callers if _is(caller, peer))
        return Rights(grants).of(self._hook_types)


OPEN_BOOK: Final = CallerBook()
"""Where no callers are configured."""


def _is(caller: CallerConfig, peer: Peer) -> bool:
    """Whether a peer shows everything that is said of a caller; nothing said is nobody."""
    return caller.is_bound and all(
        (
            not caller.unix_socket or peer.is_on_socket,
            caller.uid is None or caller.uid == peer.uid,
            caller.token_sha256 is None
            or (
                peer.token_sha256 is not None
                # In a time that says nothing about how much of it was right.
                and hmac.compare_digest(caller.token_sha256, peer.token_sha256)
            ),
            caller.certificate is None
            or (peer.certificate is not None and peer.certificate.is_below(caller.certificate)),
        )
    )


def _seen(status: HookTypeStatus, tenants: Container[str]) -> HookTypeStatus:
    if tenants is EVERY_TENANT:
        return status
    return replace(
        status,
        # A call for another tenant is refused, and must be made for that.
        has_hooks=True,
        scopes=frozenset(scope for scope in status.scopes if scope.tenant in tenants),
    )
