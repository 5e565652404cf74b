"""From the live payload of mellea to what crosses, as the catalogue describes each field.

PROJECTORS is the whole of it: the type that the catalogue gives a field, and the
function that projects a live value of that type.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from sidehook._catalogue import CATALOGUE
from sidehook._types import JSON
from sidehook.integrations.mellea._content import Object, component, context, output_text, tool_call
from sidehook.integrations.mellea._crossing import Crossing, ProjectionError
from sidehook.integrations.mellea._opaque import text

Projector: TypeAlias = Callable[[Any, int, Crossing], JSON]
"""Projects a live value; the number is its place in the list that it stands in."""


def project(hook_type: str, payload: object, crossing: Crossing) -> dict[str, JSON]:
    """Return the fields of a payload as they cross. Raises ProjectionError."""
    return {
        field.name: _projected(payload, field.name, field.type, crossing)
        for field in CATALOGUE[hook_type].fields.values()
    }


def _projected(payload: object, name: str, type_name: str, crossing: Crossing) -> JSON:
    try:
        return project_value(getattr(payload, name), type_name, crossing)
    except ProjectionError as error:
        raise ProjectionError(f"field {name} of type {type_name}: {error}") from error
    except Exception as error:
        # Names only: whatever the live object said is payload text.
        raise ProjectionError(
            f"field {name} of type {type_name} cannot be projected: {type(error).__name__}"
        ) from error


def project_value(value: Any, type_name: str, crossing: Crossing, index: int = 0) -> JSON:
    """Project one live value of a type of the catalogue."""
    if value is None:
        return None
    if type_name.endswith("[]"):
        inner = type_name.removesuffix("[]")
        return [project_value(item, inner, crossing, place) for place, item in enumerate(value)]
    return PROJECTORS[type_name](value, index, crossing)


def _string(value: Any, _index: int, _crossing: Crossing) -> JSON:
    return text(value)


def _plain(value: Any, _index: int, crossing: Crossing) -> JSON:
    return crossing.opaques.sent(value)


def _members(value: Any, _index: int, crossing: Crossing) -> JSON:
    return crossing.opaques.members(value)


def _requirement(value: Any, index: int, _crossing: Crossing) -> JSON:
    return {
        "index": index,
        "type": type(value).__name__,
        "description": None if value.description is None else text(value.description),
        "check_only": bool(value.check_only),
        "has_validation_fn": value.validation_fn is not None,
    }


def _validation_result(value: Any, index: int, crossing: Crossing) -> JSON:
    return {
        "index": index,
        "passed": value.as_bool(),
        "reason": None if value.reason is None else text(value.reason),
        "score": _number(value.score),
        "error": project_value(value.error, "exception", crossing),
    }


def _checked_requirement(value: Any, index: int, crossing: Crossing) -> JSON:
    requirement, result = value
    return {
        "requirement": _requirement(requirement, index, crossing),
        "result": _validation_result(result, index, crossing),
    }


def _model_output(value: Any, _index: int, crossing: Crossing) -> JSON:
    made = value.generation
    return {
        "computed": bool(value.is_computed()),
        "value": output_text(value),
        "thinking": _text_or_none(value.thinking),
        "tool_calls": [tool_call(call, crossing) for call in value.tool_calls or ()],
        "model": _text_or_none(made.model),
        "provider": _text_or_none(made.provider),
        "usage": None if made.usage is None else crossing.opaques.members(made.usage),
        "finish_reasons": crossing.opaques.sent(made.finish_reasons),
        "response_model": _text_or_none(made.response_model),
        "response_id": _text_or_none(made.response_id),
        "ttfb_ms": _number(made.ttfb_ms),
        "streaming": bool(made.streaming),
    }


def _output_format(value: Any, _index: int, _crossing: Crossing) -> JSON:
    return {"name": value.__name__, "json_schema": _json_schema(value)}


@lru_cache(maxsize=64)
def _json_schema(model: Any) -> Object:
    schema: Object = Crossing().opaques.members(model.model_json_schema())
    return schema


def _sampling_strategy(value: Any, _index: int, _crossing: Crossing) -> JSON:
    return {
        "type": type(value).__name__,
        "loop_budget": _number(getattr(value, "loop_budget", None)),
        "concurrency_budget": _number(getattr(value, "concurrency_budget", None)),
    }


def _tool_message(value: Any, _index: int, crossing: Crossing) -> JSON:
    return {
        "role": text(value.role),
        "content": text(value.content),
        "name": text(value.name),
        "arguments": crossing.opaques.members(value.arguments),
    }


def _generate_log(value: Any, _index: int, crossing: Crossing) -> JSON:
    # mellea writes local time without saying so.
    date = None if value.date is None else value.date.astimezone().isoformat()
    options = value.model_options
    return {
        "date": date,
        "prompt": crossing.opaques.sent(value.prompt),
        "backend": _text_or_none(value.backend),
        "model_options": None if options is None else crossing.opaques.members(options),
        "is_final_result": value.is_final_result,
    }


def _exception(value: Any, _index: int, _crossing: Crossing) -> JSON:
    kind = type(value)
    try:
        message = text(value)
    except Exception:
        # A broken __str__ must not hide that there was an error.
        message = ""
    return {"type": kind.__name__, "module": kind.__module__, "message": message}


def _stream_event(value: Any, _index: int, crossing: Crossing) -> JSON:
    members = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    results = members.pop("results", None)
    event = {"type": type(value).__name__, **crossing.opaques.members(members)}
    if results is None:
        return event
    return {**event, "results": [_check(one, place, crossing) for place, one in enumerate(results)]}


def _check(value: Any, index: int, crossing: Crossing) -> JSON:
    """Project the result of a check of a stream: of the whole text, or of what is there so far."""
    if hasattr(value, "success"):
        return {"success": value.success, "reason": _text_or_none(value.reason)}
    return _validation_result(value, index, crossing)


def _number(value: Any) -> int | float | None:
    """A number of any library as one of Python's own; None for none, NaN and Infinity."""
    if value is None or type(value) is int:
        return value
    number = float(value)
    return number if math.isfinite(number) else None


def _text_or_none(value: object) -> str | None:
    return None if value is None else text(value)


PROJECTORS: Final[Mapping[str, Projector]] = MappingProxyType(
    {
        "string": _string,
        "integer": _plain,
        "number": _plain,
        "boolean": _plain,
        "json": _plain,
        "object": _members,
        "model_options": _members,
        "component": lambda value, _, crossing: component(value, crossing),
        "context": lambda value, _, crossing: context(value, crossing),
        "requirement": _requirement,
        "validation_result": _validation_result,
        "checked_requirement": _checked_requirement,
        "model_output": _model_output,
        "output_format": _output_format,
        "sampling_strategy": _sampling_strategy,
        "tool_call": lambda value, _, crossing: tool_call(value, crossing),
        "tool_message": _tool_message,
        "generate_log": _generate_log,
        "exception": _exception,
        "stream_event": _stream_event,
    }
)
"""By the name that the catalogue has for it: how a live value of this type crosses."""
