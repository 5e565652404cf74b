"""Receipts that add up: one line for every hook of the plan that the sidecar shows."""

from sidehook import HookOutcome, Receipt
from sidehook._types import JSON

SCOPE_WORKER = "plugin-scope"
"""The worker of hooks that an application serves itself; they are in no plan."""


def outcomes(receipt: Receipt | None) -> dict[str, str]:
    """The receipt in short: `worker/hook` to outcome, in the order of the plan."""
    assert receipt is not None
    return {f"{line.worker}/{line.hook}": str(line.outcome) for line in receipt.lines}


def planned(state: dict[str, JSON], hook_type: str) -> list[str]:
    """The hooks of a type in the order of the plan, as `/state` shows them."""
    types = state["hook_types"]
    assert isinstance(types, dict)
    plan = types.get(hook_type)
    if plan is None:
        return []
    assert isinstance(plan, dict)
    hooks = plan["hooks"]
    assert isinstance(hooks, list)
    return [str(hook["hook"]) for hook in hooks if isinstance(hook, dict)]


def adds_up(receipt: Receipt, plans: tuple[list[str], ...]) -> None:
    """Fail unless the lines are those of one of the plans, each hook once and with an outcome."""
    lines = [f"{line.worker}/{line.hook}" for line in receipt.lines if line.worker != SCOPE_WORKER]
    assert lines in plans, f"the receipt has {lines}, the plan {plans}"
    assert all(isinstance(line.outcome, HookOutcome) for line in receipt.lines)
    assert receipt.lines_omitted == 0
