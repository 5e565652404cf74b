"""Random chains: hooks, what each will answer and when, and the call they run for.

Times are whole milliseconds, and every hook's delay is made unique by its place, so
that no two events of a chain fall on the same moment: which of two simultaneous
events comes first is nobody's promise.
"""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from sidehook._types import FailureClass, Mode, OnError, OnRejected

FIELDS = ("a", "b", "c")
"""Field names; `c` is not in the payload to begin with."""

WRITABLE = frozenset({"a", "c"})
"""What hooks of the type may write; `b` is read-only."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """The hook has nothing to say."""


@dataclass(frozen=True, slots=True)
class Patches:
    """The hook sets these fields to these JSON texts."""

    texts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Blocks:
    """The hook says no."""

    code: str


@dataclass(frozen=True, slots=True)
class Fails:
    """The hook fails; the class may be one that only the sidecar finds."""

    kind: FailureClass


@dataclass(frozen=True, slots=True)
class Silent:
    """The hook never answers."""


Says = Nothing | Patches | Blocks | Fails | Silent


@dataclass(frozen=True, slots=True)
class HookCase:
    """One hook: its terms, what it will say, after how many milliseconds."""

    mode: Mode
    priority: int
    says: Says
    delay: int
    timeout: int
    on_error: OnError | None
    on_rejected: OnRejected
    required: bool
    scope: str | None
    sets_state: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Chain:
    """One call: its hooks, its budget in milliseconds, and when its caller gives up."""

    hooks: tuple[HookCase, ...]
    budget: int
    cancel_at: int | None
    scopes: tuple[str, ...]
    payload_on_block: bool
    queue_room: int


_TEXTS = st.sampled_from(["1", "2", '"x"', "1.0", "[", '{"k":1,"k":2}'])
_PATCHES = st.dictionaries(st.sampled_from(FIELDS), _TEXTS, min_size=1, max_size=3).map(
    lambda texts: Patches(tuple(sorted(texts.items())))
)
_SAYS: st.SearchStrategy[Says] = st.one_of(
    st.just(Nothing()),
    _PATCHES,
    _PATCHES,
    st.sampled_from([Blocks("NO"), Blocks("NEVER")]),
    st.sampled_from(list(FailureClass)).map(Fails),
    st.just(Silent()),
)
_STATE = st.sampled_from([(), (), (("k", "1"),), (("k", "2"), ("shared.s", "3")), (("k", "{"),)])
_HOOKS = st.builds(
    HookCase,
    mode=st.sampled_from(list(Mode)),
    priority=st.integers(0, 2),
    says=_SAYS,
    delay=st.sampled_from([10, 20, 50, 300, 900]),
    timeout=st.sampled_from([100, 5000]),
    on_error=st.sampled_from([None, None, OnError.FAIL, OnError.IGNORE]),
    on_rejected=st.sampled_from([OnRejected.DROP, OnRejected.DROP, OnRejected.ERROR]),
    required=st.sampled_from([False, False, False, True]),
    scope=st.sampled_from([None, None, None, "s", "other"]),
    sets_state=_STATE,
)
CHAINS = st.builds(
    Chain,
    hooks=st.lists(_HOOKS, max_size=8).map(tuple),
    budget=st.sampled_from([500, 2000, 10000]),
    cancel_at=st.sampled_from([None, None, None, 35, 150]),
    scopes=st.sampled_from([(), ("s",)]),
    payload_on_block=st.booleans(),
    queue_room=st.sampled_from([0, 1, 10]),
)
"""Chains of up to eight hooks."""
