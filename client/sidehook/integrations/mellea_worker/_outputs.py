"""Projections of what a model and its tools answered."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NoReturn

from mellea.core import (
    ComputedModelOutputThunk,
    GenerateLog,
    GenerationMetadata,
    ModelOutputThunk,
    ModelToolCall,
)
from mellea.core.base import AbstractMelleaTool
from mellea.stdlib.components.chat import ToolMessage

from sidehook._payload import FrozenDict, FrozenList
from sidehook.integrations.mellea_worker._errors import NotProjectedError, refuse_change
from sidehook.integrations.mellea_worker._opaque import with_opaque
from sidehook.integrations.mellea_worker._projection import Projection, shaped

_GENERATION_MEMBERS = (
    "usage",
    "model",
    "provider",
    "ttfb_ms",
    "streaming",
    "response_model",
    "finish_reasons",
    "response_id",
)


class ModelOutputProjection(Projection):
    """What a model answered."""

    __slots__ = ()

    def is_computed(self) -> bool:
        """Whether it is complete."""
        return bool(self._members["computed"])

    @property
    def tool_calls(self) -> FrozenList | None:
        """The tools the model asked for, None when it asked for none."""
        calls = self._members["tool_calls"]
        if not calls:
            return None
        return FrozenList(
            tool_call(call, f"{self._below('tool_calls')}[{i}]") for i, call in enumerate(calls)
        )

    @property
    def generation(self) -> Projection:
        """How it came about."""
        members = {name: self._members.get(name) for name in _GENERATION_MEMBERS}
        kind = shaped(Projection, "GenerationMetadata", GenerationMetadata)
        return kind(members, self._below("generation"))

    def __str__(self) -> str:
        return self._members.get("value") or ""


class ToolProjection(Projection):
    """The tool behind a call: what it is called and what it accepts."""

    __slots__ = ()

    @property
    def as_json_tool(self) -> Any:
        """Its JSON schema."""
        if self._members.get("json_schema") is None:
            raise self._not_there("as_json_tool")
        return self._members["json_schema"]


class _ToolCallBehaviour:
    """A tool call that cannot be changed in place. `dataclasses.replace` gives one that can."""

    def __setattr__(self, name: str, value: object) -> NoReturn:
        refuse_change(f"payload.model_tool_call.{name}")

    def __delattr__(self, name: str) -> NoReturn:
        refuse_change(f"payload.model_tool_call.{name}")

    def __copy__(self) -> object:
        return dataclasses.replace(self)  # type: ignore[type-var]  # the class made below is one

    def __deepcopy__(self, memo: dict[int, Any]) -> object:
        arguments = copy.deepcopy(vars(self)["args"], memo)
        return dataclasses.replace(self, args=arguments)  # type: ignore[type-var]  # as above

    def call_func(self) -> NoReturn:
        """Refuse: the tool is in the application."""
        raise NotProjectedError(
            "model_tool_call.call_func", "is not there: the tool is in the application"
        )


# A real ModelToolCall, since hooks change one with `dataclasses.replace`, which takes no other.
_FrozenToolCall: type[Any] = type(
    "ModelToolCall",
    (_ToolCallBehaviour, ModelToolCall),
    {"__class__": property(lambda _: ModelToolCall)},
)


def model_output(members: FrozenDict, path: str) -> Projection:
    """Return the projection of what a model answered."""
    real = ComputedModelOutputThunk if members["computed"] else ModelOutputThunk
    return shaped(ModelOutputProjection, real.__name__, real)(members, path)


def tool_call(members: FrozenDict, path: str) -> object:
    """Return a tool call whose tool is out of reach."""
    tool = {name: members.get(name) for name in ("name", "json_schema")}
    call = object.__new__(_FrozenToolCall)
    vars(call).update(
        name=members["name"],
        func=shaped(ToolProjection, "Tool", AbstractMelleaTool)(tool, f"{path}.func"),
        args=with_opaque(members["args"], f"{path}.args"),
        tool_call_id=members.get("tool_call_id"),
    )
    return call


def tool_message(members: FrozenDict, path: str) -> Projection:
    """Return the projection of a tool's message to the model."""
    return shaped(Projection, "ToolMessage", ToolMessage)(members, path)


def generate_log(members: FrozenDict, path: str) -> Projection:
    """Return the projection of a record of one generation, its date as a datetime."""
    read: Mapping[str, Any] = members
    if isinstance(members.get("date"), str):
        read = {**members, "date": datetime.fromisoformat(members["date"])}
    return shaped(Projection, "GenerateLog", GenerateLog)(read, path)
