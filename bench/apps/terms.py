"""What an order asks of an application of ours: which call, and what it must come back with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench import payloads
from bench.driver import WrongResultError
from sidehook import Payload


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The terms of the leg's rounds.

    `size` is that of the payload in bytes, unless `fields` says how many fields it has.
    `modes` are those of the hooks that the first call's receipt must show as run;
    `temperature` is what every call must come back with. `scoped` makes the calls name a
    scope, so that they are made though nobody listens. `sessions` is over how many
    sessions they go round, 0 for none.
    """

    hook_type: str = payloads.HOOK_TYPE
    size: int = payloads.KB
    fields: int = 0
    modes: Sequence[str] = ()
    temperature: float = payloads.BEFORE
    scoped: bool = False
    sessions: int = 0
    alone: bool = False

    def payload(self) -> dict[str, Any]:
        """What the application sends."""
        return payloads.many_fields(self.fields) if self.fields else payloads.fields_of(self.size)

    def check(self, result: Mapping[str, Any]) -> None:
        """Raise WrongResultError unless the application may go on with this payload."""
        found = result[payloads.WRITABLE]["temperature"]
        if found != self.temperature:
            raise WrongResultError(f"temperature {found} instead of {self.temperature}")

    def check_receipt(self, result: Payload) -> None:
        """Raise WrongResultError unless exactly the expected hooks ran, and every one did well."""
        assert result.receipt is not None, "a client with a sidecar gives a receipt"
        lines = result.receipt.lines
        modes = sorted(str(line.mode) for line in lines)
        outcomes = {str(line.outcome) for line in lines}
        if modes != sorted(self.modes) or not outcomes <= _DONE:
            raise WrongResultError(f"hooks {modes} with outcomes {sorted(outcomes)}")


_DONE = frozenset({"proceeded", "modified", "detached"})


async def empty(_hook_type: str, _payload: object) -> None:
    """The empty coroutine: what is left of a call when nothing is done."""
