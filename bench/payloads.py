"""The payloads that every leg sends: the same fields, whatever the framework."""

from __future__ import annotations

import json
from typing import Any, Final

HOOK_TYPE: Final = "bench_call"
"""The hook type of the bench's own calls."""

WRITABLE: Final = "options"
"""The one field that a hook changes."""

BEFORE: Final = 0.2
AFTER: Final = 0.7
"""The temperature in `options` as the application sends it, and as the TRANSFORM hook sets it."""

KB: Final = 1024
_WORDS: Final = "the quick brown fox jumps over the lazy dog and says nothing of note "


def fields_of(size: int) -> dict[str, Any]:
    """Fields whose JSON is `size` bytes long, nearly all of it in one text."""
    fields: dict[str, Any] = {
        "component_type": "Instruction",
        "options": {"temperature": BEFORE, "max_tokens": 256},
        "step": 7,
        "text": "",
    }
    room = size - len(json.dumps(fields, separators=(",", ":")))
    fields["text"] = (_WORDS * (room // len(_WORDS) + 1))[:room]
    return fields


def many_fields(count: int) -> dict[str, Any]:
    """So many fields of 20 characters, `options` among them."""
    fields: dict[str, Any] = {f"field_{number:03}": "x" * 20 for number in range(count - 1)}
    return {**fields, "options": {"temperature": BEFORE}}
