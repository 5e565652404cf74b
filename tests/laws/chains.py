"""Random chains: hooks, what each will answer and when, and the call they run for.

A chain is drawn as numbers, one for the call and one for each hook: the same numbers are
the same chain, whoever draws them.

Times are in ticks of 10 microseconds, whole numbers that floats hold exactly, and the
pipeline is run on them too, so that it and the reference model agree on every tie. The
moment of every answer is made unique by its hook's place: which of two simultaneous
answers comes first is nobody's promise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import shake_128
from itertools import product
from math import prod
from typing import Final

from sidehook._types import FailureClass, Mode, OnError, OnRejected

MS: Final = 100
"""Ticks in a millisecond."""

MARGIN: Final = 20 * MS
OBSERVERS_SHARE: Final = 0.25
MAX_EXTENSION: Final = 400 * MS
"""The operator's settings in every chain."""

PAYLOAD: Final = {"a": "0", "b": '"secret"'}
"""What the application sends. Texts are JSON; what begins with `raw:` stands for bytes."""

WRITABLE: Final = frozenset({"a", "c"})
"""What hooks of the type may write; `b` is read-only, and `c` not there to begin with."""

MAX_HOOKS: Final = 8


@dataclass(frozen=True, slots=True)
class Nothing:
    """The hook has nothing to say, but which fields its worker held back."""

    held_back: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Patches:
    """The hook sets these fields to these texts."""

    texts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Blocks:
    """The hook says no."""

    code: str
    reason: str = "no"
    details: str = ""


@dataclass(frozen=True, slots=True)
class Fails:
    """The worker says that its hook failed, and claims this class for it."""

    kind: FailureClass


@dataclass(frozen=True, slots=True)
class Breaks:
    """There will be no answer, and the sidecar knows why."""

    kind: FailureClass


@dataclass(frozen=True, slots=True)
class Garbled:
    """The answer is one to another hook."""


@dataclass(frozen=True, slots=True)
class Silent:
    """The hook never answers."""


Says = Nothing | Patches | Blocks | Fails | Breaks | Garbled | Silent


@dataclass(frozen=True, slots=True)
class Trip:
    """How a run gets to its hook: ticks until it is sent, then until the hook is called.

    None is never. `tells`: the worker says when it calls the hook. `refused`: no instance
    takes the run, for this reason.
    """

    sent: int | None = 0
    begins: int | None = 0
    tells: bool = False
    refused: FailureClass | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """What the worker says to failures, all classes and single ones."""

    default: OnError | None = None
    overrides: tuple[tuple[FailureClass, OnError], ...] = ()


@dataclass(frozen=True, slots=True)
class HookCase:
    """One hook: its terms, what it will say, after how many ticks. Its name is its own.

    `asks` are the ticks that it asks for beyond its timeout. `shadow_of` is the mode whose
    rights the operator took. A key that `stages` without a text is removed.
    """

    name: str
    mode: Mode
    gate: bool
    worker: str
    priority: int
    says: Says
    delay: int
    timeout: int
    trip: Trip
    asks: tuple[int, ...]
    policy: Policy
    on_rejected: OnRejected
    required: bool
    scope: tuple[str, str] | None
    by_handle: bool
    condition: str | None
    sample: float
    shadow_of: Mode | None
    fields: frozenset[str] | None
    stages: tuple[tuple[str, str | None], ...]

    @property
    def path(self) -> str:
        """`worker/hook`."""
        return f"{self.worker}/{self.name}"


@dataclass(frozen=True, slots=True)
class Chain:
    """One call and its hooks. Times in ticks; `cancel_at`: when its caller gives up."""

    hooks: tuple[HookCase, ...]
    budget: int
    cancel_at: int | None
    scopes: tuple[str, ...]
    tenant: str
    session: str
    state: tuple[tuple[str, str], ...]
    queue_room: int
    payload_on_block: bool
    max_payload: int
    max_state: int
    missing: bool
    lost_handle: bool


