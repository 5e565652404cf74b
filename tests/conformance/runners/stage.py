"""What a case is played on: a sidecar, its workers and its applications.

A runner for another language implements this, and nothing else of the suite.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from sidehook._call import CallAnswer
from tests.conformance.language.answers import Answer
from tests.conformance.language.workers import Instance
from tests.conformance.runners.book import Book, Seen


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a registration or a retirement came to nothing."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Retired:
    """The hooks that left the plan, as `worker/hook`."""

    hooks: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class DrainEnd:
    """What was left when the sidecar stopped."""

    cut_calls: int
    undelivered: int


class Stage(Protocol):
    """One sidecar for one case. What changes something waits until the change holds."""

    book: Book
    is_exact: bool
    """Whether times are exact, because only the case moves the clock."""

    async def connect(self, instance: Instance) -> Refusal | None:
        """An instance of a worker registers."""

    async def declare(self, instance: Instance) -> Refusal | None:
        """The instance of that name declares itself anew."""

    async def drop(self, worker: str, instance: str) -> None:
        """The connection of an instance breaks."""

    async def goodbye(self, worker: str, instance: str) -> None:
        """An instance says that it drains."""

    async def enter(self, scope: str, instance: Instance) -> None:
        """An application serves hooks of its own."""

    async def leave(self, scope: str) -> None:
        """The application does not serve them any more."""

    def handle(self, scope: str) -> str:
        """The handle that the sidecar gave for a scope that was entered once."""

    async def begin(self, name: str, octets: bytes) -> None:
        """An application sends a call."""

    def has(self, name: str) -> bool:
        """Whether the sidecar has a call that was sent, or has answered it."""

    async def finish(self, name: str) -> CallAnswer:
        """Waits for the answer to a call."""

    async def cancel(self, name: str) -> CallAnswer | None:
        """The application gives a call up. None when nobody hears of its end."""

    async def retire(self, worker: str, hook: str) -> Retired | Refusal:
        """Somebody takes hooks out of the plan."""

    def reply(self, seen: Seen, answer: Answer) -> None:
        """A hook that holds its answer gives it."""

    async def advance(self, seconds: float) -> None:
        """Time passes."""

    async def until(self, condition: Callable[[], bool]) -> bool:
        """Lets happen what is due until something holds; False when it does not in time."""

    async def drain(self) -> None:
        """The sidecar is told to stop; returns once it takes no calls."""

    async def drained(self) -> DrainEnd:
        """Waits until the sidecar has stopped."""

    async def restart(self) -> None:
        """Another sidecar starts with what was kept; nobody is connected."""

    def page(self, path: str) -> bytes:
        """A page of the admin port: `/metrics` or `/state`."""
