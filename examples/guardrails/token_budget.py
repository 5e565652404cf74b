"""A session may spend only so many tokens.

What was spent travels in the session's state, which the client carries from call to
call: advisory, since the application could drop it, and enough to stop a loop that
runs away. The budget is the environment variable TOKEN_BUDGET, 100000 by default.
"""

from __future__ import annotations

import os

from sidehook import Context, HookType, Mode, Payload, block, hook
from sidehook.worker import HookReturn

BUDGET = int(os.environ.get("TOKEN_BUDGET", "100000"))
_SPENT = "tokens_spent"


@hook(HookType.GENERATION_POST_CALL, mode=Mode.SEQUENTIAL, name="count-tokens")
def count_tokens(payload: Payload, ctx: Context) -> HookReturn:
    """Add what this generation used to what the session spent."""
    usage = payload.model_output.get("usage") or {}
    ctx.state.set(_SPENT, ctx.state.get(_SPENT, 0) + int(usage.get("total_tokens", 0)))
    return None


@hook(HookType.GENERATION_PRE_CALL, mode=Mode.SEQUENTIAL, priority=10, name="token-budget")
def token_budget(payload: Payload, ctx: Context) -> HookReturn:
    """Block a generation once the budget is spent."""
    spent = ctx.state.get(_SPENT, 0)
    if spent < BUDGET:
        return None
    return block(
        f"the session spent {spent} tokens of its budget of {BUDGET}",
        code="TOKEN_BUDGET_SPENT",
        details={"spent": spent, "budget": BUDGET},
    )
