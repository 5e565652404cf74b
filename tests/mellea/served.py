"""Hooks written for mellea, from source text to what a worker serves."""

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from sidehook.integrations.mellea_worker import mellea_hooks

if TYPE_CHECKING:
    from sidehook.worker._collect import Hook

HEADER = "from mellea.plugins import *\nfrom mellea.plugins import HookType as H, PluginMode as M\n"

Serve: TypeAlias = "Callable[..., list[Hook]]"


def hooks_in(folder: Path, source: str, **options: Any) -> "list[Hook]":
    """Write `source` to a file and return the hooks that a worker finds in it."""
    file = folder / "sample.py"
    file.write_text(HEADER + textwrap.dedent(source))
    return mellea_hooks([str(file)], **options)


def hook_in(folder: Path, body: str, hook_type: str = "COMPONENT_PRE_EXECUTE") -> "Hook":
    """Return the hook of a type whose body is `body`."""
    source = f"@hook(H.{hook_type})\nasync def it(payload, ctx):\n"
    (found,) = hooks_in(folder, source + textwrap.indent(textwrap.dedent(body), "    "))
    return found


COMPONENT: dict[str, object] = {
    "type": "Instruction",
    "kind": "component",
    "role": None,
    "text": None,
    "args": {"description": "Name a colour.", "requirements": [], "icl_examples": []},
    "attachments": [],
}
REQUIREMENTS: list[object] = [
    {
        "index": 0,
        "type": "Requirement",
        "description": "be brief",
        "check_only": False,
        "has_validation_fn": False,
    },
    {
        "index": 1,
        "type": "Requirement",
        "description": None,
        "check_only": True,
        "has_validation_fn": True,
    },
]
BEFORE: dict[str, object] = {
    "action_id": "a-1",
    "component_type": "Instruction",
    "action": COMPONENT,
    "context_view": {"type": None, "entries": [COMPONENT], "total": 1, "left_out": None},
    "requirements": REQUIREMENTS,
    "model_options": {
        "seed": 2**60 + 1,
        "top_p": 1.0,
        "tools": {"$opaque": "o1", "type": "list", "repr": "[<function f>]"},
    },
    "format": {"name": "Colour", "json_schema": {"type": "object"}},
    "strategy": {
        "type": "RejectionSamplingStrategy",
        "loop_budget": 2,
        "concurrency_budget": 1,
    },
    "tool_calls_enabled": False,
}
"""A payload of component_pre_execute as an adapter projects it."""
