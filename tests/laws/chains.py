"""Random chains: hooks, what each will answer and when, and the call they run for.

Times are whole milliseconds, and every hook's delay is made unique by its place, so
that no two events of a chain fall on the same moment: which of two simultaneous
events comes first is nobody's promise.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import prod

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


_TEXTS = ("1", "2", '"x"', "1.0", "[", '{"k":1,"k":2}')
_PATCHES = tuple(
    Patches(tuple(zip(names, texts, strict=True)))
    for names in (("a",), ("a", "c"), ("a", "b"), ("b",), ("c",))
    for texts in product(_TEXTS, repeat=len(names))
)
_SAYS: tuple[Says, ...] = (
    *(Nothing(),) * 12,
    *_PATCHES,
    *(Blocks("NO"),) * 8,
    *(Blocks("NEVER"),) * 8,
    *(Fails(kind) for kind in FailureClass for _ in range(4)),
    *(Silent(),) * 12,
)
_TERMS: tuple[tuple[str, tuple[object, ...]], ...] = (
    ("mode", tuple(Mode)),
    ("says", _SAYS),
    ("on_error", (None, None, OnError.FAIL, OnError.IGNORE)),
    ("priority", (0, 1, 2)),
    ("delay", (10, 20, 50, 300, 900)),
    ("timeout", (5000, 100)),
    ("on_rejected", (OnRejected.DROP, OnRejected.DROP, OnRejected.ERROR)),
    ("required", (False, False, False, True)),
    ("scope", (None, None, None, "s", "other")),
    ("sets_state", ((), (), (("k", "1"),), (("k", "2"), ("shared.s", "3")), (("k", "{"),))),
)


def _hook(number: int) -> HookCase:
    """The hook that a number stands for: a digit for each term, in a base of its own.

    Drawing one number for each hook makes the laws five times as fast as drawing its
    terms one by one, and a smaller number is still a simpler hook.
    """
    terms: dict[str, object] = {}
    for name, choices in _TERMS:
        number, digit = divmod(number, len(choices))
        terms[name] = choices[digit]
    return HookCase(**terms)  # type: ignore[arg-type]  # the table above has the types


_HOOKS = st.integers(0, prod(len(choices) for _, choices in _TERMS) - 1).map(_hook)
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
