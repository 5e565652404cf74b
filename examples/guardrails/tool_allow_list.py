"""Only the tools that the operator listed are called.

The list is the environment variable ALLOWED_TOOLS, names separated by commas; a
worker without it refuses to start, because an empty list by accident and an empty
list on purpose must not look alike.
"""

from __future__ import annotations

import os

from sidehook import Context, HookType, Mode, Payload, block, hook
from sidehook.worker import HookReturn


def allowed_tools(text: str | None) -> frozenset[str]:
    """Read the list. Raises SystemExit naming the variable when it is not set."""
    if text is None:
        raise SystemExit(
            "ALLOWED_TOOLS is not set: name the tools that may be called, separated by "
            'commas, or set it to "" to forbid them all'
        )
    return frozenset(name.strip() for name in text.split(",") if name.strip())


ALLOWED = allowed_tools(os.environ.get("ALLOWED_TOOLS"))


@hook(HookType.TOOL_PRE_INVOKE, mode=Mode.SEQUENTIAL, priority=10, name="tool-allow-list")
def tool_allow_list(payload: Payload, ctx: Context) -> HookReturn:
    """Block a call of a tool that is not on the list."""
    name = payload.model_tool_call["name"]
    if name in ALLOWED:
        return None
    return block(
        f"the tool {name!r} is not on the allow list",
        code="TOOL_NOT_ALLOWED",
        details={"tool": name, "allowed": sorted(ALLOWED)},
    )
