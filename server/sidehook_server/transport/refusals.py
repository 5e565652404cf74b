"""Which dialled workers are not accepted now, and why: for whoever looks at the sidecar."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sidehook_server.transport.errors import RefusedError


@dataclass(frozen=True, slots=True)
class Refusal:
    """A worker that was dialled and refused.

    `worker` is the name that its target is for, empty for a target that is for anybody.
    """

    target: str
    worker: str
    reason: str
    problems: tuple[str, ...]


class Refusals:
    """The refusal of each target, from the attempt that met it until one that does not."""

    def __init__(self) -> None:
        self._by_target: dict[tuple[str, str], Refusal] = {}

    def __iter__(self) -> Iterator[Refusal]:
        return iter(self._by_target.values())

    def note(self, target: str, worker: str, error: RefusedError) -> None:
        """The worker at a target was refused."""
        self._by_target[target, worker] = Refusal(target, worker, error.reason, error.problems)

    def clear(self, target: str, worker: str) -> None:
        """It is accepted, or dialled no more. Safe when it was never refused."""
        self._by_target.pop((target, worker), None)
