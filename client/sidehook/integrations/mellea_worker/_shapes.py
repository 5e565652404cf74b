"""From the JSON of a field to what a hook reads: one row for each type of the catalogue."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from sidehook._errors import MalformedError
from sidehook._payload import FrozenList
from sidehook.integrations.mellea_worker._checks import (
    checked_requirement,
    output_format,
    requirement,
    sampling_strategy,
    validation_result,
)
from sidehook.integrations.mellea_worker._content import component, context
from sidehook.integrations.mellea_worker._errors import PROJECTIONS_PAGE
from sidehook.integrations.mellea_worker._events import stream_event
from sidehook.integrations.mellea_worker._failures import exception
from sidehook.integrations.mellea_worker._opaque import with_opaque
from sidehook.integrations.mellea_worker._outputs import (
    generate_log,
    model_output,
    tool_call,
    tool_message,
)

Shape: TypeAlias = Callable[[Any, str], object]


def _as_it_is(value: Any, path: str) -> object:
    return value


SHAPES: Mapping[str, Shape] = {
    "string": _as_it_is,
    "integer": _as_it_is,
    "number": _as_it_is,
    "boolean": _as_it_is,
    "object": with_opaque,
    "string_map": _as_it_is,
    "json": with_opaque,
    "model_options": with_opaque,
    "component": component,
    "context": context,
    "requirement": requirement,
    "validation_result": validation_result,
    "checked_requirement": checked_requirement,
    "model_output": model_output,
    "output_format": output_format,
    "sampling_strategy": sampling_strategy,
    "tool_call": tool_call,
    "tool_message": tool_message,
    "generate_log": generate_log,
    "exception": exception,
    "stream_event": stream_event,
}
"""How a value of each type reads in a hook."""


def read(field_type: str, value: Any, path: str) -> object:
    """Return how a value of `field_type` reads in a hook; `path` leads to it.

    Raises MalformedError for one that is no value of that type: an application sends what
    it likes.
    """
    if value is None:
        return None
    inner = field_type.removesuffix("[]")
    try:
        if inner == field_type:
            return SHAPES[field_type](value, path)
        return FrozenList(read(inner, item, f"{path}[{i}]") for i, item in enumerate(value))
    except (KeyError, TypeError) as error:
        raise MalformedError(
            f"payload.{path}", f"is no {field_type} as {PROJECTIONS_PAGE} describes it"
        ) from error
