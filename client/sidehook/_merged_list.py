"""What several sidecars say together of who listens. Pure.

A call goes to any of them. So it may be left out only when every one of them says, in a
complete list and inside its lease, that nobody listens.
"""

from __future__ import annotations

from collections.abc import Sequence

from sidehook._hook_list import HookList, HookTypeStatus
from sidehook._live_list import NOTHING_HELD, Held, unheard_of


class MergedList:
    """Makes one list of many, and keeps it for as long as they say the same."""

    __slots__ = ("_merged", "_of")

    def __init__(self) -> None:
        self._of: tuple[HookList, ...] = ()
        self._merged = NOTHING_HELD

    def of(self, lists: Sequence[Held]) -> Held:
        """Return what holds for all of `lists`; nothing is known of none."""
        if not lists:
            return NOTHING_HELD
        if len(lists) == 1:
            return lists[0]
        said = tuple(each.known for each in lists)
        if said != self._of:
            known = _union(said)
            self._of, self._merged = said, Held(known, 0.0, unheard_of(known))
        return self._merged._replace(until=min(each.until for each in lists))


def _union(lists: Sequence[HookList]) -> HookList:
    names = {name for each in lists for name in each.types}
    undeclared = {each.undeclared_types_allowed for each in lists}
    return HookList(
        version=0,
        complete=all(each.complete for each in lists),
        types={name: _status(name, lists) for name in names},
        undeclared_types_allowed=undeclared == {True},
        # Where they disagree on a type that none of them names, the one that is asked says.
        filtered=any(each.filtered for each in lists) or len(undeclared) > 1,
    )


def _status(name: str, lists: Sequence[HookList]) -> HookTypeStatus:
    said = [each.types[name] for each in lists if name in each.types]
    may_be_hidden = any(each.filtered and name not in each.types for each in lists)
    return HookTypeStatus(
        hook_type=name,
        has_hooks=may_be_hidden or any(each.has_hooks for each in said),
        scopes=frozenset().union(*(each.scopes for each in said)),
        writable_fields=frozenset().union(*(each.writable_fields for each in said)),
    )