_TEXTS: Final = ("0", "1", "2", '"x"', "1.0", "[", '{"k":1,"k":2}', "raw:0", "raw:[")
_PATCHES: Final = tuple(
    Patches(tuple(zip(names, texts, strict=True)))
    for names in (("a",), ("a", "c"), ("a", "b"), ("b",), ("c",))
    for texts in product(_TEXTS[:6] if len(names) > 1 else _TEXTS, repeat=len(names))
)
_SAYS: Final[tuple[Says, ...]] = (
    *(Nothing(),) * 160,
    *(Patches((("a", "1"),)),) * 20,
    *(Patches((("a", "2"), ("c", '"x"'))),) * 20,
    *_PATCHES,
    *(Blocks("NO"),) * 24,
    *(Blocks("NEVER", reason="", details='{"k":1}'),) * 4,
    *(Blocks("NEVER", details="[1]"),) * 2,
    *(Fails(kind) for kind in FailureClass for _ in range(2)),
    *(Breaks(kind) for kind in FailureClass for _ in range(2)),
    *(Silent(),) * 8,
    *(Nothing(("b", "z")),) * 4,
    Garbled(),
)
_MODES: Final = (*((mode, False) for mode in Mode), (Mode.SEQUENTIAL, True))
_PHASE: Final = (Mode.CONCURRENT, False)
_TRIPS: Final = (
    *(Trip(),) * 50,
    *(Trip(tells=True),) * 20,
    Trip(sent=30 * MS),
    Trip(sent=30 * MS, begins=30 * MS, tells=True),
    Trip(begins=200 * MS, tells=True),
    Trip(begins=None, tells=True),
    Trip(sent=None),
    Trip(refused=FailureClass.UNREACHABLE),
    Trip(refused=FailureClass.CIRCUIT_OPEN),
    Trip(refused=FailureClass.OVERLOADED),
)
_POLICIES: Final = (
    *(Policy(),) * 6,
    Policy(OnError.FAIL),
    *(Policy(OnError.IGNORE),) * 2,
    *(Policy(OnError.DISABLE),) * 2,
    Policy(overrides=((FailureClass.TIMEOUT, OnError.IGNORE),)),
    Policy(OnError.IGNORE, ((FailureClass.RAISED, OnError.FAIL),)),
    Policy(
        overrides=(
            (FailureClass.OVERLOADED, OnError.DISABLE),
            (FailureClass.CIRCUIT_OPEN, OnError.DISABLE),
            (FailureClass.MALFORMED, OnError.IGNORE),
        )
    ),
    Policy(OnError.DISABLE, ((FailureClass.UNREACHABLE, OnError.FAIL),)),
)
_STAGES: Final[tuple[tuple[tuple[str, str | None], ...], ...]] = (
    *((),) * 16,
    *((("k", "1"),),) * 4,
    (("k", "2"), ("shared.s", "3")),
    (("k", "{"),),
    (("k", None), ("shared.s", None)),
    (("k", "1"), ("k", None)),
    (("big", '"a text of some length"'),),
)
_CONDITIONS: Final = (
    *(None,) * 21,
    "yes",
    "no",
    "breaks",
    "a is 1",
    "b is there",
    "w is 1",
    "ended",
)
_HOOK: Final[tuple[tuple[str, tuple[object, ...]], ...]] = (
    ("mode", _MODES),
    ("says", _SAYS),
    ("policy", _POLICIES),
    ("priority", (0, 1)),
    ("worker", ("v", "w")),
    ("delay", (*(10 * MS, 20 * MS, 50 * MS) * 3, 300 * MS, 900 * MS)),
    ("timeout", (5000 * MS, 5000 * MS, 100 * MS)),
    ("trip", _TRIPS),
    ("asks", (*((),) * 12, (200 * MS,), (2000 * MS,), (100 * MS, 100 * MS))),
    ("on_rejected", (*(OnRejected.DROP,) * 5, OnRejected.ERROR)),
    ("required", (*(False,) * 7, True)),
    ("scope", (*(None,) * 14, ("", "s"), ("t", "s"), ("", "other"))),
    ("by_handle", (*(False,) * 15, True)),
    ("condition", _CONDITIONS),
    ("sample", (1.0, 1.0, 0.5, 0.25)),
    ("shadow_of", (*(None,) * 7, Mode.SEQUENTIAL, Mode.CONCURRENT, Mode.AUDIT)),
    ("fields", (None, None, None, frozenset("a"), frozenset("bc"), frozenset())),
    ("stages", _STAGES),
)
_CALL: Final[tuple[tuple[str, tuple[object, ...]], ...]] = (
    ("budget", (*(10_000 * MS,) * 8, 2000 * MS, 2000 * MS, 500 * MS, 30 * MS)),
    ("cancel_at", (*(None,) * 14, 35 * MS, 150 * MS)),
    ("scopes", ((), ("s",))),
    ("tenant", ("", "t")),
    ("session", ("", "ann", "bob", "cem")),
    ("state", ((), (("shared.s", "0"), ("v/k", "0"), ("w/k", "1")))),
    ("queue_room", (10, 1, 0)),
    ("payload_on_block", (False, True)),
    ("max_payload", (*(1 << 20,) * 5, 14)),
    ("max_state", (*(1 << 16,) * 3, 40)),
    ("missing", (*(False,) * 59, True)),
    ("one_phase", (False, False, False, True)),
    ("lost_handle", (*(False,) * 59, True)),
)

