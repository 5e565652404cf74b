"""Projections of requirements, of what became of them, and of how outputs are sampled."""

from __future__ import annotations

from typing import Any

from mellea.core import Requirement, SamplingStrategy, ValidationResult

from sidehook._payload import FrozenDict
from sidehook.integrations.mellea_worker._failures import exception
from sidehook.integrations.mellea_worker._projection import Projection, loaded_class, shaped


class RequirementProjection(Projection):
    """A requirement for an output."""

    __slots__ = ()

    @property
    def validation_fn(self) -> None:
        """None; code does not cross, so a requirement that has some has no such attribute."""
        if self._members["has_validation_fn"]:
            raise self._not_there("validation_fn")


class ValidationResultProjection(Projection):
    """The result of checking one requirement."""

    __slots__ = ()

    @property
    def error(self) -> object:
        """Why there is no verdict, None when there is."""
        error = self._members.get("error")
        return None if error is None else exception(error, self._below("error"))

    def as_bool(self) -> bool:
        """Whether the requirement is met."""
        return bool(self._members["passed"])

    def __bool__(self) -> bool:
        return self.as_bool()


class FormatProjection(Projection):
    """The class of the application that an output must follow."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        # The class crossed, so the name of the class is the object's own here.
        if name in ("__name__", "__qualname__"):
            return self._members["name"]
        return super().__getattr__(name)

    def model_json_schema(self) -> Any:
        """Return its JSON schema."""
        return self._members["json_schema"]


def requirement(members: FrozenDict, path: str) -> Projection:
    """Return the projection of a requirement."""
    name = str(members["type"])
    real = loaded_class(name, (Requirement,)) or Requirement
    return shaped(RequirementProjection, name, real)(members, path)


def validation_result(members: FrozenDict, path: str) -> Projection:
    """Return the projection of the result of a check."""
    return shaped(ValidationResultProjection, "ValidationResult", ValidationResult)(members, path)


def checked_requirement(members: FrozenDict, path: str) -> tuple[Projection, Projection]:
    """Return a requirement with its result, as mellea pairs them."""
    return (
        requirement(members["requirement"], f"{path}[0]"),
        validation_result(members["result"], f"{path}[1]"),
    )


def output_format(members: FrozenDict, path: str) -> Projection:
    """Return the projection of a class that an output must follow."""
    return shaped(FormatProjection, "ModelMetaclass", None)(members, path)


def sampling_strategy(members: FrozenDict, path: str) -> Projection:
    """Return the projection of a sampling strategy."""
    name = str(members["type"])
    real = loaded_class(name, (SamplingStrategy,)) or SamplingStrategy
    return shaped(Projection, name, real)(members, path)
