"""The way back: what a hook hands to the application, as JSON that an adapter understands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeAlias

from mellea.core import ModelToolCall, Requirement, SamplingStrategy, ValidationResult
from mellea.core.requirement import default_output_to_bool
from pydantic import BaseModel

from sidehook.integrations.mellea_worker._content import NewestEntries
from sidehook.integrations.mellea_worker._errors import CannotCrossError
from sidehook.integrations.mellea_worker._outputs import ToolProjection
from sidehook.integrations.mellea_worker._projection import Projection, members_of

Way: TypeAlias = Callable[[Any, str], object]


def plain(value: object, path: str) -> object:
    """Return `value` as JSON: projections as they came, mellea's objects by their rules.

    Raises CannotCrossError, which names the place, for an object with no such form.
    """
    kind = type(value)
    if issubclass(kind, Projection):
        return members_of(value)  # type: ignore[arg-type]  # mypy does not follow `kind`
    for known, way in _WAYS:
        if issubclass(kind, known):
            return way(value, path)
    raise CannotCrossError(
        path, f"an object of class {kind.__qualname__} cannot go to the application"
    )


def _as_it_is(value: object, path: str) -> object:
    return value


def _object(value: Mapping[object, object], path: str) -> object:
    return {name: plain(member, f"{path}[{name!r}]") for name, member in value.items()}


def _array(value: list[object], path: str) -> object:
    return [plain(item, f"{path}[{i}]") for i, item in enumerate(value)]


def _class(value: type, path: str) -> object:
    if not issubclass(value, BaseModel):
        raise CannotCrossError(path, f"the class {value.__qualname__} is no format of an output")
    return {"name": value.__name__}


def _requirement(value: Any, path: str) -> object:
    code = {
        "validation_fn": value.validation_fn is not None,
        "output_to_bool": value.output_to_bool is not default_output_to_bool,
        "chunking": value.chunking is not None,
        "check_only": value.check_only,
    }
    lost = [name for name, given in code.items() if given]
    if type(value) is not Requirement or lost or value.description is None:
        what = f"{type(value).__qualname__} with {', '.join(lost)}" if lost else "one of its class"
        raise CannotCrossError(
            path,
            f"a new requirement crosses by its description alone, and {what} is more than that",
        )
    return {"description": value.description}


def _result(value: Any, path: str) -> object:
    return {"passed": value.as_bool(), "reason": value.reason, "score": value.score}


def _strategy(value: Any, path: str) -> object:
    if getattr(value, "requirements", None):
        raise CannotCrossError(
            path, "a strategy crosses by its name and budgets, and this one has requirements"
        )
    budgets = ("loop_budget", "concurrency_budget")
    return {"type": type(value).__name__, **{name: getattr(value, name, None) for name in budgets}}


def _tool_call(value: Any, path: str) -> object:
    tool = vars(value)["func"]
    if not issubclass(type(tool), ToolProjection):
        raise CannotCrossError(
            f"{path}.func",
            "a tool of the worker's own cannot be called by the application; give `name` that "
            "of a tool that the application has registered",
        )
    return {
        "name": value.name,
        "args": plain(value.args, f"{path}.args"),
        "tool_call_id": value.tool_call_id,
        "json_schema": members_of(tool).get("json_schema"),
    }


def _date(value: datetime, path: str) -> object:
    return value.isoformat()


def _entries(value: NewestEntries, path: str) -> object:
    raise CannotCrossError(path, "the older entries of a conversation are not here to be sent back")


_WAYS: tuple[tuple[type | tuple[type, ...], Way], ...] = (
    ((str, bool, int, float, bytes, type(None)), _as_it_is),
    (Mapping, _object),
    ((list, tuple), _array),
    (type, _class),
    (Requirement, _requirement),
    (ValidationResult, _result),
    (SamplingStrategy, _strategy),
    (ModelToolCall, _tool_call),
    (datetime, _date),
    (NewestEntries, _entries),
)
