"""Projections of what a model reads: components, blocks, messages, contexts.

mellea is not typed where its plugins meet it, so live objects are `Any` here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from mellea.core import CBlock, Component, Context, ImageBlock, ModelOutputThunk, Requirement
from mellea.core.base import AudioBlock, AudioUrlBlock, ImageUrlBlock, TemplateRepresentation
from mellea.stdlib.components import Message

from sidehook import _json
from sidehook._types import JSON
from sidehook.integrations.mellea._crossing import Crossing, ProjectionError
from sidehook.integrations.mellea._opaque import text

Object: TypeAlias = dict[str, JSON]

_ATTACHMENTS: Final = (ImageBlock, ImageUrlBlock, AudioBlock, AudioUrlBlock)


def component(value: Any, crossing: Crossing) -> Object:
    """Project what a context holds: a component, a plain block, or an earlier output."""
    if isinstance(value, ModelOutputThunk):
        return _output(value, crossing)
    if isinstance(value, CBlock):
        return _block(value)
    if isinstance(value, Component):
        return _component(value, crossing)
    return _entry(value, "block", text=text(value))


def output_text(value: Any) -> str | None:
    """Return the text of an output, as far as it is there."""
    found = value.value if value.is_computed() else getattr(value, "_underlying_value", None)
    return None if found is None else text(found)


def tool_call(value: Any, crossing: Crossing) -> Object:
    """Project a call that the model wants made."""
    schema = getattr(value.func, "as_json_tool", None)
    return {
        "name": text(value.name),
        "args": crossing.opaques.members(value.args),
        "tool_call_id": None if value.tool_call_id is None else text(value.tool_call_id),
        "json_schema": None if schema is None else crossing.opaques.sent(schema),
    }


def context(value: Any, crossing: Crossing) -> Object:
    """Project a conversation, or the bare list of its entries: the newest of them."""
    if isinstance(value, Context):
        view = value.view_for_generation()
        total = len(value.as_list()) if view is None else len(view)
        return _conversation(type(value).__name__, view, total, crossing)
    return _conversation(None, value, len(value), crossing)


def _conversation(
    name: str | None, view: Sequence[Any] | None, total: int, crossing: Crossing
) -> Object:
    entries = None if view is None else list(view)
    newest = entries if entries is None else entries[max(0, total - crossing.entries) :]
    older = [] if entries is None or newest is None else entries[: total - len(newest)]
    return {
        "type": name,
        "entries": None if newest is None else [component(entry, crossing) for entry in newest],
        "total": total,
        "left_out": _mark(older, crossing) if older else None,
    }


def _mark(entries: Sequence[Any], crossing: Crossing) -> str:
    """Return a digest: the same entries have the same, whatever the call."""
    digest = hashlib.sha256()
    for entry in entries:
        # Handles of opaque values count from the first of the call: here, of the entry.
        octets = _json.encode(component(entry, Crossing(crossing.entries)), "entry")
        digest.update(len(octets).to_bytes(8, "big"))
        digest.update(octets)
    return digest.hexdigest()


def _output(value: Any, crossing: Crossing) -> Object:
    calls: list[JSON] = [tool_call(call, crossing) for call in value.tool_calls or ()]
    entry = _entry(value, "output", text=output_text(value), role="assistant")
    return {**entry, "tool_calls": calls} if calls else entry


def _block(value: Any) -> Object:
    if isinstance(value, _ATTACHMENTS):
        return _entry(value, "block", attachments=[_attachment(value)])
    return _entry(value, "block", text=None if value.value is None else text(value.value))


def _component(value: Any, crossing: Crossing) -> Object:
    if crossing.depth == 0:
        # A guard must not take a component whose content is missing for an empty one.
        raise ProjectionError("components are nested too deeply in one another")
    if isinstance(value, Requirement) and getattr(value, "_validation_target", None) is None:
        # Outside of a check it refuses to be rendered.
        return _entry(value, "component", text=text(value.description or ""))
    made = value.format_for_llm()
    if not isinstance(made, TemplateRepresentation):
        return _entry(value, "component", text=text(made))
    entry = _entry(
        value,
        "component",
        text=text(value.content) if isinstance(value, Message) else None,
        role=made.role,
        args=_args(value, made, crossing),
        attachments=[_attachment(one) for one in (*(made.images or ()), *(made.audio or ()))],
    )
    if not made.tool_calls:
        return entry
    return {**entry, "tool_calls": crossing.opaques.sent(made.tool_calls)}


def _args(value: Any, made: Any, crossing: Crossing) -> Object | None:
    if isinstance(value, Message) and not made.args.get("documents"):
        # Its text says everything.
        return None
    return _arguments(made.args, crossing.deeper())


def _arguments(args: Mapping[Any, Any], crossing: Crossing) -> Object:
    return {text(name): _argument(value, crossing) for name, value in args.items()}


def _argument(value: Any, crossing: Crossing) -> JSON:
    """Project what a component gives to its template: blocks and outputs are their text."""
    match value:
        case ImageBlock() | ImageUrlBlock() | AudioBlock() | AudioUrlBlock():
            return _attachment(value)
        case CBlock():
            return None if value.value is None else text(value.value)
        case ModelOutputThunk():
            return output_text(value)
        case TemplateRepresentation():
            return _arguments(value.args, crossing)
        case str():
            return text(value)
        case Mapping():
            return _arguments(value, crossing)
        case list() | tuple() | set() | frozenset():
            return [_argument(item, crossing) for item in value]
    if isinstance(value, Component):
        return _component(value, crossing)
    return crossing.opaques.sent(value)


def _entry(
    value: object,
    kind: str,
    *,
    text: str | None = None,
    role: str | None = None,
    args: Object | None = None,
    attachments: list[JSON] | None = None,
) -> Object:
    return {
        "type": type(value).__name__,
        "kind": kind,
        "role": role,
        "text": text,
        "args": args,
        "attachments": attachments or [],
    }


def _attachment(block: Any) -> Object:
    is_link = isinstance(block, ImageUrlBlock | AudioUrlBlock)
    is_image = isinstance(block, ImageBlock | ImageUrlBlock)
    # mellea keeps embedded images as PNG, and does not say what an image elsewhere is.
    unsaid = "png" if is_image and not is_link else None
    return {
        "kind": "image" if is_image else "audio",
        "url": text(block.value) if is_link else None,
        "format": getattr(block, "format", None) or unsaid,
        "size": None if is_link or block.value is None else len(block.value),
    }
