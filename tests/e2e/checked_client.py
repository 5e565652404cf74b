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


class CheckedClient(_Client):  # type: ignore[misc]  # Any stands for the base, see above
    """Asks as the client does, and fails the test when a receipt leaves a hook out.

    The plan is read before and after each call. Where it changed in between, the
    receipt must be that of one of the two. A call without lines was refused before it
    had a plan, skipped because nobody listens, or never answered.
    """

    def __init__(self, target: str, *, budget: float, state: ReadState) -> None:
        super().__init__(target, budget=budget)
        self._state = state

    async def invoke(self, hook_type: str, payload: Any = None, /, **fields: object) -> Any:
        """As the client's, with the receipt added up."""
        before = planned(await self._state(), hook_type)
        receipt: Receipt | None = None
        try:
            answer = await super().invoke(hook_type, payload, **fields)
            receipt = answer.receipt
            return answer
        except sidehook.HookError as error:
            receipt = error.receipt
            raise
        finally:
            if receipt is not None and receipt.lines:
                adds_up(receipt, (before, planned(await self._state(), hook_type)))
