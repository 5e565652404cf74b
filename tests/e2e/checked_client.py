"""The client of the end-to-end tests: every receipt it gets is added up."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import sidehook.aio
from sidehook import Receipt
from sidehook._types import JSON
from tests.e2e.receipts import adds_up, planned

if TYPE_CHECKING:
    # The base's overloads, which a subclass would have to repeat to keep.
    _Client = Any
else:
    _Client = sidehook.aio.Client

ReadState = Callable[[], Awaitable[dict[str, JSON]]]


class CheckedClient(_Client):  # type: ignore[misc]  # what takes the base's place is Any
    """Asks as the client does, and fails the test when a receipt leaves a hook out.

    The plan is read before and after each call. Where it changed in between, the
    receipt must be that of one of the two; a sidecar that is gone after its answer
    leaves the one before. A call without lines was refused before it had a plan,
    skipped because nobody listens, or never answered.
    """

    def __init__(self, target: str, *, budget: float, state: ReadState) -> None:
        super().__init__(target, budget=budget)
        self._state = state

    async def invoke(self, hook_type: str, payload: Any = None, /, **fields: object) -> Any:
        """As the client's, with the receipt added up."""
        return await self._checked(
            hook_type, lambda: super(CheckedClient, self).invoke(hook_type, payload, **fields)
        )

    async def call(self, hook_type: str, payload: Any, **terms: Any) -> Any:
        """As the client's, with the receipt added up."""
        return await self._checked(
            hook_type, lambda: super(CheckedClient, self).call(hook_type, payload, **terms)
        )

    async def _checked(self, hook_type: str, ask: Callable[[], Awaitable[Any]]) -> Any:
        before = await self._plan(hook_type)
        receipt: Receipt | None = None
        try:
            answer = await ask()
            receipt = answer.receipt
            return answer
        except sidehook.HookError as error:
            receipt = error.receipt
            raise
        finally:
            if receipt is not None and receipt.lines:
                plans = (before, await self._plan(hook_type))
                adds_up(receipt, tuple(plan for plan in plans if plan is not None))

    async def _plan(self, hook_type: str) -> list[str] | None:
        """The plan now; None when the sidecar is gone."""
        try:
            return planned(await self._state(), hook_type)
        except OSError:
            return None