HOOKS: Final = prod(len(choices) for _, choices in _HOOK)
"""How many hooks there are: a number below it is one."""

CALLS: Final = prod(len(choices) for _, choices in _CALL)
"""How many calls there are."""


def chain_of(call: int, hooks: Sequence[int]) -> Chain:
    """The chain that these numbers stand for; smaller numbers are simpler ones."""
    terms = _digits(call, _CALL)
    # Hooks of all phases seldom meet others of their own, which is where they matter.
    phase = _PHASE if terms.pop("one_phase") else None
    terms["hooks"] = tuple(_hook(place, number, phase) for place, number in enumerate(hooks))
    return Chain(**terms)  # type: ignore[arg-type]  # the table has the types


def drawn(seed: int, index: int) -> tuple[int, tuple[int, ...]]:
    """The numbers of the chain at this place of a seed's endless row of chains.

    A hash and not a generator of random numbers: any place can be had without those
    before it, on every machine and with every version of Python.
    """
    octets = shake_128(f"{seed}/{index}".encode()).digest(16 * (MAX_HOOKS + 2))
    numbers = [int.from_bytes(octets[at : at + 16], "big") for at in range(0, len(octets), 16)]
    length, call, *hooks = numbers
    count = length % (MAX_HOOKS + 1)
    return call % CALLS, tuple(hook % HOOKS for hook in hooks[:count])


def _digits(number: int, table: tuple[tuple[str, tuple[object, ...]], ...]) -> dict[str, object]:
    """A digit for each term, in a base of its own."""
    terms: dict[str, object] = {}
    for name, choices in table:
        number, digit = divmod(number, len(choices))
        terms[name] = choices[digit]
    return terms


def _hook(place: int, number: int, phase: tuple[Mode, bool] | None) -> HookCase:
    """The hook that a number stands for, with no terms that registration would refuse.

    A guard is not sampled, a required hook has no scope and is not in shadow, and only an
    AUDIT hook can be in shadow of another mode: the one its worker declared.
    """
    terms = _digits(number, _HOOK)
    mode, gate = phase or _MODES[number % len(_MODES)]
    terms["mode"], terms["gate"] = mode, gate
    terms["delay"] += place + 1  # type: ignore[operator]  # ticks
    if terms["required"]:
        terms["scope"] = terms["shadow_of"] = None
        terms["by_handle"] = False
    if terms["shadow_of"] is not None and mode is not Mode.AUDIT:
        terms["shadow_of"] = mode
    if terms["shadow_of"] is None and mode not in (Mode.AUDIT, Mode.FIRE_AND_FORGET):
        terms["sample"] = 1.0
    return HookCase(name=f"h{place}", **terms)  # type: ignore[arg-type]  # the table has the types
