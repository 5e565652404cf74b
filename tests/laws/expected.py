"""What a chain must come to, in the words of the rules; `reference` fills it in."""

from __future__ import annotations

from dataclasses import dataclass, field

from sidehook._types import FailureClass, HookOutcome


class Ended(Exception):  # noqa: N818 - not an error: how a walk over the phases stops
    """The call is over, in this way: blocked, failed, deadline or cancelled."""

    def __init__(self, how: str, *, hook: str = "", code: str = "") -> None:
        super().__init__(how)
        self.how, self.hook, self.code = how, hook, code


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the receipt. `took` is in ticks, None when the run was not sent."""

    outcome: HookOutcome
    kind: FailureClass | None = None
    code: str = ""
    changed: frozenset[str] = frozenset()
    rejected: frozenset[str] = frozenset()
    took: float | None = None
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Sight:
    """What one hook was given: fields, state, its time and the call's in ticks."""

    fields: dict[str, str]
    state: dict[str, str]
    timeout: float
    time_left: float


@dataclass(frozen=True, slots=True)
class EndSight:
    """What a detached hook was told of the call's end; `names` when values were withheld."""

    outcome: str
    hook: str
    code: str
    names: frozenset[str] | None = None


@dataclass
class Expected:
    """What the call comes to. `how` is proceeded, blocked, failed, deadline or cancelled."""

    how: str = "proceeded"
    hook: str = ""
    code: str = ""
    started: bool = False
    fields: dict[str, str] = field(default_factory=dict)
    state: dict[str, str] = field(default_factory=dict)
    lines: dict[str, Line] = field(default_factory=dict)
    seen: dict[str, Sight] = field(default_factory=dict)
    ends: dict[str, EndSight] = field(default_factory=dict)
    told: list[tuple[str, str]] = field(default_factory=list)
    blamed: list[tuple[FailureClass, bool]] = field(default_factory=list)
    digest: str = ""
